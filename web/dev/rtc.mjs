// A stand-in for the WebRTC of the server: a page of a browser that takes what is published and passes it on, and signalling
// that asks it. Where nobody publishes, it shows a picture of its own. `browser` is one of dev/browser.mjs.
import { randomUUID } from 'node:crypto';

/** What runs in the page. */
function relay() {
  const sessions = new Map();
  const published = new Map();

  const canvas = Object.assign(document.createElement('canvas'), { width: 1280, height: 720 });
  const pen = canvas.getContext('2d');
  setInterval(() => {
    const hue = (performance.now() / 40) % 360;
    pen.fillStyle = `oklch(0.42 0.09 ${hue})`;
    pen.fillRect(0, 0, 1280, 720);
    pen.fillStyle = `oklch(0.75 0.14 ${hue + 40})`;
    for (let at = 0; at < 9; at += 1) {
      const x = 640 + Math.sin(performance.now() / 900 + at) * 520;
      pen.beginPath();
      pen.arc(x, 120 + at * 60, 46 - at * 3, 0, 7);
      pen.fill();
    }
    pen.fillStyle = '#fffc';
    pen.font = '600 110px sans-serif';
    pen.fillText((performance.timeOrigin + performance.now()).toFixed(0).slice(-6, -2), 500, 400);
  }, 33);
  const own = () => {
    const context = new AudioContext();
    const tone = new OscillatorNode(context, { frequency: 330 });
    const out = context.createMediaStreamDestination();
    tone.connect(out);
    tone.start();
    return [...canvas.captureStream(30).getVideoTracks(), ...out.stream.getAudioTracks()];
  };

  const gathered = (pc) =>
    new Promise((resolve) => {
      if (pc.iceGatheringState === 'complete') return resolve();
      pc.onicegatheringstatechange = () => pc.iceGatheringState === 'complete' && resolve();
    });

  async function answer(pc, sdp, id) {
    await pc.setRemoteDescription({ type: 'offer', sdp });
    for (const { track, pick } of pc.offered ?? []) {
      const transceiver = pc.getTransceivers().find(({ receiver }) => receiver.track.kind === pick);
      if (!transceiver) continue;
      transceiver.direction = 'sendonly';
      await transceiver.sender.replaceTrack(track);
    }
    await pc.setLocalDescription(await pc.createAnswer());
    sessions.set(id, pc);
    await gathered(pc);
    return pc.localDescription.sdp;
  }

  window.relay = {
    publish(path, sdp, id) {
      const pc = new RTCPeerConnection();
      const tracks = [];
      published.set(path, tracks);
      pc.ontrack = ({ track }) => tracks.push(track);
      return answer(pc, sdp, id);
    },
    watch(path, sdp, id) {
      const pc = new RTCPeerConnection();
      const tracks = published.get(path) ?? own();
      pc.offered = tracks.map((track) => ({ track, pick: track.kind }));
      return answer(pc, sdp, id);
    },
    async trickle(id, candidates, mid) {
      const pc = sessions.get(id);
      for (const candidate of candidates) await pc?.addIceCandidate({ candidate, sdpMid: mid }).catch(() => {});
    },
    async scale(id, by) {
      const sender = sessions
        .get(id)
        .getSenders()
        .find(({ track }) => track?.kind === 'video');
      const parameters = sender.getParameters();
      for (const encoding of parameters.encodings) encoding.scaleResolutionDownBy = by;
      await sender.setParameters(parameters);
    },
    close(id) {
      sessions.get(id)?.close();
      return sessions.delete(id);
    },
  };
}

const SCALES = { high: 1, low: 2 };
const LAYERS = [
  { rid: 'high', bitrate: 1_600_000, width: 1280, height: 720 },
  { rid: 'low', bitrate: 400_000, width: 640, height: 360 },
];

