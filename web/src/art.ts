/** A picture for a stream that has none: rings around a point, like waves around a mast, and the same for the same name. */
import { s } from './dom.ts';

/** Numbers from 0 up to 1 that only the text decides (FNV-1a, then xorshift). */
export function* numbers(text: string): Generator<number, never> {
  let state = 0x811c9dc5;
  for (const char of text) state = Math.imul(state ^ (char.codePointAt(0) ?? 0), 0x01000193);
  state ||= 1;
  for (;;) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    yield (state >>> 0) / 2 ** 32;
  }
}

/** Draws the rings, around the middle or wherever the name puts them. Their hue is the name's, their ink the theme's. */
export function art(path: string, isCentred = false): SVGSVGElement {
  const random = numbers(path);
  const next = () => random.next().value;
  const centre = isCentred ? { x: 160, y: 90 } : { x: 60 + next() * 200, y: 40 + next() * 100 };
  const rings: SVGElement[] = [];
  const gap = 15 + next() * 5;
  for (let ring = 1; ring <= 17; ring += 1) {
    const radius = ring * gap;
    const around = 2 * Math.PI * radius;
    const part = 0.25 + next() * 0.6;
    rings.push(
      s('circle', {
        cx: round(centre.x),
        cy: round(centre.y),
        r: round(radius),
        'stroke-dasharray': `${round(around * part)} ${round(around * (1 - part))}`,
        'stroke-dashoffset': round(around * next()),
        'stroke-width': round(1.5 + next() * 5),
        class: next() > 0.8 ? 'art-ring art-bright' : 'art-ring',
        opacity: round(0.85 - ring * 0.035),
      }),
    );
  }
  const svg = s(
    'svg',
    { class: 'art', viewBox: '0 0 320 180', preserveAspectRatio: 'xMidYMid slice', 'aria-hidden': 'true' },
    ...rings,
  );
  svg.style.setProperty('--art-hue', String(Math.round(next() * 360)));
  return svg;
}

const round = (value: number): number => Math.round(value * 10) / 10;
