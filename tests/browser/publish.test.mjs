// A browser publishes to the whole server by its page, and another one watches.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { openBrowser, openPage, screenshot } from './kit/browser.mjs';
import { startServer } from './kit/processes.mjs';

let server, browser;

before(async () => {
  const camera = ['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream', '--allow-loopback-in-peer-connection'];
  [server, browser] = await Promise.all([startServer('hub.grace="2s"'), openBrowser(...camera)]);
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

const says = (page, words) => page.locator('.say', { hasText: words }).waitFor({ timeout: 20_000 });

test('W1, W6: a camera goes on air by the page, plays for a viewer, and goes off air', { timeout: 120_000 }, async () => {
  const page = await openPage(browser);
  await page.goto(server.url('/publish/live/zoe'));
  await says(page, 'Ready');
  await page.selectOption('#height', '360');
  await page.click('.go');
  await says(page, 'You are on air.');
  await page.waitForSelector('.sent dd');

  const viewer = await openPage(browser);
  await viewer.goto(server.url('/watch/live/zoe'));
  await viewer.waitForFunction(() => window.onair?.phase === 'playing', null, { timeout: 40_000 });
  await viewer.waitForFunction(() => window.onair.height >= 180, null, { timeout: 20_000 });
  await screenshot(page, 'publish-on-air');
  await screenshot(viewer, 'publish-watched');
  const { streams } = JSON.parse(await server.text('/api/v1/streams'));
  assert.deepEqual(streams.map(({ path, publisher }) => [path, publisher.proto]), [['live/zoe', 'whip']]);

  await page.click('.go');
  await says(page, 'off air');
  await viewer.waitForFunction(() => window.onair.phase === 'ended', null, { timeout: 30_000 });
  for (const each of [page, viewer]) {
    assert.deepEqual(each.said.filter((line) => line.startsWith('uncaught')), []);
    await each.context().close();
  }
});

test('W31: a name that is held is refused in the words of the server', { timeout: 60_000 }, async () => {
  const [first, second] = [await openPage(browser), await openPage(browser)];
  for (const page of [first, second]) {
    await page.goto(server.url('/publish/live/held'));
    await says(page, 'Ready');
    await page.click('.go');
    if (page === first) await says(page, 'You are on air.');
  }
  await says(second, 'Trying again in');
  await screenshot(second, 'publish-refused');
  await first.click('.go');
  await says(first, 'off air');
  await says(second, 'You are on air.');
  for (const page of [first, second]) await page.context().close();
});
