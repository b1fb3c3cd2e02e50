/** Which engine plays: the best that this browser, this stream and this network allow. A machine without a page. */
import type { Stream, Track } from '../api.ts';
import { codec, isSent } from '../format.ts';

/** Names of engines, as in the address of a page: `?engine=dash`. */
export type EngineName = 'whep' | 'hls' | 'dash' | 'native';

/** Best first. */
export const ORDER: readonly EngineName[] = ['whep', 'hls', 'dash', 'native'];

/** What people call them. */
export const TITLES: Record<EngineName, string> = { whep: 'WebRTC', hls: 'LL-HLS', dash: 'LL-DASH', native: 'HLS' };

/** What a browser can do. */
export interface Abilities {
  engines: readonly EngineName[];
  /** Codecs that its WebRTC decodes, in small letters: `h264`, `opus`. */
  rtcCodecs: ReadonlySet<string>;
}

/** What is to play, and why not something else, where that wants to be told. */
export interface Picked {
  name: EngineName | undefined;
  note: string | undefined;
}

/** What is known of a stream; nothing but an empty list where nothing is. */
export type Offered = Pick<Stream, 'tracks' | 'webrtc'>;

/** What was the case when something failed; `now` in milliseconds. */
export interface Circumstances {
  /** Whether that engine had shown a picture. */
  hasPlayed: boolean;
  offered: Offered;
  now: number;
}

/** Failures within this time count together. */
const MEMORY_MS = 60_000;
/** How many of them an engine gets that has never shown a picture, and one that has. */
const CHANCES = { whep: [1, 2], hls: [3, 5], dash: [3, 5], native: [3, 5] } as const;

/** What is in no file of HLS or DASH. */
const UNPACKAGED: ReadonlySet<string> = new Set(['vp8', 'mp3', 'pcma', 'pcmu']);

/** Names of codecs in WebRTC, where they differ from those of the API. */
const RTC_NAMES: Record<string, string> = { avc: 'h264', hevc: 'h265' };

export class Choice {
  private asked: EngineName | undefined;
  private readonly failures = new Map<EngineName, number[]>();
  /** Engines that are given up for now, and why. */
  private readonly given = new Map<EngineName, string>();

  constructor(
    private readonly abilities: Abilities,
    asked?: EngineName,
  ) {
    this.asked = asked;
  }

  /** What somebody asked for, by the address or by hand. */
  get wanted(): EngineName | undefined {
    return this.asked;
  }

  /** Somebody asks for an engine, or for none in particular. */
  ask(name: EngineName | undefined): void {
    this.asked = name;
    this.forgive();
  }

  /** Another broadcast, another luck. */
  forgive(): void {
    this.failures.clear();
    this.given.clear();
  }

  /** Whether to know what the stream carries would make a difference. */
  get asksForTracks(): boolean {
    return this.asked === undefined && this.isFit('whep');
  }

  /** What is to play that stream; one that nothing is known of where there are no tracks. */
  pick(offered: Offered): Picked {
    const { asked } = this;
    if (asked !== undefined && this.isFit(asked))
      return { name: asked, note: asked === 'whep' ? this.misses(offered) : unpackaged(offered.tracks) };
    const lost = asked === undefined ? undefined : this.excuse(asked);
    const name = this.best(offered);
    if (name !== undefined) {
      const better = lost ?? (name === 'whep' ? undefined : this.excuse('whep', offered));
      const notes = [better, name === 'whep' ? undefined : unpackaged(offered.tracks)].filter(
        (each) => each !== undefined,
      );
      return { name, note: notes.length > 0 ? notes.join(' ') : undefined };
    }
    // All have failed: then from the beginning, but for what needs tracks that are not there.
    if (this.given.size === 0) return { name: undefined, note: undefined };
    this.forgive();
    return this.pick(offered);
  }

