// Players that are told which rung to show, and what is seen of the change.

import assert from 'node:assert/strict';

import { measuring, onPage, tries, undisturbed } from './browser.mjs';

/** How each player is asked for the rung of that width. */
const ENGINES = {
  'hls.js': {
    address: (players, server, stream) => players.url('hls', server.url(`/hls/${stream}/index.m3u8`)),
    // It loads the new rung from the beginning of the segment that it is in. While that one is being shown already, Chromium has no
    // picture of the new rung before its next keyframe: one asks in time, before what is loaded is shown.
    choose: async (width) => {
      const video = document.querySelector('video');
      const isAhead = () => {
        const { partList, fragments } = window.hls.latestLevelDetails;
        const end = video.buffered.length && video.buffered.end(video.buffered.length - 1);
        const all = [...fragments, ...(partList ?? []).map(({ fragment }) => fragment)];
        const last = all.findLast(({ start }) => start <= end);
        return last && video.currentTime < last.start - 0.2;
      };
      while (!isAhead()) await new Promise((resolve) => setTimeout(resolve, 20));
      window.hls.loadLevel = window.hls.levels.findIndex((level) => level.width === width);
    },
  },
  'dash.js': {
    address: (players, server, stream) => players.url('dash', server.url(`/dash/${stream}/manifest.mpd`)),
    choose: (width) => {
      window.player.updateSettings({ streaming: { abr: { autoSwitchBitrate: { video: false } } } });
      const wanted = window.player.getRepresentationsByType('video').find((each) => each.width === width);
      window.player.setRepresentationForTypeById('video', wanted.id);
    },
  },
};

export const engines = Object.keys(ENGINES);

/**
 * Goes from the rung of 640 pixels along `way`, once the player has settled, and holds it that each step was seen, no other, and
 * nothing was missing between.
 */
export async function walks(name, { browser, players, server, stream, way }) {
  const { address, choose } = ENGINES[name];
  await tries(name, () =>
    onPage(browser, async (page) => {
      const becomes = (width) => page.waitForFunction((width) => document.querySelector('video').videoWidth === width, width);
      await page.goto(address(players, server, stream));
      await page.waitForFunction(() => document.querySelector('video')?.currentTime > 2);
      await page.evaluate(choose, 640);
      await becomes(640);
      await page.waitForTimeout(5000);
      await page.evaluate(() => window.probe.start());
      for (const width of way) {
        await page.evaluate(choose, width);
        await becomes(width);
        await page.waitForTimeout(1500);
      }
      const seen = await page.evaluate(() => window.probe.report());
      const frames = await page.evaluate(() => window.probe.frames());
      const widths = frames.map(({ width }) => width).filter((width, i, all) => width !== all[i - 1]);
      const skipped = Math.max(...frames.slice(1).map(({ mediaTime }, i) => mediaTime - frames[i].mediaTime));
      console.log(`${name}:`, JSON.stringify({ ...seen, delay: undefined, events: seen.events.map(({ type }) => type), widths, skipped }));
      await undisturbed(page, seen);
      assert.deepEqual(widths.filter((_, i) => i > 0 || widths[0] !== 640), way, 'each step was seen, and no other');
      assert.ok(skipped < (measuring ? 0.2 : 0.5), `${skipped} s of the picture are missing`);
      assert.ok(!seen.events.some(({ type }) => type === 'seeking'), 'nothing was jumped over');
    }),
  );
}
