/** Stand-ins for a browser's connection and for a server. */

const SECTION = (kind: string, mid: number): string =>
  [
    `m=${kind} 9 UDP/TLS/RTP/SAVPF ${kind === 'audio' ? 111 : 96}`,
    `a=mid:${mid}`,
    'a=ice-ufrag:ours',
    'a=ice-pwd:oursoursoursoursoursours',
    kind === 'audio' ? 'a=rtpmap:111 opus/48000/2' : 'a=rtpmap:96 VP8/90000',
    ...(kind === 'audio' ? ['a=fmtp:111 minptime=10;useinbandfec=1'] : []),
  ].join('\r\n');

export const OFFER = `v=0\r\na=group:BUNDLE 0 1\r\n${SECTION('audio', 0)}\r\n${SECTION('video', 1)}\r\n`;
export const ANSWER = OFFER.replaceAll('ours', 'them').replace(
  'a=mid:0',
  'a=mid:0\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host',
);
export const LITE = ANSWER.replace('v=0\r\n', 'v=0\r\na=ice-lite\r\n');

export class FakeConnection extends EventTarget {
  static all: FakeConnection[] = [];
  connectionState = 'new';
  iceGatheringState = 'new';
  localDescription: { type: string; sdp: string } | null = null;
  remoteDescription: { type: string; sdp: string } | null = null;
  configuration: RTCConfiguration;
  restarts = 0;
  report = new Map<string, unknown>();

  constructor(configuration: RTCConfiguration) {
    super();
    this.configuration = configuration;
    FakeConnection.all.push(this);
  }

  addTransceiver(): unknown {
    return {};
  }
  getTransceivers(): unknown[] {
    return [];
  }
  getConfiguration(): RTCConfiguration {
    return this.configuration;
  }
  setConfiguration(configuration: RTCConfiguration): void {
    this.configuration = configuration;
  }
  async createOffer(options?: { iceRestart?: boolean }): Promise<{ type: string; sdp: string }> {
    if (options?.iceRestart) this.restarts += 1;
    return { type: 'offer', sdp: OFFER.replaceAll('ufrag:ours', `ufrag:ours${this.restarts || ''}`) };
  }
  async createAnswer(): Promise<{ type: string; sdp: string }> {
    return { type: 'answer', sdp: OFFER };
  }
  async setLocalDescription(description: { type: string; sdp: string }): Promise<void> {
    this.localDescription = description;
  }
  async setRemoteDescription(description: { type: string; sdp: string }): Promise<void> {
    if (!description.sdp.startsWith('v=0')) throw new Error('not SDP');
    this.remoteDescription = description;
  }
  async getStats(): Promise<Map<string, unknown>> {
    return this.report;
  }
  close(): void {
    this.connectionState = 'closed';
  }

  become(state: string): void {
    this.connectionState = state;
    this.dispatchEvent(new Event('connectionstatechange'));
  }
  gather(...candidates: string[]): void {
    for (const candidate of candidates) this.candidate({ candidate });
    this.iceGatheringState = 'complete';
    this.dispatchEvent(new Event('icegatheringstatechange'));
    this.candidate(null);
  }
  private candidate(candidate: { candidate: string } | null): void {
    this.dispatchEvent(Object.assign(new Event('icecandidate'), { candidate }));
  }
}

export interface Asked {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: string;
  keepalive: boolean;
}

export type Reply = (asked: Asked) => Response | undefined;

/** A server that is a function; what was asked is kept. */
export function fakeFetch(...replies: Reply[]): { fetch: typeof fetch; asked: Asked[] } {
  const asked: Asked[] = [];
  const fetcher = async (url: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
    const request: Asked = {
      method: init.method ?? 'GET',
      url: String(url),
      headers: init.headers as Record<string, string>,
      body: String(init.body ?? ''),
      keepalive: init.keepalive === true,
    };
    asked.push(request);
    for (const reply of replies) {
      const response = reply(request);
      if (response) return response;
    }
    throw new TypeError('fetch failed');
  };
  return { fetch: fetcher as typeof fetch, asked };
}

/** 201 with an answer. */
export const created = (headers: Record<string, string> = {}, sdp = LITE): Response =>
  new Response(sdp, {
    status: 201,
    headers: { 'content-type': 'application/sdp', location: '/sessions/1', etag: '"a"', ...headers },
  });

export const problem = (status: number, detail: string, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify({ status, detail }), {
    status,
    headers: { 'content-type': 'application/problem+json', ...headers },
  });

/** Lets everything that is ready happen. */
export async function settle(): Promise<void> {
  for (let round = 0; round < 50; round += 1) await Promise.resolve();
}
