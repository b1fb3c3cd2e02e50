/** HLS and LL-HLS by hls.js, which feeds Media Source Extensions. */
import Hls, { ErrorDetails, ErrorTypes, Events, type ErrorData, type HlsConfig, type LoadPolicy } from 'hls.js';
import { address } from '../address.ts';
import type { Engine, Figures, Level, Reports, Source, Voice } from './engine.ts';
import { isAhead } from './rung.ts';

/** A blocked reload may take three of the longest target durations until the server gives up (RFC 8216bis §6.2.5.2). */
const BLOCKED_MS = 35_000;

const patient = (firstByteMs: number, retries: number): LoadPolicy => ({
  default: {
    maxTimeToFirstByteMs: firstByteMs,
    maxLoadTimeMs: firstByteMs + 10_000,
    timeoutRetry: { maxNumRetry: 2, retryDelayMs: 0, maxRetryDelayMs: 0 },
    errorRetry: { maxNumRetry: retries, retryDelayMs: 300, maxRetryDelayMs: 1500 },
  },
});

const CONFIG: Partial<HlsConfig> = {
  lowLatencyMode: true,
  // Our parts are CMAF already: there is nothing to transmux that would be worth a thread.
  enableWorker: false,
  liveDurationInfinity: true,
  backBufferLength: 30,
  maxBufferLength: 20,
  capLevelToPlayerSize: true,
  startFragPrefetch: true,
  // The distance from live is kept by `Pacer`, which knows when somebody has rewound on purpose.
  maxLiveSyncPlaybackRate: 1,
  liveSyncOnStallIncrease: 0,
  highBufferWatchdogPeriod: 1,
  nudgeMaxRetry: 5,
  manifestLoadPolicy: patient(12_000, 1),
  // A publisher that is away answers blocked reloads with 503: that is no reason to give up, the machine watches over it.
  playlistLoadPolicy: patient(BLOCKED_MS, 60),
  fragLoadPolicy: patient(12_000, 4),
};

/** How often it is looked whether another rung may be asked for, and after how long it is asked for in any case. */
const LOOK_MS = 50;
const AT_LAST_MS = 3000;

const UNPLAYABLE: ReadonlySet<string> = new Set([
  ErrorDetails.MANIFEST_INCOMPATIBLE_CODECS_ERROR,
  ErrorDetails.BUFFER_ADD_CODEC_ERROR,
  ErrorDetails.BUFFER_INCOMPATIBLE_CODECS_ERROR,
]);

export class HlsEngine implements Engine {
  readonly name = 'hls';
  readonly rewinds = true;
  private hls: Hls | undefined;
  private choosing: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly reports: Reports,
  ) {}

  load({ path, base, key }: Source): void {
    this.destroy();
    if (!Hls.isSupported()) return this.reports.unplayable('This browser decodes nothing that HLS carries.');
    const hls = new Hls(CONFIG);
    this.hls = hls;
    hls.on(Events.MANIFEST_PARSED, this.reports.changed);
    hls.on(Events.LEVEL_SWITCHED, this.reports.changed);
    hls.on(Events.LEVELS_UPDATED, this.reports.changed);
    hls.on(Events.AUDIO_TRACKS_UPDATED, this.reports.changed);
    hls.on(Events.AUDIO_TRACK_SWITCHED, this.reports.changed);
    hls.on(Events.MEDIA_ENDED, this.reports.finished);
    hls.on(Events.ERROR, (_, error) => this.onError(error));
    hls.loadSource(address(`hls/${path}/index.m3u8`, base, key).href);
    hls.attachMedia(this.video);
  }

  mend(): void {
    this.hls?.recoverMediaError();
  }

  destroy(): void {
    clearInterval(this.choosing);
    this.hls?.destroy();
    this.hls = undefined;
  }

  levels(): Level[] {
    return (this.hls?.levels ?? []).map((level, id) => ({
      id,
      width: level.width || undefined,
      height: level.height || undefined,
      frameRate: level.frameRate || undefined,
      bitrateBps: level.averageBitrate || level.bitrate || undefined,
    }));
  }

  level(): Level | undefined {
    const { hls } = this;
    return hls ? this.levels()[hls.currentLevel >= 0 ? hls.currentLevel : hls.loadLevel] : undefined;
  }

  choose(id: number | undefined): void {
    const { hls, video } = this;
    if (!hls) return;
    clearInterval(this.choosing);
    const from = performance.now();
    const ask = (): void => {
      if (!isAhead(video, hls.latestLevelDetails) && performance.now() - from < AT_LAST_MS) return;
      clearInterval(this.choosing);
      hls.nextLevel = id ?? -1;
    };
    this.choosing = setInterval(ask, LOOK_MS);
    ask();
  }

  voices(): Voice[] {
    return (this.hls?.audioTracks ?? []).map(({ lang, name }, id) => ({
      id,
      language: lang || undefined,
      name: name || undefined,
    }));
  }

  voice(): Voice | undefined {
    return this.voices()[this.hls?.audioTrack ?? -1];
  }

  speak(id: number): void {
    if (this.hls) this.hls.audioTrack = id;
  }

  carries(): { video: boolean; audio: boolean } | undefined {
    const levels = this.hls?.levels ?? [];
    if (levels.length === 0) return undefined;
    return {
      video: levels.some((level) => level.videoCodec !== undefined || level.height > 0),
      audio: levels.some((level) => level.audioCodec !== undefined) || (this.hls?.audioTracks.length ?? 0) > 0,
    };
  }

  figures(): Figures {
    const { hls } = this;
    const details = hls?.latestLevelDetails;
    if (!hls || !details) return {};
    const figures: Figures = { latency: hls.latency, bandwidthBps: hls.bandwidthEstimate };
    if (hls.targetLatency !== null) figures.target = hls.targetLatency;
    if (details.partTarget > 0) figures.part = details.partTarget;
    if (hls.playingDate) figures.pictureAt = hls.playingDate.getTime();
    if (hls.liveSyncPosition !== null) figures.livePosition = hls.liveSyncPosition;
    return figures;
  }

  private onError(error: ErrorData): void {
    if (error.details === ErrorDetails.BUFFER_STALLED_ERROR) this.reports.stalled();
    if (UNPLAYABLE.has(error.details)) return this.reports.unplayable(error.error.message);
    if (!error.fatal) return;
    const status = error.response?.code;
    if (status === 401 || status === 403) this.reports.failed('locked', error.details);
    else if ((status === 404 || status === 410) && isPlaylist(error)) this.reports.failed('missing', error.details);
    else this.reports.failed(error.type === ErrorTypes.MEDIA_ERROR ? 'media' : 'network', error.details);
  }
}

function isPlaylist({ details }: ErrorData): boolean {
  return [
    ErrorDetails.MANIFEST_LOAD_ERROR,
    ErrorDetails.LEVEL_LOAD_ERROR,
    ErrorDetails.AUDIO_TRACK_LOAD_ERROR,
  ].includes(details);
}
