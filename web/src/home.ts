/** The home page: who is on air, and how to go on air. */
import './styles/home.css';
import { root } from './address.ts';
import { server as askServer, streams as askStreams, type Stream } from './api.ts';
import { header } from './brand.ts';
import { Card } from './card.ts';
import { h, setText } from './dom.ts';
import { poll } from './poll.ts';
import { pushGuide } from './push.ts';

const EVERY_MS = 3000;

const base = root();
const version = h('span', { class: 'version' });
const title = h('h1', {}, '');
const status = h('p', { class: 'lead', role: 'status' });
const list = h('ul', { class: 'cards', 'aria-label': 'Streams on air' });
const guide = pushGuide();
const cards = new Map<string, Card>();

document.body.append(
  header(version),
  h(
    'main',
    { class: 'page' },
    h('section', { class: 'now' }, h('div', { class: 'now-head' }, title, status), list),
    guide.root,
  ),
);

/** Cards stay where they are from one answer to the next: oldest first. */
function show(streams: Stream[]): void {
  const shown = streams
    .filter((stream) => stream.state !== 'ended')
    .sort((a, b) => (a.since ?? '').localeCompare(b.since ?? '') || a.path.localeCompare(b.path));
  const now = Date.now();
  const wanted = shown.map((stream) => {
    const card = cards.get(stream.path) ?? new Card(stream.path);
    cards.set(stream.path, card);
    card.show(stream, now);
    return card.root;
  });
  for (const path of cards.keys()) if (!shown.some((stream) => stream.path === path)) cards.delete(path);
  const present = [...list.children];
  if (wanted.length !== present.length || wanted.some((element, index) => element !== present[index]))
    list.replaceChildren(...wanted);
  const live = shown.filter((stream) => stream.state === 'live').length;
  setText(
    title,
    live === 0 && shown.length === 0
      ? 'Nobody is on air'
      : `${shown.length === 1 ? 'One stream' : `${shown.length} streams`} on air`,
  );
  setText(status, shown.length === 0 ? 'Be the first: it takes a minute, and the stream shows up here by itself.' : '');
  document.title = live === 0 ? 'Onair' : `Onair (${live} live)`;
  document.body.dataset['state'] = shown.length === 0 ? 'empty' : 'live';
}

poll(async () => {
  const answer = await askStreams(base);
  if (answer.ok) return show(answer.value);
  if (document.body.dataset['state'] === undefined || document.body.dataset['state'] === 'empty')
    setText(title, 'The server does not answer');
  setText(
    status,
    answer.refusal === 'unreachable'
      ? 'It does not answer at the moment. This page keeps trying.'
      : 'It keeps its list of streams to itself. Links to streams still work.',
  );
  document.body.dataset['state'] ??= 'unreachable';
}, EVERY_MS);

poll(async () => {
  const answer = await askServer(base);
  if (!answer.ok) return;
  guide.show(answer.value);
  setText(version, answer.value.version ? `Version ${answer.value.version}` : '');
}, 60_000);
