// What comes by RTMP is watched by WebRTC: the picture at once, and its sound made into Opus.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { openBrowser } from './kit/browser.mjs';
import { publishCard, startServer } from './kit/processes.mjs';
import { openPeer, seen, view } from './kit/webrtc.mjs';

let server, browser, publisher;

before(async () => {
  [server, browser] = await Promise.all([startServer(), openBrowser()]);
  publisher = await publishCard(server.rtmp('live/card'), { gop: 300 });
  await server.awaitStream('live/card', 'v0', 1);
});

after(async () => {
  await browser?.close();
  await publisher?.stop();
  await server?.stop();
});

// E12.
test('an RTMP source with a keyframe every 10 s shows its first picture at once', { timeout: 60_000 }, async () => {
  const page = await openPeer(browser, server);
  const { firstFrameMs, link } = await view(page, server.url('/whep/live/card'));
  console.log('first picture after', Math.round(firstFrameMs), 'ms');
  assert.ok(firstFrameMs < 2000, `${firstFrameMs} ms`);
  assert.match(link, /server-sent-events/, 'E13');
  const before = await seen(page);
  await page.waitForTimeout(5000);
  const after = await seen(page);
  console.log(JSON.stringify(after));
  assert.ok(after.framesDecoded - before.framesDecoded > 100, `${after.framesDecoded - before.framesDecoded} in 5 s`);
  // Its AAC is heard as Opus (P19).
  assert.ok(after.samples - before.samples > 4 * 48_000, `${after.samples - before.samples} samples in 5 s`);
  assert.ok(after.energy > before.energy, 'the beep is heard');
  const { sessions } = JSON.parse(await server.text('/api/v1/webrtc/sessions'));
  assert.equal(sessions.find(({ role }) => role === 'whep').remark ?? null, null, 'nothing is missing');
  await page.context().close();
});

test('where no datagrams pass, it goes by TCP', { timeout: 60_000 }, async () => {
  const page = await openPeer(browser, server);
  const { session } = await view(page, server.url('/whep/live/card'), { without: 'udp' });
  const before = await seen(page);
  await page.waitForTimeout(4000);
  const { framesDecoded } = await seen(page);
  assert.ok(framesDecoded - before.framesDecoded > 80, `${framesDecoded - before.framesDecoded} in 4 s`);
  const { sessions } = JSON.parse(await server.text('/api/v1/webrtc/sessions'));
  assert.ok(sessions.some(({ role, transport, state }) => role === 'whep' && transport === 'tcp' && state === 'connected'));
  assert.ok(session);
  await page.context().close();
});

test('a viewer hears how things stand, until its session ends', { timeout: 60_000 }, async () => {
  const page = await openPeer(browser, server);
  const { session } = await view(page, server.url('/whep/live/card'));
  const subscribe = (names) =>
    fetch(`${session}/sse`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(names),
    });
  assert.equal((await subscribe(['active', 'dance'])).status, 400, 'E14');
  const made = await subscribe(['active', 'inactive', 'layers', 'viewercount']);
  assert.equal(made.status, 201, 'E14');
  const stream = new URL(made.headers.get('location'), session).href;
  const events = await fetch(stream);
  assert.equal(events.headers.get('content-type'), 'text/event-stream', 'E15');
  const reader = events.body.pipeThrough(new TextDecoderStream()).getReader();
  let heard = '';
  while (!heard.includes('event: layers')) heard += (await reader.read()).value;
  assert.match(heard, /^event: active\ndata: \{\}\n\n/, 'E16');
  assert.match(heard, /event: layers\ndata: \{"1":\{"layers":\[\{.*"rid":"v0"/, 'E17');
  assert.equal(await page.evaluate(() => window.webrtc.leave(window.webrtc.viewed)), 200);
  assert.equal((await fetch(stream)).status, 404, 'E15');
  await page.context().close();
});

// E11.
test('a viewer stays while its publisher goes and comes back', { timeout: 60_000 }, async () => {
  const page = await openPeer(browser, server);
  await view(page, server.url('/whep/live/card'));
  await publisher.kill();
  await page.waitForTimeout(1500);
  publisher = await publishCard(server.rtmp('live/card'), { gop: 60 });
  const before = await seen(page);
  await page.waitForTimeout(6000);
  const { framesDecoded } = await seen(page);
  console.log('after the return', framesDecoded - before.framesDecoded);
  assert.ok(framesDecoded - before.framesDecoded > 90, `${framesDecoded - before.framesDecoded} pictures after it`);
  assert.equal(await page.evaluate(() => window.webrtc.viewer.connectionState), 'connected');
  await page.context().close();
});

test('a stream that is not there is 404', async () => {
  const page = await openPeer(browser, server);
  await assert.rejects(view(page, server.url('/whep/live/nobody')), /404/);
  await page.context().close();
});
