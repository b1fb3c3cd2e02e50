/** The page that publishes: what is seen and heard here goes out by WHIP. */
import './styles/publish.css';
import { WhipClient, type Stats } from '../client/src/index.ts';
import { root, streamOf } from './address.ts';
import { server as askServer } from './api.ts';
import { header } from './brand.ts';
import { copyButton } from './clipboard.ts';
import { h, setText } from './dom.ts';
import { shortName } from './format.ts';
import { icon } from './icons.ts';
import { capture, devices, Refused, type Capture } from './publish/capture.ts';
import { FigureList } from './publish/figures.ts';
import { Meter } from './publish/meter.ts';
import { Settings } from './publish/settings.ts';

const KEY_KEPT = 'onair.publish.';
const EVERY_MS = 1000;
/** Best for everybody first; what a browser does not send is left out. */
const CODECS = ['H264', 'VP8', 'VP9', 'AV1'];

const base = root();
const path = streamOf(new URL(location.href), base);
const watchUrl = new URL(`watch/${path}`, base).href;
document.title = `Publish ${shortName(path)} · Onair`;

type State = 'blocked' | 'ready' | 'connecting' | 'live' | 'trouble';
let state: State = 'ready';
let source: Capture | undefined;
let whip: WhipClient | undefined;
let liveSince: number | undefined;
/** The server takes nothing from browsers. */
let isOff = false;
/** A later wish for other devices makes an earlier one void. */
let wish = 0;

const badgeText = h('span');
const badge = h('span', { class: 'badge' }, h('span', { class: 'lamp-dot', 'aria-hidden': 'true' }), badgeText);
const words = h('p', { class: 'say', role: 'status' });
const help = h('p', { class: 'say-more', hidden: true });
const preview = h('video', { playsinline: true, autoplay: true, muted: true, 'aria-label': 'What you publish' });
preview.muted = true;
const empty = h('div', { class: 'preview-empty' }, icon('camera'), h('span', {}, 'No picture'));
const button = h('button', { type: 'button', class: 'button go' }, 'Go on air');
const meter = new Meter();
const figures = new FigureList();
const offered = new Set(
  (globalThis.RTCRtpSender?.getCapabilities?.('video')?.codecs ?? []).map(({ mimeType }) => mimeType.slice(6)),
);
const settings = new Settings(
  CODECS.filter((each) => offered.has(each)),
  meter.root,
  () => void open(),
);

document.body.append(
  header(),
  h(
    'main',
    { class: 'publish' },
    h(
      'div',
      { class: 'publish-main' },
      h('div', { class: 'preview' }, preview, empty, badge),
      h(
        'div',
        { class: 'publish-head' },
        h('div', { class: 'publish-words' }, h('h1', {}, shortName(path)), words, help),
        button,
      ),
      h(
        'section',
        { class: 'watch-here', 'aria-labelledby': 'watch-title' },
        h('h2', { id: 'watch-title' }, 'Where it is watched'),
        h(
          'div',
          { class: 'line' },
          h('pre', { tabindex: 0, 'aria-label': 'Address to watch' }, h('code', {}, watchUrl)),
          copyButton('the address to watch', () => watchUrl),
        ),
        h('a', { class: 'button quiet', href: watchUrl, target: '_blank', rel: 'noopener' }, icon('play'), 'Watch'),
      ),
      figures.root,
    ),
    settings.root,
  ),
);

/** Says how it stands, and draws what follows from it. */
function say(now: State, sentence: string, more?: Node[]): void {
  state = now;
  setText(words, sentence);
  help.replaceChildren(...(more ?? []));
  help.hidden = more === undefined;
  document.body.dataset['state'] = now;
  const isOn = whip !== undefined;
  setText(
    badgeText,
    {
      blocked: 'Off air',
      ready: 'Off air',
      connecting: 'Connecting',
      live: 'On air',
      trouble: isOn ? 'Interrupted' : 'Off air',
    }[now],
  );
  badge.dataset['state'] = now === 'live' ? 'live' : isOn ? 'away' : 'off';
  button.replaceChildren(isOn ? 'Stop' : 'Go on air');
  button.disabled = !isOn && (source === undefined || isOff);
  button.classList.toggle('quiet', isOn);
  settings.lock(isOn);
  figures.root.hidden = now !== 'live';
}

/** Takes what the fields ask for, also while it is on air. */
async function open(): Promise<void> {
  if (!window.isSecureContext || navigator.mediaDevices === undefined) return void insecure();
  const mine = (wish += 1);
  if (state === 'ready' && source === undefined) say('ready', 'Allow this page to use your camera and microphone.');
  try {
    const next = await capture(settings.wanted);
    if (mine !== wish) return next.stop();
    await take(next);
  } catch (error) {
    if (mine !== wish) return;
    const sentence = error instanceof Refused ? error.message : `It does not work here: ${String(error)}`;
    if (whip) return setText(words, sentence);
    source?.stop();
    source = undefined;
    show(undefined);
    say('blocked', sentence);
  }
  const { cameras, microphones } = await devices();
  settings.offer(cameras, microphones);
}

