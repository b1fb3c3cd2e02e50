import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Machine, PATIENCE_MS, type Effect, type Event } from '../src/player/machine.ts';

/** A machine in virtual time: `tell` at the time it stands at, `pass` moves it on in steps of a tick. */
class Bench {
  readonly machine = new Machine(() => 0.5);
  readonly done: Effect[] = [];
  now = 1000;

  tell(...events: Event[]): Effect[] {
    const effects = events.flatMap((event) => this.machine.handle(event, this.now));
    this.done.push(...effects);
    return effects;
  }

  pass(ms: number, answer?: Event): Effect[] {
    const effects: Effect[] = [];
    for (const end = this.now + ms; this.now < end;) {
      this.now += 200;
      const now = this.tell({ type: 'tick' });
      effects.push(...now);
      if (answer && now.includes('ask')) effects.push(...this.tell(answer));
    }
    return effects;
  }

  get phase() {
    return this.machine.phase;
  }

  count(effect: Effect): number {
    return this.done.filter((each) => each === effect).length;
  }
}

const LIVE: Event = { type: 'presence', presence: 'live', print: 'v0 a0' };
const AWAY: Event = { type: 'presence', presence: 'away', print: 'v0 a0' };
const ABSENT: Event = { type: 'presence', presence: 'absent' };

function playing(): Bench {
  const bench = new Bench();
  bench.tell({ type: 'start' }, LIVE, { type: 'moving' });
  return bench;
}

test('a start loads and asks at once, and plays when the picture moves', () => {
  const bench = new Bench();
  assert.deepEqual(bench.tell({ type: 'start' }), ['load', 'ask']);
  assert.equal(bench.phase, 'connecting');
  bench.tell(LIVE, { type: 'moving' });
  assert.equal(bench.phase, 'playing');
  assert.equal(bench.count('load'), 1);
});

test('a stream that is not there is waited for without loading, and plays by itself when it comes', () => {
  const bench = new Bench();
  bench.tell({ type: 'start' }, { type: 'failed', why: 'missing' });
  assert.equal(bench.phase, 'offline');
  bench.tell(ABSENT);
  const waited = bench.pass(60_000, ABSENT);
  assert.equal(waited.filter((effect) => effect === 'load').length, 0);
  assert.ok(waited.filter((effect) => effect === 'ask').length >= 20, 'it keeps asking');
  assert.deepEqual(bench.tell(LIVE), ['load']);
  assert.equal(bench.phase, 'connecting');
});

test('an answer that comes before the engine has failed makes no difference', () => {
  const bench = new Bench();
  bench.tell({ type: 'start' }, ABSENT, { type: 'failed', why: 'missing' });
  bench.pass(20_000, ABSENT);
  assert.equal(bench.count('load'), 1);
  assert.equal(bench.phase, 'offline');
});

test('another engine begins at once, and the failures of the one before are its own', () => {
  const bench = new Bench();
  bench.tell({ type: 'start' }, LIVE);
  assert.deepEqual(bench.tell({ type: 'switched' }), ['load']);
  assert.equal(bench.phase, 'connecting');
  bench.tell({ type: 'unplayable', reason: 'no' });
  assert.deepEqual(bench.tell({ type: 'switched' }), ['load']);
  assert.equal(bench.phase, 'connecting');
});

test('a rendition more is loaded, a rendition less is left to the engine', () => {
  const print = (print: string): Event => ({ type: 'presence', presence: 'live', print });
  const bench = new Bench();
  bench.tell({ type: 'start' }, print('v0:video:h264 v2:video:h264 a1:audio:opus'), { type: 'moving' });
  assert.deepEqual(bench.tell(print('v0:video:h264 a1:audio:opus')), []);
  assert.deepEqual(bench.tell(print('v0:video:h264 v2:video:h264 a1:audio:opus')), []);
  assert.deepEqual(bench.tell(print('v0:video:h264 v2:video:h264')), ['load'], 'the last of its kind');
  bench.tell(print('v0:video:h264 v2:video:h264'), { type: 'moving' });
  assert.deepEqual(bench.tell(print('v0:video:h264 v2:video:h264 v4:video:h264')), ['load']);
});

