/** Stills of what is live, as the server makes them while somebody asks. */
import { address } from './address.ts';
import { h } from './dom.ts';

/** How long a page shows the same still. */
const FRESH_MS = 15_000;

/** Where the still of a stream is. All pages ask by the same address for some seconds, so that caches may answer. */
export function stillOf(path: string, base: URL, nowMs: number, key?: string): string {
  const url = address(`thumbnail/${path}.jpg`, base, key);
  url.searchParams.set('t', String(Math.floor(nowMs / FRESH_MS)));
  return url.href;
}

/** A still that is renewed while it is told to, and not there while there is none. */
export class Still {
  readonly root = h('img', { class: 'still', alt: '', hidden: true, decoding: 'async' });
  private asked = '';

  constructor(
    private readonly path: string,
    private readonly base: URL,
  ) {}

  /** Shows what is live now; a new picture takes the place of the old one when it is there. */
  renew(isLive: boolean, nowMs: number): void {
    if (!isLive || document.visibilityState === 'hidden') return;
    const wanted = stillOf(this.path, this.base, nowMs);
    if (wanted === this.asked) return;
    this.asked = wanted;
    const next = new Image();
    next.addEventListener('load', () => {
      this.root.src = next.src;
      this.root.hidden = false;
    });
    next.src = wanted;
  }

  clear(): void {
    this.root.hidden = true;
  }
}
