/** What the server says about its streams (`/api/v1`). Everything optional may be missing; nothing is trusted to be there. */
import { address } from './address.ts';

/** One rendition of one kind. */
export interface Track {
  name: string;
  kind: 'video' | 'audio';
  codec: string;
  codecs_string?: string | null;
  width?: number | null;
  height?: number | null;
  frame_rate?: number | null;
  sample_rate?: number | null;
  channels?: number | null;
  language?: string | null;
  bitrate_bps?: number | null;
  /** How it does, of a track that the server makes itself. */
  made?: Made | null;
}

/** How the making of a rendition goes. */
export interface Made {
  of?: string | null;
  state: 'running' | 'starting' | 'shed' | 'backing-off';
  frames?: number | null;
  dropped_frames?: number | null;
  restarts?: number | null;
  last_failure?: string | null;
  /** What encodes it, as FFmpeg calls it. */
  encoder?: string | null;
  /** The hardware that was to encode it but cannot on the server's machine. */
  fallback_from?: string | null;
  /** From its source's frame to a frame of it: 95 of 100 are sooner. */
  delay_ms?: number | null;
  retry_ms?: number | null;
}

/** What viewers by WebRTC get, by names of codecs; a kind that is empty does not reach them. */
export interface Carried {
  video: string[];
  audio: string[];
}

/** One broadcast. */
export interface Stream {
  path: string;
  state: 'live' | 'away' | 'ended';
  /** RFC 3339. */
  since?: string | null;
  publisher?: { proto?: string | null } | null;
  tracks: Track[];
  /** Absent while WebRTC is turned off. */
  webrtc?: Carried | null;
  viewers?: number | null;
}

/** The server itself, as far as this caller may know. */
export interface Server {
  version: string;
  /** Absent while RTMP is turned off. */
  rtmp_port?: number | null;
  /** Absent while RTMPS is turned off. */
  rtmps_port?: number | null;
  /** Where the pages come by HTTPS; absent while they do not. */
  https_port?: number | null;
  /** Whether browsers publish here by WHIP and watch by WHEP. */
  webrtc?: boolean | null;
  /** Whether this caller would have to bring a key to publish. */
  publish_needs_key: boolean;
}

/** Why an answer is not there. */
export type Refusal = 'absent' | 'locked' | 'unreachable';

/** An answer, with the server's clock where the server told it. */
export type Answer<T> = { ok: true; value: T; clockOffsetMs?: number } | { ok: false; refusal: Refusal };

const PATIENCE_MS = 8000;

/** Asks for every stream that anyone may see. */
export async function streams(base: URL): Promise<Answer<Stream[]>> {
  const answer = await ask(address('api/v1/streams', base));
  if (!answer.ok) return answer;
  const list = (answer.value as { streams?: unknown } | null)?.streams;
  return { ...answer, value: Array.isArray(list) ? list.filter(isStream).map(complete) : [] };
}

/** Asks for one stream. */
export async function stream(path: string, base: URL, key?: string): Promise<Answer<Stream>> {
  const answer = await ask(address(`api/v1/streams/${path}`, base, key));
  if (!answer.ok) return answer;
  return isStream(answer.value) ? { ...answer, value: complete(answer.value) } : { ok: false, refusal: 'unreachable' };
}

/** Asks what a publisher has to know. */
export async function server(base: URL): Promise<Answer<Server>> {
  const answer = await ask(address('api/v1/server', base));
  return answer.ok ? { ...answer, value: answer.value as Server } : answer;
}

async function ask(url: URL): Promise<Answer<unknown>> {
  const asked = Date.now();
  try {
    const response = await fetch(url, { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE_MS) });
    if (response.status === 401 || response.status === 403) return { ok: false, refusal: 'locked' };
    if (response.status === 404 || response.status === 410) return { ok: false, refusal: 'absent' };
    if (!response.ok) return { ok: false, refusal: 'unreachable' };
    const value: unknown = await response.json();
    const clockOffsetMs = offset(value, asked, Date.now());
    return clockOffsetMs === undefined ? { ok: true, value } : { ok: true, value, clockOffsetMs };
  } catch {
    return { ok: false, refusal: 'unreachable' };
  }
}

/** How far the server's clock is ahead of ours, from the `now` in its answer, given when we asked and heard. */
export function offset(value: unknown, askedMs: number, heardMs: number): number | undefined {
  const now = (value as { now?: unknown } | null)?.now;
  const serverMs = typeof now === 'string' ? Date.parse(now) : Number.NaN;
  return Number.isFinite(serverMs) ? serverMs - (askedMs + heardMs) / 2 : undefined;
}

function isStream(value: unknown): value is Stream {
  const stream = value as Partial<Stream> | null;
  return typeof stream?.path === 'string' && typeof stream.state === 'string';
}

function complete(stream: Stream): Stream {
  return { ...stream, tracks: Array.isArray(stream.tracks) ? stream.tracks : [] };
}
