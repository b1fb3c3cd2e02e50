/** Buttons that copy. */
import { h, setText } from './dom.ts';
import { icon } from './icons.ts';

const THANKS_MS = 1600;

/** A button that copies what `text` says at that moment, and says so for a moment. */
export function copyButton(what: string, text: () => string): HTMLButtonElement {
  const label = h('span', {}, 'Copy');
  const button = h('button', { type: 'button', class: 'copy', 'aria-label': `Copy ${what}` }, icon('copy'), label);
  let timer: number | undefined;
  button.addEventListener('click', async () => {
    const done = await copy(text());
    setText(label, done ? 'Copied' : 'Press Ctrl C');
    button.dataset['done'] = String(done);
    window.clearTimeout(timer);
    timer = window.setTimeout(() => {
      setText(label, 'Copy');
      delete button.dataset['done'];
    }, THANKS_MS);
  });
  return button;
}

/** Copies also where the page has no clipboard of its own, as over plain HTTP. */
async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = h('textarea', { readonly: true, class: 'offscreen', 'aria-hidden': 'true' });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    return done;
  }
}
