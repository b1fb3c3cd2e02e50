/** How far behind the camera the picture is. */

/** What it can be told from; milliseconds of wall clocks, seconds from the live edge. */
export interface Clues {
  /** The wall clock of the frame on the screen, by the server's clock. */
  pictureAt: number | undefined;
  edge: number | undefined;
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

  /** Measures at `nowMs` of our wall clock: from camera to screen where the stream tells the time, else from the edge. */
  measure({ pictureAt, edge }: Clues, nowMs: number): void {
    const wall = pictureAt === undefined ? undefined : (nowMs + this.clockOffsetMs - pictureAt) / 1000;
    const isCredible = wall !== undefined && wall > CREDIBLE.least && wall < CREDIBLE.most;
    const measured = isCredible ? wall : edge;
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
