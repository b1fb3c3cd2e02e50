/** A stream as the home page shows it. */
import type { Stream } from './api.ts';
import { root } from './address.ts';
import { art } from './art.ts';
import { Still } from './still.ts';
import { h, setText } from './dom.ts';
import {
  audioFacts,
  best,
  bitrate,
  codec,
  isFailing,
  protocol,
  rate,
  shortName,
  sinceText,
  totalBitrate,
  viewers,
} from './format.ts';

/** A card that is drawn once and told what changes. */
export class Card {
  readonly root: HTMLElement;
  private readonly badge = h('span', { class: 'badge' });
  private readonly badgeText = h('span');
  private readonly still: Still;
  private readonly size = h('span', { class: 'size' });
  private readonly facts = h('p', { class: 'card-facts dotted' });
  private readonly foot = h('p', { class: 'card-foot dotted' });

  constructor(path: string) {
    this.still = new Still(path, root());
    this.badge.append(h('span', { class: 'lamp-dot', 'aria-hidden': 'true' }), this.badgeText);
    const link = h('a', { class: 'card-link', href: new URL(`watch/${path}`, root()).href }, shortName(path));
    this.root = h(
      'li',
      { class: 'card', 'data-path': path },
      h('div', { class: 'card-picture' }, art(path), this.still.root, this.badge, this.size),
      h('div', { class: 'card-words' }, h('h2', {}, link), h('p', { class: 'card-path' }, path), this.facts, this.foot),
    );
  }

  show(stream: Stream, nowMs: number): void {
    this.root.dataset['state'] = stream.state;
    setText(this.badgeText, { live: 'Live', away: 'Interrupted', ended: 'Ended' }[stream.state]);
    const video = best(stream, 'video');
    const audio = best(stream, 'audio');
    const total = totalBitrate(stream);
    if (video) this.still.renew(stream.state === 'live', nowMs);
    else this.still.clear();
    setText(this.size, sizeOf(stream));
    const facts = [
      video && codec(video.codec),
      video?.frame_rate && `${rate(video.frame_rate)}\u00a0fps`,
      audio ? audioFacts({ ...audio, bitrate_bps: null }).join(' ') : 'no sound',
      total && bitrate(total),
    ];
    setText(this.facts, facts.filter(Boolean).join(' · '));
    const since = sinceText(stream.since, nowMs);
    const foot = [
      stream.publisher?.proto && protocol(stream.publisher.proto),
      since && (since === 'just now' ? 'began just now' : `on air for ${since}`),
      typeof stream.viewers === 'number' && viewers(stream.viewers),
      isFailing(stream) && 'transcoding fails',
    ];
    setText(this.foot, foot.filter(Boolean).join(' · '));
  }
}

function sizeOf(stream: Stream): string {
  const video = best(stream, 'video');
  if (video === undefined) return stream.tracks.length > 0 ? 'Audio only' : '';
  return video.height ? `${video.height}p${(video.frame_rate ?? 0) > 32 ? Math.round(video.frame_rate ?? 0) : ''}` : '';
}
