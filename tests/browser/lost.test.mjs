// Viewers that vanish without a word, and viewers by TCP that stop reading: the rest see nothing of it, and in the end they are gone.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { measuring, openBrowser } from './kit/browser.mjs';
import { startLink } from './kit/link.mjs';
import { startServer, until } from './kit/processes.mjs';
import { look, openPeer, publish, view } from './kit/webrtc.mjs';

const EACH = measuring ? 30 : 3;

let server, browser, vanishing, stopping;

before(async () => {
  [server, browser] = await Promise.all([startServer(), openBrowser()]);
  [vanishing, stopping] = await Promise.all([startLink(server), startLink(server)]);
});

after(async () => {
  await browser?.close();
  await Promise.all([vanishing?.stop(), stopping?.stop()]);
  await server?.stop();
});

async function viewers() {
  const { sessions } = JSON.parse(await server.text('/api/v1/webrtc/sessions'));
  return sessions.filter(({ role, state }) => role === 'whep' && state === 'connected');
}

test('viewers that vanish and viewers that stop reading cost the others nothing', { timeout: 240_000 }, async () => {
  const sender = await openPeer(browser, server);
  await publish(sender, server.url('/whip/live/lost'), { codec: 'VP8', width: 320, height: 180, rate: measuring ? 15 : 30, card: true });
  const witness = await openPeer(browser, server);
  await until('on air', async () => JSON.parse(await server.text('/api/v1/streams')).streams.some(({ tracks }) => tracks.length > 1));
  await view(witness, server.url('/whep/live/lost'));
  const crowd = await openPeer(browser, server);
  const gather = (options) => crowd.evaluate(([u, n, o]) => window.webrtc.crowd(u, n, o), [server.url('/whep/live/lost'), EACH, options]);
  await gather({ via: vanishing.address, without: 'tcp' });
  await gather({ via: stopping.address, without: 'udp' });
  // A browser counts itself as connected a moment before the server has heard the last of it.
  await until('all of them', async () => (await viewers()).length === 2 * EACH + 1, { seconds: 20 });
  assert.equal((await viewers()).filter(({ transport }) => transport === 'tcp').length, EACH);
  await witness.waitForTimeout(3000);

  const before = await look(witness, 8);
  await Promise.all([vanishing.set('hold=1'), stopping.set('hold=1')]);
  const began = Date.now();
  // Nobody decodes for those that are gone, so that this page is all that is measured.
  const during = await look(witness, 15);
  console.log('before:', JSON.stringify(before.delay), before.longestGap, 'ms; without them:', JSON.stringify(during.delay), during.longestGap, 'ms');
  assert.ok(during.longestGap < (measuring ? 300 : 1000), `one picture stood for ${during.longestGap} ms`);
  assert.ok(during.delay.p95 < before.delay.p95 + (measuring ? 50 : 300), `${during.delay.p95} ms behind, before ${before.delay.p95} ms`);
  const left = async () => (await viewers()).length === 1;
  await until('only the witness', left, { seconds: 60, every: 500 });
  console.log('gone after', Math.round((Date.now() - began) / 1000), 's');
  const { sessions } = JSON.parse(await server.text('/api/v1/webrtc/sessions'));
  console.log([...new Set(sessions.map(({ why, transport }) => `${transport}: ${why}`))]);
});
