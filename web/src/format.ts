/** Figures and names as people read them. */
import type { Stream, Track } from './api.ts';

const CODECS: Record<string, string> = {
  aac: 'AAC',
  ac3: 'AC-3',
  av1: 'AV1',
  avc: 'H.264',
  eac3: 'E-AC-3',
  flac: 'FLAC',
  h264: 'H.264',
  h265: 'HEVC',
  hevc: 'HEVC',
  mp3: 'MP3',
  mp4a: 'AAC',
  opus: 'Opus',
  pcma: 'G.711',
  pcmu: 'G.711',
  vp8: 'VP8',
  vp9: 'VP9',
};

const PROTOCOLS: Record<string, string> = {
  demo: 'a test card',
  hls: 'HLS',
  rtmp: 'RTMP',
  rtmps: 'RTMPS',
  rtsp: 'RTSP',
  srt: 'SRT',
  whip: 'WHIP',
};

/** `avc` → `H.264`. An unknown codec keeps its own name. */
export const codec = (name: string): string => CODECS[name.toLowerCase().replace(/[^a-z0-9]/g, '')] ?? name;

/** `rtmp` → `RTMP`. */
export const protocol = (name: string): string => PROTOCOLS[name.toLowerCase()] ?? name;

/** `3_200_000` → `3.2\u00a0Mbit/s`. */
export function bitrate(bps: number): string {
  if (bps >= 999_500) return `${(bps / 1_000_000).toFixed(bps < 9_950_000 ? 1 : 0)}\u00a0Mbit/s`;
  return `${Math.round(bps / 1000)}\u00a0kbit/s`;
}

/** `29.97002997` → `29.97`, `30` → `30`. */
export const rate = (perSecond: number): string => String(Math.round(perSecond * 100) / 100);

/** `1`, `2`, `6` channels → `mono`, `stereo`, `5.1`. */
export function channels(count: number): string {
  return { 1: 'mono', 2: 'stereo', 6: '5.1', 8: '7.1' }[count] ?? `${count} channels`;
}

/** A span of seconds as a sentence holds it: `just now`, `4 min`, `2 h 5 min`, `3 days`. */
export function span(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return 'just now';
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} days`;
}

/** How long ago an RFC 3339 time was, as [`span`] says it; nothing if it is no time. */
export function sinceText(since: string | null | undefined, nowMs: number): string | undefined {
  const at = since ? Date.parse(since) : Number.NaN;
  return Number.isFinite(at) ? span(Math.max(0, (nowMs - at) / 1000)) : undefined;
}

/** Seconds behind live: `80 ms`, `0.8 s`, `12 s`. */
export function latency(seconds: number): string {
  const shown = Math.max(0, seconds);
  if (shown < 0.3) return `${Math.round(shown * 1000)} ms`;
  return shown < 9.95 ? `${shown.toFixed(1)} s` : `${Math.round(shown)} s`;
}

/** Whether the publisher sends it; the rest is made of it. */
export const isSent = (track: Track): boolean => !track.made;

/** `1 viewer`, `12 viewers`. */
export const viewers = (count: number): string => (count === 1 ? '1 viewer' : `${count.toLocaleString('en')} viewers`);

/** The facts of a video track, widest first: `1280×720`, `30\u00a0fps`, `H.264`, `3.2\u00a0Mbit/s`. */
export function videoFacts(track: Track): string[] {
  return [
    track.width && track.height && `${track.width}×${track.height}`,
    track.frame_rate && `${rate(track.frame_rate)}\u00a0fps`,
    codec(track.codec),
    track.bitrate_bps && bitrate(track.bitrate_bps),
  ].filter((fact): fact is string => typeof fact === 'string');
}

/** The facts of an audio track: `AAC`, `48\u00a0kHz`, `stereo`, `128\u00a0kbit/s`. */
export function audioFacts(track: Track): string[] {
  return [
    codec(track.codec),
    track.sample_rate && `${rate(track.sample_rate / 1000)}\u00a0kHz`,
    track.channels && channels(track.channels),
    track.bitrate_bps && bitrate(track.bitrate_bps),
    track.language && track.language !== 'und' && track.language,
  ].filter((fact): fact is string => typeof fact === 'string');
}

/** The best track of a kind that the publisher sends: the one with the most lines, or the highest bitrate. */
export function best(stream: Stream, kind: Track['kind']): Track | undefined {
  const worth = (track: Track) => (track.height ?? 0) * 1e9 + (track.bitrate_bps ?? 0);
  return stream.tracks.filter((track) => track.kind === kind && isSent(track)).sort((a, b) => worth(b) - worth(a))[0];
}

/** All that the publisher sends, in bits a second; nothing while none is known. */
export function totalBitrate(stream: Stream): number | undefined {
  const sum = stream.tracks.filter(isSent).reduce((total, track) => total + (track.bitrate_bps ?? 0), 0);
  return sum > 0 ? sum : undefined;
}

/** What the server makes of what is sent, and how that goes where it does not go well: `AAC`, `480p H.264: begun again 3 times`. */
export function madeFacts(stream: Stream): string[] {
  return stream.tracks.flatMap((track) => {
    if (!track.made) return [];
    const { state, restarts, dropped_frames, retry_ms, fallback_from } = track.made;
    const name = [track.height && `${track.height}p`, codec(track.codec)].filter(Boolean).join(' ');
    const troubles = [
      state === 'backing-off' && (retry_ms ? `fails, again in ${Math.ceil(retry_ms / 1000)} s` : 'fails'),
      state === 'shed' && 'left out for now, as the server has not the time',
      fallback_from && `by the processor, as ${fallback_from} is not to be had`,
      restarts && `begun again ${restarts === 1 ? 'once' : `${restarts} times`}`,
      dropped_frames && `${dropped_frames} frames left out`,
    ].filter((trouble): trouble is string => typeof trouble === 'string');
    return [troubles.length > 0 ? `${name}: ${troubles.join(', ')}` : name];
  });
}

/** Whether something that the server makes does not come out at the moment. */
export const isFailing = (stream: Stream): boolean =>
  stream.tracks.some((track) => track.made?.state === 'backing-off');

/** The last part of a path, which is what people call the stream: `live/alice` → `alice`. */
export const shortName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
