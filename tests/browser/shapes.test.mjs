// Publishers of every shape in a plain hls.js page: B-frames, long GOPs, sound late or never, a change of size.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { onPage, openBrowser, servePlayer, stalls, tries, watch } from './kit/browser.mjs';
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

/** Publishes by `begin`, and plays the stream once it has so many segments. */
const plays = (name, segments, begin, look) =>
  tries(name, async (nth) => {
    const stream = `live/${name.replaceAll(' ', '-')}-${nth}`;
    const publisher = await begin(server.rtmp(stream));
    try {
      const begun = Date.now();
      await server.awaitStream(stream, 'v0', segments);
      const listedAfter = Date.now() - begun;
      await onPage(browser, async (page) => {
        const asked = Date.now();
        await page.goto(player.url(server.url(`/hls/${stream}/index.m3u8`)));
        await page.waitForFunction(() => document.querySelector('video')?.currentTime > 0, null, { polling: 20 });
        await look(page, { startedAfter: Date.now() - asked, listedAfter });
      });
    } finally {
      await publisher.stop();
    }
  });

/** Plays on for so long without a stall. */
async function playsOn(page, seconds, name) {
  const seen = await watch(page, seconds);
  console.log(`${name}:`, JSON.stringify({ ...seen, events: seen.events.length }));
  const errors = (await page.evaluate(() => window.errors)).filter(({ fatal }) => fatal);
  assert.deepEqual(errors, []);
  assert.deepEqual(stalls(seen), [], 'no stall');
  assert.ok(seen.frames > seconds * 30 * 0.8, `${seen.frames} frames in ${seconds} s`);
  assert.equal(seen.back, 0);
  return seen;
}

const card = (options) => (address) => publishCard(address, { width: 640, height: 360, kbps: 800, ...options });

test('B-frames play in order', { timeout: 180_000 }, () =>
  plays('B-frames', 3, card({ bframes: 3 }), async (page) => {
    const seen = await playsOn(page, 12, 'B-frames');
    assert.ok(seen.delay.p95 < 2000, `p95 ${seen.delay.p95} ms`);
  }),
);

test('a GOP of 10 s starts quickly and plays', { timeout: 270_000 }, () =>
  plays('long GOP', 1, card({ gop: 300 }), async (page, { startedAfter }) => {
    assert.ok(startedAfter < 3000, `the first picture took ${startedAfter} ms`);
    await playsOn(page, 15, 'long GOP');
  }),
);

for (const [when, audioFromMs] of [
  ['late', 5000],
  ['never', 600_000],
]) {
  test(`pictures do not wait for sound that comes ${when}`, { timeout: 180_000 }, async () => {
    const file = await encode('tone-30s.flv', [...picture('640x360'), ...tone, '-t', '30', ...x264('60'), ...aac]);
    const begin = (address) => replay(address, [file], { audioFromMs });
    await plays(`sound ${when}`, 1, begin, async (page, { listedAfter }) => {
      assert.ok(listedAfter < 5000, `the playlist took ${listedAfter} ms`);
      await playsOn(page, 12, `sound ${when}`);
    });
  });
}

test('a change of size goes on playing', { timeout: 180_000 }, async () => {
  const small = await encode('small-10s.flv', [...picture('640x360'), ...tone, '-t', '10', ...x264('60'), ...aac]);
  const large = await encode('large-16s.flv', [...picture('960x540'), ...tone, '-t', '16', ...x264('60'), ...aac]);
  await plays('change of size', 2, (address) => replay(address, [small, large]), async (page) => {
    const width = () => page.evaluate(() => document.querySelector('video').videoWidth);
    assert.equal(await width(), 640);
    await playsOn(page, 14, 'change of size');
    assert.equal(await width(), 960);
  });
});
