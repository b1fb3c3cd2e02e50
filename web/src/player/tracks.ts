/** What the tracks of a stream mean for a player. */
import type { Stream } from '../api.ts';
import { codec, isSent } from '../format.ts';

/**
 * Names the set of tracks. While it stays the same, an engine may go on as it is: a publisher who comes back, or another
 * size of picture, is a discontinuity in the same playlists. Where the server chooses the rendition, only kinds and codecs
 * count: `isOne`. What the server makes comes and goes with those who want it, and is no reason to load anew.
 */
export function fingerprint(stream: Stream, isOne = false): string {
  const names = stream.tracks.filter(isSent).map(({ name, kind, codec }) => `${isOne ? kind : name}:${kind}:${codec}`);
  return [...new Set(names)].sort().join(' ');
}

/** Whether the stream has a kind of track that the engine does not play. */
export function lacks(carries: { video: boolean; audio: boolean } | undefined, stream: Stream): boolean {
  if (carries === undefined) return false;
  return stream.tracks.some((track) => !carries[track.kind]);
}

/** A sentence about the codecs that this browser refuses, given what it can do. */
export function refusal(stream: Stream | undefined, canPlay: (type: string) => boolean): string {
  const refused = (stream?.tracks ?? []).filter(
    (track) => track.codecs_string && !canPlay(`${track.kind}/mp4; codecs="${track.codecs_string}"`),
  );
  const names = [...new Set(refused.map((track) => `${codec(track.codec)} ${track.kind}`))];
  if (names.length === 0) return 'Its video or audio is in a form that this browser does not decode.';
  return `It carries ${names.join(' and ')}, which this browser does not decode. Another browser may.`;
}
