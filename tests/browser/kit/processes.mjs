// The server and the publishers of a test, as processes of their own.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const built = process.env.CARGO_TARGET_DIR ?? path.join(root, 'target');

/** Where the binaries are: `ONAIR_BIN` and `TESTKIT_BIN` name others than the debug build. */
const binary = {
  onair: process.env.ONAIR_BIN ?? path.join(built, 'debug/onair'),
  testkit: process.env.TESTKIT_BIN ?? path.join(built, 'debug/testkit'),
};

export const { testkit } = binary;

/** Pictures, figures and encoded files of a run; not in version control. */
export const artefacts = process.env.ARTEFACTS ?? path.join(built, 'browser-tests');
mkdirSync(artefacts, { recursive: true });

// Whatever happens to the test, nothing outlives it.
const children = new Set();
export const start = (...args) => {
  const child = spawn(...args);
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
};
process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks until the answer is truthy, and returns it. */
export async function until(what, ask, { seconds = 20, every = 50 } = {}) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${seconds} s`);
    await sleep(every);
  }
}

/** Starts the server on free loopback ports, with further `--set` arguments. */
export const startServer = (...settings) => launch('serve', settings);

/** The same with a test picture of its own at `live/test`. */
export const startDemo = (...settings) => launch('demo', settings);

async function launch(command, settings) {
  const fixed = ['http', 'rtmp', 'webrtc'].map((proto) => `${proto}.listen="127.0.0.1:0"`).concat('log.format="json"');
  const args = [...fixed, ...settings].flatMap((setting) => ['--set', setting]);
  const child = start(binary.onair, [command, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  const log = [];
  const listen = {};
  createInterface({ input: child.stderr }).on('line', (line) => {
    log.push(line);
    const address = /"(?:listen|address)":"([^"]+:\d+)"/.exec(line)?.[1];
    const proto = /"proto":"(\w+)"/.exec(line)?.[1];
    if (address && proto) listen[proto] ??= address;
  });
  const server = {
    log: () => log.join('\n'),
    stop: () => end(child),
    url: (address) => `http://${listen.http}${address}`,
    rtmp: (stream) => `rtmp://${listen.rtmp}/${stream}`,
    /** Where WebRTC's packets come and go. */
    media: () => listen.webrtc,
    text: async (address) => {
      const reply = await fetch(server.url(address));
      if (!reply.ok) throw new Error(`${address}: ${reply.status}`);
      return reply.text();
    },
    /** Waits until the stream has a playlist with at least `segments` complete segments. */
    awaitStream: (stream, name = 'v0', segments = 1) =>
      until(`${stream} on air`, async () => {
        const list = await server.text(`/hls/${stream}/${name}.m3u8`).catch(() => '');
        return list.split('#EXTINF').length > segments && list;
      }),
  };
  await until('the server listening', () => {
    if (child.exitCode !== null) throw new Error(`the server ended:\n${server.log()}`);
    return listen.http && listen.rtmp;
  });
  return server;
}

/** Publishes the picture with the clock. `options` are those of `testkit card`, such as `{ gop: 60 }`. */
export async function publishCard(url, options = {}) {
  const child = start(binary.testkit, ['card', url, ...flags(options)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  const ffmpeg = Number(line);
  return {
    stop: () => end(child),
    running: () => child.exitCode === null,
    /** Takes ffmpeg away without a word to the server. */
    kill: async () => {
      process.kill(ffmpeg, 'SIGKILL');
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

/** Sends FLV files, stamped as `options` say (`testkit replay`). */
export function replay(url, files, options = {}) {
  const child = start(binary.testkit, ['replay', url.replace('rtmp://', ''), ...files, ...flags(options)], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  return { stop: () => end(child), done: () => (child.exitCode === null ? once(child, 'exit') : [child.exitCode]) };
}

/** Publishes what is in a file, over and over, as it is and in real time. */
export function publishFile(url, file) {
  const words = ['-nostdin', '-v', 'error', '-re', '-stream_loop', '-1', '-i', file, '-map', '0', '-c', 'copy', '-f', 'flv', url];
  const child = start('ffmpeg', words, { stdio: ['ignore', 'ignore', 'inherit'] });
  return { stop: () => end(child) };
}

/** Encodes a card or anything else that ffmpeg makes into a file, once; the name stands for the arguments, a list or a line. */
export async function encode(name, args) {
  const file = path.join(artefacts, name);
  if (!existsSync(file)) {
    const words = ['-nostdin', '-v', 'error', ...(Array.isArray(args) ? args : args.split(' ')), '-y', '-f', 'flv', `${file}.part`];
    const [code] = await once(spawn('ffmpeg', words, { stdio: ['ignore', 'ignore', 'inherit'] }), 'exit');
    if (code !== 0) throw new Error(`ffmpeg could not make ${name}`);
    const { renameSync } = await import('node:fs');
    renameSync(`${file}.part`, file);
  }
  return file;
}

const flags = (options) =>
  Object.entries(options).flatMap(([name, value]) => {
    const flag = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    return value === true ? [flag] : [flag, String(value)];
  });

export async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
  await gone;
  clearTimeout(timer);
}
