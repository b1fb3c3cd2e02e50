// The publisher dies and comes back: players go on by themselves (H8, H15, A8, F2).

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { onPage, openBrowser, screenshot, servePlayer, tries } from './kit/browser.mjs';
import { publishCard, sleep, startServer, until } from './kit/processes.mjs';

const SEGMENT_MS = 2000;
let server, player, browser;

before(async () => {
  [server, player, browser] = await Promise.all([startServer(), servePlayer(), openBrowser()]);
});

after(async () => {
  await browser?.close();
  await server?.stop();
  player?.stop();
});

/** Reads the playlist ten times a second and keeps what must only ever grow. */
function followList(stream) {
  const seen = { sequences: [], discontinuities: 0, failures: [] };
  let done = false;
  const loop = (async () => {
    while (!done) {
      const reply = await fetch(server.url(`/hls/${stream}/v0.m3u8`));
      if (!reply.ok) seen.failures.push(reply.status);
      const text = await reply.text();
      seen.sequences.push(Number(/MEDIA-SEQUENCE:(\d+)/.exec(text)?.[1]));
      const number = Number(/DISCONTINUITY-SEQUENCE:(\d+)/.exec(text)?.[1]);
      seen.first ??= number;
      const tags = text.split('#EXT-X-DISCONTINUITY\n').length - 1;
      seen.discontinuities = Math.max(seen.discontinuities, number - seen.first + tags);
      await sleep(100);
    }
  })();
  return async () => {
    done = true;
    await loop;
    return seen;
  };
}

for (const [name, address] of [
  ['our own page', (stream) => server.url(`/watch/${stream}`)],
  ['a plain hls.js page', (stream) => player.url(server.url(`/hls/${stream}/index.m3u8`))],
]) {
  test(`${name} goes on when a killed publisher is back`, { timeout: 270_000 }, () =>
    tries(name, (nth) => onPage(browser, (page) => goesOn(page, name, `live/${name.split(' ')[1]}-${nth}`, address))),
  );
}

async function goesOn(page, name, stream, address) {
  const first = await publishCard(server.rtmp(stream));
  await server.awaitStream(stream, 'v0', 3);
  await page.goto(address(stream));
  await page.waitForFunction(() => document.querySelector('video')?.currentTime > 0);
  await page.evaluate(() => window.probe.start());
  await sleep(4000);
  const finish = followList(stream);

  await first.kill();
  await sleep(5000);
  await screenshot(page, `return-${stream.split('/')[1]}-away`);
  const second = await publishCard(server.rtmp(stream));
  const startedAt = Date.now();
  const isThere = (from) => {
    const stamped = window.probe.frames().filter(({ delay }) => delay !== null);
    const fresh = stamped.filter(({ shown, delay }) => shown - delay > from);
    return fresh.length > 60 && fresh[0];
  };
  let fresh, list;
  try {
    fresh = await until('the new picture', () => page.evaluate(isThere, startedAt - 500));
  } finally {
    [list] = await Promise.all([finish(), second.stop()]);
  }

  // The first frame that the new publisher made is its first keyframe; what is shown first may be a later one.
  const keyframeAt = Math.min(startedAt, fresh.shown - fresh.delay);
  const waited = Math.round(fresh.shown - keyframeAt);
  console.log(`${name}: new picture ${waited} ms after the new keyframe was made, delay ${fresh.delay} ms`);
  assert.ok(waited <= SEGMENT_MS, `the new picture came after ${waited} ms`);
  const ordered = list.sequences.every((sequence, i) => i === 0 || sequence >= list.sequences[i - 1]);
  assert.ok(ordered, `media sequence went back: ${list.sequences}`);
  assert.equal(list.discontinuities, 1, 'exactly one discontinuity');
  assert.deepEqual(list.failures, [], 'the playlist was there all the time');
}
