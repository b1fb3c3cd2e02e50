/** A button with a menu of which one item is chosen. */
import { h, setAttribute, setText } from '../dom.ts';

export interface Item {
  name: string;
  note?: string;
  isChosen: boolean;
  /** What speaks against it, below its name. */
  warning?: string | undefined;
  act(): void;
}

export class Menu {
  readonly root: HTMLElement;
  private readonly button: HTMLButtonElement;
  private readonly menu: HTMLElement;
  private items: Item[] = [];
  private drawn = '';

  /** `side` is where the menu stands flush with its button. */
  constructor(
    private readonly label: string,
    name: string,
    side: 'left' | 'right' = 'right',
  ) {
    this.button = h('button', {
      type: 'button',
      class: `menu-button ${name}`,
      'aria-haspopup': 'menu',
      'aria-expanded': 'false',
    });
    this.menu = h('div', { class: 'menu', role: 'menu', 'aria-label': label, 'data-side': side, hidden: true });
    this.root = h('div', { class: `menu-anchor ${name}-anchor`, hidden: true }, this.menu, this.button);
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

  /** Shows what there is; nothing at all where there are no items. `text` stands on the button. */
  render(text: (Node | string)[], items: Item[], foot = ''): void {
    this.root.hidden = items.length === 0;
    if (this.root.hidden) this.close();
    this.items = items;
    const shown = text.map((each) => (typeof each === 'string' ? each : (each.textContent ?? '')));
    if (shown.join('') !== this.button.textContent) this.button.replaceChildren(...text);
    setAttribute(this.button, 'aria-label', `${this.label}: ${shown.join(' ').trim()}`);
    const drawing = JSON.stringify([items, foot]);
    if (drawing === this.drawn) return;
    this.drawn = drawing;
    const focused = [...this.menu.children].indexOf(document.activeElement ?? this.menu);
    this.menu.replaceChildren(
      ...items.map((item, index) => this.element(item, index)),
      ...(foot === '' ? [] : [h('p', { class: 'menu-foot' }, foot)]),
    );
    if (focused >= 0) (this.menu.children[focused] as HTMLElement | undefined)?.focus();
  }

  /** Changes one of the texts on the button without drawing it again. */
  write(part: Element, text: string): void {
    setText(part, text);
    setAttribute(this.button, 'aria-label', `${this.label}: ${this.button.textContent ?? ''}`);
  }

  private element(item: Item, index: number): HTMLElement {
    const element = h(
      'button',
      {
        type: 'button',
        class: 'menu-item',
        role: 'menuitemradio',
        'aria-checked': String(item.isChosen),
        tabindex: -1,
      },
      h('span', {}, item.name),
      h('span', { class: 'menu-note' }, item.note ?? ''),
      item.warning !== undefined && h('span', { class: 'menu-warning' }, item.warning),
    );
    element.addEventListener('click', () => {
      this.items[index]?.act();
      this.close();
    });
    return element;
  }

  private open(): void {
    this.menu.hidden = false;
    setAttribute(this.button, 'aria-expanded', 'true');
    const chosen = this.menu.querySelector<HTMLElement>('[aria-checked=true]');
    (chosen ?? (this.menu.firstElementChild as HTMLElement | null))?.focus({ focusVisible: false } as FocusOptions);
  }

  private onKey(event: KeyboardEvent): void {
    if (!this.isOpen) return;
    const items = [...this.menu.querySelectorAll<HTMLElement>('.menu-item')];
    const at = items.indexOf(document.activeElement as HTMLElement);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === 'Escape') this.close();
    else if (step !== undefined) items[(at + step + items.length) % items.length]?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
