/** One session at a server: from the POST that opens it to the DELETE that ends it. */
import { iceServersOf, type Link } from './links.ts';
import { fragmentOf, isLite, restarted } from './sdp.ts';
import { FRAGMENT, isType, SDP, type Signalling } from './signalling.ts';
import { waysOf } from './stats.ts';
import { Trouble, troubleOf } from './trouble.ts';

/** What a session tells its client. */
export interface Hooks {
  /** Packets flow. Again after every ICE restart. */
  connected(): void;
  /** It is over; it has been left already. */
  lost(why: Trouble): void;
}

export interface Settings {
  /** Makes a connection with all that is to be offered; `isAnswerer` where the server makes the offer. */
  connection: (isAnswerer: boolean) => RTCPeerConnection;
  /** A last touch to our own descriptions. */
  polish: (sdp: string) => string;
  iceServers: RTCIceServer[];
  gathering: 'trickle' | 'full';
  connectTimeoutMs: number;
}

const GATHER_MS = 3000;
const BATCH_MS = 50;
/** A way that has gone quiet often comes back by itself. */
const QUIET_MS = 2500;

export class Session {
  pc: RTCPeerConnection;
  links: Link[] = [];
  private resource: URL | undefined;
  private etag: string | undefined;
  private answer = '';
  private isOver = false;
  private isUp = false;
  private isTrickling = false;
  private isRestarting = false;
  private hasRestarted = false;
  private readonly over = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private batch: string[] = [];
  private batchTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly url: URL,
    private readonly signalling: Signalling,
    private readonly settings: Settings,
    private readonly hooks: Hooks,
  ) {
    this.pc = settings.connection(false);
  }

  /** Aborted when the session ends, whoever ends it. */
  get signal(): AbortSignal {
    return this.over.signal;
  }

  /** Opens it. `connected` or `lost` follow. */
  async open(): Promise<void> {
    try {
      await this.negotiate();
      this.watch(this.settings.connectTimeoutMs);
      this.onState();
    } catch (error) {
      this.lose(asTrouble(error));
    }
  }

  /** Sends to an address of this session or beside it. */
  async request(url: string, method: 'POST' | 'DELETE', body?: unknown): Promise<Response> {
    const json = body === undefined ? {} : { type: 'application/json', body: JSON.stringify(body) };
    return this.signalling.send(url, { method, ...json, signal: this.signal });
  }

  /** Ends it, here and at the server. */
  async close(): Promise<void> {
    if (this.isOver) return;
    this.finish();
    if (this.resource) await this.signalling.send(this.resource, { method: 'DELETE' }).catch(() => undefined);
  }

  /** Ends it while the page is being left. */
  leave(): void {
    if (this.isOver) return;
    this.finish();
    if (this.resource) this.signalling.leave(this.resource);
  }

  /** Looks for a new way with new credentials (RFC 9725 §4.3.3), once; a session that cannot is lost. */
  async restart(): Promise<void> {
    if (this.isOver || this.isRestarting) return;
    if (this.hasRestarted || this.resource === undefined || this.answer === '')
      return this.lose(await this.diagnosis());
    this.isRestarting = true;
    this.hasRestarted = true;
    try {
      const offer = await this.pc.createOffer({ iceRestart: true });
      this.isTrickling = false;
      await this.pc.setLocalDescription({ type: 'offer', sdp: this.settings.polish(offer.sdp ?? '') });
      if (!isLite(this.answer)) await this.gathered();
      const { sdp } = this.pc.localDescription ?? offer;
      const body = fragmentOf(sdp ?? '', this.answer, candidatesOf(sdp ?? ''), true) ?? '';
      const headers = { 'if-match': '*' };
      const request = { method: 'PATCH', type: FRAGMENT, body, headers, signal: this.signal } as const;
      const response = await this.signalling.send(this.resource, request);
      if (response.status !== 200) throw new Trouble((await troubleOf(response)).message, { step: 'ice' });
      const answer = restarted(this.answer, await response.text());
      if (answer === undefined) throw new Trouble('The server did not name new ICE credentials.', { step: 'ice' });
      this.etag = response.headers.get('etag') ?? this.etag;
      this.answer = answer;
      await this.pc.setRemoteDescription({ type: 'answer', sdp: answer });
      this.isRestarting = false;
      this.watch(this.settings.connectTimeoutMs);
    } catch (error) {
      this.lose(asTrouble(error));
    }
  }

  private async negotiate(): Promise<void> {
    this.follow(this.pc);
    const offer = await this.pc.createOffer();
    let sdp = this.settings.polish(offer.sdp ?? '');
    const isFull = this.settings.gathering === 'full';
    if (isFull) {
      await this.pc.setLocalDescription({ type: 'offer', sdp });
      await this.gathered();
      sdp = this.pc.localDescription?.sdp ?? sdp;
    }
    const opened = await this.signalling.open(this.url, sdp, this.signal);
    this.resource = opened.resource;
    this.etag = opened.etag;
    this.links = opened.links;
    // Ended while the server was at it: then the session there has to end, too.
    if (this.isOver) {
      await this.signalling.send(this.resource, { method: 'DELETE' }).catch(() => undefined);
      throw new Trouble('It was called off.', { step: 'signalling' });
    }
    if (opened.kind === 'offer') return this.take(opened.sdp);
    this.learnServers();
    this.answer = opened.sdp;
    // A lite server learns our addresses from our checks: naming them would be a request for nothing.
    this.isTrickling = !isFull && !isLite(opened.sdp);
    if (!isFull) await this.pc.setLocalDescription({ type: 'offer', sdp });
    await this.understand(() => this.pc.setRemoteDescription({ type: 'answer', sdp: opened.sdp }));
  }

  /** Takes up the STUN and TURN servers that the server named, before candidates are gathered (RFC 9725 §4.6). */
  private learnServers(): void {
    const iceServers = iceServersOf(this.links);
    if (iceServers.length === 0) return;
    const configuration = this.pc.getConfiguration();
    this.pc.setConfiguration({ ...configuration, iceServers: [...this.settings.iceServers, ...iceServers] });
  }

  /** Answers a counter-offer (draft-ietf-wish-whep §4.2). */
  private async take(offer: string): Promise<void> {
    this.pc.close();
    this.pc = this.settings.connection(true);
    this.learnServers();
    this.follow(this.pc);
    await this.understand(() => this.pc.setRemoteDescription({ type: 'offer', sdp: offer }));
    const answer = await this.pc.createAnswer();
    await this.pc.setLocalDescription({ type: 'answer', sdp: this.settings.polish(answer.sdp ?? '') });
    if (!isLite(offer)) await this.gathered();
    const body = this.pc.localDescription?.sdp ?? answer.sdp ?? '';
    const headers = this.etag === undefined ? {} : { 'if-match': this.etag };
    const request = { method: 'PATCH', type: SDP, body, headers, signal: this.signal } as const;
    const response = await this.signalling.send(this.resource ?? this.url, request);
    if (!response.ok) throw await troubleOf(response);
  }

  private async understand(describe: () => Promise<void>): Promise<void> {
    try {
      await describe();
    } catch (error) {
      const sentence = `This browser does not take what the server answered: ${error instanceof Error ? error.message : String(error)}`;
      throw new Trouble(sentence, { step: 'signalling', isFinal: true });
    }
  }

  private follow(pc: RTCPeerConnection): void {
    pc.addEventListener('connectionstatechange', () => pc === this.pc && this.onState());
    pc.addEventListener('icecandidate', ({ candidate }) => {
      if (pc !== this.pc) return;
      if (candidate?.candidate) this.batch.push(candidate.candidate);
      else if (candidate === null) this.flush(true);
      this.batchTimer ??= setTimeout(() => this.flush(false), BATCH_MS);
    });
  }

  private onState(): void {
    if (this.isOver) return;
    switch (this.pc.connectionState) {
      case 'connected':
        clearTimeout(this.timer);
        this.isUp = true;
        this.hasRestarted = false;
        this.watchGoodbye();
        return this.hooks.connected();
      case 'failed':
        return void this.restart();
      case 'disconnected':
        return this.watch(QUIET_MS);
      case 'closed':
        return this.lose(new Trouble('The connection was closed.', { step: 'media' }));
    }
  }

  /** Gives what is under way so much time. */
  private watch(ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (this.pc.connectionState === 'connected') return;
      if (this.isUp) void this.restart();
      else void this.diagnosis().then((why) => this.lose(why));
    }, ms);
  }

  /** A server that ends a session says so by DTLS, which no state of the connection shows at once. */
  private watchGoodbye(): void {
    // A section that was declined has none.
    const transports = (this.pc.getTransceivers?.() ?? []).map((it) => it.receiver?.transport ?? it.sender?.transport);
    const transport = transports.find((each) => each);
    if (!transport) return;
    transport.onstatechange = () => {
      if (transport.state === 'closed') this.lose(new Trouble('The server ended the session.', { step: 'media' }));
    };
  }

  private async diagnosis(): Promise<Trouble> {
    const ways = waysOf((await this.pc.getStats().catch(() => new Map())) as Iterable<[string, unknown]>);
    const seconds = Math.round(this.settings.connectTimeoutMs / 1000);
    if (this.isUp)
      return new Trouble('The connection was lost, and no new way to the server was found.', { step: 'ice' });
    const open = ways.find((way) => way.answered > 0);
    if (open) {
      const sentence = `${open.to} answered, but no keys were agreed on (DTLS) within ${seconds} seconds.`;
      return new Trouble(sentence, { step: 'dtls' });
    }
    if (ways.length === 0)
      return new Trouble('The server named no address that this browser can try.', { step: 'ice' });
    const tried = ways.slice(0, 3).map((way) => way.to);
    const sent = ways.reduce((sum, way) => sum + way.sent, 0);
    const sentence = `No answer from ${tried.join(', ')} to ${sent} connection checks: a firewall may stand between.`;
    return new Trouble(sentence, { step: 'ice' });
  }

  private gathered(): Promise<void> {
    const { pc } = this;
    if (pc.iceGatheringState === 'complete') return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, GATHER_MS);
      pc.addEventListener('icegatheringstatechange', () => {
        if (pc.iceGatheringState !== 'complete') return;
        clearTimeout(timer);
        resolve();
      });
    });
  }

  private flush(isLast: boolean): void {
    clearTimeout(this.batchTimer);
    this.batchTimer = undefined;
    const candidates = this.batch;
    if (!this.isTrickling || this.resource === undefined || (candidates.length === 0 && !isLast)) return;
    this.batch = [];
    const body = fragmentOf(this.pc.localDescription?.sdp ?? '', this.answer, candidates, isLast);
    if (body !== undefined) void this.trickle(this.resource, body);
    if (isLast) this.isTrickling = false;
  }

  private async trickle(resource: URL, body: string): Promise<void> {
    const headers = this.etag === undefined ? {} : { 'if-match': this.etag };
    const request = { method: 'PATCH', type: FRAGMENT, body, headers, signal: this.signal } as const;
    // Refused or not: the checks decide whether there is a way.
    const response = await this.signalling.send(resource, request).catch(() => undefined);
    if (response && response.status >= 400) this.isTrickling = false;
    else if (response?.status === 200 && isType(response, FRAGMENT)) await response.text();
  }

  private lose(why: Trouble): void {
    if (this.isOver) return;
    const { resource } = this;
    this.finish();
    if (resource) this.signalling.send(resource, { method: 'DELETE' }).catch(() => undefined);
    this.hooks.lost(why);
  }

  private finish(): void {
    this.isOver = true;
    clearTimeout(this.timer);
    clearTimeout(this.batchTimer);
    this.over.abort();
    this.pc.close();
  }
}

const candidatesOf = (sdp: string): string[] =>
  [...sdp.matchAll(/^a=(candidate:[^\r\n]*)/gm)].map(([, all]) => all ?? '');

function asTrouble(error: unknown): Trouble {
  if (error instanceof Trouble) return error;
  return new Trouble(error instanceof Error ? error.message : String(error), { step: 'signalling' });
}
