// One stream in two qualities and two languages, as HLS and DASH over the same segments, made by ffmpeg.
import { spawn } from 'node:child_process';
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const sound = (frequency) => `aevalsrc='0.12*sin(2*PI*${frequency}*t)*lt(mod(t,1),0.1)':s=48000:c=stereo`;
const ARGS = [
  '-hide_banner -loglevel error -re -f lavfi -i',
  "testsrc2=s=1280x720:r=30,drawtext=text='%{localtime\\:%T}':fontsize=96:fontcolor=white:box=1:boxcolor=black@0.5:x=60:y=60",
  '-f lavfi -i',
  sound(660),
  '-f lavfi -i',
  sound(440),
  '-filter_complex [0:v]split=2[a][b];[b]scale=640:360[c] -map [a] -map [c] -map 1:a -map 2:a',
  '-c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt yuv420p -g 30 -b:v:0 1800k -b:v:1 500k',
  '-c:a aac -b:a 96k -metadata:s:a:0 language=en -metadata:s:a:1 language=de',
  '-f dash -seg_duration 1 -window_size 12 -extra_window_size 12 -use_template 1 -use_timeline 1 -hls_playlist 1',
  '-utc_timing_url /api/v1/time -adaptation_sets',
];

/** What the API says of it. */
export const LADDER = {
  state: 'live',
  publisher: { proto: 'rtmp' },
  hidden: true,
  viewers: 12,
  tracks: [
    {
      name: 'v0',
      kind: 'video',
      codec: 'h264',
      codecs_string: 'avc1.42c01f',
      width: 1280,
      height: 720,
      frame_rate: 30,
    },
    { name: 'v2', kind: 'video', codec: 'h264', codecs_string: 'avc1.42c01e', width: 640, height: 360, frame_rate: 30 },
    {
      name: 'a1',
      kind: 'audio',
      codec: 'aac',
      codecs_string: 'mp4a.40.2',
      sample_rate: 48_000,
      channels: 2,
      language: 'en',
    },
    {
      name: 'a3',
      kind: 'audio',
      codec: 'aac',
      codecs_string: 'mp4a.40.2',
      sample_rate: 48_000,
      channels: 2,
      language: 'de',
    },
  ],
};

/** The multivariant playlist, as ours would be; ffmpeg's own forgets the languages. */
export function ladderPlaylist() {
  const sound = (name, language, file, isDefault) =>
    `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="${name}",LANGUAGE="${language}",DEFAULT=${isDefault ? 'YES' : 'NO'},AUTOSELECT=YES,URI="${file}"`;
  const picture = (bps, codec, size, file) =>
    `#EXT-X-STREAM-INF:BANDWIDTH=${bps},CODECS="${codec},mp4a.40.2",RESOLUTION=${size},FRAME-RATE=30.000,AUDIO="sound"\n${file}`;
  return [
    '#EXTM3U',
    '#EXT-X-VERSION:7',
    '#EXT-X-INDEPENDENT-SEGMENTS',
    sound('English', 'en', 'media_2.m3u8', true),
    sound('Deutsch', 'de', 'media_3.m3u8', false),
    picture(2_400_000, 'avc1.42c01f', '1280x720', 'media_0.m3u8'),
    picture(800_000, 'avc1.42c01e', '640x360', 'media_1.m3u8'),
    '',
  ].join('\n');
}

/** Starts it, and waits for its first segments. */
export async function startLadder() {
  const folder = await mkdtemp(join(tmpdir(), 'onair-web-ladder-'));
  const words = ARGS.flatMap((each) => (/^-/.test(each) ? each.split(' ') : [each]));
  const ffmpeg = spawn(
    'ffmpeg',
    [...words, 'id=0,streams=0,1 id=1,streams=2 id=2,streams=3', join(folder, 'manifest.mpd')],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  for (let left = 150; left > 0; left -= 1) {
    const isThere = await access(join(folder, 'media_3.m3u8')).then(
      () => true,
      () => false,
    );
    if (isThere) break;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const stop = async () => {
    await new Promise((resolve) => ffmpeg.once('exit', resolve).kill());
    await rm(folder, { recursive: true, force: true });
  };
  return { folder, stop };
}
