/** What goes out, in figures and sentences. */
import type { Stats } from '../../client/src/index.ts';
import { h, setText } from '../dom.ts';
import { bitrate, codec } from '../format.ts';

const LIMITS: Record<string, string> = {
  none: 'as asked',
  cpu: 'held back by this machine, which cannot do more',
  bandwidth: 'held back by the network, which carries no more',
  other: 'held back by something that the browser does not name',
};

/** Label and value of each row; what is not known has none. */
export function rowsOf(stats: Stats): [string, string][] {
  const { video, audio } = stats;
  const rows: [string, string | undefined][] = [
    ['Sends', stats.bitrateBps === undefined ? undefined : bitrate(stats.bitrateBps)],
    ['Loss', percent(Math.max(video?.loss ?? 0, audio?.loss ?? 0), video?.loss ?? audio?.loss)],
    ['Round trip', stats.rtt === undefined ? undefined : `${Math.round(stats.rtt * 1000)} ms`],
    ['Network carries', stats.availableBps === undefined ? undefined : bitrate(stats.availableBps)],
    [
      'Video',
      video &&
        facts(
          video.codec,
          video.height && `${video.width}×${video.height}`,
          video.fps && `${Math.round(video.fps)} fps`,
        ),
    ],
    ['Audio', audio && facts(audio.codec, audio.bitrateBps === undefined ? undefined : bitrate(audio.bitrateBps))],
    ['Encoder', video?.limitation && LIMITS[video.limitation]],
    ['Goes to', stats.remote],
  ];
  return rows.filter((row): row is [string, string] => row[1] !== undefined && row[1] !== '');
}

export class FigureList {
  readonly root = h('section', { class: 'sent', 'aria-labelledby': 'sent-title', hidden: true });
  private readonly list = h('dl', { class: 'facts dotted' });
  private readonly layers = h('ul', { class: 'layers', 'aria-label': 'Sizes' });
  private drawn = '';

  constructor() {
    this.root.append(h('h2', { id: 'sent-title' }, 'What goes out'), this.list, this.layers);
  }

  show(stats: Stats): void {
    const rows = rowsOf(stats);
    const labels = rows.map(([label]) => label).join();
    if (labels !== this.drawn) {
      this.drawn = labels;
      this.list.replaceChildren(...rows.flatMap(([label]) => [h('dt', {}, label), h('dd')]));
    }
    this.list.querySelectorAll('dd').forEach((cell, index) => setText(cell, rows[index]?.[1] ?? ''));
    this.layers.hidden = stats.layers.length < 2;
    if (this.layers.hidden) return;
    this.layers.replaceChildren(
      ...stats.layers.map((layer) =>
        h(
          'li',
          { 'data-active': String(layer.isActive) },
          h('b', {}, layer.height ? `${layer.height}p` : (layer.rid ?? '')),
          h('span', {}, layer.isActive && layer.bitrateBps !== undefined ? bitrate(layer.bitrateBps) : 'not sent now'),
        ),
      ),
    );
  }
}

const percent = (value: number, isKnown: number | undefined): string | undefined =>
  isKnown === undefined ? undefined : `${(value * 100).toFixed(1)} %`;

const facts = (name: string | undefined, ...more: (string | number | undefined)[]): string =>
  [name && codec(name), ...more].filter(Boolean).join(' · ');