test('a playlist that is missing while the stream is said to be live is loaded again soon', () => {
  const bench = new Bench();
  bench.tell({ type: 'start' }, LIVE, { type: 'failed', why: 'missing' });
  assert.ok(bench.pass(600, LIVE).includes('load'));
  for (let round = 0; round < 10; round += 1) {
    bench.tell({ type: 'failed', why: 'missing' });
    assert.equal(bench.phase, 'connecting');
    assert.ok(bench.pass(1600, LIVE).includes('load'), 'and soon again');
  }
  assert.ok(bench.count('load') < 14, 'but not all the time');
});

test('a stall while live is buffering, and goes on by itself', () => {
  const bench = playing();
  bench.tell({ type: 'starved' });
  assert.equal(bench.phase, 'buffering');
  bench.pass(PATIENCE_MS / 2, LIVE);
  bench.tell({ type: 'moving' });
  assert.equal(bench.phase, 'playing');
  assert.equal(bench.count('load'), 1);
});

test('a stall while live that does not end is loaded anew', () => {
  const bench = playing();
  bench.tell({ type: 'starved' });
  assert.ok(!bench.pass(PATIENCE_MS - 400, LIVE).includes('load'));
  assert.ok(bench.pass(800, LIVE).includes('load'));
});

test('a publisher who is away is waited for with the engine as it is', () => {
  const bench = playing();
  bench.tell(AWAY);
  assert.equal(bench.phase, 'playing', 'what is buffered plays out');
  bench.tell({ type: 'starved' });
  assert.equal(bench.phase, 'reconnecting');
  bench.pass(60_000, AWAY);
  bench.tell(LIVE, { type: 'moving' });
  assert.equal(bench.phase, 'playing');
  assert.equal(bench.count('load'), 1, 'nothing was loaded again');
});

test('an engine that gave up while the publisher was away is loaded when they are back', () => {
  const bench = playing();
  bench.tell({ type: 'starved' }, AWAY, { type: 'failed', why: 'network' });
  assert.equal(bench.phase, 'reconnecting');
  assert.ok(!bench.pass(30_000, AWAY).includes('load'));
  assert.deepEqual(bench.tell(LIVE), ['load']);
});

test('a publisher who is back gets a whole patience before the engine is loaded anew', () => {
  const bench = playing();
  bench.tell({ type: 'starved' }, AWAY);
  bench.pass(30_000, AWAY);
  bench.tell(LIVE);
  assert.ok(!bench.pass(PATIENCE_MS - 400, LIVE).includes('load'));
});

test('tracks that are others than before are loaded', () => {
  const bench = playing();
  assert.deepEqual(bench.tell({ type: 'presence', presence: 'live', print: 'v0' }), ['load']);
  bench.tell({ type: 'moving' });
  assert.deepEqual(bench.tell({ type: 'presence', presence: 'live', print: 'v0' }), []);
});

test('a track that the engine missed is loaded once, not for ever', () => {
  const bench = playing();
  const lacking: Event = { type: 'presence', presence: 'live', print: 'v0 a0', lacks: true };
  assert.deepEqual(bench.tell(lacking), [], 'it has only just begun');
  bench.pass(4000);
  assert.ok(bench.tell(lacking).includes('load'));
  bench.tell({ type: 'moving' });
  bench.pass(60_000, lacking);
  assert.equal(bench.count('load'), 2);
});

test('a locked stream asks for a key, says when it was wrong, and loads with the right one', () => {
  const bench = new Bench();
  bench.tell({ type: 'start' });
  assert.deepEqual(bench.tell({ type: 'failed', why: 'locked' }), ['unload']);
  assert.equal(bench.phase, 'locked');
  assert.equal(bench.machine.isKeyRefused, false);
  assert.ok(bench.tell({ type: 'key' }).includes('load'));
  assert.equal(bench.phase, 'connecting');
  bench.tell({ type: 'failed', why: 'locked' });
  assert.equal(bench.machine.isKeyRefused, true);
  bench.tell({ type: 'key' }, LIVE, { type: 'moving' });
  assert.equal(bench.phase, 'playing');
  assert.equal(bench.machine.isKeyRefused, false);
});

test('a key that is asked for by the API alone is asked for, too', () => {
  const bench = new Bench();
  bench.tell({ type: 'start' });
  bench.tell({ type: 'presence', presence: 'locked' });
  assert.equal(bench.phase, 'locked');
  assert.ok(!bench.pass(20_000, { type: 'presence', presence: 'locked' }).includes('load'));
});

