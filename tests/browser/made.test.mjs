// A ladder that the server makes itself (`[[transcode.ladder]]`) of what most encoders send, H.264 with B-frames and AAC of 44.1 kHz:
// players go up and down in it without a gap, from the publisher's own picture to the smallest rung and back.

import { after, before, test } from 'node:test';

import { openBrowser } from './kit/browser.mjs';
import { servePlayers } from './kit/players.mjs';
import { encode, publishFile, startServer, until } from './kit/processes.mjs';
import { engines, walks } from './kit/walk.mjs';

const STREAM = 'live/made';
// Down, up by one step, down, and up by two.
const WAY = [426, 640, 256, 640, 426];
const LADDER =
  'transcode.ladder=[{ path = "live/*", preset = "low-power", rungs = [{ height = 240, kbps = 400 }, { height = 144, kbps = 150 }] }]';

let server, players, browser, publisher;

before(async () => {
  // Encoded beforehand: an encoder beside the player would take from it what it needs on a small machine.
  const file = await encode(
    'made-60s.flv',
    '-f lavfi -i testsrc2=size=640x360:rate=30 -f lavfi -i sine=frequency=440:sample_rate=44100 -t 60 -c:v libx264 -preset veryfast ' +
      '-bf 2 -g 60 -sc_threshold 0 -pix_fmt yuv420p -b:v 800k -c:a aac -b:a 96k',
  );
  [server, players, browser] = await Promise.all([startServer(LADDER), servePlayers(), openBrowser()]);
  publisher = publishFile(server.rtmp(STREAM), file);
  await server.awaitStream(STREAM, 'v0', 6);
  await until('both rungs', async () => {
    const list = await server.text(`/hls/${STREAM}/index.m3u8`);
    return /v240\.m3u8/.test(list) && /v144\.m3u8/.test(list);
  });
});

after(async () => {
  await browser?.close();
  await publisher?.stop();
  await server?.stop();
  players?.stop();
});

for (const name of engines) {
  test(`P18: ${name} goes up and down in a ladder that is made, without a gap`, { timeout: 360_000 }, () =>
    walks(name, { browser, players, server, stream: STREAM, way: WAY }));
}