async function take(next: Capture): Promise<void> {
  const before = source;
  source = next;
  show(next.stream);
  const kinds = (stream?: MediaStream): string =>
    (stream?.getTracks() ?? [])
      .map(({ kind }) => kind)
      .sort()
      .join();
  if (whip && kinds(before?.stream) === kinds(next.stream)) await whip.replace(next.stream);
  else if (whip) go();
  else if (!isOff) say('ready', 'Ready. Nobody sees or hears you yet.');
  before?.stop();
  // Who ends sharing in the browser's own bar ends it here.
  for (const track of next.stream.getVideoTracks())
    track.addEventListener('ended', () => {
      if (source !== next) return;
      if (whip) void stop();
      source = undefined;
      show(undefined);
      say('blocked', 'The picture has ended at its source.');
    });
}

function show(stream: MediaStream | undefined): void {
  preview.srcObject = stream ?? null;
  empty.hidden = (stream?.getVideoTracks().length ?? 0) > 0;
  meter.listen(stream);
}

function go(): void {
  if (!source) return;
  keepKey();
  void whip?.stop();
  const { codec, bitrateBps, simulcast } = settings.sending;
  const mine = new WhipClient({
    url: new URL(`whip/${path}`, base),
    stream: source.stream,
    videoBitrateBps: bitrateBps,
    maxFrameRate: settings.wanted.fps,
    simulcast,
    ...(settings.key.value !== '' && { token: settings.key.value }),
    ...(codec !== undefined && { videoCodec: codec }),
  });
  whip = mine;
  const ours = (act: () => void): void => {
    if (whip === mine) act();
  };
  mine.on('connecting', () => ours(() => state !== 'trouble' && say('connecting', 'Connecting.')));
  mine.on('connected', () =>
    ours(() => {
      liveSince ??= Date.now();
      say('live', 'You are on air.');
    }),
  );
  mine.on('reconnecting', ({ why, inMs }) =>
    ours(() => say('trouble', `${why.message} Trying again in ${Math.max(1, Math.round(inMs / 1000))} s.`)),
  );
  mine.on('ended', ({ why }) =>
    ours(() => {
      whip = undefined;
      liveSince = undefined;
      if (why === undefined) return say('ready', 'You are off air. Nobody sees or hears you any more.');
      say('trouble', why.message);
      if (why.status === 401 || why.status === 403) settings.key.focus();
    }),
  );
  mine.start();
}

async function stop(): Promise<void> {
  await whip?.stop();
}

button.addEventListener('click', () => (whip ? void stop() : go()));

window.setInterval(async () => {
  if (!whip || state !== 'live') return;
  const stats: Stats = await whip.stats();
  figures.show(stats);
  if (liveSince !== undefined && state === 'live') setText(badgeText, `On air ${clock(Date.now() - liveSince)}`);
}, EVERY_MS);

/** `1:02:03`. */
function clock(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const two = (value: number): string => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** What the server says of publishing, before anybody tries. */
async function inquire(): Promise<void> {
  const answer = await askServer(base);
  if (!answer.ok) return;
  if (answer.value.publish_needs_key) settings.key.placeholder = 'needed from this machine';
  if (answer.value.webrtc !== false) return;
  isOff = true;
  say('blocked', 'This server has WebRTC turned off, and browsers publish by nothing else.', [
    h('span', {}, 'Whoever runs it turns it on in '),
    h('code', {}, 'onair.toml'),
    h('span', {}, ', under '),
    h('code', {}, '[webrtc]'),
    h('span', {}, '.'),
  ]);
}

/** Browsers give cameras to secure pages only: says so, and where such a page is. */
async function insecure(): Promise<void> {
  say('blocked', 'Browsers open cameras and microphones only on pages that came by HTTPS, and this one did not.');
  const answer = await askServer(base);
  const port = answer.ok ? answer.value.https_port : undefined;
  if (!port) {
    say('blocked', words.textContent ?? '', [
      h('span', {}, 'Whoever runs the server turns HTTPS on in '),
      h('code', {}, 'onair.toml'),
      h('span', {}, ', under '),
      h('code', {}, '[tls]'),
      h('span', {}, '. From the machine of the server itself, localhost will do.'),
    ]);
    return;
  }
  const url = new URL(location.href);
  url.protocol = 'https:';
  url.port = String(port);
  say('blocked', words.textContent ?? '', [h('span', {}, 'Go on at '), h('a', { href: url.href }, url.href)]);
}

function keepKey(): void {
  try {
    sessionStorage.setItem(KEY_KEPT + path, settings.key.value);
  } catch {
    // Then it is typed again.
  }
}

function keptKey(): string {
  try {
    return sessionStorage.getItem(KEY_KEPT + path) ?? '';
  } catch {
    return '';
  }
}

settings.key.value = keptKey();
settings.offer([], []);
say('ready', '');
navigator.mediaDevices?.addEventListener('devicechange', async () => {
  const { cameras, microphones } = await devices();
  settings.offer(cameras, microphones);
});
void open();
void inquire();
