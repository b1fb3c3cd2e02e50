/** What lies over the picture while there is none, or while something has to be said. */
import { art } from '../art.ts';
import { h, s, setText } from '../dom.ts';
import { icon, setIcon, type Icon } from '../icons.ts';
import { shortName } from '../format.ts';
import type { Phase } from './machine.ts';
import type { Actions, Model } from './model.ts';

interface Message {
  icon?: Icon;
  title: string;
  text: string;
}

export class Veil {
  readonly root: HTMLElement;
  private readonly symbol = icon('away');
  private readonly title = h('p', { class: 'veil-title' });
  private readonly text = h('p', { class: 'veil-text' });
  private readonly form: HTMLFormElement;
  private readonly field: HTMLInputElement;
  private readonly start: HTMLButtonElement;

  constructor(
    private readonly path: string,
    actions: Actions,
  ) {
    this.field = h('input', {
      type: 'password',
      name: 'key',
      'aria-label': 'Key of this stream',
      placeholder: 'Key',
      autocomplete: 'off',
      required: true,
    });
    this.form = h(
      'form',
      { class: 'veil-form', hidden: true },
      this.field,
      h('button', { type: 'submit', class: 'button' }, 'Watch'),
    );
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      actions.giveKey(this.field.value);
      this.field.value = '';
    });
    this.start = h('button', { type: 'button', class: 'veil-start', 'aria-label': 'Play', hidden: true }, icon('play'));
    this.start.addEventListener('click', actions.toggle);
    this.root = h(
      'div',
      { class: 'veil', 'data-veil': 'connecting' },
      h(
        'div',
        { class: 'veil-mast' },
        h('div', { class: 'veil-art' }, art(path, true)),
        ring(),
        h('span', { class: 'veil-symbol' }, this.symbol),
        this.start,
      ),
      h('div', { class: 'veil-words', role: 'status' }, this.title, this.text),
      this.form,
    );
  }

  render(model: Model): void {
    const { phase } = model;
    if (this.root.dataset['veil'] !== phase) this.root.dataset['veil'] = phase;
    const message = this.message(phase, model);
    setText(this.title, message.title);
    setText(this.text, message.text);
    this.root.dataset['symbol'] = String(message.icon !== undefined);
    if (message.icon) setIcon(this.symbol, message.icon);
    if (this.form.hidden !== (phase !== 'locked')) this.form.hidden = phase !== 'locked';
    if (this.start.hidden !== (phase !== 'paused')) this.start.hidden = phase !== 'paused';
  }

  private message(phase: Phase, model: Model): Message {
    const name = shortName(this.path);
    switch (phase) {
      case 'connecting':
        return { title: '', text: 'Connecting' };
      case 'offline':
        return { title: `${name} is not on air`, text: 'Stay: it starts here by itself.' };
      case 'reconnecting':
        return { title: 'Signal lost', text: 'It goes on here as soon as it is back.' };
      case 'ended':
        return { icon: 'stop', title: 'This broadcast has ended', text: 'Should there be another, it starts here.' };
      case 'locked':
        return {
          icon: 'key',
          title: model.isKeyRefused ? 'That key does not open it' : 'This stream asks for a key',
          text: model.isKeyRefused
            ? 'Look for a typing error, or ask whoever sent you here.'
            : 'Whoever sent you here has it.',
        };
      case 'unplayable':
        return { icon: 'warn', title: 'This browser cannot play it', text: model.why ?? '' };
      default:
        return { title: '', text: '' };
    }
  }
}

/** The O of the word mark, turning: somebody is at work. */
function ring(): SVGSVGElement {
  return s(
    'svg',
    { class: 'ring', viewBox: '0 0 48 48', 'aria-hidden': 'true' },
    s('circle', { class: 'ring-track', cx: 24, cy: 24, r: 19 }),
    s('circle', { class: 'ring-arc', cx: 24, cy: 24, r: 19, pathLength: 100 }),
    s('circle', { class: 'lamp', cx: 24, cy: 24, r: 5 }),
  );
}
