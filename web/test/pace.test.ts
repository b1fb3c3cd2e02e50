import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pacer, type Position } from '../src/player/pace.ts';

const AT_TARGET: Position = { latency: 0.6, target: 0.4, ahead: 0.5, part: 0.2 };

test('at the target nothing is done', () => {
  assert.deepEqual(new Pacer().decide(AT_TARGET, 0), { rate: 1, jump: false });
});

test('it aims a part farther back than it may', () => {
  assert.ok(Math.abs(new Pacer().target({ target: 0.6, part: 0.2 }) - 0.8) < 1e-9);
  assert.equal(new Pacer().target({ target: 6 }), 6, 'without parts there is room enough');
});

test('behind the target it plays faster, but never noticeably fast, until it is there', () => {
  const pacer = new Pacer();
  let latency = 3;
  let now = 0;
  let fastest = 1;
  for (; latency > 0.65; now += 200) {
    const { rate, jump } = pacer.decide({ ...AT_TARGET, latency, ahead: latency - 0.1 }, now);
    assert.ok(!jump && rate > 1, `at ${latency}`);
    fastest = Math.max(fastest, rate);
    latency -= (rate - 1) * 0.2;
    assert.ok(now < 120_000);
  }
  assert.ok(fastest <= 1.08);
});

test('a little behind is left alone, so that the speed does not flutter', () => {
  assert.equal(new Pacer().decide({ ...AT_TARGET, latency: 0.8 }, 0).rate, 1);
});

test('it does not hurry on a thin buffer', () => {
  assert.equal(new Pacer().decide({ ...AT_TARGET, latency: 1.5, ahead: 0.2 }, 0).rate, 1);
});

test('closer to live than the server asks for, it slows down until it is back where it is safe', () => {
  const pacer = new Pacer();
  assert.ok(pacer.decide({ ...AT_TARGET, latency: 0.3 }, 0).rate < 1);
  assert.ok(pacer.decide({ ...AT_TARGET, latency: 0.5 }, 200).rate < 1);
  assert.equal(pacer.decide({ ...AT_TARGET, latency: 0.6 }, 400).rate, 1);
  assert.equal(pacer.decide({ ...AT_TARGET, latency: 0.5 }, 600).rate, 1);
});

test('hopelessly behind it jumps, but not twice in a row', () => {
  const pacer = new Pacer();
  const far = { ...AT_TARGET, latency: 12, ahead: 1 };
  assert.equal(pacer.decide(far, 0).jump, true);
  assert.equal(pacer.decide(far, 1000).jump, false);
  assert.equal(pacer.decide(far, 11_000).jump, true);
});

test('a playhead that stands although there is data is moved on, never back and not twice in a row', () => {
  const pacer = new Pacer();
  assert.equal(pacer.wake({ ...AT_TARGET, ahead: 0.4 }, 0), 0, 'there is not enough yet');
  const forward = pacer.wake({ ...AT_TARGET, ahead: 2 }, 200);
  assert.ok(Math.abs(forward - 1.4) < 1e-9, 'to the distance that is aimed at');
  assert.equal(pacer.wake({ ...AT_TARGET, ahead: 2 }, 400), 0);
  assert.ok(pacer.wake({ ...AT_TARGET, ahead: 0.65 }, 5000) >= 0.05, 'a step too short is no seek');
});

test('a stall moves the target back for a while, within bounds', () => {
  const pacer = new Pacer();
  pacer.decide(AT_TARGET, 0);
  pacer.onStall(0);
  assert.ok(pacer.target(AT_TARGET) > 0.8);
  for (let i = 0; i < 100; i += 1) pacer.onStall(0);
  assert.equal(pacer.target(AT_TARGET), 2.6);
  for (let now = 0; now < 600_000; now += 200) pacer.decide(AT_TARGET, now);
  assert.ok(pacer.target(AT_TARGET) < 0.61, 'and it is forgotten');
});
