import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rowsOf } from '../src/publish/figures.ts';
import { loudness } from '../src/publish/meter.ts';
import { layersRefused, usualBps } from '../src/publish/settings.ts';
import { voiceName } from '../src/player/model.ts';

test('loudness is linear in decibels, from silence to full scale', () => {
  const tone = (amplitude: number) => new Float32Array(480).map((_, at) => amplitude * Math.sin(at / 5));
  assert.equal(loudness(new Float32Array(480)), 0);
  assert.equal(loudness(new Float32Array(0)), 0);
  const [quiet, middle, loud] = [0.01, 0.1, 1].map((amplitude) => loudness(tone(amplitude))) as [
    number,
    number,
    number,
  ];
  assert.ok(quiet < middle && middle < loud && loud <= 1);
  assert.ok(Math.abs(middle - quiet - (loud - middle)) < 0.01);
});

test('layers are for pictures large enough and codecs that browsers layer', () => {
  assert.equal(layersRefused('camera', 'H264', 720), undefined);
  assert.equal(layersRefused('screen', 'VP8', 540), undefined);
  assert.match(layersRefused('camera', 'AV1', 720) ?? '', /H\.264 and VP8/);
  assert.match(layersRefused('camera', 'VP8', 360) ?? '', /540 lines/);
  assert.match(layersRefused('sound', 'VP8', 720) ?? '', /Sound/);
});

test('a larger or faster picture gets more', () => {
  assert.ok(usualBps(1080, 30) > usualBps(720, 30));
  assert.equal(usualBps(720, 60), usualBps(720, 30) * 1.5);
});

test('what goes out is told in rows, and what is not known is left out', () => {
  assert.deepEqual(rowsOf({ layers: [] }), []);
  const rows = rowsOf({
    layers: [],
    bitrateBps: 1_500_000,
    rtt: 0.021,
    video: { codec: 'H264', width: 1280, height: 720, fps: 29.7, loss: 0.004, limitation: 'cpu' },
  });
  assert.deepEqual(rows, [
    ['Sends', '1.5\u00a0Mbit/s'],
    ['Loss', '0.4 %'],
    ['Round trip', '21 ms'],
    ['Video', 'H.264 · 1280×720 · 30 fps'],
    ['Encoder', 'held back by this machine, which cannot do more'],
  ]);
});

test('languages have their English names, other tracks their own, and the rest a number', () => {
  assert.equal(voiceName({ id: 0, language: 'de', name: 'x' }), 'German');
  assert.equal(voiceName({ id: 1, language: undefined, name: 'Commentary' }), 'Commentary');
  assert.equal(voiceName({ id: 1, language: '--', name: undefined }), 'Track 2');
});
