/** The API for people: what each address is for, and a way to try those that only read. */
import './styles/reference.css';
import { root } from './address.ts';
import { header } from './brand.ts';
import { h, setText } from './dom.ts';

interface Parameter {
  name: string;
  in: string;
  description?: string;
  required?: boolean;
  schema?: { default?: unknown };
}

interface Operation {
  summary?: string;
  parameters?: Parameter[];
  responses?: Record<string, { description?: string; $ref?: string }>;
}

interface Document {
  info?: { description?: string };
  paths?: Record<string, Record<string, Operation>>;
}

const PATIENCE_MS = 8000;
/** What a page shows of an answer. */
const MOST_SHOWN = 100_000;
const EXAMPLES: Record<string, string> = { path: 'live/test', application: 'live' };

const base = root();
const raw = new URL('api/openapi.json', base).href;
const lead = h('p', { class: 'lead' }, 'One moment');
const list = h('div', { class: 'operations' });
const key = h('input', { type: 'password', name: 'key', autocomplete: 'off', 'aria-label': 'Key' });

document.body.append(
  header(),
  h(
    'main',
    { class: 'page reference' },
    h('h1', {}, 'The API'),
    lead,
    h(
      'p',
      { class: 'reference-tools' },
      h('a', { href: raw }, 'OpenAPI document'),
      h('label', {}, 'Key, where one is needed', key),
    ),
    list,
  ),
);

function operation(path: string, method: string, { summary, parameters = [], responses = {} }: Operation): HTMLElement {
  const asked = parameters.map((parameter) => {
    const preset = parameter.in === 'path' ? (EXAMPLES[parameter.name] ?? '') : '';
    const hint = parameter.schema?.default === undefined ? '' : String(parameter.schema.default);
    const input = h('input', { name: parameter.name, value: preset, placeholder: hint, spellcheck: 'false' });
    const label = h('label', { title: parameter.description ?? '' }, h('span', {}, parameter.name), input);
    return { ...parameter, input, label };
  });
  const shown = h('pre', { tabindex: 0, hidden: true, 'aria-label': `Answer of ${path}` }, h('code'));
  const state = h('p', { class: 'answer-state', role: 'status' });
  const form = h(
    'form',
    { class: 'try' },
    ...asked.map(({ label }) => label),
    method === 'get' ? h('button', { class: 'button' }, 'Try it') : '',
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void attempt();
  });

  async function attempt(): Promise<void> {
    const encoded = (value: string) => value.split('/').map(encodeURIComponent).join('/');
    const filled = asked.reduce((text, { name, input }) => text.replace(`{${name}}`, encoded(input.value)), path);
    const url = new URL(filled.slice(1), base);
    for (const { name, in: place, input } of asked)
      if (place === 'query' && input.value !== '') url.searchParams.set(name, input.value);
    const headers: HeadersInit = key.value === '' ? {} : { authorization: `Bearer ${key.value}` };
    const began = performance.now();
    try {
      const answer = await fetch(url, { headers, cache: 'no-store', signal: AbortSignal.timeout(PATIENCE_MS) });
      const kind = answer.headers.get('content-type') ?? '';
      const text = kind.startsWith('image/')
        ? `(a picture of ${(await answer.blob()).size} bytes)`
        : await answer.text();
      setText(state, `${answer.status} ${answer.statusText} · ${kind} · ${Math.round(performance.now() - began)} ms`);
      setText(shown.querySelector('code') as HTMLElement, pretty(text).slice(0, MOST_SHOWN));
      shown.hidden = false;
    } catch {
      setText(state, 'No answer came.');
      shown.hidden = true;
    }
  }

  const answers = Object.entries(responses).map(
    ([status, { description }]) => `${status}${description ? ` ${description}` : ''}`,
  );
  return h(
    'section',
    { class: 'operation' },
    h('h2', {}, h('span', { class: 'method' }, method.toUpperCase()), h('code', {}, path)),
    h('p', {}, summary ?? ''),
    h('p', { class: 'answers' }, answers.join(' · ')),
    form,
    state,
    shown,
  );
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2);
  } catch {
    return text;
  }
}

try {
  const answer = await fetch(raw, { signal: AbortSignal.timeout(PATIENCE_MS) });
  const { info, paths = {} } = (await answer.json()) as Document;
  setText(lead, info?.description ?? '');
  for (const [path, methods] of Object.entries(paths))
    for (const [method, each] of Object.entries(methods)) list.append(operation(path, method, each));
} catch {
  setText(lead, 'The server does not answer.');
}
