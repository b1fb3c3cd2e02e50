// Chromium, and what a test can learn from a <video> in it.

import assert from 'node:assert/strict';
import { createReadStream } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

import { artefacts } from './processes.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));

/** `flags` beside the usual ones. */
export async function openBrowser(...flags) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--autoplay-policy=no-user-gesture-required',
      ...flags,
      '--allow-loopback-in-peer-connection',
    ],
    // Playwright mutes what it starts; these tests listen.
    ignoreDefaultArgs: ['--mute-audio'],
  });
}

/** A page that keeps what it says on its console, with the probe in it. */
export async function openPage(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  page.said = [];
  page.on('console', (message) => page.said.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => page.said.push(`uncaught: ${error.message}`));
  await page.addInitScript({ path: path.join(here, 'probe.js') });
  return page;
}

/** Does something with a page of its own; what fails there says what the page said. */
export async function onPage(browser, act) {
  const page = await openPage(browser);
  try {
    return await act(page);
  } catch (error) {
    throw new Error([error.message, ...page.said].join('\n'), { cause: error });
  } finally {
    await page.context().close();
  }
}

/** Serves the plain hls.js page, from an origin of its own, so that CORS is in play. */
export async function servePlayer() {
  const files = {
    '/': ['text/html', path.join(here, 'plain.html')],
    '/hls.js': ['text/javascript', path.join(here, '../node_modules/hls.js/dist/hls.js')],
  };
  const server = createServer((request, response) => {
    const [type, file] = files[new URL(request.url, 'http://x').pathname] ?? [];
    if (!file) return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': type });
    return createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: (playlist) => `http://127.0.0.1:${server.address().port}/?src=${encodeURIComponent(playlist)}`,
    stop: () => server.close(),
  };
}

/** `ONAIR_MEASURE=1`: the machine has nothing else to do, so that the figures of the house are held to the letter. */
export const measuring = process.env.ONAIR_MEASURE === '1';

/**
 * Tries anew, twice at most: source, server, player and whatever else runs share two cores, and once a player has starved for
 * a moment it may want seconds of sound before it goes on. Who measures has one try. The attempt is told which one it is.
 */
export async function tries(name, attempt) {
  for (let nth = 1; ; nth += 1) {
    try {
      return await attempt(nth);
    } catch (error) {
      if (nth === (measuring ? 1 : 3)) throw error;
      console.log(`${name}: ${error.message}; again`);
    }
  }
}

/**
 * What a person would call a stall. A player may say `waiting` and go on with the next frame, above all beside other
 * work; who measures does not let that pass.
 */
export function stalls({ events, longestGap }) {
  const bad = measuring ? ['waiting', 'error'] : ['error'];
  const found = events.filter(({ type }) => bad.includes(type)).map(({ type }) => type);
  if (longestGap > 500) found.push(`pictures stood still for ${longestGap} ms`);
  return found;
}

/** Holds it of what was seen that the player found no error that ends it, never stalled, and never went back. */
export async function undisturbed(page, seen) {
  const errors = await page.evaluate(() => window.errors);
  assert.deepEqual(errors.filter(({ fatal }) => fatal !== false), []);
  assert.deepEqual(stalls(seen), [], 'no stall');
  assert.equal(seen.back, 0, 'never back');
}

/** Watches the page's video for so many seconds and sums up what was seen. */
export async function watch(page, seconds) {
  await page.evaluate(() => window.probe.start());
  await page.waitForTimeout(seconds * 1000);
  return page.evaluate(() => window.probe.report());
}

export const screenshot = (page, name) => page.screenshot({ path: path.join(artefacts, `${name}.png`) });
