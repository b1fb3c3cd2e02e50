import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAhead } from '../src/player/rung.ts';

const playing = (currentTime: number, end?: number) => ({
  currentTime,
  buffered: { length: end === undefined ? 0 : 1, start: () => 0, end: () => end ?? 0 },
});
const segments = { fragments: [{ start: 10 }, { start: 12 }], partList: [{ fragment: { start: 14 } }] };

test('another rung is asked for while what is loaded is not shown yet', () => {
  assert.equal(isAhead(playing(13.1, 14.2), segments), true);
  assert.equal(isAhead(playing(13.9, 15.0), segments), false, 'too late for its first part');
  assert.equal(isAhead(playing(14.3, 15.4), segments), false, 'it is being shown');
  assert.equal(isAhead(playing(11.7, 13.9), { ...segments, partList: null }), true);
  assert.equal(isAhead(playing(12.5, 13.9), { ...segments, partList: null }), false);
});

test('before there is anything to show it makes no difference', () => {
  assert.equal(isAhead(playing(0), segments), true);
  assert.equal(isAhead(playing(0, 1), null), true);
});
