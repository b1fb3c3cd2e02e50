import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Track } from '../src/api.ts';
import { Choice, engineNamed, type EngineName } from '../src/player/choice.ts';

const H264: Track = { name: 'v0', kind: 'video', codec: 'h264' };
const HEVC: Track = { name: 'v0', kind: 'video', codec: 'hevc' };
const AAC: Track = { name: 'a1', kind: 'audio', codec: 'aac' };
const OPUS: Track = { name: 'a1', kind: 'audio', codec: 'opus' };
const ALL: EngineName[] = ['whep', 'hls', 'dash', 'native'];

const choice = (engines: EngineName[] = ALL, asked?: EngineName): Choice =>
  new Choice({ engines, rtcCodecs: new Set(['h264', 'vp8', 'vp9', 'av1', 'opus', 'pcmu']) }, asked);

test('WebRTC plays what it carries whole', () => {
  for (const tracks of [[H264, OPUS], [H264], [OPUS], [H264, AAC, { ...OPUS, name: 'a3' }]])
    assert.deepEqual(choice().pick({ tracks }), { name: 'whep', note: undefined });
});

test('with sound that WebRTC does not carry, LL-HLS plays and says why', () => {
  const { name, note } = choice().pick({ tracks: [H264, AAC] });
  assert.equal(name, 'hls');
  assert.equal(note, 'WebRTC does not carry AAC: there would be no sound.');
  assert.match(choice().pick({ tracks: [HEVC, OPUS] }).note ?? '', /HEVC: there would be no picture/);
});

test('what the server says that WebRTC carries counts, not what is sent', () => {
  const tracks = [H264, AAC];
  const picked = (video: string[], audio: string[]) => choice().pick({ tracks, webrtc: { video, audio } });
  // Its AAC is made into Opus.
  assert.deepEqual(picked(['h264'], ['opus']), { name: 'whep', note: undefined });
  assert.equal(picked(['h264'], []).name, 'hls');
  const { name, note } = picked([], ['opus']);
  assert.equal(name, 'hls');
  assert.equal(note, 'WebRTC does not carry the B-frames of this H.264: there would be no picture.');
  // Pictures that are made of HEVC for those who do not decode it.
  assert.equal(
    choice().pick({ tracks: [HEVC, OPUS], webrtc: { video: ['hevc', 'h264'], audio: ['opus'] } }).name,
    'whep',
  );
  assert.equal(choice().pick({ tracks: [HEVC, OPUS], webrtc: { video: ['hevc'], audio: ['opus'] } }).name, 'hls');
  // No sound is sent: none is missed.
  assert.equal(choice().pick({ tracks: [H264], webrtc: { video: ['h264'], audio: [] } }).name, 'whep');
});

test('who asks for WebRTC gets it, with what is missing said', () => {
  const mine = choice();
  mine.ask('whep');
  assert.deepEqual(mine.pick({ tracks: [H264, AAC] }), {
    name: 'whep',
    note: 'WebRTC does not carry AAC: there would be no sound.',
  });
  mine.ask(undefined);
  assert.equal(mine.pick({ tracks: [H264, AAC] }).name, 'hls');
});

test('what only WebRTC carries is missed by name elsewhere', () => {
  const vp8: Track = { ...H264, codec: 'vp8' };
  assert.match(
    choice(['hls']).pick({ tracks: [vp8, OPUS] }).note ?? '',
    /^HLS and DASH do not carry VP8: there is no picture\.$/,
  );
  assert.equal(choice(ALL).pick({ tracks: [vp8, OPUS] }).note, undefined);
});

test('a browser without Media Source Extensions plays by itself', () => {
  assert.equal(choice(['native']).pick({ tracks: [H264, AAC] }).name, 'native');
  assert.equal(choice([]).pick({ tracks: [H264] }).name, undefined);
});

test('unknown tracks are no reason for WebRTC', () => {
  assert.equal(choice().pick({ tracks: [] }).name, 'hls');
  assert.equal(choice().asksForTracks, true);
  assert.equal(choice(['hls']).asksForTracks, false);
  assert.equal(choice(ALL, 'dash').asksForTracks, false);
});

test('WebRTC that does not connect gives way at once, and what was said is passed on', () => {
  const mine = choice();
  const facts = { hasPlayed: false, offered: { tracks: [H264, OPUS] }, now: 0 };
  assert.equal(mine.fail('whep', 'No answer from 192.0.2.1:8443/udp.', facts), true);
  assert.deepEqual(mine.pick({ tracks: [H264, OPUS] }), {
    name: 'hls',
    note: 'WebRTC: No answer from 192.0.2.1:8443/udp.',
  });
  mine.forgive();
  assert.equal(mine.pick({ tracks: [H264, OPUS] }).name, 'whep');
});

test('WebRTC that has played gets a second chance within a minute', () => {
  const mine = choice();
  const facts = { hasPlayed: true, offered: { tracks: [H264, OPUS] }, now: 0 };
  assert.equal(mine.fail('whep', 'lost', facts), false);
  assert.equal(mine.fail('whep', 'lost', { ...facts, now: 61_000 }), false);
  assert.equal(mine.fail('whep', 'lost', { ...facts, now: 62_000 }), true);
});

test('LL-HLS that keeps failing gives way to DASH, DASH to the browser, and then it begins again', () => {
  const mine = choice();
  const tracks = [H264, AAC];
  const seen: (EngineName | undefined)[] = [];
  for (let now = 0; now < 10; now += 1) {
    const { name } = mine.pick({ tracks });
    if (name !== undefined) mine.fail(name, 'broken', { hasPlayed: false, offered: { tracks }, now });
    seen.push(name);
  }
  assert.deepEqual(seen, ['hls', 'hls', 'hls', 'dash', 'dash', 'dash', 'native', 'native', 'native', 'hls']);
});

test('decoders that refuse are not asked again by another name', () => {
  assert.equal(choice(['whep', 'hls', 'dash']).refuse('hls', 'no HEVC', { tracks: [HEVC, AAC] }), false);
  assert.equal(choice(ALL).refuse('hls', 'no HEVC', { tracks: [HEVC, AAC] }), false);
  const mine = choice(['whep', 'hls', 'dash']);
  assert.equal(mine.refuse('hls', 'no MSE', { tracks: [H264, OPUS] }), true);
  assert.equal(mine.pick({ tracks: [H264, OPUS] }).name, 'whep');
});

test('the address of a page names engines', () => {
  assert.deepEqual(['webrtc', 'whep', 'HLS', 'dash', 'native', 'flash', null].map(engineNamed), [
    'whep',
    'whep',
    'hls',
    'dash',
    'native',
    undefined,
    undefined,
  ]);
});