/** Starts the relay. `handle` answers `/whip/…`, `/whep/…` and the sessions they open, and says whether it did. */
export async function startRelay(browser, { publishKey } = {}) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.evaluate(relay);
  const sessions = new Map();
  const listeners = new Set();

  async function handle(request, response, { streams }) {
    const url = new URL(request.url, 'http://mock');
    const [, kind, rest] = url.pathname.match(/^\/(whip|whep|rtc)\/(.+)$/) ?? [];
    if (kind === undefined) return false;
    let body = '';
    for await (const piece of request) body += piece;
    const send = (status, headers = {}, text = '') => response.writeHead(status, headers).end(text);
    const problem = (status, detail) =>
      send(
        status,
        { 'content-type': 'application/problem+json', 'retry-after': '1' },
        JSON.stringify({ status, detail }),
      );

    if (kind === 'rtc') {
      const [id, what] = rest.split('/');
      const session = sessions.get(id);
      if (!session) return problem(404, 'no such session');
      if (request.method === 'DELETE') {
        await page.evaluate((id) => window.relay.close(id), id);
        sessions.delete(id);
        if (session.kind === 'whip') delete streams[session.path];
        return send(200);
      }
      if (request.method === 'PATCH') {
        const candidates = [...body.matchAll(/^a=(candidate:.*?)\r?$/gm)].map(([, each]) => each);
        await page.evaluate(([id, all]) => window.relay.trickle(id, all, '0'), [id, candidates]);
        return send(204);
      }
      if (what === 'layer') {
        const { rid } = JSON.parse(body);
        if (rid !== undefined && !(rid in SCALES)) return problem(422, 'there is no such layer');
        await page.evaluate(([id, by]) => window.relay.scale(id, by), [id, SCALES[rid] ?? 1]);
        return send(200);
      }
      if (what === 'events' && request.method === 'POST') return send(201, { location: `/rtc/${id}/listen` });
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
      response.write(`event: active\ndata: {}\n\nevent: layers\ndata: ${JSON.stringify({ 1: LAYERS })}\n\n`);
      const listener = { path: session.path, response };
      listeners.add(listener);
      response.on('close', () => listeners.delete(listener));
      return true;
    }

    const key = request.headers.authorization?.replace(/^bearer /i, '');
    const id = randomUUID();
    if (kind === 'whip') {
      if (publishKey !== undefined && key !== publishKey) return problem(401, 'the key is missing or wrong');
      if (streams[rest] !== undefined && streams[rest].publisher?.proto !== 'whip')
        return problem(409, 'somebody else publishes under this name');
    } else {
      if (!streams[rest]?.rtc) return problem(404, 'no such stream');
      if (streams[rest].locked && key !== 'sesame') return problem(401, 'this stream needs a key');
    }
    const task = kind === 'whip' ? 'publish' : 'watch';
    const sdp = await page.evaluate(
      ([task, path, sdp, id]) => window.relay[task](path, sdp, id),
      [task, rest, body, id],
    );
    sessions.set(id, { kind, path: rest });
    if (kind === 'whip')
      streams[rest] = {
        state: 'live',
        rtc: true,
        since: new Date().toISOString(),
        publisher: { proto: 'whip' },
        tracks: tracksOf(body),
        viewers: 0,
      };
    return send(
      201,
      {
        'content-type': 'application/sdp',
        location: `/rtc/${id}`,
        etag: `"${id.slice(0, 8)}"`,
        ...(kind === 'whep' && {
          link: [
            `</rtc/${id}/events>; rel="urn:ietf:params:whep:ext:core:server-sent-events"; events="active,inactive,layers"`,
            `</rtc/${id}/layer>; rel="urn:ietf:params:whep:ext:core:layer"`,
          ],
        }),
      },
      sdp,
    );
  }

  return {
    handle,
    /** The sessions of a kind. */
    ids: (kind) => [...sessions].filter(([, session]) => session.kind === kind).map(([id]) => id),
    /** How many there are. */
    count: (kind) => [...sessions.values()].filter((session) => session.kind === kind).length,
    /** Ends every session as a server that goes away would. */
    drop: () => Promise.all([...sessions.keys()].map((id) => page.evaluate((id) => window.relay.close(id), id))),
    stop: () => context.close(),
  };
}

function tracksOf(offer) {
  const video = {
    name: 'v0',
    kind: 'video',
    codec: 'vp8',
    width: 1280,
    height: 720,
    frame_rate: 30,
    bitrate_bps: 1_600_000,
  };
  const audio = { name: 'a1', kind: 'audio', codec: 'opus', sample_rate: 48_000, channels: 2, bitrate_bps: 64_000 };
  return [...(/^m=video/m.test(offer) ? [video] : []), ...(/^m=audio/m.test(offer) ? [audio] : [])];
}
