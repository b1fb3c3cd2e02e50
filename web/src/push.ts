/** The part of the home page that teaches how to push. */
import type { Server } from './api.ts';
import { root } from './address.ts';
import { copyButton } from './clipboard.ts';
import { h, setText } from './dom.ts';
import { icon } from './icons.ts';
import {
  bearerToken,
  cleanName,
  ffmpegFile,
  ffmpegTest,
  ffmpegWhip,
  gstreamer,
  gstreamerWhip,
  pushUrl,
  serverUrl,
  streamKey,
  KEY,
  type Target,
  type WhipTarget,
} from './recipes.ts';
import { tabs } from './tabs.ts';

const NAME_KEPT = 'onair.name';

/** Shows where to push and with what; `show` is told what the server says. */
export function pushGuide(): { root: HTMLElement; show: (server: Server | undefined) => void } {
  const target: Target = {
    scheme: 'rtmp',
    host: location.hostname || 'localhost',
    port: 1935,
    app: 'live',
    name: 'my-stream',
    needsKey: false,
  };
  const whip = (): WhipTarget => ({
    url: new URL(`whip/${target.app}/${target.name}`, root()).href,
    needsKey: target.needsKey,
  });
  const outputs: (() => void)[] = [];
  const line = (what: string, text: () => string): HTMLElement => {
    const code = h('code');
    outputs.push(() => setText(code, text()));
    return h('div', { class: 'line' }, h('pre', { tabindex: 0, 'aria-label': what }, code), copyButton(what, text));
  };
  const field = (label: string, hint: string, text: () => string): HTMLElement =>
    h(
      'div',
      { class: 'field' },
      h('div', { class: 'field-name' }, h('strong', {}, label), h('span', {}, hint)),
      line(label, text),
    );

  const input = h('input', {
    id: 'stream-name',
    type: 'text',
    value: keptName() ?? target.name,
    spellcheck: 'false',
    autocomplete: 'off',
    autocapitalize: 'off',
    maxlength: 64,
  });
  const watch = h('a', { class: 'watch-link' });
  const here = h('a', { class: 'button quiet publish-link' }, icon('camera'), 'Publish from this browser');
  const refresh = (): void => {
    target.name = cleanName(input.value);
    watch.href = new URL(`watch/${target.app}/${target.name}`, root()).href;
    here.href = new URL(`publish/${target.app}/${target.name}`, root()).href;
    setText(watch, `${location.host}/watch/${target.app}/${target.name}`);
    for (const output of outputs) output();
  };
  input.addEventListener('input', () => {
    refresh();
    keepName(target.name);
  });

  const token = field('Bearer token', 'the key', () => bearerToken(whip()));
  outputs.push(() => (token.hidden = !target.needsKey));
  const note = h('p', { class: 'key-note', hidden: true });
  const panels = tabs('How to push', [
    {
      id: 'obs',
      name: 'OBS Studio',
      content: [
        h(
          'p',
          { class: 'how' },
          'In ',
          h('b', {}, 'Settings → Stream'),
          ' choose the service ',
          h('b', {}, 'Custom…'),
          ' and fill in two fields.',
        ),
        field('Server', 'where it goes', () => serverUrl(target)),
        field('Stream key', 'what it is called', () => streamKey(target)),
        h(
          'p',
          { class: 'how hint' },
          'For the least delay: keyframe interval 1 or 2 s, tune zerolatency, no B-frames.',
        ),
      ],
    },
    {
      id: 'ffmpeg',
      name: 'ffmpeg',
      content: [
        h('p', { class: 'how' }, 'A test picture with a tone, to see at once that everything works:'),
        line('the ffmpeg test line', () => ffmpegTest(target)),
        h('p', { class: 'how' }, 'A file, played at its own speed:'),
        line('the ffmpeg file line', () => ffmpegFile(target)),
      ],
    },
    {
      id: 'gstreamer',
      name: 'GStreamer',
      content: [
        h('p', { class: 'how' }, 'A test picture with a running clock and a tone:'),
        line('the GStreamer line', () => gstreamer(target)),
      ],
    },
    {
      id: 'webrtc',
      name: 'WebRTC',
      content: [
        h(
          'p',
          { class: 'how' },
          'For the least delay, by WHIP. In OBS 30 or later choose the service ',
          h('b', {}, 'WHIP'),
          ' and fill in:',
        ),
        field('WHIP server', 'where it goes', () => whip().url),
        token,
        h('p', { class: 'how' }, 'A test picture by ffmpeg 8 or later:'),
        line('the ffmpeg WHIP line', () => ffmpegWhip(whip())),
        h('p', { class: 'how' }, 'And by GStreamer, with its plugins written in Rust:'),
        line('the GStreamer WHIP line', () => gstreamerWhip(whip())),
      ],
    },
    {
      id: 'other',
      name: 'Anything else',
      content: [
        h(
          'p',
          { class: 'how' },
          'Cameras, phones and encoders that speak RTMP take one address. H.264 video and AAC audio.',
        ),
        line('the address', () => pushUrl(target)),
      ],
    },
  ]);

  const guide = h(
    'section',
    { class: 'push', 'aria-labelledby': 'push-title' },
    h(
      'div',
      { class: 'push-head' },
      h('h2', { id: 'push-title' }, 'Go on air'),
      h('p', { class: 'lead' }, 'Name your stream, push it here, and it plays for everyone you send the link to.'),
      h('div', { class: 'name-field' }, h('label', { for: 'stream-name' }, 'Stream name'), input),
      h('p', { class: 'watch-at' }, h('span', {}, 'It will play at'), watch),
      here,
      note,
    ),
    h('div', { class: 'push-how' }, panels),
  );
  refresh();

  return {
    root: guide,
    show: (server) => {
      if (server === undefined) return;
      // Self-signed certificates stop most encoders, so it is offered where the page itself came that way.
      const isSecure = server.rtmps_port != null && (location.protocol === 'https:' || server.rtmp_port == null);
      target.scheme = isSecure ? 'rtmps' : 'rtmp';
      target.port = (isSecure ? server.rtmps_port : server.rtmp_port) ?? 1935;
      here.hidden = server.webrtc === false;
      panels.querySelector<HTMLElement>('#tab-webrtc')?.toggleAttribute('hidden', server.webrtc === false);
      target.needsKey = server.publish_needs_key;
      note.hidden = false;
      note.dataset['needed'] = String(server.publish_needs_key);
      note.replaceChildren(
        icon(server.publish_needs_key ? 'key' : 'check'),
        h('span', {}, ...keyNote(server.publish_needs_key)),
      );
      refresh();
    },
  };
}

function keyNote(isNeeded: boolean): (Node | string)[] {
  if (!isNeeded) return ['From your machine the server takes streams without a key.'];
  return [
    'From your machine the server asks for a key. Whoever runs it finds it in ',
    h('code', {}, 'onair.toml'),
    ' under ',
    h('code', {}, '[access]'),
    '; put it where the lines say ',
    h('code', {}, KEY),
    '.',
  ];
}

function keptName(): string | null {
  try {
    return localStorage.getItem(NAME_KEPT);
  } catch {
    return null;
  }
}

function keepName(name: string): void {
  try {
    localStorage.setItem(NAME_KEPT, name);
  } catch {
    // Then it is typed again next time.
  }
}
