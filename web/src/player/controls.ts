/** The bar under the picture. */
import { h, setAttribute, setText } from '../dom.ts';
import { icon, setIcon, type Icon } from '../icons.ts';
import { Menus } from './menus.ts';
import type { Actions, Model } from './model.ts';

/** What the surface does for the controls. */
export interface Screen {
  toggleFullscreen(): void;
  togglePip(): void;
  hasPip: boolean;
}

export class Controls {
  readonly root: HTMLElement;
  /** Stands apart: it stays when the bar goes. */
  readonly silenced: HTMLButtonElement;
  private readonly play: IconButton;
  private readonly mute: IconButton;
  private readonly full: IconButton;
  private readonly pip: IconButton;
  private readonly volume: HTMLInputElement;
  private readonly sound: HTMLElement;
  private readonly live: HTMLButtonElement;
  private readonly liveText = h('span', {}, 'Live');
  private readonly menus: Menus;
  private isMuted = false;

  constructor(actions: Actions, screen: Screen) {
    this.play = new IconButton('pause', 'Pause', 'k', actions.toggle);
    this.mute = new IconButton('loud', 'Mute', 'm', () => actions.setMuted(!this.isMuted));
    this.full = new IconButton('full', 'Full screen', 'f', screen.toggleFullscreen);
    this.pip = new IconButton('pip', 'Picture in picture', 'p', screen.togglePip);
    this.pip.button.hidden = !screen.hasPip;
    this.pip.button.classList.add('pip-button');
    this.volume = h('input', { type: 'range', class: 'volume', min: 0, max: 1, step: 0.01, 'aria-label': 'Volume' });
    this.volume.addEventListener('input', () => actions.setVolume(this.volume.valueAsNumber));
    this.sound = h('div', { class: 'sound' }, this.mute.button, this.volume);
    this.live = h(
      'button',
      { type: 'button', class: 'live' },
      h('span', { class: 'lamp-dot', 'aria-hidden': 'true' }),
      this.liveText,
    );
    this.live.addEventListener('click', actions.goLive);
    this.menus = new Menus(actions);
    this.silenced = h(
      'button',
      { type: 'button', class: 'silenced', hidden: true },
      icon('mute'),
      h('span', {}, 'Turn on sound'),
    );
    this.silenced.addEventListener('click', () => actions.setMuted(false));
    this.root = h(
      'div',
      { class: 'bar' },
      h(
        'div',
        { class: 'bar-row' },
        this.play.button,
        this.sound,
        this.live,
        this.menus.way.root,
        h('span', { class: 'bar-gap' }),
        this.menus.voice.root,
        this.menus.quality.root,
        this.pip.button,
        this.full.button,
      ),
    );
  }

  /** A menu is open: this is no time to hide. */
  get isOpen(): boolean {
    return this.menus.isOpen;
  }

  /** Closes what is open and says whether anything was. */
  closeMenu(): boolean {
    return this.menus.close();
  }

  render(model: Model): void {
    this.isMuted = model.isMuted;
    this.play.set(model.wantsToPlay ? 'pause' : 'play', model.wantsToPlay ? 'Pause' : 'Play');
    const isQuiet = model.isMuted || model.volume === 0;
    this.mute.set(isQuiet ? 'mute' : model.volume < 0.5 ? 'quiet' : 'loud', isQuiet ? 'Unmute' : 'Mute');
    this.sound.dataset['none'] = String(!model.hasAudio);
    this.mute.button.disabled = !model.hasAudio;
    const volume = isQuiet ? 0 : model.volume;
    if (this.volume.valueAsNumber !== volume) this.volume.valueAsNumber = volume;
    this.volume.style.setProperty('--fill', `${Math.round(volume * 100)}%`);
    setAttribute(this.volume, 'aria-valuetext', `${Math.round(volume * 100)} percent`);

    const isOnAir = model.phase === 'playing' && model.isLive;
    this.live.dataset['on'] = String(isOnAir);
    setText(this.liveText, isOnAir || model.phase !== 'playing' ? 'Live' : 'Go live');
    setAttribute(this.live, 'aria-label', isOnAir ? 'Live' : 'Go to live (l)');

    this.menus.render(model);
    this.silenced.hidden = !(model.isSilenced && model.hasAudio && model.phase === 'playing');
  }

  setFullscreen(isFull: boolean): void {
    this.full.set(isFull ? 'small' : 'full', isFull ? 'Leave full screen' : 'Full screen');
  }

  setPip(isOn: boolean): void {
    this.pip.set('pip', isOn ? 'Leave picture in picture' : 'Picture in picture');
    this.pip.button.dataset['on'] = String(isOn);
  }
}

/** A button that is a drawing, named for those who do not see it. */
class IconButton {
  readonly button: HTMLButtonElement;
  private readonly svg: SVGSVGElement;

  constructor(
    name: Icon,
    label: string,
    private readonly key: string,
    act: () => void,
  ) {
    this.svg = icon(name);
    this.button = h('button', { type: 'button', class: 'icon-button' }, this.svg);
    this.button.addEventListener('click', act);
    this.set(name, label);
  }

  set(name: Icon, label: string): void {
    setIcon(this.svg, name);
    setAttribute(this.button, 'aria-label', label);
    setAttribute(this.button, 'aria-keyshortcuts', this.key);
    setAttribute(this.button, 'title', `${label} (${this.key})`);
  }
}