test('failures of the network are tried again, each time later, and forgiven after a while', () => {
  const bench = playing();
  const waits: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    bench.tell({ type: 'failed', why: 'network' });
    const from = bench.now;
    while (!bench.pass(200, LIVE).includes('load')) assert.ok(bench.now - from < 20_000);
    waits.push(bench.now - from);
  }
  assert.deepEqual(
    [...waits].sort((a, b) => a - b),
    waits,
  );
  assert.ok((waits[0] ?? 0) <= 600 && (waits[4] ?? 0) >= 7000, String(waits));
  bench.tell({ type: 'moving' });
  bench.pass(12_000, LIVE);
  bench.tell({ type: 'failed', why: 'network' });
  assert.ok(bench.pass(600, LIVE).includes('load'));
});

test('a server that does not answer is no reason to stop what plays', () => {
  const bench = playing();
  bench.pass(30_000, { type: 'presence', presence: 'unreachable' });
  assert.equal(bench.phase, 'playing');
  bench.tell({ type: 'starved' }, { type: 'failed', why: 'network' });
  assert.equal(bench.phase, 'reconnecting');
  assert.ok(bench.pass(1000).includes('load'), 'and it is tried again all the same');
});

test('a decoder that failed is mended first and loaded anew when that did not help', () => {
  const bench = playing();
  assert.deepEqual(bench.tell({ type: 'failed', why: 'media' }), ['mend']);
  bench.tell({ type: 'moving' });
  assert.ok(!bench.tell({ type: 'failed', why: 'media' }).includes('mend'));
  assert.ok(bench.pass(2000, LIVE).includes('load'));
});

test('an ended broadcast plays out, says so, and another one starts by itself', () => {
  const bench = playing();
  bench.tell({ type: 'presence', presence: 'ended' });
  assert.equal(bench.phase, 'playing');
  bench.tell({ type: 'finished' });
  assert.equal(bench.phase, 'ended');
  bench.pass(10_000, ABSENT);
  assert.equal(bench.phase, 'ended', 'forgotten by the server, but not by who watched it');
  assert.deepEqual(bench.tell(LIVE), ['load']);
});

test('a codec that cannot be played stays said, until the tracks are others', () => {
  const bench = new Bench();
  bench.tell({ type: 'start' }, LIVE);
  assert.deepEqual(bench.tell({ type: 'unplayable', reason: 'HEVC' }), ['unload']);
  bench.pass(60_000, LIVE);
  assert.equal(bench.phase, 'unplayable');
  assert.equal(bench.machine.why, 'HEVC');
  assert.equal(bench.count('load'), 1);
  bench.tell({ type: 'presence', presence: 'live', print: 'v1 a0' });
  assert.equal(bench.phase, 'connecting');
});

test('paused is what the viewer asked for, however long it lasts', () => {
  const bench = playing();
  bench.tell({ type: 'pause' });
  assert.equal(bench.phase, 'paused');
  assert.equal(bench.machine.wantsToPlay, false);
  bench.pass(120_000, LIVE);
  assert.equal(bench.phase, 'paused');
  assert.equal(bench.count('load'), 1);
  bench.tell({ type: 'play' });
  assert.equal(bench.phase, 'playing');
});

test('a browser that waits for a hand on the page gets a button, not a retry', () => {
  const bench = new Bench();
  bench.tell({ type: 'start' }, LIVE, { type: 'blocked' });
  assert.equal(bench.phase, 'paused');
  bench.pass(60_000, LIVE);
  assert.equal(bench.count('load'), 1);
  bench.tell({ type: 'play' }, { type: 'moving' });
  assert.equal(bench.phase, 'playing');
});

test('viewers of one stream do not come back in one instant', () => {
  const at = (random: number): number => {
    const machine = new Machine(() => random);
    machine.handle({ type: 'start' }, 0);
    machine.handle({ type: 'failed', why: 'network' }, 0);
    let now = 0;
    while (!machine.handle({ type: 'tick' }, now).includes('load')) now += 10;
    return now;
  };
  assert.ok(at(0.99) - at(0) >= 100);
});
