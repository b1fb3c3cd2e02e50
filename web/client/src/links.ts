/** `Link` header fields (RFC 8288), as WHIP and WHEP use them. */

export interface Link {
  /** Absolute. */
  url: string;
  rel: string;
  params: Record<string, string>;
}

/** Links beyond so many are not read. */
const MOST = 64;

/** Every link of a header, whose fields a browser has joined by commas. What is no link is left out. */
export function parseLinks(header: string | null, base: string | URL): Link[] {
  const links: Link[] = [];
  const pattern = /<([^>]*)>((?:\s*;\s*[\w!#$&+\-.^`|~*]+(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s",;]*))?)*)/g;
  for (const [, target = '', rest = ''] of (header ?? '').matchAll(pattern)) {
    const params: Record<string, string> = {};
    for (const [, name = '', quoted, token] of rest.matchAll(
      /;\s*([\w!#$&+\-.^`|~*]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",;]*)))?/g,
    ))
      params[name.toLowerCase()] ??= quoted?.replace(/\\(.)/g, '$1') ?? token ?? '';
    const url = resolved(target, base);
    if (url !== undefined) links.push({ url, rel: params['rel'] ?? '', params });
    if (links.length === MOST) break;
  }
  return links;
}

/** The servers named by `rel="ice-server"` links (RFC 9725 §4.6). */
export function iceServersOf(links: Link[]): RTCIceServer[] {
  return links
    .filter(({ rel, url }) => rel === 'ice-server' && /^(stuns?|turns?):/i.test(url))
    .map(({ url, params: { username, credential } }) => ({
      urls: url,
      ...(username !== undefined && credential !== undefined && { username, credential }),
    }));
}

function resolved(target: string, base: string | URL): string | undefined {
  try {
    return new URL(target, base).href;
  } catch {
    return undefined;
  }
}
