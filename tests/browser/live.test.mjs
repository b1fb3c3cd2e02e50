// A 720p30 source on the same machine: glass to glass, without a stall, with its sound.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { openBrowser, openPage, screenshot, servePlayer, watch } from './kit/browser.mjs';
import { publishCard, startServer } from './kit/processes.mjs';

let server, player, browser, publisher;

before(async () => {
  [server, player, browser] = await Promise.all([startServer(), servePlayer(), openBrowser()]);
  publisher = await publishCard(server.rtmp('live/card'), { gop: 60 });
  await server.awaitStream('live/card', 'v0', 6);
});

after(async () => {
  await browser?.close();
  await publisher?.stop();
  await server?.stop();
  player?.stop();
});

/** The promise of the house: p95 below 1.5 s, not one stall in a minute. */
async function playsForAMinute(page, name) {
  await page.waitForFunction(() => document.querySelector('video')?.currentTime > 0);
  await page.waitForTimeout(5000); // until the player has settled at the live edge
  const seen = await watch(page, 60);
  console.log(`${name}:`, JSON.stringify(seen));
  assert.deepEqual(seen.events.filter(({ type }) => type === 'waiting' || type === 'error'), [], 'no stall');
  assert.equal(seen.back, 0, 'never back');
  assert.ok(seen.read > seen.frames * 0.98, 'the clock can be read');
  assert.ok(seen.frames > 60 * 30 * 0.8, `${seen.frames} frames in a minute`);
  assert.ok(seen.longestGap < 500, `pictures stood still for ${seen.longestGap} ms`);
  assert.ok(seen.delay.p95 < 1500, `p95 ${seen.delay.p95} ms`);
}

/** A beep each second and silence between. */
async function beeps(page) {
  const heard = await page.evaluate(() => window.probe.listen(6));
  assert.ok(heard.beeps.length >= 5 && heard.beeps.length <= 7, `${heard.beeps.length} beeps in 6 s`);
  assert.ok(heard.quiet > 100, 'silence between the beeps');
}

test('our own page plays within 1.5 s of live for a minute', { timeout: 120_000 }, async () => {
  const page = await openPage(browser);
  await page.goto(server.url('/watch/live/card'));
  await playsForAMinute(page, 'own page');
  await screenshot(page, 'watch-live');
  await beeps(page);
  assert.deepEqual(page.said.filter((line) => line.startsWith('uncaught')), []);
  await page.context().close();
});

test('a plain hls.js page plays within 1.5 s of live for a minute', { timeout: 120_000 }, async () => {
  const page = await openPage(browser);
  await page.goto(player.url(server.url('/hls/live/card/index.m3u8')));
  await playsForAMinute(page, 'plain hls.js');
  await beeps(page);
  assert.deepEqual(await page.evaluate(() => window.errors), []);
  await page.context().close();
});
