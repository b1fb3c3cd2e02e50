/** Cameras, microphones and screens: getting them, and saying why not. */

export type Kind = 'camera' | 'screen' | 'sound';

/** What to capture. */
export interface Wanted {
  kind: Kind;
  /** Device ids; nothing for the browser's choice. */
  camera: string | undefined;
  /** `none` for no microphone. */
  microphone: string | undefined;
  height: number;
  fps: number;
}

/** What was captured, and what has to be stopped to let go of it. */
export interface Capture {
  stream: MediaStream;
  stop(): void;
}

/** Why nothing was captured, as a sentence. */
export class Refused extends Error {}

/** The sound of a call is not that of a broadcast, but a loudspeaker in the same room is more common than a studio. */
const SOUND: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

export async function capture(wanted: Wanted): Promise<Capture> {
  const { kind, camera, microphone, height, fps } = wanted;
  const size = {
    width: { ideal: Math.round((height * 16) / 9) },
    height: { ideal: height },
    frameRate: { ideal: fps },
  };
  const audio = microphone === 'none' ? false : { ...SOUND, ...(microphone && { deviceId: { exact: microphone } }) };
  const devices = navigator.mediaDevices;
  if (kind === 'screen') {
    const shown = await asked(devices.getDisplayMedia({ video: size, audio: true }), 'screen');
    // A screen without a microphone is still a screen.
    const spoken = audio ? await devices.getUserMedia({ audio }).catch(() => undefined) : undefined;
    return together(shown, spoken);
  }
  const video = kind === 'camera' && { ...size, ...(camera && { deviceId: { exact: camera } }) };
  if (!video && !audio) throw new Refused('There is nothing to publish: choose a camera or a microphone.');
  const stream = await asked(devices.getUserMedia({ video, audio }), video ? 'camera' : 'microphone').catch((why) => {
    // A machine with a camera and no microphone, or the other way around.
    if (!(why instanceof Refused && why.cause === 'NotFoundError') || !video || !audio) throw why;
    return asked(devices.getUserMedia({ video }), 'camera');
  });
  return { stream, stop: () => stopAll(stream) };
}

/** Cameras and microphones by name; names come only after the first permission. */
export async function devices(): Promise<{ cameras: MediaDeviceInfo[]; microphones: MediaDeviceInfo[] }> {
  const all = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
  const of = (kind: MediaDeviceKind) => all.filter((each) => each.kind === kind && each.deviceId !== '');
  return { cameras: of('videoinput'), microphones: of('audioinput') };
}

/** One stream of the screen's picture and of both sounds. */
function together(screen: MediaStream, voice: MediaStream | undefined): Capture {
  const sounds = [screen, voice].flatMap((each) => each?.getAudioTracks() ?? []);
  if (sounds.length < 2) {
    const stream = new MediaStream([...screen.getVideoTracks(), ...sounds]);
    return { stream, stop: () => [screen, voice].forEach(stopAll) };
  }
  const context = new AudioContext();
  const out = context.createMediaStreamDestination();
  for (const sound of sounds) context.createMediaStreamSource(new MediaStream([sound])).connect(out);
  const stream = new MediaStream([...screen.getVideoTracks(), ...out.stream.getAudioTracks()]);
  return {
    stream,
    stop: () => {
      [screen, voice].forEach(stopAll);
      void context.close();
    },
  };
}

function stopAll(stream: MediaStream | undefined): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

async function asked(promise: Promise<MediaStream>, what: 'camera' | 'microphone' | 'screen'): Promise<MediaStream> {
  try {
    return await promise;
  } catch (error) {
    const name = error instanceof DOMException ? error.name : '';
    throw new Refused(sentence(name, what), { cause: name });
  }
}

function sentence(name: string, what: 'camera' | 'microphone' | 'screen'): string {
  switch (name) {
    case 'NotAllowedError':
      return what === 'screen'
        ? 'Nothing was shared: the choice of a screen was closed or not allowed.'
        : `The browser does not let this page use the ${what}. Allow it beside the address, then try again.`;
    case 'NotFoundError':
      return `There is no ${what} here.`;
    case 'NotReadableError':
    case 'AbortError':
      return `The ${what} does not open: another program may be using it.`;
    case 'OverconstrainedError':
      return `The ${what} that was chosen is not there any more.`;
    default:
      return `The ${what} does not open (${name || 'no reason given'}).`;
  }
}
