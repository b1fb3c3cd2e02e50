// mpegts.js, as it comes, by HTTP-FLV: a picture, and close to live.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { openBrowser, openPage, undisturbed, watch } from './kit/browser.mjs';
import { servePlayers } from './kit/players.mjs';
import { publishCard, startServer } from './kit/processes.mjs';

const SECONDS = Number(process.env.ONAIR_SECONDS ?? 4);
/** It plays what it has: how late it is shows how much there was at the beginning, a group of pictures at most. */
const P95_MS = 3000;

let server, players, browser, publisher;

before(async () => {
  server = await startServer();
  players = await servePlayers();
  browser = await openBrowser();
  publisher = await publishCard(server.rtmp('live/card'), { gop: 60, bframes: 2, width: 640, height: 360, kbps: 800 });
  await server.awaitStream('live/card');
});

after(async () => {
  await browser?.close();
  await publisher?.stop();
  await server?.stop();
  players?.stop();
});

test('mpegts.js plays what begins with a keyframe at once', { timeout: 60_000 }, async () => {
  const page = await openPage(browser);
  await page.goto(players.url('mpegts', server.url('/flv/live/card')));
  await page.waitForFunction(() => document.querySelector('video')?.currentTime > 0.5);
  const seen = await watch(page, SECONDS);
  console.log('mpegts.js:', JSON.stringify({ ...seen, events: seen.events.map(({ type }) => type) }));
  await undisturbed(page, seen);
  assert.ok(seen.frames > SECONDS * 30 * 0.8, `${seen.frames} frames in ${SECONDS} s`);
  assert.ok(seen.read > seen.frames * 0.98, 'the clock can be read');
  assert.ok(seen.delay.p95 < P95_MS, `p95 ${seen.delay.p95} ms`);
});
