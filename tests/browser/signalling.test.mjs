// What a client may ask for beyond a POST, with media flowing before and after; and what it hears when it cannot connect.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { openBrowser } from './kit/browser.mjs';
import { publishCard, startServer, until } from './kit/processes.mjs';
import { openPeer, publish, seen, view } from './kit/webrtc.mjs';

let server, browser, publisher;

before(async () => {
  [server, browser] = await Promise.all([startServer('webrtc.connect_timeout=4s'), openBrowser()]);
  publisher = await publishCard(server.rtmp('live/card'), { gop: 60 });
  await server.awaitStream('live/card', 'v0', 1);
});

after(async () => {
  await browser?.close();
  await publisher?.stop();
  await server?.stop();
});

const sessions = async () => JSON.parse(await server.text('/api/v1/webrtc/sessions')).sessions;

/** At least `count` more pictures, however long a busy machine takes for them. */
async function goesOn(page, count = 30) {
  const { framesDecoded } = await seen(page);
  await until('the picture goes on', async () => (await seen(page)).framesDecoded >= framesDecoded + count);
}

test('W16-W19: an ICE restart finds a new way, and the picture goes on', { timeout: 60_000 }, async () => {
  const page = await openPeer(browser, server);
  await view(page, server.url('/whep/live/card'));
  await goesOn(page);
  const restarted = await page.evaluate(() => window.webrtc.restart());
  assert.deepEqual(restarted.statuses, [428, 200, 412, 204]);
  assert.equal(restarted.type, 'application/trickle-ice-sdpfrag');
  assert.ok(restarted.isNew, 'another tag and another user fragment');
  await until('the new way in use', async () => (await page.evaluate(() => window.webrtc.wayInUse())) === restarted.ufrag);
  await goesOn(page, 60);
  assert.equal(await page.evaluate(() => window.webrtc.viewer.connectionState), 'connected');
  await page.context().close();
});

test("E5, E6: the server's own offer is answered, once, and plays", { timeout: 60_000 }, async () => {
  const page = await openPeer(browser, server);
  const { statuses } = await page.evaluate((url) => window.webrtc.answerOffer(url), server.url('/whep/live/card'));
  assert.deepEqual(statuses.slice(0, 3), [406, 400, 204]);
  assert.ok(statuses[3] >= 400 && statuses[3] < 500, `${statuses[3]} for an answer to what is answered`);
  await goesOn(page);
  assert.equal(await page.evaluate(() => window.webrtc.leave(window.webrtc.viewed)), 200, 'E8');
  await page.context().close();
});

test('E13-E16, E20: an EventSource hears how things stand', { timeout: 60_000 }, async () => {
  const page = await openPeer(browser, server);
  const { link } = await view(page, server.url('/whep/live/card'));
  const [, address] = /<([^>]+)>; rel="urn:ietf:params:whep:ext:core:server-sent-events"/.exec(link);
  const heard = await page.evaluate((at) => window.webrtc.listen(at, 3), new URL(address, server.url('/')).href);
  const [first, ...others] = heard;
  assert.deepEqual(first, ['active', {}]);
  const layers = others.find(([name]) => name === 'layers')?.[1];
  assert.ok(layers['1'].layers[0].bitrate > 0, `a layer that is sent has a rate (E17): ${JSON.stringify(heard)}`);
  assert.ok(others.find(([name]) => name === 'viewercount')?.[1].viewercount >= 1);
  await page.context().close();
});

