// What OBS and most encoders send, H.264 with B-frames and AAC of 44.1 kHz: flash and beep stay together by WebRTC, where both are made
// anew, and by LL-HLS. Beside what the browser adds by itself: it shows and plays the same without a server in between.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { measuring, openBrowser, openPage } from './kit/browser.mjs';
import { servePlayers } from './kit/players.mjs';
import { artefacts, publishCard, sleep, startServer } from './kit/processes.mjs';
import { look, openPeer, view } from './kit/webrtc.mjs';

const CARD = { width: 640, height: 360, bframes: 2, audioRate: 44_100, kbps: 1200 };
const STREAM = 'live/lips';
// Ten minutes lie between the two looks of who measures, or `ONAIR_MINUTES`.
const MINUTES = measuring ? Number(process.env.ONAIR_MINUTES ?? 10) : 0;
const SECONDS = measuring ? 30 : 8;
const MOST_MS = measuring ? 40 : 120;

let server, players, browser, publisher;

before(async () => {
  const file = path.join(artefacts, 'lips-20s');
  if (!existsSync(`${file}.mp4`)) {
    const recorder = await publishCard(`${file}.flv`, { ...CARD, seconds: 20 });
    while (recorder.running()) await sleep(200);
    const words = ['-nostdin', '-v', 'error', '-y', '-i', `${file}.flv`, '-c', 'copy', '-movflags', 'faststart', `${file}.mp4`];
    const [code] = await once(spawn('ffmpeg', words, { stdio: ['ignore', 'ignore', 'inherit'] }), 'exit');
    assert.equal(code, 0, 'the card cannot be kept');
  }
  [server, browser] = await Promise.all([startServer(), openBrowser()]);
  players = await servePlayers({ '/card.mp4': ['video/mp4', `${file}.mp4`] });
  publisher = await publishCard(server.rtmp(STREAM), CARD);
  await server.awaitStream(STREAM, 'v0', 3);
});

after(async () => {
  await browser?.close();
  await publisher?.stop();
  await server?.stop();
  players?.stop();
});

/**
 * How far apart they are at first and some minutes later, and how far without a server. Who measures looks at what is seen and
 * heard. In the first seconds that is what it is without a server at first, which Chromium brings together as slowly.
 */
async function stays(name, alone, looks) {
  const said = ({ lipSync, lipSyncByStats, beeps, delay, frames }) => ({ lipSync, lipSyncByStats, beeps, frames, p50: delay.p50 });
  for (const minute of MINUTES > 0 ? [0, MINUTES] : [0]) {
    if (minute > 0) await sleep(minute * 60_000);
    for (let left = measuring ? 1 : 3; ; left -= 1) {
      const seen = await looks();
      const apart = seen.lipSync - alone.lipSync;
      console.log(`${name}, minute ${minute}:`, JSON.stringify(said(seen)), 'without a server:', JSON.stringify(said(alone)), 'apart', apart, 'ms');
      const off = measuring ? seen.lipSync : apart;
      if (seen.beeps >= SECONDS - 3 && Math.abs(off) <= MOST_MS) break;
      // Beside other work sound or picture may be late by themselves for a while.
      assert.ok(left > 1, `${name}, minute ${minute}: ${seen.beeps} beeps, sound and picture ${off} ms apart`);
    }
  }
}

test('A4: by WebRTC flash and beep stay together', { timeout: (MINUTES + 3) * 60_000 }, async () => {
  const page = await openPeer(browser, server);
  const alone = await page.evaluate(
    (seconds) => window.eye.loopback([window.eye.card(640, 360, 30), window.eye.beeper()], seconds, 'H264'),
    SECONDS,
  );
  await page.context().close();
  const viewer = await openPeer(browser, server);
  await view(viewer, server.url(`/whep/${STREAM}`));
  // Chromium plays sound a tenth of a second later than pictures at first, as everywhere, and moves them together within 20 s.
  await sleep(measuring ? 22_000 : 4000);
  await stays('WebRTC', alone, () => look(viewer, SECONDS));
  await viewer.context().close();
});

test('A4: by LL-HLS flash and beep stay together', { timeout: (MINUTES + 3) * 60_000 }, async () => {
  const eye = fileURLToPath(new URL('kit/eye.js', import.meta.url));
  const open = async (address) => {
    const page = await openPage(browser);
    await page.addInitScript({ path: eye });
    await page.goto(address);
    await page.waitForFunction(() => document.querySelector('video')?.currentTime > 1);
    return page;
  };
  const looks = (page, seconds) => page.evaluate((s) => window.eye.look(document.querySelector('video'), s), seconds);
  const file = await open(players.url('file', '/card.mp4'));
  const alone = await looks(file, 12);
  await file.context().close();
  const page = await open(players.url('hls', server.url(`/hls/${STREAM}/index.m3u8`)));
  await sleep(5000);
  await stays('LL-HLS', alone, () => looks(page, SECONDS));
  await page.context().close();
});
