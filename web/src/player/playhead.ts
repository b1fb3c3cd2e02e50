/** Watches the playhead, which alone tells whether the picture moves, and keeps the book of stalls. */

/** A look at the video element. */
export interface Look {
  /** The position in seconds. */
  time: number;
  /** Somebody wants it to stand still. */
  isHeld: boolean;
  /** It is on its way to somewhere else, which takes as long as the data there. */
  isSeeking: boolean;
}

/** What a look has shown: it moves, it has stood still for too long, or neither is certain yet. */
export type Sight = 'moving' | 'still' | 'unsure';

/** A playhead that stood still for so long waits for data. */
const STILL_MS = 400;

export class Playhead {
  /** Stalls that were the network's, and how long the playhead stood still in them. */
  stalls = 0;
  stalledMs = 0;
  private time = 0;
  private lookedAt = 0;
  private movedAt = 0;
  private isStalled = false;
  private isExcused = false;
  /** It has not moved since it started anew. */
  private isFresh = true;

  /** Looks at `now`, in milliseconds. */
  look({ time, isHeld, isSeeking }: Look, now: number): Sight {
    // A jump over a hole is no movement yet.
    const moved = time - this.time;
    const passedMs = now - this.lookedAt;
    const isMoving = !isHeld && !isSeeking && moved > 0 && moved < (passedMs / 1000) * 1.2 + 0.3;
    this.time = time;
    this.lookedAt = now;
    if (isMoving || isHeld) this.movedAt = now;
    if (isMoving) return 'moving';
    if (now - this.movedAt <= STILL_MS) return 'unsure';
    this.isStalled = true;
    if (!this.isExcused && !this.isFresh) this.stalledMs += passedMs;
    return 'still';
  }

  /** It is about to start anew: standing still is no stall until it has had its time. */
  expect(now: number): void {
    this.movedAt = now;
    this.isStalled = false;
    this.isFresh = true;
  }

  /** The engine noticed a stall that may be too short to be seen from here. */
  onStall(): void {
    this.isStalled = true;
  }

  /** If it stands still now, that is not the network's doing: the publisher is away, or nothing answers. */
  excuse(): void {
    this.isExcused = true;
  }

  /** It moves again: whether there was a stall to learn from. */
  settle(): boolean {
    const isLesson = this.isStalled && !this.isExcused && !this.isFresh;
    if (isLesson) this.stalls += 1;
    this.isStalled = false;
    this.isExcused = false;
    this.isFresh = false;
    return isLesson;
  }
}
