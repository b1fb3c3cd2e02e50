/** How to push a stream with the tools people have: lines to copy, made for this server and this name. */

/** Where and what to push. */
export interface Target {
  /** `rtmps` where the server takes it: the key is then no one else's to read. */
  scheme: 'rtmp' | 'rtmps';
  host: string;
  port: number;
  /** The application, as RTMP calls the first part of a path. */
  app: string;
  name: string;
  needsKey: boolean;
}

/** Stands for the key, which no page ever shows. */
export const KEY = 'YOUR-KEY';

/** What OBS calls the server. */
export function serverUrl({ scheme, host, port, app }: Target): string {
  const shown = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  return `${scheme}://${shown}:${port}/${app}`;
}

/** What OBS calls the stream key: the name, and the server's key where one is needed. */
export const streamKey = ({ name, needsKey }: Target): string => (needsKey ? `${name}?key=${KEY}` : name);

/** The whole address in one. */
export const pushUrl = (target: Target): string => `${serverUrl(target)}/${streamKey(target)}`;

/** A test picture with a clock and a tone by ffmpeg, which says at once whether everything works. */
export function ffmpegTest(target: Target): string {
  return [
    'ffmpeg -re -f lavfi -i testsrc2=size=1280x720:rate=30',
    '-f lavfi -i sine=frequency=440:sample_rate=48000',
    '-c:v libx264 -preset veryfast -tune zerolatency',
    '-b:v 2500k -pix_fmt yuv420p -g 60 -c:a aac -b:a 128k',
    `-f flv "${pushUrl(target)}"`,
  ].join(' \\\n  ');
}

/** A file by ffmpeg, as it is where its codecs allow that. */
export const ffmpegFile = (target: Target): string =>
  `ffmpeg -re -i video.mp4 -c copy -f flv \\\n  "${pushUrl(target)}"`;

/** A test picture by GStreamer. */
export function gstreamer(target: Target): string {
  return [
    'gst-launch-1.0 flvmux name=mux streamable=true',
    `! rtmp2sink location="${pushUrl(target)}"`,
    'videotestsrc is-live=true ! timeoverlay',
    '! video/x-raw,width=1280,height=720,framerate=30/1',
    '! x264enc tune=zerolatency bitrate=2500 key-int-max=60',
    '! h264parse ! mux.',
    'audiotestsrc is-live=true ! audio/x-raw,rate=48000',
    '! avenc_aac ! aacparse ! mux.',
  ].join(' \\\n  ');
}

/** Where to publish by WebRTC: the page's own server, by HTTP. */
export interface WhipTarget {
  url: string;
  needsKey: boolean;
}

/** What OBS calls the bearer token; it must be left empty where no key is needed. */
export const bearerToken = ({ needsKey }: WhipTarget): string => (needsKey ? KEY : '');

/** The test picture by ffmpeg 8 or later. WebRTC carries no B-frames and no AAC. */
export function ffmpegWhip({ url, needsKey }: WhipTarget): string {
  return [
    'ffmpeg -re -f lavfi -i testsrc2=size=1280x720:rate=30',
    '-f lavfi -i sine=frequency=440:sample_rate=48000',
    '-c:v libx264 -preset veryfast -tune zerolatency -profile:v baseline',
    '-b:v 2500k -pix_fmt yuv420p -g 60 -c:a libopus -ac 2 -ar 48000',
    ...(needsKey ? [`-authorization ${KEY}`] : []),
    `-f whip "${url}"`,
  ].join(' \\\n  ');
}

/** The test picture by the WHIP client of GStreamer's Rust plugins. */
export function gstreamerWhip({ url, needsKey }: WhipTarget): string {
  return [
    'gst-launch-1.0 whipclientsink name=whip',
    `signaller::whip-endpoint="${url}"`,
    ...(needsKey ? [`signaller::auth-token="${KEY}"`] : []),
    'videotestsrc is-live=true ! timeoverlay',
    '! video/x-raw,width=1280,height=720,framerate=30/1 ! whip.',
    'audiotestsrc is-live=true wave=ticks ! whip.',
  ].join(' \\\n  ');
}

/** Makes what somebody types into a name that the server takes: letters, digits and `- _ . ~`. */
export function cleanName(typed: string): string {
  const plain = typed
    .trim()
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .replace(/\s+/g, '-')
    .replace(/[^A-Za-z0-9\-_.~]/g, '')
    .replace(/^\.+/, '');
  return plain.slice(0, 64) || 'my-stream';
}
