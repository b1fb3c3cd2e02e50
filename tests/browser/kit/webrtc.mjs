// Pages that publish and watch by WebRTC.

import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { openPage } from './browser.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));

/** A page that can publish and watch: `window.webrtc` of `webrtc.js`. */
export async function openPeer(browser, server) {
  const page = await openPage(browser);
  await page.addInitScript({ path: path.join(here, 'eye.js') });
  await page.addInitScript({ path: path.join(here, 'webrtc.js') });
  await page.goto(server.url('/'));
  return page;
}

export const publish = (page, url, options) => page.evaluate(([u, o]) => window.webrtc.publish(u, o), [url, options]);
export const view = (page, url, options) => page.evaluate(([u, o]) => window.webrtc.view(u, o), [url, options]);
export const seen = (page) => page.evaluate(() => window.webrtc.seen());
export const sent = (page) => page.evaluate(() => window.webrtc.sent());
/** What is seen and heard of the stream for so many seconds; see `eye.js`. */
export const look = (page, seconds) => page.evaluate((s) => window.webrtc.look(s), seconds);
