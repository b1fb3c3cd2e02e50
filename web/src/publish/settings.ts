/** What is published and how: the fields, and what they say. */
import { h } from '../dom.ts';
import { bitrate, codec } from '../format.ts';
import type { Kind, Wanted } from './capture.ts';

/** How it is sent. */
export interface Sending {
  /** As WebRTC calls it; nothing for the browser's choice. */
  codec: string | undefined;
  bitrateBps: number;
  simulcast: boolean;
}

const HEIGHTS = [360, 540, 720, 1080];
const RATES = [15, 24, 30, 60];
/** For 30 frames a second. */
const USUAL_BPS: Record<number, number> = { 360: 800_000, 540: 1_500_000, 720: 2_500_000, 1080: 5_000_000 };
const BITRATES = [500_000, 1_000_000, 2_000_000, 3_000_000, 5_000_000, 8_000_000];
/** Codecs that browsers send in layers, and the smallest picture of which three layers come. */
const LAYERED = ['H264', 'VP8'];
const LEAST_LAYERED = 540;

/** The wanted codec, size and rate in figures, where the field says "automatic". */
export const usualBps = (height: number, fps: number): number =>
  Math.round(((USUAL_BPS[height] ?? 2_500_000) * (fps > 30 ? 1.5 : 1)) / 1000) * 1000;

/** Why there are no layers; nothing if there may be. */
export function layersRefused(kind: Kind, name: string | undefined, height: number): string | undefined {
  if (kind === 'sound') return 'Sound has no layers.';
  if (name !== undefined && !LAYERED.includes(name)) return 'Browsers send layers in H.264 and VP8 only.';
  if (height < LEAST_LAYERED) return `Layers need a picture of ${LEAST_LAYERED} lines or more.`;
  return undefined;
}

export class Settings {
  readonly root: HTMLElement;
  readonly camera = select('camera', []);
  readonly microphone = select('microphone', []);
  readonly key = h('input', {
    id: 'key',
    type: 'password',
    autocomplete: 'off',
    spellcheck: 'false',
    placeholder: 'none',
  });
  private readonly kinds: HTMLInputElement[];
  private readonly height = select(
    'height',
    HEIGHTS.map((each) => [String(each), `${each}p`]),
    '720',
  );
  private readonly fps = select(
    'fps',
    RATES.map((each) => [String(each), `${each} fps`]),
    '30',
  );
  private readonly bitrate = select('bitrate', [
    ['', 'Automatic'],
    ...BITRATES.map((each): [string, string] => [String(each), bitrate(each)]),
  ]);
  private readonly codec: HTMLSelectElement;
  private readonly simulcast = h('input', { id: 'simulcast', type: 'checkbox', role: 'switch', checked: true });
  private readonly simulcastHint = h('span', { class: 'hint', id: 'simulcast-hint' });
  private readonly fields: Record<string, HTMLElement>;
  /** What can only be set before it begins. */
  private readonly fixed: (HTMLInputElement | HTMLSelectElement)[];

