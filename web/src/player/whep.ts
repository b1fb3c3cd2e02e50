/** WebRTC by WHEP: no buffer to speak of, no past, a fraction of a second behind. */
import { WhepClient, type Layer, type Stats, type Trouble } from '../../client/src/index.ts';
import type { Engine, Figures, Level, Reports, Source, Voice } from './engine.ts';

/** From the server's answer to packets, and from packets to the first picture; then there are other ways to play. */
const CONNECT_MS = 4000;
const FIRST_MS = 5000;
const SAMPLE_MS = 500;
/** A still screen is sent once a second. */
const FRESH_MS = 1500;

export class WhepEngine implements Engine {
  readonly name = 'whep';
  readonly rewinds = false;
  private client: WhepClient | undefined;
  private source: Source | undefined;
  private stats: Stats = { layers: [] };
  private chosen: number | undefined;
  private sampler: number | undefined;
  private firstTimer: number | undefined;
  /** Frames decoded and shown, when there was a new one, and when there last was any sign of life. */
  private frames = '';
  private freshAt = Number.NEGATIVE_INFINITY;
  private movedAt = 0;
  private isHeld = false;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly reports: Reports,
  ) {}

  load(source: Source): void {
    this.destroy();
    this.source = source;
    const { path, base, key } = source;
    const client = new WhepClient({
      url: new URL(`whep/${path}`, base),
      ...(key !== undefined && { token: key }),
      // The machine decides whether and how to try again.
      retries: 0,
      connectTimeoutMs: CONNECT_MS,
    });
    this.client = client;
    client.on('stream', (stream) => {
      this.video.srcObject = stream;
    });
    client.on('connected', () => this.onConnected());
    client.on('layers', () => this.reports.changed());
    client.on('inactive', () => (this.isHeld = true));
    client.on('active', () => (this.isHeld = false));
    client.on('error', (trouble) => this.onTrouble(trouble));
    client.start();
    this.sampler = window.setInterval(() => void this.sample(), SAMPLE_MS);
  }

  mend(): void {
    if (this.source) this.load(this.source);
  }

  destroy(): void {
    window.clearInterval(this.sampler);
    window.clearTimeout(this.firstTimer);
    void this.client?.stop();
    if (this.client) this.video.srcObject = null;
    this.client = undefined;
    this.stats = { layers: [] };
    this.chosen = undefined;
    this.frames = '';
    this.freshAt = Number.NEGATIVE_INFINITY;
    this.isHeld = false;
  }

  levels(): Level[] {
    const layers = this.layers();
    return layers.length < 2 ? [] : layers.map(levelOf);
  }

  level(): Level | undefined {
    const { width, height, fps, bitrateBps } = this.stats.video ?? {};
    if (height === undefined) return undefined;
    const known = this.levels().find((level) => level.height === height);
    return { id: known?.id ?? -1, width, height, frameRate: fps, bitrateBps: bitrateBps ?? known?.bitrateBps };
  }

  choose(id: number | undefined): void {
    if (this.chosen === id) return;
    this.chosen = id;
    const layer = id === undefined ? undefined : this.layers()[id];
    const { mediaId, rid, spatialLayerId } = layer ?? {};
    const choice = {
      ...(mediaId !== undefined && { mediaId }),
      ...(rid !== undefined && { rid }),
      ...(spatialLayerId !== undefined && { spatialLayerId }),
    };
    // A layer that has just gone is refused: then the choice stays with the server.
    this.client?.choose(choice).catch(() => (this.chosen = undefined));
  }

  voices(): Voice[] {
    return [];
  }

  voice(): undefined {
    return undefined;
  }

  speak(): void {
    // A session carries one track of sound.
  }

  carries(): { video: boolean; audio: boolean } | undefined {
    const transceivers = this.client?.pc?.getTransceivers() ?? [];
    if (!transceivers.some(({ currentDirection }) => currentDirection !== null)) return undefined;
    const has = (kind: string): boolean =>
      transceivers.some(
        ({ currentDirection, receiver }) => currentDirection === 'recvonly' && receiver.track.kind === kind,
      );
    return { video: has('video'), audio: has('audio') };
  }

  figures(): Figures {
    const { latency, rtt, bitrateBps, remote, video, audio } = this.stats;
    const figures: Figures = {};
    if (latency !== undefined) figures.latency = latency;
    if (rtt !== undefined) figures.rtt = rtt;
    if (bitrateBps !== undefined) figures.bandwidthBps = bitrateBps;
    if (remote !== undefined) figures.remote = remote;
    const { jitterBuffer, loss } = video ?? audio ?? {};
    if (jitterBuffer !== undefined) figures.jitterBuffer = jitterBuffer;
    if (loss !== undefined) figures.loss = loss;
    return figures;
  }

  /** The element's own clock moves as long as it has a stream, whether anything comes or not. */
  position(now: number): number {
    if (this.client?.state !== 'connected') return this.movedAt / 1000;
    const shown = this.video.getVideoPlaybackQuality?.().totalVideoFrames ?? 0;
    const frames = `${shown} ${this.stats.video?.frames ?? 0}`;
    if (frames !== this.frames) {
      const isFirst = this.frames === '';
      this.frames = frames;
      // What was shown before belongs to another session.
      if (!isFirst) this.freshAt = now;
      if (!isFirst) this.isHeld = false;
    }
    const hasVideo = this.carries()?.video === true;
    const isAlive = hasVideo ? now - this.freshAt < FRESH_MS : (this.stats.audio?.bitrateBps ?? 0) > 0;
    if (isAlive && !this.isHeld) this.movedAt = now;
    return this.movedAt / 1000;
  }

  /** Those that come now, one for each size. */
  private layers(): Layer[] {
    const named = new Map<string, Layer>();
    for (const layer of this.client?.layers ?? []) {
      const name = layer.rid ?? String(layer.spatialLayerId);
      // Of the same picture at several frame rates the fullest stands for it.
      if (layer.isActive && (layer.bitrateBps ?? 0) >= (named.get(name)?.bitrateBps ?? 0)) named.set(name, layer);
    }
    return [...named.values()];
  }

  private onConnected(): void {
    this.reports.changed();
    window.clearTimeout(this.firstTimer);
    this.firstTimer = window.setTimeout(() => {
      if (this.video.readyState < 2 && !this.video.paused)
        this.reports.failed('network', 'The connection stands, but no picture came.');
    }, FIRST_MS);
  }

  private onTrouble(trouble: Trouble): void {
    const { status, message, step } = trouble;
    if (status === 401 || status === 403) this.reports.failed('locked', message);
    else if (status === 404 || status === 409 || status === 410) this.reports.failed('missing', message);
    else if (step === 'signalling' && trouble.isFinal) this.reports.unplayable(message);
    else this.reports.failed('network', message);
  }

  private async sample(): Promise<void> {
    const { client } = this;
    const height = this.stats.video?.height;
    const stats = await client?.stats();
    if (client !== this.client || stats === undefined) return;
    this.stats = stats;
    if (stats.video?.height !== height) this.reports.changed();
  }
}

function levelOf(layer: Layer, id: number): Level {
  const { width, height, frameRate, bitrateBps } = layer;
  return { id, width, height, frameRate, bitrateBps };
}
