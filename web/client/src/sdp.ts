/** The few lines of SDP that a client has to read and write itself. */

/** ICE credentials. */
export interface Credentials {
  ufrag: string;
  pwd: string;
}

const line = (sdp: string, name: string): string | undefined =>
  new RegExp(`^a=${name}:([^\\r\\n]*)`, 'm').exec(sdp)?.[1]?.trim();

/** The first ICE credentials of a description: with BUNDLE they are those of all. */
export function credentialsOf(sdp: string): Credentials | undefined {
  const [ufrag, pwd] = [line(sdp, 'ice-ufrag'), line(sdp, 'ice-pwd')];
  return ufrag !== undefined && pwd !== undefined ? { ufrag, pwd } : undefined;
}

/** Whether the other side only answers checks: it learns our addresses from them and needs no candidates (RFC 8445 §2.5). */
export const isLite = (sdp: string): boolean => /^a=ice-lite\s*$/m.test(sdp);

/** The section that carries the others: the first of the BUNDLE group that was agreed on. One that was declined is not in it. */
const bundled = (answer: string): string | undefined => /^a=group:BUNDLE (\S+)/m.exec(answer)?.[1];

/** The section of that mid, without a mid or such a section the first. */
function sectionOf(sdp: string, mid: string | undefined): string {
  const sections = sdp.split(/^(?=m=)/m).slice(1);
  return sections.find((each) => mid !== undefined && line(each, 'mid') === mid) ?? sections[0] ?? '';
}

/**
 * A fragment for PATCH (RFC 8840, RFC 9725 §4.3.1): credentials and candidates of the section that carries all. Those of a
 * section that the `answer` declined are others, and nobody's.
 */
export function fragmentOf(sdp: string, answer: string, candidates: string[], isLast: boolean): string | undefined {
  const carrier = sectionOf(sdp, bundled(answer));
  const credentials = credentialsOf(carrier) ?? credentialsOf(sdp);
  const section = /^m=(\w+) /.exec(carrier)?.[1];
  if (credentials === undefined || section === undefined) return undefined;
  const mids = [...sdp.matchAll(/^a=mid:(\S+)/gm)].map(([, mid]) => mid);
  return [
    `a=group:BUNDLE ${mids.join(' ')}`,
    `a=ice-ufrag:${credentials.ufrag}`,
    `a=ice-pwd:${credentials.pwd}`,
    `m=${section} 9 UDP/TLS/RTP/SAVPF 0`,
    `a=mid:${line(carrier, 'mid') ?? '0'}`,
    ...candidates.map((candidate) => `a=${candidate.replace(/^a=/, '')}`),
    ...(isLast ? ['a=end-of-candidates'] : []),
    '',
  ].join('\r\n');
}

/** The answer to an ICE restart: what was answered before, with the credentials and candidates of the `fragment`. */
export function restarted(answer: string, fragment: string): string | undefined {
  const credentials = credentialsOf(fragment);
  if (credentials === undefined) return undefined;
  const candidates = [...fragment.matchAll(/^a=candidate:[^\r\n]*/gm)].map(([all]) => all);
  const kept = answer
    .split(/\r?\n/)
    .filter((each) => each !== '' && !/^a=(candidate|end-of-candidates|ice-ufrag|ice-pwd)\b/.test(each));
  const mids = kept.filter((each) => each.startsWith('a=mid:'));
  const carrier = bundled(answer) === undefined ? mids[0] : `a=mid:${bundled(answer)}`;
  const lines = kept.flatMap((each) => {
    if (!each.startsWith('a=mid:')) return [each];
    const added = [each, `a=ice-ufrag:${credentials.ufrag}`, `a=ice-pwd:${credentials.pwd}`];
    return each === carrier ? [...added, ...candidates] : added;
  });
  return `${lines.join('\r\n')}\r\n`;
}

/** Says that we take Opus in stereo: without it Chromium mixes down to mono. */
export function stereo(sdp: string): string {
  const types = [...sdp.matchAll(/^a=rtpmap:(\d+) opus\/48000\/2/gim)].map(([, type]) => type);
  return sdp.replace(/^a=fmtp:(\d+) ([^\r\n]*)/gm, (all, type: string, rest: string) =>
    types.includes(type) && !/\bstereo=/.test(rest) ? `a=fmtp:${type} ${rest};stereo=1` : all,
  );
}
