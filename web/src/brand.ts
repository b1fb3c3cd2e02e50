/** The name of the house, drawn: five letters of one line, the dot of the i is the lamp that says we are on air. */
import { h, s } from './dom.ts';
import { root } from './address.ts';

/** The word mark. Letters take the colour of the text, the lamp its own. */
export function wordmark(): SVGSVGElement {
  return s(
    'svg',
    { class: 'wordmark', viewBox: '0 0 108 40', role: 'img', 'aria-label': 'Onair' },
    s('path', {
      d: 'M21 25a9.5 9.5 0 1 1-19 0a9.5 9.5 0 0 1 19 0zM30.5 34.5V24a8 8 0 0 1 16 0v10.5M74 25a9.5 9.5 0 1 1-19 0a9.5 9.5 0 0 1 19 0zM74 15.5v19M85 16v18.5M96 34.5V24.5a8.5 8.5 0 0 1 9-8.5',
    }),
    s('circle', { class: 'lamp', cx: 85, cy: 7, r: 3.6 }),
  );
}

/** The bar above every page that has one: the way home, and what the page brings. */
export function header(...right: Node[]): HTMLElement {
  return h(
    'header',
    { class: 'top' },
    h('a', { class: 'brand', href: root().href, 'aria-label': 'Onair, home' }, wordmark()),
    h('div', { class: 'top-right' }, ...right),
  );
}
