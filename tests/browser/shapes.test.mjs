// Publishers of every shape in a plain hls.js page: B-frames, long GOPs, sound late or never, a change of size.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { openBrowser, openPage, servePlayer, stalls, watch } from './kit/browser.mjs';
import { encode, publishCard, replay, startServer } from './kit/processes.mjs';

let server, player, browser;

before(async () => {
  [server, player, browser] = await Promise.all([startServer(), servePlayer(), openBrowser()]);
});

after(async () => {
  await browser?.close();
  await server?.stop();
  player?.stop();
});

const x264 = (gop, ...more) => ['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-g', gop, ...more];
const picture = (size) => ['-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=30`];
const tone = ['-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=44100'];
const aac = ['-c:a', 'aac', '-b:a', '64k'];

/** Opens a stream and measures how long its first picture takes. */
async function join(stream) {
  const page = await openPage(browser);
  const asked = Date.now();
  await page.goto(player.url(server.url(`/hls/${stream}/index.m3u8`)));
  await page.waitForFunction(() => document.querySelector('video')?.currentTime > 0, null, { polling: 20 });
  page.startedAfter = Date.now() - asked;
  return page;
}

/** Plays on for so long without a stall. */
async function playsOn(page, seconds, name) {
  const seen = await watch(page, seconds);
  console.log(`${name}: first picture after ${page.startedAfter} ms,`, JSON.stringify({ ...seen, events: seen.events.length }));
  const errors = (await page.evaluate(() => window.errors)).filter(({ fatal }) => fatal);
  assert.deepEqual(errors, []);
  assert.deepEqual(stalls(seen), [], 'no stall');
  assert.ok(seen.frames > seconds * 30 * 0.8, `${seen.frames} frames in ${seconds} s`);
  assert.equal(seen.back, 0);
  await page.context().close();
  return seen;
}

test('B-frames play in order', { timeout: 60_000 }, async () => {
  const publisher = await publishCard(server.rtmp('live/b'), { bframes: 3, width: 640, height: 360, kbps: 800 });
  await server.awaitStream('live/b', 'v0', 3);
  const seen = await playsOn(await join('live/b'), 12, 'B-frames');
  assert.ok(seen.delay.p95 < 2000);
  await publisher.stop();
});

test('a GOP of 10 s starts quickly and plays', { timeout: 90_000 }, async () => {
  const publisher = await publishCard(server.rtmp('live/long'), { gop: 300, width: 640, height: 360, kbps: 800 });
  await server.awaitStream('live/long', 'v0', 1);
  const page = await join('live/long');
  assert.ok(page.startedAfter < 3000, `the first picture took ${page.startedAfter} ms`);
  await playsOn(page, 15, 'long GOP');
  await publisher.stop();
});

for (const [when, audioFromMs] of [
  ['late', 5000],
  ['never', 600_000],
]) {
  test(`pictures do not wait for sound that comes ${when}`, { timeout: 60_000 }, async () => {
    const file = await encode('tone-30s.flv', [...picture('640x360'), ...tone, '-t', '30', ...x264('60'), ...aac]);
    const publisher = replay(server.rtmp(`live/${when}`), [file], { audioFromMs });
    const asked = Date.now();
    await server.awaitStream(`live/${when}`, 'v0', 1);
    const shown = Date.now() - asked;
    assert.ok(shown < 5000, `the playlist took ${shown} ms`);
    await playsOn(await join(`live/${when}`), 12, `sound ${when}`);
    await publisher.stop();
  });
}

test('a change of size goes on playing', { timeout: 60_000 }, async () => {
  const small = await encode('small-10s.flv', [...picture('640x360'), ...tone, '-t', '10', ...x264('60'), ...aac]);
  const large = await encode('large-16s.flv', [...picture('960x540'), ...tone, '-t', '16', ...x264('60'), ...aac]);
  const publisher = replay(server.rtmp('live/size'), [small, large]);
  await server.awaitStream('live/size', 'v0', 2);
  const page = await join('live/size');
  assert.equal(await page.evaluate(() => document.querySelector('video').videoWidth), 640);
  await playsOn(page, 14, 'change of size').catch((error) => {
    throw new Error(`${error.message}\n${page.said.join('\n')}`);
  });
  await publisher.stop();
});
