// Photographs every page in every state: `npm run shots [folder] [name…]`, against the stand-in server.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { startBrowser } from './browser.mjs';
import { startMock } from './mock.mjs';

const [folder = join(tmpdir(), 'onair-shots'), ...only] = process.argv.slice(2);
await mkdir(folder, { recursive: true });
const SIZES = { desktop: { width: 1360, height: 860 }, phone: { width: 390, height: 844 } };

const browser = await startBrowser();
const full = await startMock({ ladder: true, browser });
const empty = await startMock({ isEmpty: true, needsKey: true, browser });
await new Promise((resolve) => setTimeout(resolve, 8000));

const playing = (page) => page.waitForFunction(() => window.onair?.phase === 'playing', null, { timeout: 20_000 });
const phase = (name) => (page) =>
  page.waitForFunction((name) => window.onair?.phase === name, name, { timeout: 20_000 });
const says = (page, words) =>
  page.waitForFunction((words) => document.querySelector('.say').textContent.includes(words), words, {
    timeout: 20_000,
  });
const rest = (page) => page.waitForTimeout(900);

const SHOTS = {
  home: [full, '/', async (page) => page.waitForSelector('.card')],
  'home-gst': [full, '/', async (page) => page.click('#tab-gstreamer')],
  'home-empty': [empty, '/', async (page) => page.waitForSelector('.key-note:not([hidden])')],
  watch: [
    full,
    '/watch/live/keynote',
    async (page) => {
      await playing(page);
      await page.waitForTimeout(2500);
      await page.hover('.player');
    },
  ],
  'watch-menu': [
    full,
    '/watch/live/keynote',
    async (page) => {
      await playing(page);
      await page.hover('.player');
      await page.click('.quality');
      await page.keyboard.press('i');
      await page.waitForTimeout(3000);
    },
  ],
  'watch-webrtc': [
    full,
    '/watch/live/now',
    async (page) => {
      await playing(page);
      await page.keyboard.press('i');
      await page.waitForTimeout(4000);
      await page.hover('.player');
      await page.click('.quality');
    },
  ],
  'watch-way': [
    full,
    '/watch/live/ladder',
    async (page) => {
      await playing(page);
      await page.waitForTimeout(2000);
      await page.hover('.player');
      await page.click('.way');
    },
  ],
  'watch-languages': [
    full,
    '/watch/live/ladder?engine=dash',
    async (page) => {
      await playing(page);
      await page.hover('.player');
      await page.click('.voice');
    },
  ],
  'watch-paused': [
    full,
    '/watch/live/keynote',
    async (page) => {
      await playing(page);
      await page.keyboard.press('k');
      await phase('paused')(page);
    },
  ],
  'watch-offline': [full, '/watch/live/night', phase('offline')],
  'watch-locked': [full, '/watch/live/closed', phase('locked')],
  'watch-unplayable': [full, '/watch/live/heavy', phase('unplayable')],
  'watch-ended': [full, '/watch/live/over', phase('ended')],
  'watch-away': [
    full,
    '/watch/live/garden',
    async (page) => {
      await page.route('**/*.m4s', (route) => route.abort());
      await phase('reconnecting')(page);
    },
  ],
  embed: [
    full,
    '/embed/live/keynote',
    async (page) => {
      await playing(page);
      await page.hover('.player');
    },
  ],
  'embed-offline': [full, '/embed/live/night', phase('offline')],
  'publish-ready': [full, '/publish/live/zoe', async (page) => says(page, 'Ready')],
  'publish-live': [
    full,
    '/publish/live/zoe',
    async (page) => {
      await says(page, 'Ready');
      await page.click('.go');
      await says(page, 'on air');
      await page.waitForTimeout(4000);
    },
  ],
  'publish-refused': [
    empty,
    '/publish/live/zoe',
    async (page) => {
      await says(page, 'Ready');
      await page.click('.go');
      await says(page, 'key');
    },
  ],
  'publish-insecure': [
    full,
    '/publish/live/zoe',
    async (page) => {
      await page.addInitScript(() => Object.defineProperty(window, 'isSecureContext', { value: false }));
      await page.reload();
      await says(page, 'HTTPS');
    },
  ],
  lost: [full, '/nowhere', async () => {}],
};

for (const [name, [mock, path, ready]] of Object.entries(SHOTS)) {
  if (only.length > 0 && !only.includes(name)) continue;
  for (const [size, viewport] of Object.entries(SIZES)) {
    for (const colorScheme of ['dark', 'light']) {
      const context = await browser.newContext({
        viewport,
        colorScheme,
        deviceScaleFactor: 1,
        hasTouch: size === 'phone',
        isMobile: size === 'phone',
      });
      const page = await context.newPage();
      page.on(
        'console',
        (message) => ['error', 'warning'].includes(message.type()) && console.log(`${name} ${size}: ${message.text()}`),
      );
      page.on('pageerror', (error) => console.log(`${name} ${size}: ${error.stack}`));
      await page.goto(mock.url + path);
      await ready(page).catch((error) => console.log(`${name} ${size} ${colorScheme}: ${error.message}`));
      await rest(page);
      await page.screenshot({
        path: join(folder, `${name}-${size}-${colorScheme}.png`),
        fullPage: !path.startsWith('/embed'),
      });
      await context.close();
    }
  }
}
await full.stop();
await empty.stop();
await browser.close();
console.log(folder);
