/** When a player of segments changes from one rung to another without a gap. */

interface Segment {
  /** In seconds, on the video element's clock. */
  start: number;
}

/** Of a playlist, what matters here. Parts name the segment that they are of, which may not be listed yet. */
export interface Listed {
  fragments: readonly Segment[];
  partList: readonly { fragment: Segment }[] | null;
}

type Played = Pick<HTMLVideoElement, 'currentTime' | 'buffered'>;

/** The picture shall be so far away from the segment that is loaded, in seconds, that its first part can be had anew. */
const MARGIN_S = 0.2;

/**
 * Whether the segment that is being loaded is not being shown yet. hls.js loads a new rung from the beginning of that segment, and
 * where it is shown already, browsers have no picture of the new rung before its next keyframe.
 */
export function isAhead({ currentTime, buffered }: Played, listed: Listed | null): boolean {
  if (!listed || buffered.length === 0) return true;
  const end = buffered.end(buffered.length - 1);
  const all = [...listed.fragments, ...(listed.partList ?? []).map(({ fragment }) => fragment)];
  const last = Math.max(...all.map(({ start }) => start).filter((start) => start <= end));
  return currentTime < last - MARGIN_S;
}
