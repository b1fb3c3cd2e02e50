// A stand-in for the server while the pages are worked on: serves dist/, an API with a stream in every state, and plain
// HLS that ffmpeg makes. `npm run dev` and open http://localhost:4400. Not a test of the real server: that is apps/onair.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { POLICY, sendPage, TYPES } from './files.mjs';
import { startLadder, LADDER, ladderPlaylist } from './ladder.mjs';
import { startRelay } from './rtc.mjs';

const began = Date.now();

const video = (more) => ({
  name: 'v0',
  kind: 'video',
  codec: 'avc',
  codecs_string: 'avc1.64001f',
  width: 1280,
  height: 720,
  frame_rate: 30,
  bitrate_bps: 3_200_000,
  ...more,
});
const audio = (more) => ({
  name: 'a0',
  kind: 'audio',
  codec: 'aac',
  codecs_string: 'mp4a.40.2',
  sample_rate: 48_000,
  channels: 2,
  bitrate_bps: 128_000,
  ...more,
});
const ago = (minutes) => new Date(began - minutes * 60_000).toISOString();

/** What the API says of every path; `locked` paths need `?key=sesame`. */
const STREAMS = {
  'live/keynote': {
    state: 'live',
    since: ago(42),
    publisher: { proto: 'rtmp' },
    tracks: [video(), audio()],
    viewers: 128,
  },
  'live/stage-2': {
    state: 'live',
    since: ago(7),
    publisher: { proto: 'rtmp' },
    tracks: [video({ width: 1920, height: 1080, frame_rate: 59.94, bitrate_bps: 6_400_000 }), audio()],
    viewers: 31,
  },
  'studio/radio': {
    state: 'live',
    since: ago(605),
    publisher: { proto: 'rtmp' },
    tracks: [audio({ bitrate_bps: 192_000 })],
    viewers: 1,
  },
  'live/garden': {
    state: 'away',
    since: ago(18),
    publisher: null,
    tracks: [video(), audio({ channels: 1 })],
    viewers: 4,
  },
  'live/over': { state: 'ended', since: ago(90), publisher: null, tracks: [video()], viewers: 0 },
  'live/heavy': {
    state: 'live',
    since: ago(3),
    publisher: { proto: 'rtmp' },
    tracks: [video({ codec: 'hevc', codecs_string: 'hvc1.1.6.L93.B0' }), audio()],
    viewers: 0,
    hidden: true,
  },
  'live/closed': {
    state: 'live',
    since: ago(3),
    publisher: { proto: 'rtmp' },
    tracks: [video(), audio()],
    viewers: 0,
    hidden: true,
    locked: true,
  },
};

/**
 * Starts the stand-in. `streams` may be changed while it runs. `ladder` brings a stream in two qualities and two languages by
 * HLS and DASH, a `browser` brings WebRTC.
 */
export async function startMock({ port = 0, isEmpty = false, needsKey = false, ladder = false, browser } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'onair-web-hls-'));
  const streams = isEmpty ? {} : structuredClone(STREAMS);
  const ffmpeg = isEmpty ? undefined : startFfmpeg(folder);
  const steps = ladder ? await startLadder() : undefined;
  const relay = browser && (await startRelay(browser, needsKey ? { publishKey: 'sesame' } : {}));
  if (ladder) streams['live/ladder'] = { ...LADDER, since: ago(12) };
  if (relay)
    streams['live/now'] = {
      state: 'live',
      rtc: true,
      since: ago(5),
      publisher: { proto: 'whip' },
      tracks: [video({ codec: 'vp8', bitrate_bps: 1_600_000 }), audio({ codec: 'opus', bitrate_bps: 64_000 })],
      viewers: 3,
      hidden: true,
    };
  const server = createServer((request, response) => {
    const respond = async () => {
      if (relay && (await relay.handle(request, response, { streams }))) return;
      await answer(new URL(request.url, 'http://mock'), response, { folder, streams, needsKey, steps });
    };
    respond().catch((error) => {
      response.writeHead(error.code === 'ENOENT' ? 404 : 500).end(String(error.message));
    });
  });
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  const stop = async () => {
    await relay?.stop().catch(() => undefined);
    await steps?.stop();
    if (ffmpeg) await new Promise((resolve) => ffmpeg.once('exit', resolve).kill());
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true, force: true });
  };
  return { url: `http://127.0.0.1:${server.address().port}`, streams, relay, stop };
}

