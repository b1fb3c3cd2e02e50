/** HLS by the browser itself, where there are no Media Source Extensions: older iPhones. */
import { address } from '../address.ts';
import type { Engine, Figures, Level, Reports, Source, Voice } from './engine.ts';

interface AudioTrack {
  language: string;
  label: string;
  enabled: boolean;
}

type SafariVideo = HTMLVideoElement & { getStartDate?: () => Date; audioTracks?: Iterable<AudioTrack> };

export class NativeEngine implements Engine {
  readonly name = 'native';
  readonly rewinds = true;
  private source: URL | undefined;
  private readonly listeners: [string, () => void][];

  constructor(
    private readonly video: SafariVideo,
    private readonly reports: Reports,
  ) {
    this.listeners = [
      ['loadedmetadata', reports.changed],
      ['resize', reports.changed],
      ['ended', reports.finished],
      ['error', () => void this.onError()],
    ];
  }

  load({ path, base, key }: Source): void {
    for (const [name, listener] of this.listeners) this.video.addEventListener(name, listener);
    this.source = address(`hls/${path}/index.m3u8`, base, key);
    this.video.src = this.source.href;
    this.video.load();
  }

  mend(): void {
    if (this.source) this.video.src = this.source.href;
  }

  destroy(): void {
    for (const [name, listener] of this.listeners) this.video.removeEventListener(name, listener);
    this.video.removeAttribute('src');
    this.video.load();
  }

  levels(): Level[] {
    return [];
  }

  level(): Level | undefined {
    const { videoWidth: width, videoHeight: height } = this.video;
    return height > 0 ? { id: 0, width, height, frameRate: undefined, bitrateBps: undefined } : undefined;
  }

  choose(): void {
    // The browser chooses by itself and cannot be told.
  }

  voices(): Voice[] {
    return [...(this.video.audioTracks ?? [])].map(({ language, label }, id) => ({
      id,
      language: language || undefined,
      name: label || undefined,
    }));
  }

  voice(): Voice | undefined {
    return this.voices()[[...(this.video.audioTracks ?? [])].findIndex((track) => track.enabled)];
  }

  speak(id: number): void {
    [...(this.video.audioTracks ?? [])].forEach((track, index) => (track.enabled = index === id));
  }

  carries(): undefined {
    return undefined;
  }

  figures(): Figures {
    const figures: Figures = {};
    const { seekable } = this.video;
    if (seekable.length > 0) figures.livePosition = seekable.end(seekable.length - 1);
    const start = this.video.getStartDate?.().getTime() ?? Number.NaN;
    if (Number.isFinite(start)) figures.pictureAt = start + this.video.currentTime * 1000;
    return figures;
  }

  /** The element says only that it failed; the playlist's status says why. */
  private async onError(): Promise<void> {
    if (!this.source || !this.video.error) return;
    const status = await fetch(this.source, { cache: 'no-store' }).then(
      (response) => response.status,
      () => 0,
    );
    if (status === 401 || status === 403) this.reports.failed('locked', `status ${status}`);
    else if (status === 404 || status === 410) this.reports.failed('missing', `status ${status}`);
    else this.reports.failed(status === 200 ? 'media' : 'network', this.video.error.message);
  }
}
