// Chromium as scripts here want it: headless, able to play without a hand on the page.
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // A camera and a microphone that are none, and connections within this machine.
  '--use-fake-ui-for-media-stream',
  '--use-fake-device-for-media-stream',
  '--allow-loopback-in-peer-connection',
  '--disable-features=WebRtcHideLocalIpsWithMdns',
];

/** Starts Chromium. `mayPlay` lifts the rule that sound waits for a hand. */
export function startBrowser({ mayPlay = true } = {}) {
  const path =
    process.env.CHROMIUM ??
    ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
  return chromium.launch({
    executablePath: path,
    args: [...FLAGS, `--autoplay-policy=${mayPlay ? 'no-user-gesture-required' : 'document-user-activation-required'}`],
  });
}
