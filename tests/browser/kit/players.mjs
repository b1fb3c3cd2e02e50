// Plain pages of the players that others use, from an origin of their own, so that CORS is in play.

import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const html = (name) => ['text/html', new URL(name, import.meta.url)];
const script = (name) => ['text/javascript', new URL(`../node_modules/${name}`, import.meta.url)];
const files = {
  '/file': html('file.html'),
  '/hls': html('plain.html'),
  '/dash': html('dash.html'),
  '/mpegts': html('mpegts.html'),
  '/shaka': html('shaka.html'),
  '/hls.js': script('hls.js/dist/hls.js'),
  '/dash.js': script('dashjs/dist/modern/umd/dash.all.min.js'),
  '/mpegts.js': script('mpegts.js/dist/mpegts.js'),
  '/shaka.js': script('shaka-player/dist/shaka-player.compiled.js'),
};

/** Serves them, and some `more` by address; `url('dash', manifest)` is the page of a player with something to play. */
export async function servePlayers(more = {}) {
  const server = createServer((request, response) => {
    const [type, file] = { ...files, ...more }[new URL(request.url, 'http://x').pathname] ?? [];
    if (!file) return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': type });
    return createReadStream(file instanceof URL ? fileURLToPath(file) : file).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: (player, source) => `http://127.0.0.1:${server.address().port}/${player}?src=${encodeURIComponent(source)}`,
    stop: () => server.close(),
  };
}

/**
 * An ffmpeg of version 9, which speaks Enhanced RTMP: `ONAIR_FFMPEG9`, or the one that `imageio-ffmpeg` has put into the
 * virtual environment `tools/ffmpeg` of the target directory, as in `testkit::ffmpeg::modern`.
 */
export function modernFfmpeg() {
  if (process.env.ONAIR_FFMPEG9) return process.env.ONAIR_FFMPEG9;
  const target = process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL('../../../target', import.meta.url));
  const lib = path.join(target, 'tools/ffmpeg/lib');
  const inside = (dir) => (existsSync(dir) ? readdirSync(dir).map((name) => path.join(dir, name)) : []);
  const binaries = inside(lib).flatMap((python) => inside(path.join(python, 'site-packages/imageio_ffmpeg/binaries')));
  return binaries.find((file) => path.basename(file).startsWith('ffmpeg-'));
}