  /** An engine failed. Whether it is given up, and another one plays from now on. */
  fail(name: EngineName, why: string, { hasPlayed, offered, now }: Circumstances): boolean {
    const recent = [...(this.failures.get(name) ?? []), now].filter((at) => now - at < MEMORY_MS);
    this.failures.set(name, recent);
    if (recent.length < CHANCES[name][hasPlayed ? 1 : 0]) return false;
    this.given.set(name, why);
    return this.best(offered) !== undefined;
  }

  /** The decoders of an engine refuse the stream: others that use the same ones are no way out. Whether there is any. */
  refuse(name: EngineName, why: string, offered: Offered): boolean {
    const same: EngineName[] = name === 'whep' ? ['whep'] : ['hls', 'dash', 'native'];
    for (const each of same) this.given.set(each, why);
    return this.best(offered) !== undefined;
  }

  /** What a person may choose from. */
  options(offered: Offered): { name: EngineName; note: string | undefined }[] {
    return ORDER.filter((each) => this.abilities.engines.includes(each)).map((name) => ({
      name,
      note: this.given.get(name) ?? (name === 'whep' ? this.misses(offered) : undefined),
    }));
  }

  /** Whether something of that kind comes to this browser by WebRTC: as it is sent, or made for it. */
  reaches(kind: Track['kind'], { tracks, webrtc }: Offered): boolean {
    const sent = tracks.filter((track) => track.kind === kind).map((track) => track.codec);
    return (webrtc?.[kind] ?? sent).some((name) => this.decodes(name));
  }

  private decodes(name: string): boolean {
    const small = name.toLowerCase();
    return this.abilities.rtcCodecs.has(RTC_NAMES[small] ?? small);
  }

  private best(offered: Offered): EngineName | undefined {
    return ORDER.find((each) => this.isFit(each) && (each !== 'whep' || this.isWhole(offered)));
  }

  private isFit(name: EngineName): boolean {
    return this.abilities.engines.includes(name) && !this.given.has(name);
  }

  /** Whether WebRTC would carry something of every kind there is. */
  private isWhole(offered: Offered): boolean {
    return offered.tracks.length > 0 && this.misses(offered) === undefined;
  }

  /** What would be missing by WebRTC, as a sentence. */
  private misses(offered: Offered): string | undefined {
    for (const kind of ['video', 'audio'] as const) {
      const first = offered.tracks.find((track) => track.kind === kind && isSent(track));
      if (first === undefined || this.reaches(kind, offered)) continue;
      // What it carries otherwise has something that it does not.
      const what = this.decodes(first.codec) && kind === 'video' ? 'the B-frames of this' : '';
      const lost = kind === 'video' ? 'picture' : 'sound';
      return `WebRTC does not carry ${what}${what && ' '}${codec(first.codec)}: there would be no ${lost}.`;
    }
    return undefined;
  }

  private excuse(name: EngineName, offered: Offered = { tracks: [] }): string | undefined {
    if (!this.abilities.engines.includes(name))
      return name === 'whep' ? undefined : `This browser has no ${TITLES[name]}.`;
    const why = this.given.get(name);
    return why === undefined ? (name === 'whep' ? this.misses(offered) : undefined) : `${TITLES[name]}: ${why}`;
  }
}

/** What would be missing by HLS and DASH, as a sentence: some codecs of WebRTC have no place in their files. */
function unpackaged(tracks: readonly Track[]): string | undefined {
  for (const kind of ['video', 'audio'] as const) {
    const all = tracks.filter((track) => track.kind === kind);
    const [first] = all;
    if (first === undefined || all.some((track) => !UNPACKAGED.has(track.codec.toLowerCase()))) continue;
    return `HLS and DASH do not carry ${codec(first.codec)}: there is no ${kind === 'video' ? 'picture' : 'sound'}.`;
  }
  return undefined;
}

/** What the address of a page asks for, if it names an engine that there is. */
export function engineNamed(name: string | null): EngineName | undefined {
  const known = name?.toLowerCase();
  return known === 'webrtc' ? 'whep' : ORDER.find((each) => each === known);
}
