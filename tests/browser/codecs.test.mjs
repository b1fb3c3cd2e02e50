// AV1 and VP9 with Opus, by Enhanced RTMP, in the players that people use. Needs an ffmpeg of version 9: `ONAIR_FFMPEG9`.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, renameSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { measuring, onPage, openBrowser, tries, undisturbed, watch } from './kit/browser.mjs';
import { modernFfmpeg, servePlayers } from './kit/players.mjs';
import { artefacts, startServer } from './kit/processes.mjs';

const SECONDS = Number(process.env.ONAIR_SECONDS ?? (measuring ? 60 : 12));
/** How many players side by side; `ONAIR_AT_ONCE` says how many the machine takes. */
const AT_ONCE = Number(process.env.ONAIR_AT_ONCE ?? (measuring ? 1 : 2));
const ffmpeg = modernFfmpeg();
const env = { ...process.env, SVT_LOG: '1' };
const skip = ffmpeg ? false : 'no ffmpeg 9: set ONAIR_FFMPEG9';

const codecs = [
  ['AV1 and Opus', 'av1', '-c:v libsvtav1 -preset 12 -g 60 -crf 50 -svtav1-params pred-struct=1:lp=1 -pix_fmt yuv420p'],
  ['VP9 and Opus', 'vp9', '-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -threads 1 -g 60 -b:v 600k -pix_fmt yuv420p'],
];
const ways = [
  ['hls.js', 'hls', (stream) => `/hls/${stream}/index.m3u8`],
  ['dash.js', 'dash', (stream) => `/dash/${stream}/manifest.mpd`],
  ['Shaka by DASH', 'shaka', (stream) => `/dash/${stream}/manifest.mpd`],
  ['Shaka by HLS', 'shaka', (stream) => `/hls/${stream}/index.m3u8`],
];

// Encoded beforehand: an encoder beside the player would take from it what it needs on a small machine. Long enough for all
// players: where it begins anew, its stamps leap by some milliseconds, and Shaka by HLS jumps over the segment after such a leap.
const LENGTH = Math.ceil(ways.length / AT_ONCE) * (SECONDS + 15) + 40;
const SOURCE =
  `-nostdin -loglevel error -f lavfi -i testsrc2=size=640x360:rate=30 ` +
  `-f lavfi -i sine=frequency=440:sample_rate=48000 -t ${LENGTH} -map 0:v -map 1:a -c:a libopus -b:a 96k`;

let server, players, browser;

before(async () => {
  if (skip) return;
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
const plays = (name, address) =>
  tries(name, () =>
    onPage(browser, async (page) => {
      await page.goto(address);
      await page.waitForFunction(() => document.querySelector('video')?.currentTime > 0);
      await page.waitForTimeout(8000);
      const seen = await watch(page, SECONDS);
      console.log(`${name}:`, JSON.stringify({ ...seen, delay: undefined, events: seen.events.map(({ type }) => type) }));
      await undisturbed(page, seen);
      assert.ok(seen.frames > SECONDS * 30 * 0.8, `${seen.frames} frames in ${SECONDS} s`);
    }),
  );

/** The file of a codec, encoded once. */
async function encoded(codec, encoder) {
  const file = path.join(artefacts, `${codec}-opus-${LENGTH}s.flv`);
  if (!existsSync(file)) {
    const words = `${SOURCE} ${encoder} -y -f flv ${file}.part`.split(' ');
    const [code] = await once(spawn(ffmpeg, words, { stdio: ['ignore', 'ignore', 'inherit'], env }), 'exit');
    assert.equal(code, 0, `${codec} cannot be encoded`);
    renameSync(`${file}.part`, file);
  }
  return file;
}

for (const [what, codec, encoder] of codecs) {
  test(`${what} play everywhere`, { skip, timeout: (ways.length * 3 * (SECONDS + 30) + 300) * 1000, concurrency: AT_ONCE }, async (t) => {
    const [file, stream] = [await encoded(codec, encoder), `live/${codec}`];
    const input = ['-re', '-stream_loop', '-1', '-i', file];
    const words = ['-nostdin', '-loglevel', 'error', ...input, '-c', 'copy', '-f', 'flv', server.rtmp(stream)];
    const publisher = spawn(ffmpeg, words, { stdio: ['ignore', 'ignore', 'inherit'] });
    try {
      await server.awaitStream(stream, 'v0', 6);
      const all = ways.map(([name, player, address]) =>
        t.test(name, () => plays(`${name}, ${what}`, players.url(player, server.url(address(stream))))),
      );
      await Promise.all(all);
    } finally {
      publisher.kill('SIGKILL');
      if (publisher.exitCode === null && publisher.signalCode === null) await once(publisher, 'exit');
    }
  });
}
