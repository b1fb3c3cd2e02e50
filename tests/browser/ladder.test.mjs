// A publication of three pictures and two sounds by Enhanced RTMP: three renditions and two languages everywhere, and players that
// go up and down without a gap. Needs an ffmpeg of version 9: `ONAIR_FFMPEG9`.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, renameSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { onPage, openBrowser, openPage, screenshot, stalls, tries } from './kit/browser.mjs';
import { modernFfmpeg, servePlayers } from './kit/players.mjs';
import { artefacts, startServer } from './kit/processes.mjs';
import { engines, walks } from './kit/walk.mjs';
import { openPeer, view } from './kit/webrtc.mjs';

const ffmpeg = modernFfmpeg();
const skip = ffmpeg ? false : 'no ffmpeg 9: set ONAIR_FFMPEG9';
const LENGTH = 240;
const STREAM = 'live/ladder';
const X264 = '-c:v libx264 -preset ultrafast -tune zerolatency -g 60 -sc_threshold 0 -pix_fmt yuv420p';
// Encoded beforehand: an encoder beside the player would take from it what it needs on a small machine.
const SOURCE =
  '-nostdin -loglevel error -f lavfi -i testsrc2=size=640x360:rate=30 -f lavfi -i sine=frequency=440:sample_rate=48000 ' +
  `-f lavfi -i sine=frequency=880:sample_rate=48000 -t ${LENGTH} ` +
  '-filter_complex [0:v]split=3[a][b0][c0];[b0]scale=320:180[b];[c0]scale=160:90[c] -map [a] -map [b] -map [c] -map 1:a -map 2:a ' +
  `${X264} -b:v:0 800k -b:v:1 300k -b:v:2 100k -c:a aac -b:a 96k`;
// Down, up by one step, down, and up by two.
const WAY = [320, 640, 160, 640, 320];

let server, players, browser, publisher;

before(async () => {
  if (skip) return;
  const file = path.join(artefacts, `ladder-${LENGTH}s.mkv`);
  if (!existsSync(file)) {
    const words = `${SOURCE} -y -f matroska ${file}.part`.split(' ');
    const [code] = await once(spawn(ffmpeg, words, { stdio: ['ignore', 'ignore', 'inherit'] }), 'exit');
    assert.equal(code, 0, 'the ladder cannot be encoded');
    renameSync(`${file}.part`, file);
  }
  server = await startServer();
  players = await servePlayers();
  browser = await openBrowser();
  const url = server.rtmp(`${STREAM}?languages=en,de`);
  const words = ['-nostdin', '-loglevel', 'error', '-re', '-stream_loop', '-1', '-i', file, '-map', '0', '-c', 'copy', '-f', 'flv', url];
  publisher = spawn(ffmpeg, words, { stdio: ['ignore', 'ignore', 'inherit'] });
  await server.awaitStream(STREAM, 'v4', 6);
});

after(async () => {
  await browser?.close();
  publisher?.kill('SIGKILL');
  await server?.stop();
  players?.stop();
});

