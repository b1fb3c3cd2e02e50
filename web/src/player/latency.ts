/** How far behind live the picture is. */

/** What it can be told from. */
export interface Clues {
  /** Seconds from the live edge, as an engine knows them. */
  edge: number | undefined;
  /** The wall clock of the frame on the screen, in milliseconds by the server's clock. */
  pictureAt: number | undefined;
}

/** Latencies outside of this are a clock that is wrong. */
const CREDIBLE = { least: 0, most: 120 };
/** A step larger than this is shown at once, smaller ones are smoothed for the eye. */
const STEP = 1;

export class LatencyMeter {
  /** Seconds, once there is something to tell it from. */
  seconds: number | undefined;
  private clockOffsetMs = 0;

  /** How far the server's clock is ahead of ours. */
  set offset(ms: number) {
    this.clockOffsetMs = ms;
  }

  /**
   * Measures at `nowMs` of our wall clock. The live edge is asked first: wall clocks in a stream are those of its
   * beginning, from which the clock of a publisher drifts away.
   */
  measure({ edge, pictureAt }: Clues, nowMs: number): void {
    const wall = pictureAt === undefined ? undefined : (nowMs + this.clockOffsetMs - pictureAt) / 1000;
    const isCredible = wall !== undefined && wall > CREDIBLE.least && wall < CREDIBLE.most;
    const measured = edge ?? (isCredible ? wall : undefined);
    if (measured === undefined) return;
    const before = this.seconds;
    const isStep = before === undefined || Math.abs(measured - before) > STEP;
    this.seconds = isStep ? measured : before * 0.8 + measured * 0.2;
  }

  /** What was measured belongs to something else. */
  reset(): void {
    this.seconds = undefined;
  }
}