  /** `meter` stands below the microphone. `onSource` is told when something else is to be captured. */
  constructor(codecs: string[], meter: HTMLElement, onSource: () => void) {
    this.codec = select(
      'codec',
      codecs.map((each) => [each, codec(each)]),
    );
    const hasScreen = typeof navigator.mediaDevices?.getDisplayMedia === 'function';
    this.kinds = (['camera', 'screen', 'sound'] as const)
      .filter((kind) => kind !== 'screen' || hasScreen)
      .map((kind) =>
        h('input', { type: 'radio', name: 'kind', value: kind, id: `kind-${kind}`, checked: kind === 'camera' }),
      );
    const names = { camera: 'Camera', screen: 'Screen', sound: 'Sound only' } as const;
    const kinds = h(
      'fieldset',
      { class: 'kinds' },
      h('legend', { class: 'offscreen' }, 'What to publish'),
      ...this.kinds.map((input) => h('label', {}, input, h('span', {}, names[input.value as Kind]))),
    );
    this.fields = {
      camera: field('Camera', this.camera),
      microphone: field('Microphone', this.microphone, meter),
      size: h('div', { class: 'pair' }, field('Picture', this.height), field('Rate', this.fps)),
      sending: h('div', { class: 'pair' }, field('Codec', this.codec), field('Bitrate', this.bitrate)),
      layers: h(
        'label',
        { class: 'switch' },
        this.simulcast,
        h('span', { class: 'switch-words' }, h('span', {}, 'Send three sizes'), this.simulcastHint),
      ),
      key: field('Key', this.key, h('p', { class: 'hint' }, 'Kept until this tab is closed, and nowhere else.')),
    };
    this.simulcast.setAttribute('aria-describedby', 'simulcast-hint');
    this.root = h(
      'form',
      { class: 'settings', 'aria-label': 'What to publish and how' },
      kinds,
      ...Object.values(this.fields),
    );
    this.fixed = [this.codec, this.bitrate, this.simulcast, this.key];
    this.root.addEventListener('submit', (event) => event.preventDefault());
    for (const input of [...this.kinds, this.camera, this.microphone, this.height, this.fps])
      input.addEventListener('change', onSource);
    this.root.addEventListener('change', () => this.refresh());
    this.refresh();
  }

  get wanted(): Wanted {
    return {
      kind: (this.kinds.find((each) => each.checked)?.value ?? 'camera') as Kind,
      camera: this.camera.value || undefined,
      microphone: this.microphone.value || undefined,
      height: Number(this.height.value),
      fps: Number(this.fps.value),
    };
  }

  get sending(): Sending {
    const { kind, height, fps } = this.wanted;
    const name = this.codec.value || undefined;
    return {
      codec: name,
      bitrateBps: Number(this.bitrate.value) || usualBps(height, fps),
      simulcast: this.simulcast.checked && layersRefused(kind, name, height) === undefined,
    };
  }

  /** Fills the lists of devices, and keeps what is chosen while it is there. */
  offer(cameras: MediaDeviceInfo[], microphones: MediaDeviceInfo[]): void {
    const named = (all: MediaDeviceInfo[], what: string): [string, string][] =>
      all.map((each, index) => [each.deviceId, each.label || `${what} ${index + 1}`]);
    fill(this.camera, cameras.length > 0 ? named(cameras, 'Camera') : [['', 'Default']]);
    fill(this.microphone, [
      ...(microphones.length > 0 ? named(microphones, 'Microphone') : ([['', 'Default']] as [string, string][])),
      ['none', 'No microphone'],
    ]);
  }

  /** While it runs, what needs another session stays as it is. */
  lock(isLocked: boolean): void {
    for (const each of this.fixed) each.disabled = isLocked;
    this.refresh();
  }

  private refresh(): void {
    const { kind, height } = this.wanted;
    const shown = (name: string, isShown: boolean): void => {
      const element = this.fields[name];
      if (element) element.hidden = !isShown;
    };
    shown('camera', kind === 'camera');
    for (const name of ['size', 'sending', 'layers']) shown(name, kind !== 'sound');
    const refused = layersRefused(kind, this.codec.value || undefined, height);
    this.simulcastHint.textContent = refused ?? 'Viewers get the one that their network carries.';
    if (!this.key.disabled) this.simulcast.disabled = refused !== undefined;
  }
}

function select(id: string, options: [string, string][], chosen = ''): HTMLSelectElement {
  const element = h('select', { id });
  fill(element, options);
  if (chosen !== '') element.value = chosen;
  return element;
}

function fill(element: HTMLSelectElement, options: [string, string][]): void {
  const before = element.value;
  element.replaceChildren(...options.map(([value, name]) => h('option', { value }, name)));
  if (options.some(([value]) => value === before)) element.value = before;
}

function field(label: string, control: HTMLElement, ...below: Node[]): HTMLElement {
  return h('div', { class: 'set' }, h('label', { for: control.id }, label), control, ...below);
}
