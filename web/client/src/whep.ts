/** Watching by WHEP (draft-ietf-wish-whep). */
import { Client, type ClientEvents, type ClientOptions } from './client.ts';
import { parseLayers, type Layer } from './layers.ts';
import { stereo } from './sdp.ts';
import type { Session } from './session.ts';
import { readEvents, type ServerEvent } from './sse.ts';
import { Trouble, troubleOf } from './trouble.ts';

export interface WhepOptions extends ClientOptions {
  /** What to ask for. Default: both. */
  video?: boolean;
  audio?: boolean;
  /** How long frames may wait for late ones, in milliseconds; 0 is as short as the network allows. Default: the browser's choice. */
  bufferMs?: number;
}

export interface WhepEvents extends ClientEvents {
  /** What to show: give it to a video element. Another one after every reconnection. */
  stream: MediaStream;
  /** The publisher is there, or has come back. */
  active: Record<string, never>;
  /** The publisher is away: the picture stands still. */
  inactive: Record<string, never>;
  /** The renditions there are to choose from. */
  layers: Layer[];
  viewercount: number;
}

/** A layer to ask for: by what names it, or by its size. Nothing is automatic choice. */
export type LayerChoice = Partial<
  Pick<Layer, 'mediaId' | 'rid' | 'spatialLayerId' | 'temporalLayerId'> & { maxWidth: number; maxHeight: number }
>;

const EVENTS = ['active', 'inactive', 'layers', 'viewercount', 'reconnect'] as const;
const LAYER = 'urn:ietf:params:whep:ext:core:layer';
const SSE = 'urn:ietf:params:whep:ext:core:server-sent-events';
const LISTEN_AGAIN_MS = 2000;

/**
 * Watches a stream until told to stop, and comes back by itself.
 *
 * ```ts
 * const whep = new WhepClient({ url: '/whep/live/alice' });
 * whep.on('stream', (stream) => (video.srcObject = stream));
 * whep.on('error', (trouble) => console.warn(trouble.message));
 * whep.start();
 * ```
 */
export class WhepClient extends Client<WhepEvents> {
  /** The latest `layers`. */
  layers: Layer[] = [];
  private listening: Session | undefined;

  constructor(private readonly whep: WhepOptions) {
    super(whep);
  }

  /** Whether the server lets viewers choose among layers. */
  get hasLayers(): boolean {
    return this.linkTo(LAYER) !== undefined;
  }

  /** Asks for a layer, or for none in particular. Fails with the server's sentence. */
  async choose(choice: LayerChoice = {}): Promise<void> {
    const url = this.linkTo(LAYER);
    if (!this.session || url === undefined)
      throw new Trouble('This server does not let viewers choose a layer.', { step: 'signalling' });
    const mediaId = choice.mediaId ?? this.layers[0]?.mediaId;
    const body = { ...(mediaId !== undefined && { mediaId }), ...choice };
    const response = await this.session.request(url, 'POST', body);
    if (!response.ok) throw await troubleOf(response);
  }

  protected override prepare(pc: RTCPeerConnection, isAnswerer: boolean): void {
    let stream: MediaStream | undefined;
    pc.addEventListener('track', ({ track, receiver }) => {
      if (this.whep.bufferMs !== undefined) shorten(receiver, this.whep.bufferMs);
      if (stream) return stream.addTrack(track);
      stream = new MediaStream([track]);
      this.emit('stream', stream);
    });
    if (isAnswerer) return;
    if (this.whep.audio !== false) pc.addTransceiver('audio', { direction: 'recvonly' });
    if (this.whep.video !== false) pc.addTransceiver('video', { direction: 'recvonly' });
  }

  protected override polish(sdp: string): string {
    return stereo(sdp);
  }

  protected override onConnected(session: Session): void {
    const link = session.links.find(({ rel }) => rel === SSE);
    if (link === undefined || this.listening === session) return;
    this.listening = session;
    const offered = link.params['events']?.split(/[\s,]+/).filter(Boolean);
    const wanted = EVENTS.filter((name) => offered === undefined || offered.includes(name));
    void this.listen(session, link.url, wanted);
  }

  private linkTo(rel: string): string | undefined {
    return this.session?.links.find((link) => link.rel === rel)?.url;
  }

  private async listen(session: Session, url: string, events: readonly string[]): Promise<void> {
    while (!session.signal.aborted) {
      const goesOn = await this.listenOnce(session, url, events).catch(() => true);
      if (!goesOn) return;
      await new Promise((resolve) => setTimeout(resolve, LISTEN_AGAIN_MS));
    }
  }

  /** Whether to come again when it is over. */
  private async listenOnce(session: Session, url: string, events: readonly string[]): Promise<boolean> {
    const made = await session.request(url, 'POST', events);
    const location = made.headers.get('location');
    // Some servers take the address of the link itself for the stream.
    const isBare = made.status === 405 || made.status === 404;
    if (!isBare && (made.status !== 201 || location === null)) return made.status >= 500;
    const stream = isBare || location === null ? url : new URL(location, url).href;
    const response = await this.signalling.listen(stream, session.signal);
    if (!response.ok || response.body === null) return response.status >= 500;
    await readEvents(response.body, (event) => session === this.session && this.onEvent(event));
    return true;
  }

  private onEvent({ name, data }: ServerEvent): void {
    switch (name) {
      case 'active':
        return this.emit('active', {});
      case 'inactive':
        return this.emit('inactive', {});
      case 'layers':
        this.layers = parseLayers(data);
        return this.emit('layers', this.layers);
      case 'viewercount': {
        const count = field(data, 'viewercount');
        return typeof count === 'number' ? this.emit('viewercount', count) : undefined;
      }
      case 'reconnect': {
        const url = field(data, 'url');
        return this.reconnect(typeof url === 'string' ? url : undefined);
      }
    }
  }
}

function field(data: string, name: string): unknown {
  try {
    return (JSON.parse(data) as Record<string, unknown> | null)?.[name];
  } catch {
    return undefined;
  }
}

function shorten(receiver: RTCRtpReceiver, ms: number): void {
  const tuned = receiver as { jitterBufferTarget?: number | null; playoutDelayHint?: number };
  if (tuned.jitterBufferTarget !== undefined) tuned.jitterBufferTarget = ms;
  else tuned.playoutDelayHint = ms / 1000;
}
