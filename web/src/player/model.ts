/** What the player shows: a value that the controller makes and the surface draws. */
import type { Level } from './engine.ts';
import type { Phase } from './machine.ts';

export interface Model {
  phase: Phase;
  /** Why the stream cannot be played, in the phase `unplayable`. */
  why: string | undefined;
  isKeyRefused: boolean;
  wantsToPlay: boolean;
  volume: number;
  isMuted: boolean;
  /** The browser allowed to play only without sound. */
  isSilenced: boolean;
  hasAudio: boolean;
  hasPicture: boolean;
  /** As close to live as it gets. */
  isLive: boolean;
  /** Seconds behind live, smoothed. */
  latency: number | undefined;
  levels: Level[];
  level: Level | undefined;
  chosen: number | undefined;
}

/** What a viewer may ask for. */
export interface Actions {
  toggle(): void;
  goLive(): void;
  /** By so many seconds, within what is there. */
  step(seconds: number): void;
  setVolume(volume: number): void;
  setMuted(muted: boolean): void;
  choose(level: Level | undefined): void;
  giveKey(key: string): void;
}

/** What the stats panel, `window.onair` and tests read. */
export interface Snapshot extends Model {
  engine: string;
  /** Seconds behind the newest part that the server has announced. */
  edgeLatency: number | undefined;
  target: number | undefined;
  buffer: number;
  rate: number;
  droppedFrames: number;
  totalFrames: number;
  bandwidthBps: number | undefined;
  stalls: number;
  stalledMs: number;
  loads: number;
  currentTime: number;
  width: number;
  height: number;
  /** The last error that an engine reported, for whoever looks for the cause of something. */
  lastError: string | undefined;
}

/** `720p`, `1080p60`. */
export function levelName(level: Level): string {
  if (level.height === undefined) return 'Audio';
  const fast = level.frameRate !== undefined && level.frameRate > 32 ? String(Math.round(level.frameRate)) : '';
  return `${level.height}p${fast}`;
}