// R20.
test('three renditions and two languages are everywhere', { skip, timeout: 60_000 }, async () => {
  const sizes = (text, pattern) => [...new Set([...text.matchAll(pattern)].map(([, width]) => Number(width)))];
  const list = await server.text(`/hls/${STREAM}/index.m3u8`);
  assert.deepEqual(sizes(list, /RESOLUTION=(\d+)x/g), [640, 320, 160]);
  assert.deepEqual([...list.matchAll(/,LANGUAGE="(\w+)"/g)].map(([, tag]) => tag), ['en', 'de']);
  const manifest = await server.text(`/dash/${STREAM}/manifest.mpd`);
  assert.deepEqual(sizes(manifest, /<Representation [^>]*? width="(\d+)"/g), [640, 320, 160]);
  assert.deepEqual([...manifest.matchAll(/ lang="(\w+)"/g)].map(([, tag]) => tag), ['en', 'de']);
  const { tracks } = JSON.parse(await server.text(`/api/v1/streams/${STREAM}`));
  assert.deepEqual(tracks.filter(({ kind }) => kind === 'video').map(({ width }) => width), [640, 320, 160]);
  assert.deepEqual(tracks.filter(({ kind, name }) => kind === 'audio' && name.length < 3).map(({ language }) => language), ['en', 'de']);

  const page = await openPeer(browser, server);
  const { session } = await view(page, server.url(`/whep/${STREAM}`));
  const body = JSON.stringify(['layers']);
  const made = await fetch(`${session}/sse`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  const events = await fetch(new URL(made.headers.get('location'), session).href);
  const reader = events.body.pipeThrough(new TextDecoderStream()).getReader();
  let heard = '';
  while (!/event: layers\ndata: .*\n\n/.test(heard)) heard += (await reader.read()).value;
  for (const rid of ['v0', 'v2', 'v4']) assert.ok(heard.includes(`"rid":"${rid}"`), heard);
  await reader.cancel();
  await page.context().close();
});

for (const name of engines) {
  test(`${name} goes up and down without a gap`, { skip, timeout: 360_000 }, () =>
    walks(name, { browser, players, server, stream: STREAM, way: WAY }));
}

for (const engine of ['hls', 'dash']) {
  test(`on our page qualities and languages are chosen by name (${engine})`, { skip, timeout: 90_000 }, async () => {
    const page = await openPage(browser);
    await page.goto(server.url(`/watch/${STREAM}?engine=${engine}`));
    await page.waitForFunction(() => document.querySelector('video')?.currentTime > 1);
    const awake = async () => {
      await page.mouse.move(300, 200);
      await page.mouse.move(320, 240);
    };
    const items = (label) => page.locator(`[aria-label=${label}] .menu-item span:first-child`).allTextContents();
    await awake();
    await page.locator('.menu-button.quality').click();
    assert.deepEqual(await items('Quality'), ['Auto', '360p', '180p', '90p']);
    await screenshot(page, `ladder-quality-${engine}`);
    await page.locator('[aria-label=Quality] .menu-item', { hasText: '180p' }).last().click();
    await page.waitForFunction(() => document.querySelector('video').videoWidth === 320);
    await awake();
    await page.locator('.menu-button.voice').click();
    assert.deepEqual(await items('Sound'), ['English', 'German']);
    await screenshot(page, `ladder-sound-${engine}`);
    await page.locator('[aria-label=Sound] .menu-item', { hasText: 'German' }).click();
    await page.waitForFunction(() => document.querySelector('.menu-button.voice').textContent === 'German');
    const before = await page.evaluate(() => document.querySelector('video').currentTime);
    await page.waitForFunction((before) => document.querySelector('video').currentTime > before + 2, before);
    await awake();
    await screenshot(page, `ladder-chosen-${engine}`);
    await page.context().close();
  });
}

// In the middle of a segment that is being shown hls.js by itself would leave a hole up to the next keyframe.
test('on our page another quality by HLS leaves no gap, whenever it is chosen', { skip, timeout: 180_000 }, () =>
  tries('chosen on our page', () =>
    onPage(browser, async (page) => {
      await page.goto(server.url(`/watch/${STREAM}?engine=hls`));
      await page.waitForFunction(() => document.querySelector('video')?.currentTime > 1);
      for (const [label, width] of [['180p', 320], ['360p', 640], ['90p', 160]]) {
        await page.mouse.move(300, 200);
        await page.mouse.move(320, 240);
        await page.locator('.menu-button.quality').click();
        const item = page.locator('[aria-label=Quality] .menu-item', { hasText: label }).last();
        await item.waitFor();
        const isInside = () => document.querySelector('video').currentTime % 2 > 0.1 && document.querySelector('video').currentTime % 2 < 0.4;
        await page.waitForFunction(isInside, null, { polling: 20 });
        await page.evaluate(() => window.probe.start());
        await item.click();
        await page.waitForFunction((to) => document.querySelector('video').videoWidth === to, width);
        await page.waitForTimeout(1000);
        const seen = await page.evaluate(() => window.probe.report());
        console.log(`${label}:`, JSON.stringify({ ...seen, delay: undefined, events: seen.events.map(({ type }) => type) }));
        assert.deepEqual(stalls(seen), [], `no gap before ${label}`);
      }
    }),
  ),
);
