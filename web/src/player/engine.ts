/** What plays a stream into a video element. One room for each way to do it: hls.js, dash.js, the browser itself, later WHEP. */
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
}

/** What an engine reports. */
export interface Reports {
  /** The levels, the level that plays, or the kinds of tracks are other ones than before. */
  changed(): void;
  /** The decoder or the network had to be waited for. */
  stalled(): void;
  /** The stream ended and all of it has played. */
  finished(): void;
  failed(why: Failure, detail: string): void;
  unplayable(detail: string): void;
}

export interface Engine {
  /** What it is called where people look: `LL-HLS`. */
  readonly name: string;
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
  /** Which kinds of tracks it plays, once it knows. */
  carries(): { video: boolean; audio: boolean } | undefined;
  figures(): Figures;
}

/** Why there is no engine for this browser. */
export class NoEngine extends Error {}

/** Names of engines in the address of a page: `?engine=dash`. */
export type EngineName = 'dash' | 'hls';

/** What the address of a page asks for, if it names an engine that there is. */
export function engineNamed(name: string | null): EngineName | undefined {
  return name === 'dash' || name === 'hls' ? name : undefined;
}

/** The engine that is asked for, or the best that this browser has. Its code is loaded only now. */
export async function createEngine(video: HTMLVideoElement, reports: Reports, wanted?: EngineName): Promise<Engine> {
  if (wanted === 'dash') {
    const { DashEngine } = await import('./dash.ts');
    if (DashEngine.isSupported()) return new DashEngine(video, reports);
  }
  const { HlsEngine } = await import('./hls.ts');
  if (HlsEngine.isSupported()) return new HlsEngine(video, reports);
  const { NativeEngine } = await import('./native.ts');
  if (NativeEngine.isSupported(video)) return new NativeEngine(video, reports);
  throw new NoEngine('This browser has neither Media Source Extensions nor HLS of its own.');
}
