/** The name of the house, drawn: five letters of one line, the dot of the i is the lamp that says we are on air. */
import { h, s } from './dom.ts';
import { root } from './address.ts';

/** The word mark. Letters take the colour of the text, the lamp its own. */
export function wordmark(): SVGSVGElement {
  return s(
    'svg',
    { class: 'wordmark', viewBox: '0 0 118 40', role: 'img', 'aria-label': 'Onair' },
    s('path', {
      d: 'M26 25a9.5 9.5 0 1 1-19 0a9.5 9.5 0 0 1 19 0zM35.5 34.5V24a8 8 0 0 1 16 0v10.5M79 25a9.5 9.5 0 1 1-19 0a9.5 9.5 0 0 1 19 0zM79 15.5v19M90 16v18.500M101 34.500V24.500a8.500 8.500 0 0 1 9-8.500',
    }),
    s('circle', { class: 'lamp', cx: 90, cy: 7, r: 3.6 }),
  );
}

/** The bar above every page that has one: the way home, and what the page brings. */
export function header(...right: Node[]): HTMLElement {
  return h('header', { class: 'top' }, h('a', { class: 'brand', href: root().href, 'aria-label': 'Onair, home' }, wordmark()), h('div', { class: 'top-right' }, ...right));
}
