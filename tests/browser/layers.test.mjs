// Pictures in temporal layers, as browsers make them when asked to, and viewers that are sent some of them.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { measuring, openBrowser } from './kit/browser.mjs';
import { startLink } from './kit/link.mjs';
import { sleep, startServer, until } from './kit/processes.mjs';
import { openPeer, publish, seen, view } from './kit/webrtc.mjs';

let server, browser;

before(async () => {
  [server, browser] = await Promise.all([startServer(), openBrowser()]);
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

const choose = (session, choice) =>
  fetch(`${session}/layers`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(choice),
  }).then(({ status }) => status);

/** Pictures a second from now on, and what went wrong meanwhile. */
async function rate(page, seconds) {
  const [before, began] = [await seen(page), Date.now()];
  await sleep(seconds * 1000);
  const [now, took] = [await seen(page), (Date.now() - began) / 1000];
  assert.equal(now.packetsLost, before.packetsLost, 'nothing is missed');
  assert.equal(now.pliCount, before.pliCount, 'nothing cannot be decoded');
  return (now.framesDecoded - before.framesDecoded) / took;
}

const codecs = measuring ? ['VP8', 'VP9', 'AV1'] : [process.env.ONAIR_CODEC ?? 'VP9'];
const RATE = 24;

// P11, E17, E18.
for (const codec of codecs)
  test(`${codec} comes with fewer pictures to who chooses so or has a narrow link`, { timeout: 120_000 }, async () => {
    const [sender, page] = [await openPeer(browser, server), await openPeer(browser, server)];
    const link = await startLink(server, { seed: 3 });
    try {
      const sendEncodings = [{ scalabilityMode: 'L1T3', maxBitrate: 900_000 }];
      await publish(sender, server.url(`/whip/live/${codec}`), { codec, width: 640, height: 360, rate: RATE, card: true, sendEncodings });
      const { session } = await view(page, server.url(`/whep/live/${codec}`), { via: link.address });
      // A layer is known of when pictures of it have come.
      await until('a lower layer', async () => (await choose(session, { temporalLayerId: 0 })) === 200);
      assert.equal(await choose(session, { temporalLayerId: 3 }), 422);
      await sleep(500);
      const low = await rate(page, 2);
      assert.equal(await choose(session, {}), 200);
      let all = 0;
      await until('all pictures', async () => (all = await rate(page, 1)) > RATE * 0.75, { seconds: 15 });
      await link.set('width_kbps=600 queue_ms=300');
      let narrow = RATE;
      await until('fewer pictures', async () => (narrow = await rate(page, 1).catch(() => RATE)) < RATE * 0.65, { seconds: 15 });
      const figures = await seen(page);
      await link.set('width_kbps=0');
      await until('all pictures again', async () => (await rate(page, 1).catch(() => 0)) > RATE * 0.75, { seconds: 20 });
      console.log(codec, JSON.stringify({ low, all, narrow, figures }), JSON.stringify(await seen(page)));
      assert.ok(low > RATE * 0.15 && low < RATE * 0.4, `${low} pictures a second of the lowest layer`);
      assert.ok(!measuring || figures.totalFreezesDuration < 0.5, `pictures stood for ${figures.totalFreezesDuration} s`);
    } finally {
      await Promise.all([sender, page].map((each) => each.context().close()));
      await link.stop();
    }
  });