async function answer(url, response, { folder, streams, needsKey, steps }) {
  const send = (status, type, body) =>
    response
      .writeHead(status, { 'content-type': type, 'content-security-policy': POLICY, 'cache-control': 'no-store' })
      .end(body);
  const json = (value) => send(200, 'application/json', JSON.stringify(value));
  const path = normalize(url.pathname).slice(1);
  const isOpen = (stream) => !stream?.locked || url.searchParams.get('key') === 'sesame';
  const shown = (name) => ({ path: name, ...streams[name] });

  if (path === 'api/v1/streams')
    return json({
      now: new Date().toISOString(),
      streams: Object.keys(streams)
        .filter((name) => !streams[name].hidden)
        .map(shown),
    });
  if (path === 'api/v1/time') return send(200, 'text/plain', new Date().toISOString());
  if (path === 'api/v1/server')
    return json({ version: '0.1.0', rtmp_port: 1935, rtmps_port: null, publish_needs_key: needsKey });
  if (path.startsWith('api/v1/streams/')) {
    const name = path.slice('api/v1/streams/'.length);
    if (!isOpen(streams[name])) return send(401, 'text/plain', 'this stream needs a key');
    return streams[name]
      ? json({ now: new Date().toISOString(), ...shown(name) })
      : send(404, 'text/plain', 'no such stream');
  }
  if (steps && /^(hls|dash)\/live\/ladder\//.test(path)) {
    const file = path.slice(path.lastIndexOf('/') + 1);
    if (file === 'index.m3u8') return send(200, TYPES['.m3u8'], ladderPlaylist());
    return send(200, TYPES[extname(file)] ?? 'video/mp4', await readFile(join(steps.folder, file)));
  }
  if (path.startsWith('hls/')) {
    const [, name, file] = path.match(/^hls\/(.+)\/([^/]+)$/) ?? [];
    const stream = streams[name];
    if (!isOpen(stream)) return send(401, 'text/plain', '');
    if (!stream || stream.state === 'ended') return send(404, 'text/plain', '');
    if (file === 'index.m3u8') return send(200, TYPES['.m3u8'], multivariant(stream, url.search));
    const bytes = await readFile(join(folder, file));
    if (extname(file) !== '.m3u8' || url.search === '') return send(200, TYPES[extname(file)] ?? 'video/mp4', bytes);
    return send(200, TYPES['.m3u8'], String(bytes).replace(/(init\.mp4|media\d+\.m4s)/g, `$1${url.search}`));
  }
  return sendPage(url.pathname, response);
}

function multivariant(stream, query) {
  const codecs = stream.tracks.map((track) => track.codecs_string).join(',');
  const picture = stream.tracks.find((track) => track.kind === 'video');
  const size = picture
    ? `,RESOLUTION=${picture.width}x${picture.height},FRAME-RATE=${picture.frame_rate.toFixed(3)}`
    : '';
  return `#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-STREAM-INF:BANDWIDTH=3600000,CODECS="${codecs}"${size}\nmedia.m3u8${query}\n`;
}

function startFfmpeg(folder) {
  const args = [
    '-hide_banner',
    '-loglevel',
    'error',
    '-re',
    '-f',
    'lavfi',
    '-i',
    "gradients=s=1280x720:r=30:c0=0x10363b:c1=0xd9532c:c2=0xf0b98a:c3=0x0c1b2a:nb_colors=4:speed=0.012:x0=0:y0=0:x1=1280:y1=720,drawtext=text='%{localtime\\:%T}.%{eif\\:mod(n,30)\\:d\\:2}':fontsize=120:fontcolor=white@0.94:x=(w-tw)/2:y=(h-th)/2",
    '-f',
    'lavfi',
    '-i',
    "aevalsrc='0.15*sin(2*PI*660*t)*lt(mod(t,1),0.08)':s=48000:c=stereo",
    '-c:v',
    'libx264',
    '-preset',
    'ultrafast',
    '-tune',
    'zerolatency',
    '-pix_fmt',
    'yuv420p',
    '-g',
    '30',
    '-b:v',
    '2500k',
    '-c:a',
    'aac',
    '-b:a',
    '96k',
    '-f',
    'hls',
    '-hls_time',
    '1',
    '-hls_list_size',
    '12',
    '-hls_segment_type',
    'fmp4',
    '-hls_flags',
    'delete_segments+program_date_time+independent_segments+temp_file',
    join(folder, 'media.m3u8'),
  ];
  return spawn('ffmpeg', args, { stdio: ['ignore', 'inherit', 'inherit'] });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const mock = await startMock({
    port: 4400,
    isEmpty: process.argv.includes('--empty'),
    needsKey: process.argv.includes('--needs-key'),
  });
  console.log(mock.url);
  process.on('SIGINT', () => void mock.stop().then(() => process.exit()));
}
