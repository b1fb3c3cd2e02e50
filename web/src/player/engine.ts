/** What plays a stream into a video element. One room for each way to do it: WHEP, hls.js, dash.js, the browser itself. */
import type { Abilities, EngineName } from './choice.ts';
import type { Failure } from './machine.ts';

/** Where a stream is to be had. */
export interface Source {
  path: string;
  base: URL;
  key: string | undefined;
}

/** One quality to choose. `id` is the engine's own. */
export interface Level {
  id: number;
  width: number | undefined;
  height: number | undefined;
  frameRate: number | undefined;
  bitrateBps: number | undefined;
}

/** One language to choose, or one of several tracks of sound. `id` is the engine's own. */
export interface Voice {
  id: number;
  /** BCP 47, such as `en`; nothing where it is not known. */
  language: string | undefined;
  name: string | undefined;
}

/** What an engine can say of itself at this moment; seconds and bits a second. What it cannot say is not there. */
export interface Figures {
  /** Distance from the live edge of what the server has announced. */
  latency?: number;
  /** The distance from the live edge that the server asks for. */
  target?: number;
  part?: number;
  bandwidthBps?: number;
  /** The wall clock of the publisher's frame on the screen, in milliseconds. */
  pictureAt?: number;
  /** The position to play from to be live. */
  livePosition?: number;
  /** By WebRTC: there and back again, how long frames wait for late ones, the part of packets lost, the way they take. */
  rtt?: number;
  jitterBuffer?: number;
  loss?: number;
  remote?: string;
}

/** What an engine reports. */
export interface Reports {
  /** The levels, the level that plays, the languages, or the kinds of tracks are other ones than before. */
  changed(): void;
  /** The decoder or the network had to be waited for. */
  stalled(): void;
  /** The stream ended and all of it has played. */
  finished(): void;
  failed(why: Failure, detail: string): void;
  unplayable(detail: string): void;
}

export interface Engine {
  readonly name: EngineName;
  /** Whether there is a past to go back to. */
  readonly rewinds: boolean;
  load(source: Source): void;
  /** Starts the decoders anew without loading anything again. */
  mend(): void;
  /** Lets go of the video element, which may then be given to another engine. */
  destroy(): void;
  /** What there is to choose. */
  levels(): Level[];
  /** The level that plays. */
  level(): Level | undefined;
  /** Chooses a level by its id, or nothing for automatic choice. */
  choose(id: number | undefined): void;
  voices(): Voice[];
  /** The one that is heard. */
  voice(): Voice | undefined;
  speak(id: number): void;
  /** Which kinds of tracks it plays, once it knows. */
  carries(): { video: boolean; audio: boolean } | undefined;
  figures(): Figures;
  /**
   * A clock in seconds that moves while pictures or sound come, at `now` in milliseconds; for engines whose video element shows
   * one that always moves.
   */
  position?(now: number): number;
}

/** What this browser can do. */
export function abilities(video: HTMLVideoElement): Abilities {
  const engines: EngineName[] = [];
  const rtcCodecs = new Set<string>();
  if ('RTCPeerConnection' in window) {
    engines.push('whep');
    for (const kind of ['video', 'audio'] as const)
      for (const { mimeType } of RTCRtpReceiver.getCapabilities?.(kind)?.codecs ?? [])
        rtcCodecs.add(mimeType.slice(mimeType.indexOf('/') + 1).toLowerCase());
  }
  const hasManaged = 'ManagedMediaSource' in window;
  if (hasManaged || 'MediaSource' in window) engines.push('hls', ...('MediaSource' in window ? ['dash' as const] : []));
  if (video.canPlayType('application/vnd.apple.mpegurl') !== '') engines.push('native');
  return { engines, rtcCodecs };
}

/** Makes an engine. Its code is loaded only now. */
export async function createEngine(name: EngineName, video: HTMLVideoElement, reports: Reports): Promise<Engine> {
  switch (name) {
    case 'whep':
      return new (await import('./whep.ts')).WhepEngine(video, reports);
    case 'hls':
      return new (await import('./hls.ts')).HlsEngine(video, reports);
    case 'dash':
      return new (await import('./dash.ts')).DashEngine(video, reports);
    case 'native':
      return new (await import('./native.ts')).NativeEngine(video, reports);
  }
}