test('E17, E18: a viewer chooses among layers', { timeout: 90_000 }, async () => {
  const sender = await openPeer(browser, server);
  const sendEncodings = [
    { rid: 'l', scaleResolutionDownBy: 2 },
    { rid: 'h', scaleResolutionDownBy: 1 },
  ];
  await publish(sender, server.url('/whip/live/layers'), { codec: 'VP8', width: 480, height: 270, rate: 15, sendEncodings });
  await until('both layers', async () => {
    const { streams } = JSON.parse(await server.text('/api/v1/streams'));
    return streams.find(({ path }) => path === 'live/layers')?.tracks.filter(({ kind }) => kind === 'video').length === 2;
  });
  const page = await openPeer(browser, server);
  const { session } = await view(page, server.url('/whep/live/layers'));
  const choose = async (choice) => {
    const headers = { 'content-type': 'application/json' };
    return (await fetch(`${session}/layers`, { method: 'POST', headers, body: JSON.stringify(choice) })).status;
  };
  const width = (pixels) => until(`${pixels} wide`, async () => (await seen(page)).width === pixels);
  assert.equal(await choose({ mediaId: '1', rid: 'nobody' }), 422);
  for (const [rid, pixels] of [['v0', 240], ['v2', 480], ['v0', 240]]) {
    assert.equal(await choose({ mediaId: '1', rid }), 200, rid);
    await width(pixels);
    await goesOn(page, 10);
  }
  assert.equal(await choose({ encodingId: 'v2' }), 200, 'E20');
  await width(480);
  assert.equal(await choose({}), 200, 'automatic again');
  await goesOn(page, 10);
  await page.context().close();
  await sender.context().close();
});

for (const law of ['PCMU', 'PCMA']) {
  test(`${law} goes from a browser to a browser`, { timeout: 60_000 }, async () => {
    const sender = await openPeer(browser, server);
    const stream = `live/${law.toLowerCase()}`;
    await publish(sender, server.url(`/whip/${stream}`), { codec: 'VP8', audioCodec: law, width: 320, height: 180, rate: 15 });
    await until(`${stream} on air`, async () => {
      const { streams } = JSON.parse(await server.text('/api/v1/streams'));
      return streams.find(({ path, tracks }) => path === stream && tracks.length >= 2);
    });
    const page = await openPeer(browser, server);
    const { answer } = await view(page, server.url(`/whep/${stream}`));
    assert.match(answer, new RegExp(`m=audio 9 UDP/TLS/RTP/SAVPF ${law === 'PCMU' ? 0 : 8}\\r`));
    await until('sound', async () => (await seen(page)).energy > 0);
    await page.context().close();
    await sender.context().close();
  });
}

// Each says the step that failed and, where there is one, the address.
for (const [name, what, options, sentence] of [
  [
    'unreached',
    'whose packets reach nobody',
    { bendAnswer: [['^(a=candidate:\\S+ \\d \\S+ \\d+) \\S+ \\d+', '$1 127.0.0.1 9']] },
    /no ICE check arrived within 4 s: the peer cannot reach any address of the answer \(127\.0\.0\.1:\d+\)/,
  ],
  [
    'unsigned',
    'that signs with another password',
    { bendAnswer: [['^a=ice-pwd:.*$', 'a=ice-pwd:abcdefghijklmnopqrstuvwx']] },
    /ICE checks came from 127\.0\.0\.1:\d+, but none was signed with the password of the answer/,
  ],
  [
    'another',
    'that shows another certificate',
    { bendOffer: [['^(a=fingerprint:sha-256 )..:..', '$100:11']] },
    /ICE works from 127\.0\.0\.1:\d+, but the peer's DTLS certificate is not the one its offer named/,
  ],
]) {
  test(`a publisher ${what} is told so, and its name is free`, { timeout: 60_000 }, async () => {
    const [page, stream] = [await openPeer(browser, server), `live/${name}`];
    await page.evaluate(([url, o]) => window.webrtc.fail(url, o), [server.url(`/whip/${stream}`), options]);
    const failed = await until('an end', async () => (await sessions()).find(({ path, why }) => path === stream && why));
    assert.match(failed.why, sentence);
    assert.ok(server.log().includes(failed.why.replaceAll('"', '\\"')), 'and the log says the same');
    await page.context().close();
    const again = await openPeer(browser, server);
    await publish(again, server.url(`/whip/${stream}`), { codec: 'VP8', width: 320, height: 180 });
    await again.context().close();
  });
}

test('a publisher without a codec in common is told which there are', { timeout: 60_000 }, async () => {
  const page = await openPeer(browser, server);
  const bendOffer = [['(VP8|VP9|H264|H265|AV1)/90000', 'theora/90000']];
  const refused = page.evaluate(([url, o]) => window.webrtc.fail(url, o), [server.url('/whip/live/codec'), { bendOffer }]);
  await assert.rejects(refused, /422 .*theora.*H264, H265, VP8, VP9, AV1/);
  await page.context().close();
});
