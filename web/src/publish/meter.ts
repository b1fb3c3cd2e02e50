/** How loud it is, to see that the microphone hears something. */
import { h } from '../dom.ts';

const EVERY_MS = 60;
/** Below this nothing is shown; 0 is as loud as it gets. */
const FLOOR_DB = -60;

export class Meter {
  readonly root = h('div', {
    class: 'meter',
    role: 'meter',
    'aria-label': 'Loudness',
    'aria-valuemin': 0,
    'aria-valuemax': 100,
  });
  private context: AudioContext | undefined;
  private timer: number | undefined;
  private level = 0;

  /** Listens to the sound of a stream, or to nothing. */
  listen(stream: MediaStream | undefined): void {
    window.clearInterval(this.timer);
    void this.context?.close();
    this.context = undefined;
    this.show(0);
    const [track] = stream?.getAudioTracks() ?? [];
    this.root.hidden = track === undefined;
    if (track === undefined) return;
    const context = new AudioContext();
    const analyser = new AnalyserNode(context, { fftSize: 1024 });
    context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    this.context = context;
    this.timer = window.setInterval(() => {
      // Chromium lets no sound be heard before a hand has touched the page.
      if (context.state === 'suspended') void context.resume().catch(() => undefined);
      analyser.getFloatTimeDomainData(samples);
      this.show(loudness(samples));
    }, EVERY_MS);
  }

  private show(level: number): void {
    // Up at once, down gently.
    this.level = Math.max(level, this.level * 0.85);
    const percent = Math.round(this.level * 100);
    this.root.style.setProperty('--level', `${percent}%`);
    this.root.setAttribute('aria-valuenow', String(percent));
  }
}

/** From 0 to 1, linear in decibels. */
export function loudness(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const decibels = 10 * Math.log10(sum / Math.max(1, samples.length) + 1e-12);
  return Math.min(1, Math.max(0, 1 - decibels / FLOOR_DB));
}
