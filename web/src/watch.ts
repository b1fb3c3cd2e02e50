/** The page of one stream: the player, what the stream carries, and how to pass it on. */
import './styles/watch.css';
import { root, streamOf } from './address.ts';
import type { Stream } from './api.ts';
import { header } from './brand.ts';
import { copyButton } from './clipboard.ts';
import { h, setAttribute, setText } from './dom.ts';
import { audioFacts, best, madeFacts, protocol, shortName, sinceText, videoFacts, viewers } from './format.ts';
import { icon } from './icons.ts';
import { voiceName } from './player/model.ts';
import { Player } from './player/player.ts';
import { Stats } from './player/stats.ts';
import { publish } from './probe.ts';

const base = root();
const path = streamOf(new URL(location.href), base);
const query = new URLSearchParams(location.search);
const name = shortName(path);
const page = new URL(`watch/${path}`, base).href;
const embed = new URL(`embed/${path}`, base).href;
const playlist = new URL(`hls/${path}/index.m3u8`, base).href;
const manifest = new URL(`dash/${path}/manifest.mpd`, base).href;
const flv = new URL(`flv/${path}`, base).href;
const snippet = `<iframe src="${embed}" width="640" height="360" allow="autoplay; fullscreen; picture-in-picture" title="${name}"></iframe>`;

const badgeText = h('span', {}, 'Connecting');
const badge = h('span', { class: 'badge' }, h('span', { class: 'lamp-dot', 'aria-hidden': 'true' }), badgeText);
const meta = h('p', { class: 'watch-meta dotted' });
const facts = h('dl', { class: 'facts dotted' });
const stage = h('div', { class: 'stage' });
const stats = new Stats();
const statsSlot = h('div', { class: 'stats-slot' });
const statsButton = h(
  'button',
  { type: 'button', class: 'button quiet', 'aria-pressed': 'false', 'aria-keyshortcuts': 'i', title: 'Figures (i)' },
  icon('stats'),
  'Figures',
);

const share = (label: string, value: string): HTMLElement =>
  h(
    'div',
    { class: 'share-row' },
    h('span', { class: 'share-name' }, label),
    h(
      'div',
      { class: 'line' },
      h('pre', { tabindex: 0, 'aria-label': label }, h('code', {}, value)),
      copyButton(label, () => value),
    ),
  );

document.body.append(
  header(),
  h(
    'main',
    { class: 'watch' },
    stage,
    statsSlot,
    h(
      'div',
      { class: 'watch-head' },
      h('div', { class: 'watch-title' }, h('h1', {}, name), badge, meta),
      h('div', { class: 'watch-actions' }, statsButton),
    ),
    h(
      'div',
      { class: 'watch-more' },
      h('section', { 'aria-labelledby': 'facts-title' }, h('h2', { id: 'facts-title' }, 'What it carries'), facts),
      h(
        'section',
        { 'aria-labelledby': 'share-title' },
        h('h2', { id: 'share-title' }, 'Pass it on'),
        share('Link', page),
        share('Embed', snippet),
        share('HLS', playlist),
        share('DASH', manifest),
        share('FLV', flv),
      ),
    ),
  ),
);

const player = new Player(stage, {
  path,
  base,
  query,
  onStream: (stream) => showStream(stream),
  onUpdate: (snapshot) => {
    stats.render(snapshot, performance.now());
    showPhase(snapshot.phase);
  },
});
// On a phone the figures stand below the picture, which they would hide.
const isNarrow = window.matchMedia('(max-width: 40rem)');
const placeStats = (): void => (isNarrow.matches ? statsSlot : player.surface.root).append(stats.root);
isNarrow.addEventListener('change', placeStats);
placeStats();
publish(player);

const toggleStats = (): void => setAttribute(statsButton, 'aria-pressed', String(stats.toggle()));
statsButton.addEventListener('click', toggleStats);
document.addEventListener('keydown', (event) => {
  const isTyping = event.target instanceof HTMLElement && event.target.closest('input, textarea') !== null;
  if (event.key === 'i' && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) toggleStats();
});

const PHASES: Record<string, string> = {
  buffering: 'Live',
  connecting: 'Connecting',
  ended: 'Ended',
  locked: 'Locked',
  offline: 'Off air',
  paused: 'Paused',
  playing: 'Live',
  reconnecting: 'Interrupted',
  unplayable: 'Live',
};

function showPhase(phase: string): void {
  const text = PHASES[phase] ?? '';
  setText(badgeText, text);
  badge.dataset['state'] = { Live: 'live', Interrupted: 'away' }[text] ?? 'off';
  document.title = phase === 'playing' ? `● ${name} · Onair` : `${name} · Onair`;
}

let drawn = '';

function showStream(stream: Stream | undefined): void {
  const since = sinceText(stream?.since, Date.now());
  const parts = [
    since && stream?.state !== 'ended' && (since === 'just now' ? 'began just now' : `on air for ${since}`),
    typeof stream?.viewers === 'number' && viewers(stream.viewers),
  ];
  setText(meta, parts.filter(Boolean).join(' · '));
  const rows = stream === undefined ? [] : rowsOf(stream);
  const drawing = JSON.stringify(rows);
  if (drawing === drawn) return;
  drawn = drawing;
  facts.replaceChildren(
    ...(rows.length > 0 ? rows : [['', 'Known as soon as it is on air.']]).flatMap(([label, value]) => [
      h('dt', {}, label ?? ''),
      h('dd', {}, value ?? ''),
    ]),
  );
}

function rowsOf(stream: Stream): [string, string][] {
  const video = best(stream, 'video');
  const audio = best(stream, 'audio');
  const proto = stream.publisher?.proto;
  const rows: [string, string][] = [
    ['Video', video ? videoFacts(video).join(' · ') : 'none'],
    ['Audio', audio ? audioFacts(audio).join(' · ') : 'none'],
  ];
  const sizes = stream.tracks.filter((track) => track.kind === 'video' && track.height);
  const names = [...new Set(sizes.map(({ height }) => `${height}p`))];
  if (names.length > 1) rows.push(['Sizes', names.join(' · ')]);
  const spoken = stream.tracks.flatMap(({ kind, language }, id) =>
    kind === 'audio' && language && language !== 'und' ? [voiceName({ id, language, name: undefined })] : [],
  );
  if (new Set(spoken).size > 1) rows.push(['Languages', [...new Set(spoken)].join(' · ')]);
  const made = madeFacts(stream);
  if (made.length > 0) rows.push(['Made here', [...new Set(made)].join(' · ')]);
  if (proto) rows.push(['Comes in by', protocol(proto)]);
  const isRtc = stream.webrtc?.video.length || (stream.webrtc?.audio.length && video === undefined);
  rows.push(['Goes out by', `${isRtc ? 'WebRTC, ' : ''}LL-HLS, LL-DASH`]);
  return rows;
}

showStream(undefined);
player.start();
