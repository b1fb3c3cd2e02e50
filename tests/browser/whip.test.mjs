// A browser publishes by one POST, in each codec that it has: HLS has it, and another browser watches it by one POST.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { openBrowser } from './kit/browser.mjs';
import { startServer, until } from './kit/processes.mjs';
import { openPeer, publish, seen, view } from './kit/webrtc.mjs';

let server, browser;

before(async () => {
  [server, browser] = await Promise.all([startServer(), openBrowser()]);
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

for (const codec of ['H264', 'VP8', 'VP9', 'AV1']) {
  test(`${codec} goes from a browser to a browser`, { timeout: 60_000 }, async () => {
    const stream = `live/${codec.toLowerCase()}`;
    const sender = await openPeer(browser, server);
    const published = await publish(sender, server.url(`/whip/${stream}`), { codec });
    assert.match(published.session, /\/whip\/\.session\/[\w-]{22,}$/, 'W5');
    assert.match(published.etag, /^"[^"]+"$/, 'W3');
    await until(`${stream} on air`, async () => {
      const { streams } = JSON.parse(await server.text('/api/v1/streams'));
      // With sound that is made of the publisher's there are more than two.
      const has = (tracks, kind) => tracks.some((track) => track.kind === kind);
      return streams.find(({ path, tracks }) => path === stream && has(tracks, 'video') && has(tracks, 'audio'));
    });
    const receiver = await openPeer(browser, server);
    const { firstFrameMs } = await view(receiver, server.url(`/whep/${stream}`));
    const before = await seen(receiver);
    await receiver.waitForTimeout(5000);
    const after = await seen(receiver);
    console.log(codec, Math.round(firstFrameMs), JSON.stringify(after));
    assert.deepEqual([after.width, after.height], [640, 360]);
    assert.ok(after.framesDecoded - before.framesDecoded > 75, `${after.framesDecoded} pictures`);
    assert.ok(after.samples > 48_000 && after.concealed < after.samples / 4, 'there is sound');
    assert.equal(await receiver.evaluate(() => window.webrtc.leave(window.webrtc.viewed)), 200, 'E8');
    assert.equal(await receiver.evaluate(() => window.webrtc.leave(window.webrtc.viewed)), 404, 'E8');
    assert.equal(await sender.evaluate(() => window.webrtc.leave(window.webrtc.published)), 200, 'W6');
    await receiver.context().close();
    await sender.context().close();
  });
}

test('what a browser publishes can be watched by HLS', { timeout: 60_000 }, async () => {
  const sender = await openPeer(browser, server);
  await publish(sender, server.url('/whip/live/hls'), { codec: 'H264' });
  const list = await server.awaitStream('live/hls', 'v0', 3);
  assert.match(list, /#EXT-X-PART:/);
  await sender.context().close();
});

test('a browser that leaves without a word leaves no ghost', { timeout: 60_000 }, async () => {
  const sender = await openPeer(browser, server);
  await publish(sender, server.url('/whip/live/ghost'), { codec: 'VP8' });
  await sender.context().close();
  const again = await openPeer(browser, server);
  await publish(again, server.url('/whip/live/ghost'), { codec: 'VP8' });
  await again.context().close();
});
