/** Figures over the picture, for those who want to know. */
import { h, s, setText } from '../dom.ts';
import { bitrate } from '../format.ts';
import { levelName, type Snapshot } from './model.ts';

const SAMPLES = 60;
const EVERY_MS = 500;
const WIDTH = 176;
const HEIGHT = 36;

type Row = [label: string, value: (snapshot: Snapshot) => string];

const seconds = (value: number | undefined): string => (value === undefined ? '–' : `${value.toFixed(2)} s`);
const bits = (value: number | undefined): string => (value === undefined ? '–' : bitrate(value));

const ROWS: Row[] = [
  ['Behind live', (now) => seconds(now.latency)],
  ['Aims at', (now) => seconds(now.target)],
  ['Buffer', (now) => seconds(now.buffer)],
  ['Speed', (now) => `${now.rate.toFixed(2)}×`],
  ['Picture', (now) => (now.width > 0 ? `${now.width}×${now.height}` : '–')],
  ['Level', (now) => (now.level ? [levelName(now.level), bits(now.level.bitrateBps)].join(', ') : '–')],
  ['Bandwidth', (now) => bits(now.bandwidthBps)],
  ['Dropped frames', (now) => `${now.droppedFrames} of ${now.totalFrames}`],
  ['Stalls', (now) => `${now.stalls}, ${(now.stalledMs / 1000).toFixed(1)} s`],
  ['Engine', (now) => now.engine || '–'],
];

export class Stats {
  readonly root: HTMLElement;
  private readonly cells: HTMLElement[] = [];
  private readonly line = s('polyline', { class: 'spark', fill: 'none' });
  private readonly samples: number[] = [];
  private drawnAt = 0;

  constructor() {
    const rows = ROWS.flatMap(([label]) => {
      const cell = h('dd');
      this.cells.push(cell);
      return [h('dt', {}, label), cell];
    });
    this.root = h(
      'aside',
      { class: 'stats', 'aria-label': 'Playback figures', hidden: true },
      s('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: 'stats-spark', 'aria-hidden': 'true' }, this.line),
      h('dl', {}, ...rows),
    );
  }

  /** Shows or hides the figures, and says which it is now. */
  toggle(): boolean {
    this.root.hidden = !this.root.hidden;
    return !this.root.hidden;
  }

  render(now: Snapshot, atMs: number): void {
    if (atMs - this.drawnAt < EVERY_MS) return;
    this.drawnAt = atMs;
    if (now.phase === 'playing' && now.latency !== undefined) {
      this.samples.push(now.latency);
      if (this.samples.length > SAMPLES) this.samples.shift();
    }
    if (this.root.hidden) return;
    ROWS.forEach(([, value], index) => {
      const cell = this.cells[index];
      if (cell) setText(cell, value(now));
    });
    this.line.setAttribute('points', points(this.samples));
  }
}

/** The last half minute of latency as a line, zero at the bottom. */
export function points(samples: number[]): string {
  const most = Math.max(2, ...samples);
  return samples
    .map(
      (value, index) =>
        `${((index / (SAMPLES - 1)) * WIDTH).toFixed(1)},${(HEIGHT - 2 - (value / most) * (HEIGHT - 4)).toFixed(1)}`,
    )
    .join(' ');
}
