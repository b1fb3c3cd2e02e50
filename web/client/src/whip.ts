/** Publishing by WHIP (RFC 9725). */
import { Client, type ClientEvents, type ClientOptions } from './client.ts';

/** One simulcast layer. */
export interface Encoding {
  rid: string;
  /** How many times smaller than the source, in each direction. */
  scale: number;
  maxBitrateBps: number;
}

export interface WhipOptions extends ClientOptions {
  /** What to publish: at most one video and one audio track (RFC 9725 §4.4.2). */
  stream: MediaStream;
  /** Preferred video codec, such as `H264`, `VP8`, `VP9`, `AV1`. The others stay on offer behind it. */
  videoCodec?: string;
  /** All layers together. Default: what the browser thinks right. */
  videoBitrateBps?: number;
  audioBitrateBps?: number;
  maxFrameRate?: number;
  /** `true` for three layers, or the layers themselves, smallest first. Default: one. */
  simulcast?: boolean | Encoding[];
  /** What to keep when the way is narrow. Default: the browser's choice by `contentHint`. */
  degradation?: 'maintain-framerate' | 'maintain-resolution' | 'balanced';
}

/**
 * Publishes a stream until told to stop, and comes back by itself.
 *
 * ```ts
 * const whip = new WhipClient({ url: '/whip/live/alice', stream: await navigator.mediaDevices.getUserMedia({ video: true, audio: true }) });
 * whip.on('connected', () => console.log('on air'));
 * whip.on('error', (trouble) => console.warn(trouble.message));
 * whip.start();
 * ```
 */
export class WhipClient extends Client<ClientEvents> {
  private stream: MediaStream;

  constructor(private readonly whip: WhipOptions) {
    super(whip);
    this.stream = whip.stream;
  }

  /** Goes on with other tracks of the same kinds, without a new session: another camera, another microphone. */
  async replace(stream: MediaStream): Promise<void> {
    this.stream = stream;
    const senders = this.pc?.getTransceivers() ?? [];
    await Promise.all(
      senders.map(({ sender, receiver }) => {
        const kind = receiver.track.kind;
        const track = stream.getTracks().find((each) => each.kind === kind);
        return track && sender.replaceTrack(track);
      }),
    );
  }

  /** Turns layers off and on again by their `rid`, without a new session. */
  async setLayers(isActive: (rid: string) => boolean): Promise<void> {
    for (const { sender } of this.pc?.getTransceivers() ?? []) {
      const parameters = sender.getParameters();
      if (!parameters.encodings.some((each) => each.rid)) continue;
      for (const encoding of parameters.encodings) encoding.active = isActive(encoding.rid ?? '');
      await sender.setParameters(parameters);
    }
  }

  protected override prepare(pc: RTCPeerConnection): void {
    const { whip, stream } = this;
    const [audio] = stream.getAudioTracks();
    const [video] = stream.getVideoTracks();
    if (audio) {
      const encoding: RTCRtpEncodingParameters = {};
      if (whip.audioBitrateBps !== undefined) encoding.maxBitrate = whip.audioBitrateBps;
      pc.addTransceiver(audio, { direction: 'sendonly', streams: [stream], sendEncodings: [encoding] });
    }
    if (!video) return;
    const transceiver = pc.addTransceiver(video, {
      direction: 'sendonly',
      streams: [stream],
      sendEncodings: encodingsOf(whip, video.getSettings?.().height),
    });
    if (whip.videoCodec !== undefined) prefer(transceiver, whip.videoCodec);
    if (whip.degradation !== undefined) void keep(transceiver.sender, whip.degradation);
  }
}

/** Three layers: a sixteenth, a quarter and all of the picture. */
export function threeLayers(totalBps: number): Encoding[] {
  return [
    { rid: 'low', scale: 4, maxBitrateBps: Math.round(totalBps * 0.07) },
    { rid: 'mid', scale: 2, maxBitrateBps: Math.round(totalBps * 0.23) },
    { rid: 'high', scale: 1, maxBitrateBps: Math.round(totalBps * 0.7) },
  ];
}

/** What a source of so many lines needs, where nobody has said. */
export function usualBitrateBps(height: number): number {
  return height >= 1080 ? 6_000_000 : height >= 720 ? 3_000_000 : 1_200_000;
}

function encodingsOf(whip: WhipOptions, height = 720): RTCRtpEncodingParameters[] {
  const { simulcast, videoBitrateBps, maxFrameRate } = whip;
  const common = maxFrameRate === undefined ? {} : { maxFramerate: maxFrameRate };
  if (!simulcast) return [{ ...common, ...(videoBitrateBps !== undefined && { maxBitrate: videoBitrateBps }) }];
  const layers = simulcast === true ? threeLayers(videoBitrateBps ?? usualBitrateBps(height)) : simulcast;
  return layers.map(({ rid, scale, maxBitrateBps }) => ({
    ...common,
    rid,
    scaleResolutionDownBy: scale,
    maxBitrate: maxBitrateBps,
  }));
}

/** Puts one codec first. Retransmission and error correction stay where they are. */
function prefer(transceiver: RTCRtpTransceiver, name: string): void {
  const all = globalThis.RTCRtpSender?.getCapabilities?.('video')?.codecs ?? [];
  const mime = `video/${name}`.toLowerCase();
  const wanted = all.filter((codec) => codec.mimeType.toLowerCase() === mime);
  if (wanted.length === 0) return;
  transceiver.setCodecPreferences?.([...wanted, ...all.filter((codec) => !wanted.includes(codec))]);
}

async function keep(sender: RTCRtpSender, degradation: NonNullable<WhipOptions['degradation']>): Promise<void> {
  const parameters = sender.getParameters() as RTCRtpSendParameters & { degradationPreference?: string };
  parameters.degradationPreference = degradation;
  // Firefox does not know it, and does without.
  await sender.setParameters(parameters).catch(() => undefined);
}
