// The pages as people meet them: off air, live by itself, interrupted, ended, locked; keys; what the home page lists.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { openBrowser, openPage, screenshot } from './kit/browser.mjs';
import { publishCard, startServer } from './kit/processes.mjs';

const KEY = 'open-sesame';
let server, browser;

before(async () => {
  const locked = `access.watch=[{path="live/locked",key="${KEY}"}]`;
  [server, browser] = await Promise.all([startServer('hub.grace="3s"', locked), openBrowser()]);
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

const card = { width: 640, height: 360, kbps: 800, gop: 30 };
const publish = (stream) => publishCard(server.rtmp(stream), card);
const shows = (page, phase, timeout = 20_000) => page.locator(`[data-veil=${phase}]`).waitFor({ state: 'attached', timeout });
const video = (page, get) => page.evaluate(`document.querySelector('video').${get}`);

/** The page says nothing on its console that a developer would have to look into. */
function quiet(page) {
  assert.deepEqual(page.said.filter((line) => line.startsWith('uncaught')), []);
}

test('a page opened too early goes live by itself, waits for a lost signal, and ends', { timeout: 120_000 }, async () => {
  const page = await openPage(browser);
  await page.goto(server.url('/watch/live/early'));
  await shows(page, 'offline');
  await screenshot(page, 'page-offline');

  let publisher = await publish('live/early');
  await shows(page, 'playing');
  await page.waitForFunction(() => document.querySelector('video').currentTime > 1);
  await screenshot(page, 'page-playing');

  await publisher.kill();
  await shows(page, 'reconnecting');
  await screenshot(page, 'page-reconnecting');
  publisher = await publish('live/early');
  await shows(page, 'playing');

  await publisher.stop();
  await shows(page, 'ended', 30_000);
  await screenshot(page, 'page-ended');

  publisher = await publish('live/early');
  await shows(page, 'playing', 30_000);
  await publisher.stop();
  quiet(page);
  await page.context().close();
});

test('a locked stream asks for its key, refuses a wrong one and opens to the right one', { timeout: 60_000 }, async () => {
  const publisher = await publish('live/locked');
  const page = await openPage(browser);
  await page.goto(server.url('/watch/live/locked'));
  await shows(page, 'locked');
  await screenshot(page, 'page-locked');
  const give = async (key) => {
    await page.locator('input[name=key]').fill(key);
    await page.keyboard.press('Enter');
  };
  await give('open-barley');
  await page.getByText('That key does not open it').waitFor();
  await screenshot(page, 'page-wrong-key');
  await give(KEY);
  await shows(page, 'playing');
  assert.ok(!(await page.content()).includes(KEY), 'the key is nowhere on the page');

  // The key may come with the address, too.
  const other = await openPage(browser);
  await other.goto(server.url(`/watch/live/locked?key=${KEY}`));
  await shows(other, 'playing');
  quiet(page);
  await page.context().close();
  await other.context().close();
  await publisher.stop();
});

test('keys of the keyboard pause, mute, rewind and go live', { timeout: 60_000 }, async () => {
  const publisher = await publish('live/keyboard');
  await server.awaitStream('live/keyboard', 'v0', 6);
  const page = await openPage(browser);
  // Only what is stored can be rewound.
  await page.goto(server.url('/watch/live/keyboard?engine=hls'));
  await shows(page, 'playing');
  await page.waitForFunction(() => document.querySelector('video').currentTime > 0);

  await page.keyboard.press('k');
  await page.waitForFunction(() => document.querySelector('video').paused);
  await screenshot(page, 'page-paused');
  await page.keyboard.press('k');
  await page.waitForFunction(() => !document.querySelector('video').paused);

  const muted = await video(page, 'muted');
  await page.keyboard.press('m');
  await page.waitForFunction((muted) => document.querySelector('video').muted !== muted, muted);

  await page.waitForTimeout(3000);
  const before = await video(page, 'currentTime');
  await page.keyboard.press('ArrowLeft');
  await page.waitForFunction((before) => document.querySelector('video').currentTime < before - 1, before);
  await page.keyboard.press('l');
  await page.waitForFunction((before) => document.querySelector('video').currentTime > before, before);

  await page.keyboard.press('Tab');
  assert.notEqual(await page.evaluate(() => document.activeElement.tagName), 'BODY', 'something takes the focus');
  quiet(page);
  await page.context().close();
  await publisher.stop();
});

test('the home page lists what is on air, and the embedded player plays', { timeout: 60_000 }, async () => {
  const publisher = await publish('live/home');
  await server.awaitStream('live/home');
  const page = await openPage(browser);
  await page.goto(server.url('/'));
  await page.locator('a[href*="watch/live/home"]').first().waitFor();
  await screenshot(page, 'home-desktop');

  const phone = await openPage(browser, { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, colorScheme: 'dark' });
  await phone.goto(server.url('/'));
  await phone.locator('a[href*="watch/live/home"]').first().waitFor();
  await screenshot(phone, 'home-phone-dark');
  const wide = await phone.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(wide <= 0, 'nothing to scroll sideways on a phone');
  await phone.goto(server.url('/watch/live/home'));
  await shows(phone, 'playing');
  await screenshot(phone, 'watch-phone-dark');

  await page.goto(server.url('/embed/live/home'));
  await shows(page, 'playing');
  await page.waitForFunction(() => document.querySelector('video').currentTime > 0);
  await screenshot(page, 'embed');
  quiet(page);
  await page.context().close();
  await phone.context().close();
  await publisher.stop();
});
