// A viewer whose network lets nothing through but a TURN server (coturn), which it is told of by the server.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:net';
import { after, before, test } from 'node:test';

import { openBrowser, openPage } from './kit/browser.mjs';
import { artefacts, end, publishCard, start, startServer, until } from './kit/processes.mjs';

const SECRET = 'north';
const MISSING = (() => {
  try {
    execFileSync('turnserver', ['--help'], { stdio: 'ignore' });
    return false;
  } catch (error) {
    return error.code === 'ENOENT' && 'there is no coturn';
  }
})();

let browser, relay, port;

before(async () => {
  if (MISSING) return;
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => probe.once('listening', resolve));
  ({ port } = probe.address());
  await new Promise((resolve) => probe.close(resolve));
  const words = `-n --listening-ip=127.0.0.1 --listening-port=${port} --relay-ip=127.0.0.1 --allow-loopback-peers --no-cli --no-tls --no-dtls`;
  const secret = ['--use-auth-secret', `--static-auth-secret=${SECRET}`, '--realm=onair.test'];
  const places = ['--pidfile=/dev/null', '--log-file=stdout', `--userdb=${artefacts}/turn.sqlite`];
  relay = start('turnserver', [...words.split(' '), ...secret, ...places], { stdio: 'ignore' });
  browser = await openBrowser();
});

after(async () => {
  await browser?.close();
  if (relay) await end(relay);
});

/** In the page: connections that take no way but a relay's. */
function insist() {
  window.connections = [];
  const Free = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Free {
    constructor(configuration) {
      super({ ...configuration, iceTransportPolicy: 'relay' });
      window.connections.push(this);
    }
  };
}

/** Pictures seen, and the kind of way they come by. */
async function progress() {
  const of = (pc) => pc.getStats().then((stats) => [...stats.values()].map((it) => [it, stats]));
  const all = (await Promise.all(window.connections.map(of))).flat();
  const pair = all.find(([it]) => it.type === 'candidate-pair' && it.nominated && it.state === 'succeeded');
  const local = pair?.[1].get(pair[0].localCandidateId);
  const pictures = all.filter(([it]) => it.type === 'inbound-rtp' && it.kind === 'video');
  return {
    frames: pictures.reduce((sum, [it]) => sum + (it.framesDecoded ?? 0), 0),
    way: local?.candidateType,
    relay: local?.relayProtocol,
  };
}

// W32, U9: to a relay over UDP, and over TCP, as it has to be where UDP is blocked.
for (const transport of ['udp', 'tcp']) {
  test(`a viewer comes in by a TURN server over ${transport}`, { timeout: 60_000, skip: MISSING }, async () => {
    const named = `webrtc.ice_servers=[{url="turn:127.0.0.1:${port}?transport=${transport}",secret="${SECRET}"}]`;
    const server = await startServer(named);
    const publisher = await publishCard(server.rtmp('live/card'), { gop: 60 });
    const page = await openPage(browser);
    try {
      await server.awaitStream('live/card', 'v0', 1);
      await page.addInitScript(insist);
      await page.goto(server.url('/watch/live/card'));
      const seen = await until('pictures by a relay', async () => {
        const now = await page.evaluate(progress);
        return now.frames >= 60 && now;
      });
      assert.deepEqual([seen.way, seen.relay], ['relay', transport]);
      assert.ok(!server.log().includes(SECRET), 'no secret in the log');
    } finally {
      await page.context().close();
      await publisher.stop();
      await server.stop();
    }
  });
}
