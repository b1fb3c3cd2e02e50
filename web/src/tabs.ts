/** Tabs as the ARIA practices want them: one stop for Tab, arrows between them. */
import { h } from './dom.ts';

export interface Tab {
  id: string;
  name: string;
  content: Node[];
}

/** Makes the row of tabs and their panels; the first is open. */
export function tabs(label: string, all: Tab[]): HTMLElement {
  const buttons = all.map((tab) =>
    h(
      'button',
      { type: 'button', class: 'tab', role: 'tab', id: `tab-${tab.id}`, 'aria-controls': `panel-${tab.id}` },
      tab.name,
    ),
  );
  const panels = all.map((tab) =>
    h(
      'div',
      { class: 'panel', role: 'tabpanel', id: `panel-${tab.id}`, 'aria-labelledby': `tab-${tab.id}` },
      ...tab.content,
    ),
  );
  const open = (index: number): void => {
    buttons.forEach((button, i) => {
      button.setAttribute('aria-selected', String(i === index));
      button.tabIndex = i === index ? 0 : -1;
    });
    panels.forEach((panel, i) => (panel.hidden = i !== index));
  };
  buttons.forEach((button, index) => {
    button.addEventListener('click', () => open(index));
    button.addEventListener('keydown', (event) => {
      const to = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: all.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      const next = (to + all.length) % all.length;
      open(next);
      buttons[next]?.focus();
    });
  });
  open(0);
  return h(
    'div',
    { class: 'tabs' },
    h('div', { class: 'tab-row', role: 'tablist', 'aria-label': label }, ...buttons),
    ...panels,
  );
}
