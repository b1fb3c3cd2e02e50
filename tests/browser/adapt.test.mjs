// Three layers from one browser, and a viewer whose link narrows and widens.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { measuring, openBrowser, tries } from './kit/browser.mjs';
import { startLink } from './kit/link.mjs';
import { startServer, until } from './kit/processes.mjs';
import { look, openPeer, publish, view } from './kit/webrtc.mjs';

let server, browser, sender;

const LAYERS = [
  { rid: 'h', maxBitrate: 1_800_000 },
  { rid: 'm', maxBitrate: 500_000, scaleResolutionDownBy: 2 },
  { rid: 'l', maxBitrate: 120_000, scaleResolutionDownBy: 4 },
];
const WIDTHS = [960, 480, 240];

before(async () => {
  [server, browser] = await Promise.all([startServer(), openBrowser()]);
  sender = await openPeer(browser, server);
  await publish(sender, server.url('/whip/live/ladder'), { codec: 'H264', width: 960, height: 540, rate: 25, sendEncodings: LAYERS, card: true });
  await until('three layers', async () => (await tracks()).length === 3, { seconds: 40 });
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

async function tracks() {
  const { streams } = JSON.parse(await server.text('/api/v1/streams'));
  return streams.find(({ path }) => path === 'live/ladder')?.tracks.filter(({ kind }) => kind === 'video') ?? [];
}

const width = (page) => page.evaluate(() => document.querySelector('video').videoWidth);
const shows = (page, wanted, seconds = 30) => until(`${wanted} pixels`, async () => (await width(page)) === wanted, { seconds });

// P8.
test('layers become renditions that a WebRTC viewer can choose among', { timeout: 90_000 }, async () => {
  const page = await openPeer(browser, server);
  const { session } = await view(page, server.url('/whep/live/ladder'));
  const made = await fetch(`${session}/sse`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '["layers"]' });
  const events = await fetch(new URL(made.headers.get('location'), session));
  const reader = events.body.pipeThrough(new TextDecoderStream()).getReader();
  let heard = '';
  const layers = () => {
    const all = [...heard.matchAll(/event: layers\ndata: (.*)\n/g)].at(-1);
    return all ? Object.values(JSON.parse(all[1])).flatMap((media) => media.layers) : [];
  };
  while (layers().length < 3) heard += (await reader.read()).value;
  console.log(JSON.stringify(layers()));
  await reader.cancel();
  await shows(page, WIDTHS[0]);
  await page.context().close();
});

// P10, P11.
test('a layer that is switched off is left within a second, and taken again when it is back', { timeout: 180_000 }, async () => {
  const page = await openPeer(browser, server);
  await view(page, server.url('/whep/live/ladder'));
  await shows(page, WIDTHS[0]);
  await page.waitForTimeout(3000);
  const looking = look(page, 6);
  await page.waitForTimeout(2000);
  const enable = (is) =>
    sender.evaluate(async (active) => {
      const [, video] = window.webrtc.publisher.getSenders();
      const parameters = video.getParameters();
      parameters.encodings[0].active = active;
      await video.setParameters(parameters);
    }, is);
  const off = Date.now();
  await enable(false);
  const figures = await looking;
  console.log('the top layer goes:', JSON.stringify(figures), 'switched after', figures.widths.filter(({ at }) => at > off).map(({ at, width: to }) => [at - off, to]));
  const moved = figures.widths.find(({ at, width: to }) => at > off && to < WIDTHS[0]);
  assert.ok(moved && moved.at - off < (measuring ? 1000 : 2000), `${moved?.at - off} ms until another layer`);
  assert.ok(figures.longestGap < (measuring ? 1000 : 2000), `one picture stood for ${figures.longestGap} ms`);
  assert.ok(figures.unread <= 1, `${figures.unread} pictures without a clock: black`);
  await enable(true);
  await shows(page, WIDTHS[0], 40);
  await page.context().close();
});

// P9; issue: the right rung within 3 s, the top within 10 s of the limit going.
test('the layer follows the width of the link', { timeout: 240_000 }, () => tries('width of the link', follows));

async function follows() {
  const link = await startLink(server, { seed: 9 });
  const page = await openPeer(browser, server);
  try {
    await link.set('delay_ms=20');
    await view(page, server.url('/whep/live/ladder'), { via: link.address });
    await shows(page, WIDTHS[0]);
    await page.waitForTimeout(5000);
    const seconds = measuring ? 40 : 12;
    let looking = look(page, seconds);
    await page.waitForTimeout(1000);
    const narrowed = Date.now();
    await link.set('width_kbps=1000 queue_ms=300');
    let figures = await looking;
    let moves = figures.widths.filter(({ at }) => at > narrowed).map(({ at, width: to }) => [at - narrowed, to]);
    console.log('narrow:', JSON.stringify(moves), JSON.stringify(figures), await link.set(''));
    assert.ok(moves.length && moves[0][0] < (measuring ? 3000 : 6000), 'down in time');
    assert.equal(figures.widths.at(-1).width, WIDTHS[1], 'the one that fits');
    assert.ok(moves.length <= 3, `${moves.length} switches`);
    assert.ok(figures.longestGap < (measuring ? 500 : 1500), `one picture stood for ${figures.longestGap} ms`);
    looking = look(page, measuring ? 20 : 15);
    await page.waitForTimeout(500);
    const widened = Date.now();
    await link.set('width_kbps=0');
    figures = await looking;
    moves = figures.widths.filter(({ at }) => at > widened).map(({ at, width: to }) => [at - widened, to]);
    console.log('wide:', JSON.stringify(moves), JSON.stringify(figures));
    const up = moves.find(([, to]) => to === WIDTHS[0]);
    assert.ok(up && up[0] < (measuring ? 10_000 : 14_000), 'up in time');
    assert.ok(figures.longestGap < (measuring ? 500 : 1500), `one picture stood for ${figures.longestGap} ms`);
  } finally {
    await page.context().close();
    await link.stop();
  }
}

test('losses without a limit do not cost the top layer', { timeout: 120_000 }, async () => {
  const link = await startLink(server, { seed: 11 });
  const page = await openPeer(browser, server);
  try {
    await link.set('delay_ms=10 loss=5');
    await view(page, server.url('/whep/live/ladder'), { via: link.address });
    await shows(page, WIDTHS[0]);
    const figures = await look(page, measuring ? 30 : 10);
    console.log('losses:', JSON.stringify(figures));
    assert.deepEqual(figures.widths.map(({ width: to }) => to), [WIDTHS[0]]);
  } finally {
    await page.context().close();
    await link.stop();
  }
});

// P8: aligned, in HLS and in DASH. Last, as segments take their time.
test('layers are a ladder in HLS and DASH', { timeout: 60_000 }, async () => {
  await server.awaitStream('live/ladder', 'v4', 2);
  const hls = await server.text('/hls/live/ladder/index.m3u8');
  const sizes = [...new Set([...hls.matchAll(/RESOLUTION=(\d+)x/g)].map(([, it]) => Number(it)))];
  const mpd = await server.text('/dash/live/ladder/manifest.mpd');
  const dash = [...new Set([...mpd.matchAll(/<Representation[^>]*\swidth="(\d+)"/g)].map(([, it]) => Number(it)))];
  console.log(sizes, dash);
  assert.deepEqual(sizes.sort((a, b) => b - a), WIDTHS);
  assert.deepEqual(dash.sort((a, b) => b - a), WIDTHS);
});
