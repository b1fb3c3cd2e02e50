import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Stream, Track } from '../src/api.ts';
import {
  audioFacts,
  best,
  bitrate,
  codec,
  latency,
  protocol,
  shortName,
  sinceText,
  span,
  isFailing,
  madeFacts,
  totalBitrate,
  videoFacts,
  viewers,
} from '../src/format.ts';

const video: Track = {
  name: 'v0',
  kind: 'video',
  codec: 'h264',
  codecs_string: 'avc1.64001f',
  width: 1280,
  height: 720,
  frame_rate: 29.97002997,
  bitrate_bps: 3_200_000,
};
const audio: Track = {
  name: 'a0',
  kind: 'audio',
  codec: 'aac',
  sample_rate: 44_100,
  channels: 2,
  bitrate_bps: 128_000,
};
const stream: Stream = {
  path: 'live/alice',
  state: 'live',
  tracks: [video, { ...video, name: 'v1', width: 640, height: 360, bitrate_bps: 800_000 }, audio],
};

test('bitrates are rounded to what matters', () => {
  assert.equal(bitrate(128_400), '128\u00a0kbit/s');
  assert.equal(bitrate(999_700), '1.0\u00a0Mbit/s');
  assert.equal(bitrate(3_240_000), '3.2\u00a0Mbit/s');
  assert.equal(bitrate(12_600_000), '13\u00a0Mbit/s');
});

test('spans read as people say them', () => {
  const said = [0, 59, 60, 3599, 3600, 7500, 172_799, 259_200].map(span);
  assert.deepEqual(said, ['just now', 'just now', '1 min', '59 min', '1 h', '2 h 5 min', '47 h 59 min', '3 days']);
});

test('a time that is none, or lies ahead, does no harm', () => {
  assert.equal(sinceText('yesterday', 0), undefined);
  assert.equal(sinceText(undefined, 0), undefined);
  assert.equal(sinceText('2026-01-01T00:00:00Z', Date.parse('2025-12-31T23:59:58Z')), 'just now');
});

test('tracks are told by their facts, those that are known', () => {
  assert.deepEqual(videoFacts(video), ['1280×720', '29.97\u00a0fps', 'H.264', '3.2\u00a0Mbit/s']);
  assert.deepEqual(audioFacts(audio), ['AAC', '44.1\u00a0kHz', 'stereo', '128\u00a0kbit/s']);
  assert.deepEqual(videoFacts({ name: 'v0', kind: 'video', codec: 'h264', bitrate_bps: 0 }), ['H.264']);
  assert.deepEqual(audioFacts({ ...audio, channels: 6, language: 'und', bitrate_bps: null }), [
    'AAC',
    '44.1\u00a0kHz',
    '5.1',
  ]);
});

test('the best of several renditions stands for all, their bitrates add up', () => {
  assert.equal(best(stream, 'video')?.name, 'v0');
  assert.equal(best({ ...stream, tracks: [] }, 'audio'), undefined);
  assert.equal(totalBitrate(stream), 4_128_000);
  assert.equal(totalBitrate({ ...stream, tracks: [] }), undefined);
});

test('what is made of a stream stands beside what is sent, quietly unless it fails', () => {
  const made = (more: object) => ({ state: 'running' as const, frames: 10, dropped_frames: 0, restarts: 0, ...more });
  const opus = { ...audio, name: 'a101', codec: 'opus', bitrate_bps: 9_000_000, made: made({}) };
  const small = {
    ...video,
    name: 'v100',
    height: 4320,
    made: made({ restarts: 3, state: 'backing-off', retry_ms: 3100 }),
  };
  const more = { ...stream, tracks: [...stream.tracks, opus, small] };
  assert.equal(best(more, 'audio')?.name, best(stream, 'audio')?.name);
  assert.equal(best(more, 'video')?.name, 'v0');
  assert.equal(totalBitrate(more), totalBitrate(stream));
  assert.deepEqual(madeFacts(more), ['Opus', '4320p H.264: fails, again in 4 s, begun again 3 times']);
  const slow = { ...small, height: 480, made: made({ encoder: 'libx264', fallback_from: 'nvenc', delay_ms: 31 }) };
  assert.deepEqual(madeFacts({ ...stream, tracks: [slow] }), [
    '480p H.264: by the processor, as nvenc is not to be had',
  ]);
  assert.equal(isFailing(more), true);
  assert.equal(isFailing(stream), false);
  assert.deepEqual(madeFacts(stream), []);
});

test('names are those that people know', () => {
  assert.deepEqual(['h264', 'avc', 'hevc', 'E-AC-3', 'x-new'].map(codec), [
    'H.264',
    'H.264',
    'HEVC',
    'E-AC-3',
    'x-new',
  ]);
  assert.equal(protocol('rtmp'), 'RTMP');
  assert.equal(shortName('a/b/c'), 'c');
  assert.equal(shortName('alone'), 'alone');
});

test('latency has a tenth while that means something', () => {
  assert.deepEqual([-0.2, 0.08, 0.84, 9.94, 9.96, 31.2].map(latency), [
    '0 ms',
    '80 ms',
    '0.8 s',
    '9.9 s',
    '10 s',
    '31 s',
  ]);
});

test('one viewer is not many', () => {
  assert.deepEqual([0, 1, 1280].map(viewers), ['0 viewers', '1 viewer', '1,280 viewers']);
});
