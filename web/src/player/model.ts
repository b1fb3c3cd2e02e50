/** What the player shows: a value that the controller makes and the surface draws. */
import type { EngineName } from './choice.ts';
import type { Level, Voice } from './engine.ts';
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
  voices: Voice[];
  voice: Voice | undefined;
  /** What plays, and what somebody asked for. */
  engine: EngineName | undefined;
  asked: EngineName | undefined;
  /** What there is to play with, and what speaks against it. */
  engines: { name: EngineName; note: string | undefined }[];
  /** Why it is not a better engine that plays, or what is missing with this one. */
  note: string | undefined;
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
  speak(voice: Voice): void;
  play(engine: EngineName | undefined): void;
  giveKey(key: string): void;
}

/** What the stats panel, `window.onair` and tests read. */
export interface Snapshot extends Model {
  /** Seconds behind the newest part that the server has announced. */
  edgeLatency: number | undefined;
  target: number | undefined;
  buffer: number;
  rate: number;
  droppedFrames: number;
  totalFrames: number;
  bandwidthBps: number | undefined;
  /** By WebRTC; seconds and a part of one. */
  rtt: number | undefined;
  jitterBuffer: number | undefined;
  loss: number | undefined;
  remote: string | undefined;
  /** What the server makes of the stream, and how that goes. */
  made: string[];
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

/** `English`, or what the stream calls it, or its number. */
export function voiceName({ id, language, name }: Voice): string {
  const isTag = language !== undefined && /^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/i.test(language);
  const spoken = isTag && new Intl.DisplayNames(['en'], { type: 'language' }).of(language);
  return spoken || name || `Track ${id + 1}`;
}
