/** Our own drawings: one line weight, round ends, 24 units wide. */
import { s } from './dom.ts';

const STROKES = {
  play: 'M8 5.2v13.6l10.8-6.8z',
  pause: 'M8.5 5.5v13M15.5 5.5v13',
  loud: 'M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a7.8 7.8 0 0 1 0 11',
  quiet: 'M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM15.5 9a4.2 4.2 0 0 1 0 6',
  mute: 'M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM16 9.8l4.4 4.4M20.4 9.8L16 14.2',
  full: 'M4.5 9V4.5H9M15 4.5h4.5V9M19.5 15v4.5H15M9 19.5H4.5V15',
  small: 'M9 4.5V9H4.5M19.5 9H15V4.5M15 19.5V15h4.5M4.5 15H9v4.5',
  pip: 'M20.5 11V5.5h-17v13H10M13 13.5h7.5v5H13z',
  tune: 'M4 7.5h9M17 7.5h3M4 16.5h3M11 16.5h9M15 5.5v4M9 14.5v4',
  camera: 'M4.5 7.5h9.5v9h-9.5zM14 10.8l5.5-3v8.4l-5.5-3',
  stats: 'M4.5 19.5v-6M9.5 19.5V9M14.5 19.5v-8M19.5 19.5v-15',
  copy: 'M9 9h10.5v10.5H9zM15 9V4.5H4.5V15H9',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  key: 'M14.5 14a4.8 4.8 0 1 0-4.6-3.5L4 16.4V20h3.6v-2.6h2.6v-2.6zM16 8.6v.2',
  arrow: 'M5 12h13.5M13 6.5l5.5 5.5-5.5 5.5',
  away: 'M4.5 4.5l15 15M8.2 13.4a5 5 0 0 1 2-1.1M5 10a9.6 9.6 0 0 1 3-2M19 10a9.7 9.7 0 0 0-7.4-2.9M12 17v.2',
  stop: 'M8.5 6h7A2.5 2.5 0 0 1 18 8.5v7a2.5 2.5 0 0 1-2.5 2.5h-7A2.5 2.5 0 0 1 6 15.5v-7A2.5 2.5 0 0 1 8.5 6z',
  warn: 'M12 4.5l8.5 14.5h-17zM12 10.5v4M12 16.8v.1',
} as const;

/** Names of what there is to draw. */
export type Icon = keyof typeof STROKES;

const FILLED: ReadonlySet<Icon> = new Set(['play']);

/** A drawing that follows the colour and size of the text around it. It says nothing to screen readers. */
export function icon(name: Icon): SVGSVGElement {
  return s(
    'svg',
    { class: `icon${FILLED.has(name) ? ' icon-filled' : ''}`, viewBox: '0 0 24 24', 'aria-hidden': 'true' },
    s('path', { d: STROKES[name] }),
  );
}

/** Redraws `svg` as another icon. */
export function setIcon(svg: SVGSVGElement, name: Icon): void {
  const path = svg.firstElementChild;
  if (path === null || path.getAttribute('d') === STROKES[name]) return;
  path.setAttribute('d', STROKES[name]);
  svg.classList.toggle('icon-filled', FILLED.has(name));
}
