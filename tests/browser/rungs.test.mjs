// What OBS and most encoders send, H.264 with B-frames and AAC of 44.1 kHz, watched by WebRTC: made anew without B-frames while
// somebody watches (P18).

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { measuring, openBrowser, openPage } from './kit/browser.mjs';
import { publishCard, sleep, startServer, until } from './kit/processes.mjs';
import { openPeer, seen, view } from './kit/webrtc.mjs';

let server, browser, publisher;

before(async () => {
  [server, browser] = await Promise.all([startServer(), openBrowser()]);
  publisher = await publishCard(server.rtmp('live/b'), { width: 640, height: 360, bframes: 2, audioRate: 44_100 });
  await server.awaitStream('live/b', 'v0', 1);
});

after(async () => {
  await browser?.close();
  await publisher?.stop();
  await server?.stop();
});

test('pictures with B-frames move and sound is heard by WebRTC', { timeout: 90_000 }, async () => {
  const page = await openPeer(browser, server);
  const { firstFrameMs, session } = await view(page, server.url('/whep/live/b'));
  console.log('first picture after', Math.round(firstFrameMs), 'ms');
  await sleep(2000);
  const before = await seen(page);
  const seconds = measuring ? 30 : 8;
  await sleep(seconds * 1000);
  const after = await seen(page);
  console.log(JSON.stringify(after));
  const frames = after.framesDecoded - before.framesDecoded;
  assert.ok(frames > seconds * 28, `${frames} pictures in ${seconds} s`);
  assert.ok(after.samples - before.samples > (seconds - 1) * 48_000, 'its sound is there');
  assert.ok(after.energy > before.energy, 'the beep is heard');
  const { sessions } = JSON.parse(await server.text('/api/v1/webrtc/sessions'));
  assert.match(sessions.find(({ role }) => role === 'whep').remark, /bframes=0/, 'the publisher is told how to avoid it');
  const list = await server.text('/hls/live/b/index.m3u8');
  assert.doesNotMatch(list, /v100/, 'nobody else sees it');
  await fetch(session, { method: 'DELETE' });
  await page.context().close();
  await until('the worker gone', async () => !/v100/.test(await server.text('/api/v1/streams/live/b')), { seconds: 20 });
});

// P18.
test('on our page WebRTC comes first for them too, as the server makes what it carries', { timeout: 90_000 }, async () => {
  const { webrtc } = JSON.parse(await server.text('/api/v1/streams/live/b'));
  assert.deepEqual(webrtc, { video: ['h264'], audio: ['opus'] });
  const page = await openPage(browser);
  await page.goto(server.url('/watch/live/b'));
  await page.waitForFunction(() => window.onair?.phase === 'playing', undefined, { timeout: 30_000 });
  const before = await page.evaluate(() => window.onair);
  await page.waitForTimeout(4000);
  const now = await page.evaluate(() => window.onair);
  console.log(JSON.stringify({ engine: now.engine, loads: now.loads, made: now.made, frames: now.totalFrames - before.totalFrames }));
  assert.equal(now.engine, 'whep');
  assert.deepEqual([now.width, now.height, now.hasAudio, now.note ?? null], [640, 360, true, null]);
  assert.ok(now.totalFrames - before.totalFrames > 60, `${now.totalFrames - before.totalFrames} pictures in 4 s`);
  await page.context().close();
});
