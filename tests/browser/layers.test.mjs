// Pictures in temporal and spatial layers, as browsers make them when asked to, and viewers that are sent some of them.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { measuring, openBrowser } from './kit/browser.mjs';
import { startLink } from './kit/link.mjs';
import { sleep, startServer, until } from './kit/processes.mjs';
import { look, openPeer, publish, seen, sent, view } from './kit/webrtc.mjs';

let server, browser;

before(async () => {
  [server, browser] = await Promise.all([startServer(), openBrowser()]);
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Names what does not come to an end, which a test's own limit does not. */
const within = (what, promise) =>
  Promise.race([
    promise,
    new Promise((_, reject) => {
      setTimeout(reject, 30_000, new Error(`${what}: not within 30 s`)).unref();
    }),
  ]);

async function choose(session, choice) {
  const headers = { 'content-type': 'application/json' };
  const signal = AbortSignal.timeout(5000);
  const reply = await fetch(`${session}/layers`, { method: 'POST', headers, body: JSON.stringify(choice), signal });
  // Read to its end, as the connection is not used again otherwise.
  await reply.text();
  return reply.status;
}

/** How many of the pictures that are sent from now on are shown; none may be missed meanwhile, nor fail to decode. */
async function share(page, sender, seconds) {
  const look = async () => [await seen(page), (await sent(sender))[0].framesSent];
  const [before, sentBefore] = await look();
  await sleep(seconds * 1000);
  const [now, sentNow] = await look();
  assert.equal(now.packetsLost, before.packetsLost, 'nothing is missed');
  assert.equal(now.pliCount, before.pliCount, 'nothing cannot be decoded');
  return (now.framesDecoded - before.framesDecoded) / (sentNow - sentBefore);
}

const codecs = measuring ? ['VP8', 'VP9', 'AV1'] : [process.env.ONAIR_CODEC ?? 'VP9'];

// P11, E17, E18.
for (const codec of codecs)
  test(`${codec} comes with fewer pictures to who chooses so or has a narrow link`, { timeout: 90_000 }, async () => {
    const [sender, page] = [await openPeer(browser, server), await openPeer(browser, server)];
    const link = await startLink(server, { seed: 3 });
    try {
      const sendEncodings = [{ scalabilityMode: 'L1T3', maxBitrate: 900_000 }];
      const options = { codec, width: 640, height: 360, rate: 24, card: true, sendEncodings };
      await within('publishing', publish(sender, server.url(`/whip/live/${codec}`), options));
      const { session } = await within('watching', view(page, server.url(`/whep/live/${codec}`), { via: link.address }));
      // A layer is known of when pictures of it have come.
      await until('a lower layer', async () => (await choose(session, { temporalLayerId: 0 })) === 200, { every: 200 });
      assert.equal(await choose(session, { temporalLayerId: 3 }), 422);
      await sleep(300);
      const low = await share(page, sender, 2);
      assert.ok(low > 0.15 && low < 0.5, `${low} of all pictures are of the lowest layer`);
      assert.equal(await choose(session, {}), 200);
      let [all, narrow] = [0, 1];
      await until('all pictures', async () => (all = await share(page, sender, 1)) > 0.8, { seconds: 20 });
      await link.set('width_kbps=600 queue_ms=300');
      // What the queue had no room for is lost while the link is found to be narrow.
      await until('fewer pictures', async () => (narrow = await share(page, sender, 1).catch(() => 1)) < 0.7, { seconds: 20 });
      const figures = await seen(page);
      console.log(codec, JSON.stringify({ low, all, narrow, figures }));
      if (!measuring) return;
      await link.set('width_kbps=0');
      await until('all pictures again', async () => (await share(page, sender, 1).catch(() => 0)) > 0.8, { seconds: 20 });
      assert.ok(figures.totalFreezesDuration < 0.5, `pictures stood for ${figures.totalFreezesDuration} s`);
    } finally {
      await Promise.all([sender, page].map((each) => each.context().close()));
      await link.stop();
    }
  });

// P8, E18: one source with pictures in two sizes is a ladder like that of simulcast.
test('the sizes of VP9 with spatial layers are chosen among, and never mixed', { timeout: 60_000 }, async () => {
  const [sender, page] = [await openPeer(browser, server), await openPeer(browser, server)];
  try {
    const sendEncodings = [{ scalabilityMode: 'L2T1_KEY', maxBitrate: 1_200_000 }];
    const options = { codec: 'VP9', width: 640, height: 360, rate: 15, card: true, sendEncodings };
    await within('publishing', publish(sender, server.url('/whip/live/sizes'), options));
    const { session } = await within('watching', view(page, server.url('/whep/live/sizes')));
    const shows = (wanted) => until(`${wanted} pixels`, async () => (await seen(page)).width === wanted);
    await shows(640);
    assert.equal(await choose(session, { rid: 'v2' }), 200);
    await shows(320);
    assert.equal(await choose(session, { rid: 'v0' }), 200);
    await shows(640);
    const { widths, unread, longestGap } = await look(page, 2);
    console.log('sizes:', JSON.stringify({ widths, unread, longestGap }));
    assert.deepEqual(widths.map(({ width }) => width), [640]);
    assert.ok(unread <= 1, `${unread} pictures without a clock`);
    const hls = await server.text('/hls/live/sizes/index.m3u8');
    assert.match(hls, /RESOLUTION=640x360/);
    assert.match(hls, /RESOLUTION=320x180/);
  } finally {
    await Promise.all([sender, page].map((each) => each.context().close()));
  }
});
