/** Addresses of this server, so that a reverse proxy may mount it below a prefix by changing `<base>`. */

/** Where the server's own addresses begin, with a slash at its end. */
export const root = (): URL => new URL('.', document.baseURI);

/** The stream that a page at `href` shows: what follows `watch/` or `embed/`; empty if nothing does. */
export function streamOf(href: URL, base: URL): string {
  const below = href.pathname.startsWith(base.pathname) ? href.pathname.slice(base.pathname.length) : href.pathname;
  const [, ...segments] = below.split('/').filter((segment) => segment !== '');
  return segments.map(decode).join('/');
}

/** An address on this server, with the viewer's key where there is one. */
export function address(path: string, base: URL, key?: string): URL {
  const url = new URL(path, base);
  if (key) url.searchParams.set('key', key);
  return url;
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
