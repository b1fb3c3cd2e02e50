import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Stream, Track } from '../src/api.ts';
import { fingerprint, lacks, refusal } from '../src/player/tracks.ts';
import { points } from '../src/player/stats.ts';
import { levelName } from '../src/player/model.ts';

const stream: Stream = {
  path: 'a',
  state: 'live',
  since: '2026-01-01T00:00:00Z',
  tracks: [
    { name: 'v0', kind: 'video', codec: 'hevc', codecs_string: 'hvc1.1.6.L93.B0', width: 1280, height: 720 },
    { name: 'a0', kind: 'audio', codec: 'aac', codecs_string: 'mp4a.40.2' },
  ],
};

test('a publisher who is back with the same tracks needs no load', () => {
  const back: Stream = {
    ...stream,
    since: '2026-01-01T00:01:00Z',
    tracks: stream.tracks.map((track) => ({ ...track, width: 640 })).reverse(),
  };
  assert.equal(fingerprint(back), fingerprint(stream));
});

test('a track more, or another codec, is another set', () => {
  assert.notEqual(fingerprint({ ...stream, tracks: stream.tracks.slice(0, 1) }), fingerprint(stream));
  assert.notEqual(
    fingerprint({ ...stream, tracks: stream.tracks.map((track) => ({ ...track, codec: 'h264' })) }),
    fingerprint(stream),
  );
});

test('what the server makes is no other set', () => {
  const opus: Track = { name: 'a101', kind: 'audio', codec: 'opus', made: { state: 'running' } };
  assert.equal(fingerprint({ ...stream, tracks: [...stream.tracks, opus] }), fingerprint(stream));
  assert.equal(fingerprint({ ...stream, tracks: [...stream.tracks, opus] }, true), fingerprint(stream, true));
});

test('an engine without sound lacks something only if there is sound', () => {
  assert.equal(lacks({ video: true, audio: false }, stream), true);
  assert.equal(lacks({ video: true, audio: false }, { ...stream, tracks: stream.tracks.slice(0, 1) }), false);
  assert.equal(lacks(undefined, stream), false);
});

test('what cannot be played is named', () => {
  assert.match(
    refusal(stream, (type) => !type.includes('hvc1')),
    /HEVC video/,
  );
  assert.match(
    refusal(stream, () => true),
    /in a form/,
  );
  assert.match(
    refusal(undefined, () => true),
    /in a form/,
  );
});

test('levels are named by their lines, and by their rate where it is high', () => {
  const level = { id: 0, width: 1920, height: 1080, frameRate: 59.94, bitrateBps: 1 };
  assert.equal(levelName(level), '1080p60');
  assert.equal(levelName({ ...level, frameRate: 30 }), '1080p');
  assert.equal(levelName({ ...level, height: undefined }), 'Audio');
});

test('the line of latencies stays in its frame', () => {
  for (const pair of points([0, 1, 40]).split(' ')) {
    const [x, y] = pair.split(',').map(Number);
    assert.ok(x !== undefined && y !== undefined && x >= 0 && x <= 176 && y >= 0 && y <= 36, pair);
  }
});
