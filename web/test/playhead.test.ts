import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LatencyMeter } from '../src/player/latency.ts';
import { Playhead, type Sight } from '../src/player/playhead.ts';

const LOOK_MS = 200;

/** Looks every 200 ms for `ms` while the playhead advances at `rate`, and says what was seen last. */
class Eye {
  readonly playhead = new Playhead();
  now = 0;
  time = 5;

  constructor() {
    this.watch(LOOK_MS, 0);
    this.playhead.expect(this.now);
    this.watch(LOOK_MS, 1);
    this.playhead.settle();
  }

  watch(ms: number, rate: number, held: { isHeld?: boolean; isSeeking?: boolean } = {}): Sight {
    let sight: Sight = 'unsure';
    for (const end = this.now + ms; this.now < end;) {
      this.now += LOOK_MS;
      this.time += (LOOK_MS / 1000) * rate;
      sight = this.playhead.look({ time: this.time, isHeld: false, isSeeking: false, ...held }, this.now);
    }
    return sight;
  }
}

test('a playhead that advances moves, at any speed we play at', () => {
  const eye = new Eye();
  for (const rate of [1, 0.96, 1.08]) assert.equal(eye.watch(1000, rate), 'moving');
});

test('a playhead that stands is still, but not before its time', () => {
  const eye = new Eye();
  eye.watch(1000, 1);
  assert.equal(eye.watch(400, 0), 'unsure');
  assert.equal(eye.watch(200, 0), 'still');
  assert.equal(eye.watch(200, 1), 'moving');
  assert.equal(eye.playhead.settle(), true);
  assert.deepEqual([eye.playhead.stalls, eye.playhead.stalledMs], [1, 200]);
  assert.equal(eye.playhead.settle(), false, 'one stall is one lesson');
});

test('a jump over a hole is no movement', () => {
  const eye = new Eye();
  eye.watch(1000, 1);
  eye.watch(1000, 0);
  eye.time += 3;
  assert.equal(eye.watch(LOOK_MS, 0), 'still');
  assert.equal(eye.watch(LOOK_MS, 1), 'moving');
});

test('who has paused does not stall', () => {
  const eye = new Eye();
  eye.watch(1000, 1);
  assert.equal(eye.watch(60_000, 0, { isHeld: true }), 'unsure');
  assert.equal(eye.watch(LOOK_MS, 1), 'moving');
  assert.equal(eye.playhead.settle(), false);
});

test('a seek that waits for its data is seen to stand still', () => {
  const eye = new Eye();
  eye.watch(1000, 1);
  eye.time += 3;
  assert.equal(eye.watch(400, 0, { isSeeking: true }), 'unsure');
  assert.equal(eye.watch(400, 0, { isSeeking: true }), 'still');
});

test('a page that was asleep and looks rarely sees movement all the same', () => {
  const eye = new Eye();
  eye.now += 59_800;
  eye.time += 59.8;
  assert.equal(eye.watch(LOOK_MS, 1), 'moving');
});

test('a start that takes its time is no stall', () => {
  const eye = new Eye();
  eye.playhead.expect(eye.now);
  assert.equal(eye.watch(5000, 0), 'still');
  eye.playhead.onStall();
  assert.equal(eye.watch(LOOK_MS, 1), 'moving');
  assert.equal(eye.playhead.settle(), false);
  assert.deepEqual([eye.playhead.stalls, eye.playhead.stalledMs], [0, 0]);
});

test('a publisher who is away is no lesson', () => {
  const eye = new Eye();
  eye.watch(1000, 1);
  eye.watch(800, 0);
  eye.playhead.excuse();
  eye.watch(9000, 0);
  eye.watch(LOOK_MS, 1);
  assert.equal(eye.playhead.settle(), false);
  assert.ok(eye.playhead.stalledMs < 1000);
  eye.watch(1000, 0);
  assert.equal(eye.playhead.settle(), true, 'the excuse holds once');
});

test('latency is the distance from the live edge, smoothed for the eye', () => {
  const meter = new LatencyMeter();
  meter.measure({ edge: 1, pictureAt: 40_000 }, 100_000);
  assert.equal(meter.seconds, 1, 'whatever the clock in the stream says');
  meter.measure({ edge: 1.5, pictureAt: undefined }, 100_000);
  assert.ok(Math.abs((meter.seconds ?? 0) - 1.1) < 1e-9);
  meter.measure({ edge: 10, pictureAt: undefined }, 100_000);
  assert.equal(meter.seconds, 10, 'a step is shown at once');
});

test('where the edge is unknown, the clock of the stream tells, by the clock of the server', () => {
  const meter = new LatencyMeter();
  meter.offset = 5000;
  meter.measure({ edge: undefined, pictureAt: 104_000 }, 100_000);
  assert.equal(meter.seconds, 1);
});

test('a clock that cannot be right is not believed', () => {
  const meter = new LatencyMeter();
  meter.measure({ edge: undefined, pictureAt: 200_000 }, 100_000);
  assert.equal(meter.seconds, undefined);
});
