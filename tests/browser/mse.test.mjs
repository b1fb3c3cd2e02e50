// Segments appended as they are to Chromium's MediaSource: no gap above a frame (C16).
//
// A publisher may run up to a minute ahead of the clock, so that much takes a few seconds. `MSE_MINUTES=10` pushes ten
// minutes in real time.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { openBrowser, openPage, servePlayer } from './kit/browser.mjs';
import { encode, replay, startServer, until } from './kit/processes.mjs';

const MINUTES = Number(process.env.MSE_MINUTES ?? 1);
const SPEED = MINUTES > 1 ? 1 : 6;
let server, player, browser, publisher;

before(async () => {
  const settings = [`hls.window="${MINUTES + 1}m"`];
  [server, player, browser] = await Promise.all([startServer(...settings), servePlayer(), openBrowser()]);
  const graph = ['-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=30000/1001', '-f', 'lavfi', '-i', 'sine=sample_rate=44100'];
  const codecs = ['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '60', '-bf', '2', '-b:v', '150k', '-c:a', 'aac', '-b:a', '48k'];
  const file = await encode(`${MINUTES}-minutes.flv`, [...graph, '-t', String(MINUTES * 60), ...codecs]);
  publisher = replay(server.rtmp('live/run'), [file], { speed: SPEED });
});

after(async () => {
  await browser?.close();
  await publisher?.stop();
  await server?.stop();
  player?.stop();
});

/** Appends the init and every segment of a media playlist; says what is buffered then. In the page. */
async function appendAll({ url, type }) {
  const text = await (await fetch(url)).text();
  const source = new MediaSource();
  const video = document.createElement('video');
  video.src = URL.createObjectURL(source);
  await new Promise((resolve) => source.addEventListener('sourceopen', resolve, { once: true }));
  const buffer = source.addSourceBuffer(type);
  const append = async (uri) => {
    const bytes = await (await fetch(new URL(uri, url))).arrayBuffer();
    buffer.appendBuffer(bytes);
    await new Promise((resolve, reject) => {
      buffer.addEventListener('updateend', resolve, { once: true });
      buffer.addEventListener('error', () => reject(new Error(`${uri}: ${video.error?.message}`)), { once: true });
    });
  };
  const inits = [...text.matchAll(/EXT-X-MAP:URI="([^"]+)"/g)].map(([, uri]) => uri);
  const segments = [...text.matchAll(/#EXTINF:([\d.]+),\n([^#\n]+)/g)];
  await append(inits[0]);
  for (const [, , uri] of segments) await append(uri);
  const ranges = Array.from({ length: buffer.buffered.length }, (_, i) => [buffer.buffered.start(i), buffer.buffered.end(i)]);
  const listed = segments.reduce((sum, [, duration]) => sum + Number(duration), 0);
  return { inits: inits.length, segments: segments.length, listed, ranges };
}

test(`${MINUTES} minutes without a gap above a frame`, { timeout: (MINUTES * 60 + 120) * 1000 }, async () => {
  await until(
    'all of it listed',
    async () => {
      const list = await server.text('/hls/live/run/v0.m3u8').catch(() => '');
      const durations = [...list.matchAll(/#EXTINF:([\d.]+)/g)].map(([, duration]) => Number(duration));
      return durations.reduce((sum, duration) => sum + duration, 0) > MINUTES * 60 - 5;
    },
    { seconds: MINUTES * 60 + 60, every: 500 },
  );
  const index = await server.text('/hls/live/run/index.m3u8');
  const [video, audio] = /CODECS="([^"]+)"/.exec(index)[1].split(',');
  const page = await openPage(browser);
  await page.goto(player.url(''));
  const sound = /TYPE=AUDIO.*URI="(\w+)\.m3u8/.exec(index)[1];
  for (const [name, kind, codec] of [['v0', 'video', video], [sound, 'audio', audio]]) {
    const url = server.url(`/hls/live/run/${name}.m3u8`);
    const seen = await page.evaluate(appendAll, { url, type: `${kind}/mp4; codecs="${codec}"` });
    console.log(name, JSON.stringify(seen));
    assert.equal(seen.inits, 1, 'one init');
    assert.equal(seen.ranges.length, 1, `${kind}: one range without a gap`);
    const [[start, end]] = seen.ranges;
    const frame = kind === 'video' ? 1001 / 30000 : 1024 / 44100;
    assert.ok(end - start > MINUTES * 60 - 5, `${end - start} s buffered`);
    // With B-frames presentation begins up to two frames after decoding does.
    assert.ok(Math.abs(end - start - seen.listed) <= 3 * frame, `${end - start} s buffered of ${seen.listed} listed`);
  }
});
