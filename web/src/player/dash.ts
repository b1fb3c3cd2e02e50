/** DASH and low-latency DASH by dash.js, which feeds Media Source Extensions. */
import { MediaPlayer, type MediaPlayerClass, type MediaPlayerErrorEvent, type MediaPlayerSettingClass } from 'dashjs';
import { address } from '../address.ts';
import type { Engine, Figures, Level, Reports, Source, Voice } from './engine.ts';

const CONFIG: MediaPlayerSettingClass = {
  streaming: {
    // The distance from live is kept by `Pacer`, which knows when somebody has rewound on purpose.
    liveCatchup: { enabled: false },
    buffer: { bufferToKeep: 30, bufferTimeDefault: 20, fastSwitchEnabled: true },
    // By size it would leave out what is only a little larger than the picture on the page.
    abr: { limitBitrateByPortal: false },
    // What was seen on another site or another day says nothing about this stream.
    lastBitrateCachingInfo: { enabled: false },
    lastMediaSettingsCachingInfo: { enabled: false },
    saveLastMediaSettingsForCurrentStreamingSession: false,
  },
};

const { events, errors } = MediaPlayer as unknown as {
  events: Record<string, string>;
  errors: Record<string, number>;
};

/** Codes of errors by what they mean for us. */
const OF_NETWORK: ReadonlySet<number | undefined> = new Set([
  errors['MANIFEST_LOADER_LOADING_FAILURE_ERROR_CODE'],
  errors['FRAGMENT_LOADER_LOADING_FAILURE_ERROR_CODE'],
  errors['DOWNLOAD_ERROR_ID_MANIFEST_CODE'],
  errors['DOWNLOAD_ERROR_ID_CONTENT_CODE'],
  errors['DOWNLOAD_ERROR_ID_INITIALIZATION_CODE'],
]);

export class DashEngine implements Engine {
  readonly name = 'dash';
  readonly rewinds = true;
  private player: MediaPlayerClass | undefined;
  private source: Source | undefined;
  /** Wall clock of the beginning of the presentation, milliseconds. */
  private began: number | undefined;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly reports: Reports,
  ) {}

  load(source: Source): void {
    this.destroy();
    const player = MediaPlayer().create();
    this.player = player;
    this.source = source;
    const on = (name: string, listener: (event: never) => void): void =>
      player.on(events[name] ?? name, listener as (event: unknown) => void);
    on('MANIFEST_LOADED', ({ data }: { data?: { availabilityStartTime?: Date | string } }) => {
      const began = new Date(data?.availabilityStartTime ?? Number.NaN).getTime();
      if (Number.isFinite(began)) this.began = began;
    });
    on('STREAM_INITIALIZED', () => this.reports.changed());
    on('QUALITY_CHANGE_RENDERED', () => this.reports.changed());
    on('TRACK_CHANGE_RENDERED', () => this.reports.changed());
    // Before anything has played, an empty buffer is nothing to speak of.
    on('BUFFER_EMPTY', () => this.video.played.length > 0 && this.reports.stalled());
    on('PLAYBACK_ENDED', () => this.reports.finished());
    on('ERROR', (event: MediaPlayerErrorEvent) => this.onError(event));
    player.updateSettings(CONFIG);
    player.initialize(this.video, address(`dash/${source.path}/manifest.mpd`, source.base, source.key).href, false);
    // The manifest names this server's clock: no other one is asked.
    player.clearDefaultUTCTimingSources();
  }

  mend(): void {
    if (this.source) this.load(this.source);
  }

  destroy(): void {
    this.player?.destroy();
    this.player = undefined;
    this.began = undefined;
  }

  levels(): Level[] {
    return this.representations().map((one, id) => ({
      id,
      width: one.width || undefined,
      height: one.height || undefined,
      frameRate: one.frameRate || undefined,
      bitrateBps: one.bandwidth || undefined,
    }));
  }

  level(): Level | undefined {
    if (!this.player?.isReady() || this.representations().length === 0) return undefined;
    const now = this.player.getCurrentRepresentationForType('video');
    const id = this.representations().findIndex((one) => one.id === now?.id);
    return this.levels()[id];
  }

  choose(id: number | undefined): void {
    const wanted = id === undefined ? undefined : this.representations()[id];
    this.player?.updateSettings({ streaming: { abr: { autoSwitchBitrate: { video: wanted === undefined } } } });
    if (wanted) this.player?.setRepresentationForTypeById('video', wanted.id);
  }

  voices(): Voice[] {
    return this.sounds().map(({ lang, labels }, id) => ({
      id,
      language: lang && lang !== 'und' ? lang : undefined,
      name: labels?.[0]?.text || undefined,
    }));
  }

  voice(): Voice | undefined {
    const now = this.player?.isReady() ? this.player.getCurrentTrackFor('audio') : undefined;
    return this.voices()[this.sounds().findIndex((one) => one.index === now?.index)];
  }

  speak(id: number): void {
    const wanted = this.sounds()[id];
    if (wanted) this.player?.setCurrentTrack(wanted);
  }

  carries(): { video: boolean; audio: boolean } | undefined {
    if (!this.player?.isReady() || this.player.getActiveStream() === null) return undefined;
    const has = (kind: 'video' | 'audio'): boolean => (this.player?.getTracksFor(kind).length ?? 0) > 0;
    const found = { video: has('video'), audio: has('audio') };
    return found.video || found.audio ? found : undefined;
  }

  figures(): Figures {
    const { player } = this;
    if (!player?.isReady() || player.getActiveStream() === null) return {};
    const latency = player.getCurrentLiveLatency();
    const target = player.getTargetLiveDelay();
    const figures: Figures = { bandwidthBps: player.getAverageThroughput('video') * 1000 || 0 };
    if (Number.isFinite(target) && target > 0) figures.target = target;
    if (Number.isFinite(latency) && latency > 0) {
      figures.latency = latency;
      if (figures.target !== undefined) figures.livePosition = this.video.currentTime + latency - figures.target;
    }
    // The presentation's clock runs from its beginning, and the element shows it.
    if (this.began !== undefined) figures.pictureAt = this.began + this.video.currentTime * 1000;
    return figures;
  }

  private representations() {
    const { player } = this;
    return player?.isReady() && player.getActiveStream() !== null ? player.getRepresentationsByType('video') : [];
  }

  private sounds() {
    const { player } = this;
    return player?.isReady() && player.getActiveStream() !== null ? player.getTracksFor('audio') : [];
  }

  private onError({ error }: MediaPlayerErrorEvent): void {
    const { code, message, data } = error as { code: number; message: string; data?: unknown };
    const status = (data as { response?: { status?: number } } | undefined)?.response?.status;
    if (code === errors['MANIFEST_ERROR_ID_NOSTREAMS_CODE'] || code === errors['MEDIASOURCE_TYPE_UNSUPPORTED_CODE'])
      return this.reports.unplayable(message);
    const isManifest = code === errors['DOWNLOAD_ERROR_ID_MANIFEST_CODE'];
    if (status === 401 || status === 403) this.reports.failed('locked', message);
    else if ((status === 404 || status === 410) && isManifest) this.reports.failed('missing', message);
    else this.reports.failed(OF_NETWORK.has(code) ? 'network' : 'media', message);
  }
}
