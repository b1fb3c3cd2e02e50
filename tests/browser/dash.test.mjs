// hls.js, dash.js and Shaka, as they come, on the same source: a minute without a stall, and close to live.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { measuring, onPage, openBrowser, tries, undisturbed, watch } from './kit/browser.mjs';
import { servePlayers } from './kit/players.mjs';
import { publishCard, startServer } from './kit/processes.mjs';

// A minute of each is what is promised; `ONAIR_SECONDS` says otherwise.
const SECONDS = Number(process.env.ONAIR_SECONDS ?? (measuring ? 60 : 12));
/** How many players side by side; `ONAIR_AT_ONCE` says how many the machine takes. */
const AT_ONCE = Number(process.env.ONAIR_AT_ONCE ?? (measuring ? 1 : 2));

let server, players, browser;

before(async () => {
  // One after the other, so that what did begin is ended if another does not.
  server = await startServer();
  players = await servePlayers();
  browser = await openBrowser();
});

after(async () => {
  await browser?.close();
  await server?.stop();
  players?.stop();
});

/** Plays, once it has settled, for so long. */
const plays = (name, player, source, atMost) =>
  tries(name, () =>
    onPage(browser, async (page) => {
      await page.goto(players.url(player, source));
      await page.waitForFunction(() => document.querySelector('video')?.currentTime > 0);
      await page.waitForTimeout(8000); // until the player has found the distance that the manifest asks for
      const seen = await watch(page, SECONDS);
      console.log(`${name}:`, JSON.stringify({ ...seen, events: seen.events.map(({ type }) => type) }));
      await undisturbed(page, seen);
      assert.ok(seen.frames > SECONDS * 30 * 0.8, `${seen.frames} frames in ${SECONDS} s`);
      assert.ok(seen.read > seen.frames * 0.98, 'the clock can be read');
      assert.ok(seen.delay.p95 < atMost, `p95 ${seen.delay.p95} ms`);
    }),
  );

// With B-frames the encoder itself is three frames later.
const sources = [
  ['H.264', 'live/h264', { gop: 60, width: 640, height: 360, kbps: 800 }],
  ['H.264 with B-frames', 'live/bframes', { gop: 60, bframes: 3, width: 640, height: 360, kbps: 800 }],
];

// Shaka is no player of low latency as it comes: it keeps what the manifest says, or three segments.
const ways = [
  ['hls.js', 'hls', (stream) => `/hls/${stream}/index.m3u8`, 2500],
  ['dash.js', 'dash', (stream) => `/dash/${stream}/manifest.mpd`, 2500],
  ['Shaka by DASH', 'shaka', (stream) => `/dash/${stream}/manifest.mpd`, 15_000],
  ['Shaka by HLS', 'shaka', (stream) => `/hls/${stream}/index.m3u8`, 15_000],
];

for (const [what, stream, options] of sources) {
  test(`${what} plays everywhere`, { timeout: (ways.length * 3 * (SECONDS + 30) + 60) * 1000, concurrency: AT_ONCE }, async (t) => {
    const publisher = await publishCard(server.rtmp(stream), options);
    try {
      await server.awaitStream(stream, 'v0', 6);
      const all = ways.map(([name, player, address, atMost]) =>
        t.test(name, () => plays(`${name}, ${what}`, player, server.url(address(stream)), atMost)),
      );
      await Promise.all(all);
    } finally {
      await publisher.stop();
    }
  });
}
