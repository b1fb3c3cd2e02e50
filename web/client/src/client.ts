/** What publishing and watching have in common: one session after the other until somebody says stop. */
import { backoffMs } from './backoff.ts';
import { Emitter } from './emitter.ts';
import { Session } from './session.ts';
import { Signalling, type Token } from './signalling.ts';
import { Gauge, type Stats } from './stats.ts';
import type { Trouble } from './trouble.ts';

export interface ClientOptions {
  /** The endpoint, such as `https://tv.example/whip/live/alice`. */
  url: string | URL;
  /** The key, sent as `Authorization: Bearer …`. */
  token?: Token;
  /** STUN and TURN servers beside those that the server names. */
  iceServers?: RTCIceServer[];
  /**
   * `trickle` posts the offer at once and names our addresses later where the server needs them; `full` waits for all of
   * them first. Default: `trickle`.
   */
  gathering?: 'trickle' | 'full';
  /** Tries in a row that may fail before it gives up. Default: no end. */
  retries?: number;
  /** How long a session may take from the server's answer to the first packet. Default: 10 000. */
  connectTimeoutMs?: number;
  /** Other implementations, for tests. */
  fetch?: typeof fetch;
  RTCPeerConnection?: typeof RTCPeerConnection;
}

/** What every client tells. */
export interface ClientEvents {
  /** A session is being opened. */
  connecting: { attempt: number };
  /** Media flows, or can. */
  connected: { pc: RTCPeerConnection };
  /** Something failed; another try follows in so many milliseconds. */
  reconnecting: { attempt: number; inMs: number; why: Trouble };
  /** Something failed; `reconnecting` or `ended` follows. `message` is a sentence for people. */
  error: Trouble;
  /** It is over, by `stop()` or because it gave up. */
  ended: { why?: Trouble };
}

export type ClientState = 'idle' | 'connecting' | 'connected' | 'reconnecting' | 'ended';

export abstract class Client<Events extends ClientEvents> extends Emitter<Events> {
  protected session: Session | undefined;
  protected readonly signalling: Signalling;
  private readonly gauge = new Gauge();
  private url: URL;
  private now: ClientState = 'idle';
  private failures = 0;
  private hasConnected = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: ClientOptions) {
    super();
    this.url = this.endpoint();
    this.signalling = new Signalling(options.token, options.fetch);
  }

  get state(): ClientState {
    return this.now;
  }

  /** The connection of this moment. */
  get pc(): RTCPeerConnection | undefined {
    return this.session?.pc;
  }

  /** Begins. */
  start(): this {
    if (this.now !== 'idle' && this.now !== 'ended') return this;
    this.url = this.endpoint();
    this.failures = 0;
    this.hasConnected = false;
    globalThis.addEventListener?.('pagehide', this.onPageHide);
    this.connect();
    return this;
  }

  /** Ends; resolves when the server knows. */
  async stop(): Promise<void> {
    if (this.now === 'ended') return;
    const closing = this.session?.close();
    this.end();
    await closing;
  }

  /** Leaves the session and opens another at once, at `url` where one is given. */
  reconnect(url?: string): void {
    if (this.now === 'idle' || this.now === 'ended') return;
    if (url !== undefined) this.url = new URL(url, this.url);
    void this.session?.close();
    this.connect();
  }

  /** Figures since the last time somebody asked. */
  async stats(): Promise<Stats> {
    const report = await this.session?.pc.getStats().catch(() => undefined);
    return this.gauge.read((report ?? []) as Iterable<[string, unknown]>);
  }

  /** Puts tracks or transceivers into a new connection. */
  protected abstract prepare(pc: RTCPeerConnection, isAnswerer: boolean): void;

  /** A last touch to our own descriptions. */
  protected polish(sdp: string): string {
    return sdp;
  }

  /** The session is up, for the first time or again. */
  protected onConnected(_session: Session): void {}

  private endpoint(): URL {
    return new URL(this.options.url, globalThis.document?.baseURI);
  }

  private connect(): void {
    clearTimeout(this.timer);
    this.now = this.hasConnected ? 'reconnecting' : 'connecting';
    this.tell('connecting', { attempt: this.failures + 1 });
    const { options } = this;
    const iceServers = options.iceServers ?? [];
    const settings = {
      connection: (isAnswerer: boolean) => {
        const Connection = options.RTCPeerConnection ?? RTCPeerConnection;
        const pc = new Connection({ iceServers, bundlePolicy: 'max-bundle' });
        this.prepare(pc, isAnswerer);
        return pc;
      },
      polish: (sdp: string) => this.polish(sdp),
      iceServers,
      gathering: options.gathering ?? 'trickle',
      connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    } as const;
    const session: Session = new Session(this.url, this.signalling, settings, {
      connected: () => {
        if (session !== this.session) return;
        this.now = 'connected';
        this.hasConnected = true;
        this.failures = 0;
        this.onConnected(session);
        this.tell('connected', { pc: session.pc });
      },
      lost: (why) => {
        if (session === this.session) this.onLost(why);
      },
    });
    this.session = session;
    void session.open();
  }

  private onLost(why: Trouble): void {
    this.session = undefined;
    this.failures += 1;
    this.tell('error', why);
    // A listener may have stopped it.
    if (this.now === 'ended') return;
    // Where it has worked before, a name that is unknown now is a server that has just begun anew.
    const isFinal = why.isFinal && !(this.hasConnected && why.status === 404);
    if (isFinal || this.failures > (this.options.retries ?? Infinity)) return this.end(why);
    const inMs = backoffMs(this.failures, why.retryAfterMs, Math.random());
    this.now = 'reconnecting';
    this.tell('reconnecting', { attempt: this.failures + 1, inMs, why });
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.connect(), inMs);
  }

  private end(why?: Trouble): void {
    clearTimeout(this.timer);
    globalThis.removeEventListener?.('pagehide', this.onPageHide);
    this.session = undefined;
    this.now = 'ended';
    this.tell('ended', why === undefined ? {} : { why });
  }

  private readonly onPageHide = (): void => {
    this.session?.leave();
    this.end();
  };

  private tell<Name extends keyof ClientEvents>(name: Name, event: ClientEvents[Name]): void {
    this.emit(name, event as Events[Name]);
  }
}
