// What lies in dist/, as the server would send it.
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../dist/', import.meta.url));
const PAGES = { '': 'home.html', watch: 'watch.html', embed: 'embed.html', publish: 'publish.html' };
export const TYPES = {
  '.css': 'text/css',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.m3u8': 'application/vnd.apple.mpegurl',
  '.mpd': 'application/dash+xml',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain',
  '.woff2': 'font/woff2',
};
/** As in crates/pages/src/policy.rs. */
export const POLICY =
  "default-src 'self'; img-src 'self' data:; media-src 'self' blob:; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'none'";

/** Sends the page or the file at this address. */
export async function sendPage(url, response) {
  const path = normalize(new URL(url, 'http://here').pathname).slice(1);
  const name = PAGES[path.split('/')[0]] ?? path;
  const found = await readFile(join(dist, name)).catch(() => undefined);
  const body = found ?? (await readFile(join(dist, 'lost.html')).catch(() => 'the pages are not built'));
  const type = found ? (TYPES[extname(name)] ?? 'application/octet-stream') : TYPES['.html'];
  response.writeHead(found ? 200 : 404, { 'content-type': type, 'content-security-policy': POLICY }).end(body);
}
