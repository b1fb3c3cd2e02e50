// Pictures in temporal and spatial layers, as browsers make them when asked to, and viewers that are sent some of them.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

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

/** How many of the pictures that are sent from now on are shown, where each is sent in so many sizes; none may be missed meanwhile, nor fail to decode. */
async function share(page, sender, seconds, sizes = 1) {
  const look = async () => [await seen(page), (await sent(sender))[0].framesSent];
  const [before, sentBefore] = await look();
  await sleep(seconds * 1000);
  const [now, sentNow] = await look();
  assert.equal(now.packetsLost, before.packetsLost, 'nothing is missed');
  assert.equal(now.pliCount, before.pliCount, 'nothing cannot be decoded');
  return ((now.framesDecoded - before.framesDecoded) / (sentNow - sentBefore)) * sizes;
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

/** Chooses all pictures just behind a keyframe: whether they are there before the next one. */
async function returnsAtOnce(session, page, sender) {
  const keyframes = async () => (await sent(sender))[0].keyFramesEncoded;
  const before = await keyframes();
  await until('a keyframe', async () => (await keyframes()) > before, { every: 20 });
  const group = await keyframes();
  assert.equal(await choose(session, { rid: 'v0' }), 200);
  await sleep(300);
  return (await share(page, sender, 0.8, 2)) > 0.8 && (await keyframes()) === group;
}

/** How many pictures ffprobe decodes of a playlist, by width. */
async function decoded(url) {
  const show = ['-show_entries', 'frame=width', '-of', 'csv=p=0', '-select_streams', 'v'];
  const { stdout } = await promisify(execFile)('ffprobe', ['-v', 'error', '-read_intervals', '%+#20', ...show, url]);
  const widths = stdout.split('\n').map((line) => parseInt(line, 10)).filter(Boolean);
  return Object.fromEntries([...new Set(widths)].map((width) => [width, widths.filter((each) => each === width).length]));
}

// P8, P11, E18: one source with pictures in two sizes is a ladder like that of simulcast. Chromium makes no smaller layers of AV1.
const layered = [['VP9', 'L2T1_KEY', [640, 360], [320, 180]]];
const modes = measuring ? ['L2T2_KEY', 'L2T1', 'L2T3', 'L2T2_KEY_SHIFT', 'S2T1'] : ['L2T2_KEY', 'L2T1'];
for (const mode of modes) layered.push(['AV1', mode, [480, 270], [240, 136]]);
for (const [codec, scalabilityMode, large, small] of layered)
  test(`the sizes of ${codec} in ${scalabilityMode} are chosen among, and never mixed`, { timeout: 60_000 }, async () => {
    const [sender, page] = [await openPeer(browser, server), await openPeer(browser, server)];
    const stream = `live/${scalabilityMode}`;
    try {
      const sendEncodings = [{ scalabilityMode, maxBitrate: codec === 'AV1' ? 500_000 : 1_200_000 }];
      const options = { codec, width: large[0], height: large[1], rate: 15, card: true, sendEncodings };
      await within('publishing', publish(sender, server.url(`/whip/${stream}`), options));
      const { session } = await within('watching', view(page, server.url(`/whep/${stream}`)));
      const shows = (wanted) => until(`${wanted} pixels`, async () => (await seen(page)).width === wanted);
      await shows(large[0]);
      assert.equal(await choose(session, { rid: 'v2' }), 200);
      await shows(small[0]);
      assert.equal(await choose(session, { rid: 'v0' }), 200);
      await shows(large[0]);
      const { widths, unread, longestGap } = await look(page, 2);
      console.log('sizes:', codec, scalabilityMode, JSON.stringify({ widths, unread, longestGap }));
      assert.deepEqual(widths.map(({ width }) => width), [large[0]]);
      assert.ok(unread <= 1, `${unread} pictures without a clock`);
      const hls = await server.text(`/hls/${stream}/index.m3u8`);
      for (const size of [large, small]) assert.ok(hls.includes(`RESOLUTION=${size.join('x')},`), `${size} in ${hls}`);
      if (codec !== 'AV1') return;
      const [v0, v2] = await Promise.all(['v0', 'v2'].map((name) => decoded(server.url(`/hls/${stream}/${name}.m3u8`))));
      const { pliCount } = await seen(page);
      console.log('decoded:', JSON.stringify({ v0, v2, pliCount }));
      assert.deepEqual([Object.keys(v0), Object.keys(v2)], [[`${large[0]}`], [`${small[0]}`]]);
      if (scalabilityMode !== 'L2T2_KEY') return;
      assert.equal(await choose(session, { rid: 'v0', temporalLayerId: 0 }), 200);
      await sleep(300);
      const half = await share(page, sender, 2, 2);
      assert.ok(half > 0.3 && half < 0.7, `${half} of all pictures are of the lower temporal layer`);
      await until('all pictures before the next keyframe', () => returnsAtOnce(session, page, sender).catch(() => false));
    } finally {
      await Promise.all([sender, page].map((each) => each.context().close()));
    }
  });
