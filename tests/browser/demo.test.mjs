// `onair demo` as a newcomer meets it: the page of its stream plays at once, by WebRTC though its sound is AAC, and by LL-HLS.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { openBrowser, openPage, screenshot } from './kit/browser.mjs';
import { startDemo } from './kit/processes.mjs';

let server, browser;

before(async () => {
  [server, browser] = await Promise.all([startDemo(), openBrowser()]);
  await server.awaitStream('live/test');
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Plays for some seconds and says what was shown. */
async function play(address, engine) {
  const page = await openPage(browser);
  await page.goto(server.url(address));
  await page.waitForFunction(() => window.onair.phase === 'playing', undefined, { timeout: 20_000 });
  const before = await page.evaluate(() => window.onair);
  await page.waitForTimeout(5000);
  const now = await page.evaluate(() => window.onair);
  await screenshot(page, `demo-${engine}`);
  console.log(engine, JSON.stringify({ latency: now.latency, frames: now.totalFrames, dropped: now.droppedFrames, stalls: now.stalls }));
  assert.equal(now.engine, engine);
  assert.equal(now.loads, 1, 'what is made for it is no reason to load anew');
  assert.ok(now.totalFrames - before.totalFrames > 60, `${now.totalFrames - before.totalFrames} pictures in 5 s`);
  assert.deepEqual([now.width, now.height, now.hasAudio, now.note ?? null], [1280, 720, true, null]);
  return { page, now };
}

// P19.
test('WebRTC is preferred where the server makes Opus of the sound', { timeout: 60_000 }, async () => {
  const { page, now } = await play('/watch/live/test', 'whep');
  assert.deepEqual(now.made, ['Opus']);
  const poster = await page.evaluate(() => fetch('/thumbnail/live/test.jpg').then((reply) => reply.headers.get('content-type')));
  assert.equal(poster, 'image/jpeg');
  await page.context().close();
});

test('by LL-HLS it plays too', { timeout: 60_000 }, async () => {
  const { page } = await play('/watch/live/test?engine=hls', 'hls');
  await page.context().close();
});

test('the home page shows a still of it, and the API page answers', { timeout: 60_000 }, async () => {
  const page = await openPage(browser);
  await page.goto(server.url('/'));
  await page.locator('.card img.still:not([hidden])').waitFor({ timeout: 20_000 });
  assert.equal(await page.evaluate(() => document.querySelector('.card img.still').naturalWidth), 640);
  await screenshot(page, 'demo-home');
  await page.goto(server.url('/api'));
  const streams = page.locator('.operation').first();
  await streams.locator('button').click();
  await streams.locator('pre:not([hidden])').waitFor();
  assert.match(await streams.locator('pre').innerText(), /"path": "live\/test"/);
  await page.context().close();
});
