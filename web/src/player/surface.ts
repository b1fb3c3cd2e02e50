/** The player as it stands on the page: the video, what lies over it, and how it answers to hands. */
import { h } from '../dom.ts';
import { Controls } from './controls.ts';
import { onKey } from './keyboard.ts';
import type { Actions, Model } from './model.ts';
import { Veil } from './veil.ts';

const IDLE_MS = 2600;
const TWICE_MS = 280;

type PhoneVideo = HTMLVideoElement & { webkitEnterFullscreen?: () => void };

export class Surface {
  readonly root: HTMLElement;
  readonly video: HTMLVideoElement;
  private readonly still: HTMLCanvasElement;
  private readonly veil: Veil;
  private readonly controls: Controls;
  private idleTimer: number | undefined;
  private clickTimer: number | undefined;
  private isFrozen = false;

  constructor(
    mount: HTMLElement,
    path: string,
    private readonly actions: Actions,
  ) {
    this.video = h('video', {
      playsinline: true,
      preload: 'auto',
      tabindex: -1,
      'aria-label': `Live video of ${path}`,
    });
    this.still = h('canvas', { class: 'player-still', hidden: true, 'aria-hidden': 'true' });
    this.veil = new Veil(path, actions);
    this.controls = new Controls(actions, {
      toggleFullscreen: () => void this.toggleFullscreen(),
      togglePip: () => void this.togglePip(),
      hasPip: document.pictureInPictureEnabled === true,
    });
    this.root = h(
      'section',
      { class: 'player', 'aria-label': `Player of ${path}`, 'data-phase': 'connecting', tabindex: -1 },
      this.video,
      this.still,
      this.veil.root,
      this.controls.silenced,
      this.controls.root,
    );
    mount.append(this.root);
    this.listen();
  }

  render(model: Model): void {
    this.root.dataset['phase'] = model.phase;
    this.root.dataset['picture'] = String(model.hasPicture);
    if (model.latency !== undefined) this.root.dataset['latency'] = model.latency.toFixed(2);
    else delete this.root.dataset['latency'];
    this.veil.render(model);
    this.controls.render(model);
    if (model.phase !== 'playing') this.wake();
  }

  /** Keeps the last picture on the screen while the element behind it starts anew. */
  freeze(): void {
    const { video, still } = this;
    if (this.isFrozen || video.readyState < 2 || video.videoWidth === 0) return;
    still.width = video.videoWidth;
    still.height = video.videoHeight;
    still.getContext('2d')?.drawImage(video, 0, 0);
    still.hidden = false;
    this.isFrozen = true;
  }

  /** The picture moves again. */
  thaw(): void {
    if (!this.isFrozen) return;
    this.isFrozen = false;
    this.still.hidden = true;
  }

  async toggleFullscreen(): Promise<void> {
    const video: PhoneVideo = this.video;
    try {
      if (document.fullscreenElement) await document.exitFullscreen();
      else if (this.root.requestFullscreen) await this.root.requestFullscreen();
      else video.webkitEnterFullscreen?.();
    } catch {
      // The frame around an embedded player may forbid it.
    }
  }

  async togglePip(): Promise<void> {
    try {
      if (document.pictureInPictureElement) await document.exitPictureInPicture();
      else await this.video.requestPictureInPicture();
    } catch {
      // Refused before the first picture: nothing to show yet.
    }
  }

  private listen(): void {
    const { root, video } = this;
    for (const event of ['pointermove', 'pointerdown', 'focusin', 'keydown'])
      root.addEventListener(event, () => this.wake());
    root.addEventListener('pointerleave', () => this.sleep());
    document.addEventListener('fullscreenchange', () => {
      this.controls.setFullscreen(document.fullscreenElement === root);
    });
    video.addEventListener('enterpictureinpicture', () => this.controls.setPip(true));
    video.addEventListener('leavepictureinpicture', () => this.controls.setPip(false));
    this.listenToTaps();
    document.addEventListener('keydown', (event) => {
      const isOurs = onKey(event, root, this.actions, {
        fullscreen: () => void this.toggleFullscreen(),
        pip: () => void this.togglePip(),
        volume: () => video.volume,
        muted: () => video.muted,
      });
      if (isOurs) this.wake();
    });
  }

  /** A click plays or pauses, two make it full screen; a finger brings the controls or sends them away. */
  private listenToTaps(): void {
    const { video } = this;
    let wasIdle = false;
    video.addEventListener('pointerdown', () => (wasIdle = 'idle' in this.root.dataset), { capture: true });
    this.root.addEventListener('pointerdown', () => (wasIdle = 'idle' in this.root.dataset), { capture: true });
    video.addEventListener('click', (event) => {
      if (this.controls.closeMenu()) return;
      if ((event as PointerEvent).pointerType === 'touch') {
        if (!wasIdle) this.sleep();
        return;
      }
      window.clearTimeout(this.clickTimer);
      if (event.detail === 1) this.clickTimer = window.setTimeout(() => this.actions.toggle(), TWICE_MS);
      else if (event.detail === 2) void this.toggleFullscreen();
    });
  }

  private wake(): void {
    delete this.root.dataset['idle'];
    window.clearTimeout(this.idleTimer);
    this.idleTimer = window.setTimeout(() => this.sleep(), IDLE_MS);
  }

  private sleep(): void {
    const isKeyboardInside = this.root.querySelector(':focus-visible') !== null;
    if (this.root.dataset['phase'] !== 'playing' || isKeyboardInside || this.controls.isOpen) return;
    this.root.dataset['idle'] = '';
  }
}
