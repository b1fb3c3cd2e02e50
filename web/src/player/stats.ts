/** Figures over the picture, for those who want to know. */
import { h, s, setText } from '../dom.ts';
import { bitrate } from '../format.ts';
import { TITLES } from './choice.ts';
import { levelName, type Snapshot } from './model.ts';

const SAMPLES = 60;
const EVERY_MS = 500;
const WIDTH = 176;
const HEIGHT = 36;

/** A row whose value is empty is not shown. */
type Row = [label: string, value: (snapshot: Snapshot) => string];

const seconds = (value: number | undefined): string => (value === undefined ? '–' : `${value.toFixed(2)} s`);
const millis = (value: number | undefined): string => (value === undefined ? '' : `${Math.round(value * 1000)} ms`);
const bits = (value: number | undefined): string => (value === undefined ? '–' : bitrate(value));

const ROWS: Row[] = [
  ['Plays by', (now) => (now.engine ? TITLES[now.engine] : '–')],
  ['Behind live', (now) => (now.engine === 'whep' ? millis(now.latency) || '–' : seconds(now.latency))],
  ['Aims at', (now) => (now.engine === 'whep' ? '' : seconds(now.target))],
  ['Buffer', (now) => (now.engine === 'whep' ? millis(now.jitterBuffer) : seconds(now.buffer))],
  ['Round trip', (now) => millis(now.rtt)],
  ['Loss', (now) => (now.loss === undefined ? '' : `${(now.loss * 100).toFixed(1)} %`)],
  ['Speed', (now) => (now.engine === 'whep' ? '' : `${now.rate.toFixed(2)}×`)],
  ['Picture', (now) => (now.width > 0 ? `${now.width}×${now.height}` : '–')],
  ['Level', (now) => (now.level ? [levelName(now.level), bits(now.level.bitrateBps)].join(', ') : '–')],
  ['Bandwidth', (now) => bits(now.bandwidthBps)],
  ['Dropped frames', (now) => `${now.droppedFrames} of ${now.totalFrames}`],
  ['Stalls', (now) => `${now.stalls}, ${(now.stalledMs / 1000).toFixed(1)} s`],
  ['Made here', (now) => now.made.join(' · ')],
  ['Comes from', (now) => now.remote ?? ''],
];

export class Stats {
  readonly root: HTMLElement;
  private readonly cells: HTMLElement[] = [];
  private readonly note = h('p', { class: 'stats-note', hidden: true });
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
      this.note,
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
      if (!cell) return;
      setText(cell, value(now));
      const isEmpty = cell.textContent === '';
      cell.hidden = isEmpty;
      if (cell.previousElementSibling instanceof HTMLElement) cell.previousElementSibling.hidden = isEmpty;
    });
    setText(this.note, now.note ?? '');
    this.note.hidden = now.note === undefined;
    this.line.setAttribute('points', points(this.samples));
  }
}

/** The last half minute of latency as a line, zero at the bottom. */
export function points(samples: number[]): string {
  const most = Math.max(samples.some((value) => value > 0.5) ? 2 : 0.5, ...samples);
  return samples
    .map(
      (value, index) =>
        `${((index / (SAMPLES - 1)) * WIDTH).toFixed(1)},${(HEIGHT - 2 - (value / most) * (HEIGHT - 4)).toFixed(1)}`,
    )
    .join(' ');
}
