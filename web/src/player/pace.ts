/**
 * How fast to play so as to stay as close to live as the network allows: slightly faster when too far behind, slightly
 * slower when too close to it, a jump forward when hopeless; never a step back.
 */

/** What the pace is decided from, in seconds. */
export interface Position {
  /** Distance from the live edge. */
  latency: number;
  /** The distance that the server asks for (`PART-HOLD-BACK`). */
  target: number;
  /** How much is buffered ahead. */
  ahead: number;
  /** The length of a part; nothing without low latency. */
  part?: number | undefined;
}

/** How fast, and whether to jump to the live edge first. */
export interface Pace {
  rate: number;
  jump: boolean;
}

const FASTEST = 1.08;
const SLOWEST = 0.96;
/** Nothing is begun within this much of the target, in seconds. */
const EASE = 0.25;
/** Close enough to stop doing something about it. */
const NEAR = 0.03;
/** A viewer so far behind is brought back at once. */
const HOPELESS = 6;
const JUMP_AGAIN_MS = 10_000;
const WAKE_AGAIN_MS = 2000;
/** The shortest step that is a seek. */
const WAKE_LEAST = 0.05;
/** What a stall adds to the target, how much that may become, and how slowly it is forgotten. */
const CUSHION = 0.3;
const CUSHION_MOST = 2;
const CUSHION_KEPT_MS = 60_000;
const FORGET_PER_MS = 0.1 / 10_000;

export class Pacer {
  private cushion = 0;
  private stalledAt = Number.NEGATIVE_INFINITY;
  private jumpedAt = Number.NEGATIVE_INFINITY;
  private wokenAt = Number.NEGATIVE_INFINITY;
  private isHasty = false;
  private isEasy = false;
  private lastAt: number | undefined;

  /**
   * The distance from live that is aimed at: what the server asks for at least, a part more for a network that is not
   * perfect, and what earlier stalls have taught.
   */
  target({ target, part = 0 }: Pick<Position, 'target' | 'part'>): number {
    return target + part + this.cushion;
  }

  /** A stall teaches to stay a little farther back. */
  onStall(now: number): void {
    this.cushion = Math.min(CUSHION_MOST, this.cushion + CUSHION);
    this.stalledAt = now;
    this.isHasty = false;
  }

  /**
   * How far to step forward when the playhead stands still at `now` although there is data; zero is to wait.
   *
   * Browsers want more and more of it before they go on the more often they ran dry, up to three seconds, and forget that
   * at a seek.
   */
  wake(position: Pick<Position, 'target' | 'part' | 'ahead'>, now: number): number {
    const spare = position.ahead - this.target(position) + this.cushion / 2;
    if (spare < 0 || now - this.wokenAt < WAKE_AGAIN_MS) return 0;
    this.wokenAt = now;
    return Math.min(position.ahead, Math.max(spare, WAKE_LEAST));
  }

  /** Decides at `now`, in milliseconds. */
  decide(position: Position, now: number): Pace {
    const passed = now - (this.lastAt ?? now);
    this.lastAt = now;
    if (now - this.stalledAt > CUSHION_KEPT_MS) this.cushion = Math.max(0, this.cushion - passed * FORGET_PER_MS);

    const excess = position.latency - this.target(position);
    const least = position.part === undefined ? 1 : position.part * 1.5;
    if (excess > HOPELESS && now - this.jumpedAt > JUMP_AGAIN_MS) {
      this.jumpedAt = now;
      this.isHasty = false;
      return { rate: 1, jump: true };
    }
    // From a clear difference down to none, so that the rate does not flutter around the border.
    this.isHasty = position.ahead > least && (this.isHasty ? excess > NEAR : excess > EASE);
    this.isEasy = this.isEasy ? excess < -NEAR : excess < -EASE;
    if (this.isHasty) return { rate: step(Math.min(FASTEST, 1.02 + excess * 0.06)), jump: false };
    return { rate: this.isEasy ? SLOWEST : 1, jump: false };
  }
}

const step = (rate: number): number => Math.round(rate * 100) / 100;
