/** The HTTP of WHIP and WHEP. */
import { parseLinks, type Link } from './links.ts';
import { Trouble, troubleOf, type TroubleFacts } from './trouble.ts';

/** A bearer token, or what to ask for one before every request. */
export type Token = string | (() => string | undefined | Promise<string | undefined>);

/** What a POST has brought about. */
export interface Opened {
  /** What the body is: an answer to our offer, or a counter-offer (WHEP, status 406). */
  kind: 'answer' | 'offer';
  sdp: string;
  resource: URL;
  etag: string | undefined;
  links: Link[];
}

export interface Request {
  method: 'POST' | 'PATCH' | 'DELETE' | 'GET';
  type?: string;
  body?: string;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** Lets it outlive the page. */
  keepalive?: boolean;
}

const PATIENCE_MS = 10_000;
export const SDP = 'application/sdp';
export const FRAGMENT = 'application/trickle-ice-sdpfrag';

export class Signalling {
  /** The latest token, for the request of a page that is being left, which cannot wait. */
  private lastToken: string | undefined;

  constructor(
    private readonly token: Token | undefined,
    private readonly fetcher: typeof fetch = (...all) => fetch(...all),
  ) {}

  /** Offers. Redirects by 307 and 308 are followed, with the token where they stay on the host that it was given for. */
  async open(url: URL, sdp: string, signal: AbortSignal): Promise<Opened> {
    const request: Request = { method: 'POST', type: SDP, body: sdp, signal, headers: { accept: SDP } };
    let response = await this.send(url, request);
    // A browser does not carry a token to another origin: that is for us to decide.
    const landed = response.redirected ? new URL(response.url) : url;
    const isOurs = landed.hostname === url.hostname && (landed.protocol === 'https:' || url.protocol === 'http:');
    if (response.status === 401 && landed.origin !== url.origin && isOurs) response = await this.send(landed, request);
    const isOffer = response.status === 406 && isType(response, SDP);
    if (!isOffer && response.status !== 201 && response.status !== 200) throw await troubleOf(response);
    const location = response.headers.get('location');
    if (location === null) throw new Trouble('The server did not say where the session is.', FINAL);
    const base = response.url === '' ? landed : response.url;
    return {
      kind: isOffer ? 'offer' : 'answer',
      sdp: await response.text(),
      resource: new URL(location, base),
      etag: response.headers.get('etag') ?? undefined,
      links: parseLinks(response.headers.get('link'), base),
    };
  }

  /** Sends and brings the answer, whatever it says; throws only where there is none. */
  async send(url: URL | string, { method, type, body, headers, signal, keepalive }: Request): Promise<Response> {
    const token = typeof this.token === 'function' ? await this.token() : this.token;
    this.lastToken = token;
    const patience = new AbortController();
    const giveUp = (): void => patience.abort();
    const timer = setTimeout(giveUp, PATIENCE_MS);
    signal?.addEventListener('abort', giveUp, { once: true });
    if (signal?.aborted) giveUp();
    try {
      return await this.fetcher(url, {
        method,
        headers: this.headers(token, type, headers),
        signal: patience.signal,
        cache: 'no-store',
        ...(body !== undefined && { body }),
        ...(keepalive !== undefined && { keepalive }),
      });
    } catch {
      const { host } = new URL(url);
      if (signal?.aborted) throw new Trouble('It was called off.', { step: 'signalling' });
      const sentence = patience.signal.aborted
        ? `${host} did not answer within ${PATIENCE_MS / 1000} seconds.`
        : `${host} cannot be reached.`;
      throw new Trouble(sentence, { step: 'signalling' });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', giveUp);
    }
  }

  /** Opens a stream of events, which no patience ends. */
  async listen(url: URL | string, signal: AbortSignal): Promise<Response> {
    const token = typeof this.token === 'function' ? await this.token() : this.token;
    const headers = this.headers(token, undefined, { accept: 'text/event-stream' });
    return this.fetcher(url, { headers, signal, cache: 'no-store' });
  }

  /** Ends a session while the page goes away: the request outlives it. */
  leave(url: URL): void {
    const request = { method: 'DELETE', keepalive: true, headers: this.headers(this.lastToken) };
    this.fetcher(url, request).catch(() => undefined);
  }

  private headers(token?: string, type?: string, more: Record<string, string> = {}): Record<string, string> {
    return {
      ...more,
      ...(type !== undefined && { 'content-type': type }),
      ...(token !== undefined && token !== '' && { authorization: `Bearer ${token}` }),
    };
  }
}

const FINAL: TroubleFacts = { step: 'signalling', isFinal: true };

export function isType(response: Response, type: string): boolean {
  const [mime = ''] = (response.headers.get('content-type') ?? '').split(';');
  return mime.trim().toLowerCase() === type;
}
