/** The menu of qualities. */
import { h, setAttribute, setText } from '../dom.ts';
import { bitrate } from '../format.ts';
import type { Level } from './engine.ts';
import { levelName, type Actions, type Model } from './model.ts';

export class QualityMenu {
  readonly root: HTMLElement;
  private readonly button: HTMLButtonElement;
  private readonly menu: HTMLElement;
  private drawn = '';

  constructor(private readonly actions: Actions) {
    this.button = h('button', { type: 'button', class: 'quality', 'aria-haspopup': 'menu', 'aria-expanded': 'false' });
    this.menu = h('div', { class: 'menu', role: 'menu', 'aria-label': 'Quality', hidden: true });
    this.root = h('div', { class: 'menu-anchor', hidden: true }, this.menu, this.button);
    this.button.addEventListener('click', () => (this.isOpen ? this.close() : this.open()));
    this.root.addEventListener('keydown', (event) => this.onKey(event));
    document.addEventListener('pointerdown', (event) => {
      if (event.target instanceof Node && !this.root.contains(event.target)) this.close();
    });
  }

  get isOpen(): boolean {
    return !this.menu.hidden;
  }

  close(): boolean {
    if (!this.isOpen) return false;
    this.menu.hidden = true;
    setAttribute(this.button, 'aria-expanded', 'false');
    if (this.menu.contains(document.activeElement)) this.button.focus();
    return true;
  }

  render(model: Model): void {
    const { levels, level, chosen } = model;
    const shown = levels.filter((each) => each.height !== undefined).sort((a, b) => (b.height ?? 0) - (a.height ?? 0));
    this.root.hidden = shown.length === 0;
    const isAuto = chosen === undefined || !shown.some((each) => each.height === chosen);
    const now = level?.height === undefined ? '' : levelName(level);
    setText(this.button, isAuto && shown.length > 1 ? `Auto ${now}`.trim() : now || 'Quality');
    setAttribute(this.button, 'aria-label', `Quality: ${this.button.textContent ?? ''}`);
    const drawing = JSON.stringify([shown, isAuto, chosen, now]);
    if (drawing === this.drawn) return;
    this.drawn = drawing;
    const focused = [...this.menu.children].indexOf(document.activeElement ?? this.menu);
    this.menu.replaceChildren(
      this.item('Auto', now, isAuto, undefined),
      ...shown.map((each) =>
        this.item(
          levelName(each),
          each.bitrateBps ? bitrate(each.bitrateBps) : '',
          !isAuto && each.height === chosen,
          each,
        ),
      ),
    );
    if (focused >= 0) (this.menu.children[focused] as HTMLElement | undefined)?.focus();
  }

  private item(name: string, note: string, isChosen: boolean, level: Level | undefined): HTMLElement {
    const item = h(
      'button',
      { type: 'button', class: 'menu-item', role: 'menuitemradio', 'aria-checked': String(isChosen), tabindex: -1 },
      h('span', {}, name),
      h('span', { class: 'menu-note' }, note),
    );
    item.addEventListener('click', () => {
      this.actions.choose(level);
      this.close();
    });
    return item;
  }

  private open(): void {
    this.menu.hidden = false;
    setAttribute(this.button, 'aria-expanded', 'true');
    const chosen = this.menu.querySelector<HTMLElement>('[aria-checked=true]');
    (chosen ?? (this.menu.firstElementChild as HTMLElement | null))?.focus({ focusVisible: false } as FocusOptions);
  }

  private onKey(event: KeyboardEvent): void {
    if (!this.isOpen) return;
    const items = [...this.menu.children] as HTMLElement[];
    const at = items.indexOf(document.activeElement as HTMLElement);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === 'Escape') this.close();
    else if (step !== undefined) items[(at + step + items.length) % items.length]?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
