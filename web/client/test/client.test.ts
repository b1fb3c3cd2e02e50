import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { WhepClient, type WhepOptions } from '../src/index.ts';
import { ANSWER, created, fakeFetch, FakeConnection, LITE, problem, settle, type Reply } from './kit.ts';

const URL_ = 'https://tv.example/whep/live/a';

beforeEach(() => {
  FakeConnection.all = [];
  mock.timers.enable({ apis: ['setTimeout'] });
});
afterEach(() => mock.timers.reset());

function client(replies: Reply[], options: Partial<WhepOptions> = {}) {
  const { fetch, asked } = fakeFetch(...replies);
  const RTCPeerConnection = FakeConnection as unknown as typeof globalThis.RTCPeerConnection;
  const whep = new WhepClient({ url: URL_, fetch, RTCPeerConnection, ...options });
  const told: string[] = [];
  for (const name of ['connecting', 'connected', 'reconnecting', 'error', 'ended', 'active', 'inactive'] as const)
    whep.on(name, (event) => told.push(name === 'error' ? (event as Error).message : name));
  return { whep, asked, told };
}

const pass = async (ms: number): Promise<void> => {
  await settle();
  mock.timers.tick(ms);
  await settle();
};
const pc = (): FakeConnection => FakeConnection.all.at(-1) as FakeConnection;
const posts: Reply = ({ method }) => (method === 'POST' ? created() : undefined);
const others: Reply = () => new Response(null, { status: 200 });

test('W1, W34: an offer is posted with the token, the answer is taken, and the end is told where Location says', async () => {
  const { whep, asked, told } = client([posts, others], { token: 'sesame' });
  whep.start();
  await settle();
  assert.deepEqual([asked[0]?.method, asked[0]?.url], ['POST', URL_]);
  assert.equal(asked[0]?.headers['content-type'], 'application/sdp');
  assert.equal(asked[0]?.headers['authorization'], 'Bearer sesame');
  assert.equal(pc().remoteDescription?.sdp, LITE);
  pc().become('connected');
  assert.equal(whep.state, 'connected');
  await whep.stop();
  assert.deepEqual([asked[1]?.method, asked[1]?.url], ['DELETE', 'https://tv.example/sessions/1']);
  assert.equal(asked[1]?.headers['authorization'], 'Bearer sesame');
  assert.deepEqual(told, ['connecting', 'connected', 'ended']);
});

test('Opus is asked for in stereo, which Chromium otherwise mixes down', async () => {
  const { whep, asked } = client([posts, others]);
  whep.start();
  await settle();
  assert.match(asked[0]?.body ?? '', /useinbandfec=1;stereo=1/);
  assert.equal(pc().localDescription?.sdp, asked[0]?.body);
});

test('W29: after a redirect, Location is resolved where it was said', async () => {
  const moved: Reply = ({ method }) => {
    if (method !== 'POST') return undefined;
    return Object.defineProperties(created({ location: 'x/7' }), {
      url: { value: 'https://edge2.tv.example/whep/live/a' },
      redirected: { value: true },
    });
  };
  const { whep, asked } = client([moved, others]);
  whep.start();
  await settle();
  await whep.stop();
  assert.equal(asked[1]?.url, 'https://edge2.tv.example/whep/live/x/7');
});

test('W29: a token follows a redirect to another port of its host, and to no other host', async () => {
  for (const [to, again] of [
    ['https://tv.example:8443/whep/live/a', 2],
    ['https://elsewhere.example/whep/live/a', 1],
  ] as const) {
    let count = 0;
    const moved: Reply = ({ method }) => {
      if (method !== 'POST') return undefined;
      count += 1;
      const url = { url: { value: to }, redirected: { value: true } };
      return count === 1 ? Object.defineProperties(problem(401, 'key'), url) : created();
    };
    const { whep, asked } = client([moved, others], { token: 'sesame', retries: 0 });
    whep.start();
    await settle();
    assert.equal(asked.filter(({ method }) => method === 'POST').length, again, to);
    await whep.stop();
  }
});

test('W16, W17: candidates trickle by PATCH with the tag of the session', async () => {
  const { whep, asked } = client([({ method }) => (method === 'POST' ? created({}, ANSWER) : undefined), others]);
  whep.start();
  await settle();
  pc().gather('candidate:1 1 udp 1 198.51.100.7 5000 typ host');
  await pass(100);
  const patch = asked.find(({ method }) => method === 'PATCH');
  assert.equal(patch?.url, 'https://tv.example/sessions/1');
  assert.equal(patch?.headers['if-match'], '"a"');
  assert.equal(patch?.headers['content-type'], 'application/trickle-ice-sdpfrag');
  assert.match(patch?.body ?? '', /a=ice-ufrag:ours\r\n[^]*a=mid:0\r\na=candidate:1 [^]*a=end-of-candidates\r\n$/);
  await whep.stop();
});

test('a lite server is not told candidates that it has no use for', async () => {
  const { whep, asked } = client([posts, others]);
  whep.start();
  await settle();
  pc().gather('candidate:1 1 udp 1 198.51.100.7 5000 typ host');
  await pass(100);
  assert.ok(!asked.some(({ method }) => method === 'PATCH'));
  await whep.stop();
});

test('with full gathering the offer waits for the candidates', async () => {
  const { whep, asked } = client([posts, others], { gathering: 'full' });
  whep.start();
  await settle();
  assert.equal(asked.length, 0);
  pc().gather('candidate:1 1 udp 1 198.51.100.7 5000 typ host');
  await settle();
  assert.equal(asked.length, 1);
  await whep.stop();
});

test('W18: a way that fails is replaced by an ICE restart with any tag', async () => {
  const fragment =
    'a=ice-ufrag:new\r\na=ice-pwd:newnewnewnewnewnewnewnew\r\nm=audio 9 x 0\r\na=mid:0\r\na=candidate:9 1 udp 1 192.0.2.9 9 typ host\r\n';
  const restart: Reply = ({ method }) =>
    method === 'PATCH'
      ? new Response(fragment, { headers: { etag: '"b"', 'content-type': 'application/trickle-ice-sdpfrag' } })
      : undefined;
  const { whep, asked, told } = client([posts, restart, others]);
  whep.start();
  await settle();
  pc().become('connected');
  pc().become('failed');
  await settle();
  const patch = asked.find(({ method }) => method === 'PATCH');
  assert.equal(patch?.headers['if-match'], '*');
  assert.match(patch?.body ?? '', /ice-ufrag:ours1/);
  const answer = pc().remoteDescription?.sdp ?? '';
  assert.match(answer, /a=ice-ufrag:new\r\n/);
  assert.match(answer, /192\.0\.2\.9/);
  assert.doesNotMatch(answer, /192\.0\.2\.1 /);
  pc().become('connected');
  assert.equal(FakeConnection.all.length, 1);
  assert.deepEqual(told, ['connecting', 'connected', 'connected']);
  await whep.stop();
});

test('W19: a restart that the server refuses makes a new session', async () => {
  const { whep, asked, told } = client([
    posts,
    ({ method }) => (method === 'PATCH' ? problem(422, 'no restarts here') : undefined),
    others,
  ]);
  whep.start();
  await settle();
  pc().become('connected');
  pc().become('failed');
  await settle();
  assert.ok(asked.some(({ method }) => method === 'DELETE'));
  await pass(1000);
  assert.equal(asked.filter(({ method }) => method === 'POST').length, 2);
  assert.deepEqual(told, ['connecting', 'connected', 'No restarts here.', 'reconnecting', 'connecting']);
  await whep.stop();
});

test('W30: a busy server is left alone for as long as it asks, then tried again', async () => {
  let isBusy = true;
  const { whep, asked, told } = client([
    ({ method }) => (method === 'POST' && isBusy ? problem(503, 'full house', { 'retry-after': '7' }) : undefined),
    posts,
    others,
  ]);
  whep.start();
  await settle();
  assert.deepEqual(told, ['connecting', 'Full house.', 'reconnecting']);
  isBusy = false;
  await pass(6900);
  assert.equal(asked.length, 1);
  await pass(2000);
  assert.equal(asked.length, 2);
  await whep.stop();
});

test('E4: a stream that is off air is waited for', async () => {
  let isOn = false;
  const { whep } = client([
    ({ method }) => (method === 'POST' && !isOn ? problem(409, 'off air', { 'retry-after': '2' }) : undefined),
    posts,
    others,
  ]);
  whep.start();
  await pass(2600);
  isOn = true;
  await pass(2600);
  pc().become('connected');
  assert.equal(whep.state, 'connected');
  await whep.stop();
});

test('what cannot be helped ends at once, with the sentence of the server', async () => {
  for (const status of [400, 401, 403, 404, 415, 422]) {
    const { whep, told } = client([() => problem(status, 'nothing for you')]);
    whep.start();
    await settle();
    assert.deepEqual(told, ['connecting', 'Nothing for you.', 'ended'], String(status));
    assert.equal(whep.state, 'ended');
  }
});

test('a server that is gone is tried again with growing patience, so many times and no more', async () => {
  const { whep, asked, told } = client([], { retries: 3 });
  whep.start();
  for (let second = 0; second < 20; second += 1) await pass(1000);
  assert.equal(asked.length, 4);
  assert.equal(told.at(-1), 'ended');
  assert.match(told[1] ?? '', /tv\.example cannot be reached/);
});

test('E5: a counter-offer is answered by PATCH', async () => {
  const counter: Reply = ({ method }) =>
    method === 'POST'
      ? new Response(LITE, {
          status: 406,
          headers: { 'content-type': 'application/sdp; valid-until="x"', location: '/sessions/2' },
        })
      : undefined;
  const { whep, asked } = client([counter, others]);
  whep.start();
  await settle();
  assert.equal(FakeConnection.all.length, 2);
  assert.equal(pc().remoteDescription?.type, 'offer');
  assert.deepEqual([asked[1]?.method, asked[1]?.url], ['PATCH', 'https://tv.example/sessions/2']);
  assert.equal(asked[1]?.headers['content-type'], 'application/sdp');
  pc().become('connected');
  assert.equal(whep.state, 'connected');
  await whep.stop();
});

test('W32: servers for ICE are taken from the links', async () => {
  const link =
    '<stun:stun.example>; rel="ice-server", <turn:turn.example?transport=udp>; rel="ice-server"; username="a, b"; credential="c\\"d"; credential-type="password"';
  const { whep } = client([({ method }) => (method === 'POST' ? created({ link }) : undefined), others]);
  whep.start();
  await settle();
  assert.deepEqual(pc().configuration.iceServers, [
    { urls: 'stun:stun.example' },
    { urls: 'turn:turn.example?transport=udp', username: 'a, b', credential: 'c"d' },
  ]);
  await whep.stop();
});

test('where no packet comes through, the sentence names the addresses that were tried', async () => {
  const { whep, told } = client([posts, others], { retries: 0, connectTimeoutMs: 5000 });
  whep.start();
  await settle();
  pc().report = new Map<string, unknown>([
    ['p', { id: 'p', type: 'candidate-pair', remoteCandidateId: 'c', requestsSent: 9, responsesReceived: 0 }],
    ['c', { id: 'c', type: 'remote-candidate', address: '192.0.2.1', port: 8443, protocol: 'udp' }],
  ]);
  await pass(5100);
  assert.match(told[1] ?? '', /^No answer from 192\.0\.2\.1:8443\/udp to 9 connection checks/);
  pc().report = new Map();
});

test('E13, E14, E16: events are asked for and heard', async () => {
  const link =
    '</sessions/1/events>; rel="urn:ietf:params:whep:ext:core:server-sent-events"; events="active,inactive,layers"';
  const { whep, asked, told } = client([
    ({ method, url }) => (method === 'POST' && url === URL_ ? created({ link }) : undefined),
    ({ method, url }) =>
      method === 'POST' && url.endsWith('/events')
        ? new Response(null, { status: 201, headers: { location: '/sessions/1/events/3' } })
        : undefined,
    ({ url }) =>
      url.endsWith('/events/3')
        ? new Response(
            'event: active\ndata: {}\n\nevent: layers\ndata: {"1":[{"rid":"high","bitrate":900000,"width":1280,"height":720},{"rid":"low"},{}]}\n\nevent: inactive\ndata: {}\n\n',
            { headers: { 'content-type': 'text/event-stream' } },
          )
        : undefined,
    others,
  ]);
  whep.start();
  await settle();
  pc().become('connected');
  await settle();
  assert.equal(asked[1]?.body, '["active","inactive","layers"]');
  assert.deepEqual(told, ['connecting', 'connected', 'active', 'inactive']);
  assert.deepEqual(
    whep.layers.map(({ rid, isActive }) => [rid, isActive]),
    [
      ['high', true],
      ['low', false],
    ],
  );
  await whep.stop();
});

test('E18: a layer is asked for by POST, and a refusal is an error with its sentence', async () => {
  const link = '</sessions/1/layer>; rel="urn:ietf:params:whep:ext:core:layer"';
  const { whep, asked } = client([
    ({ method, url }) => (method === 'POST' && url === URL_ ? created({ link }) : undefined),
    ({ url, body }) => (url.endsWith('/layer') && body.includes('none') ? problem(422, 'no such layer') : undefined),
    others,
  ]);
  whep.start();
  await settle();
  pc().become('connected');
  assert.equal(whep.hasLayers, true);
  await whep.choose({ mediaId: '1', rid: 'high' });
  assert.equal(asked[1]?.body, '{"mediaId":"1","rid":"high"}');
  await assert.rejects(whep.choose({ rid: 'none' }), { message: 'No such layer.', status: 422 });
  await whep.stop();
});

test('E19: told to reconnect elsewhere, it leaves and goes there', async () => {
  const link = '</events>; rel="urn:ietf:params:whep:ext:core:server-sent-events"';
  let isFirst = true;
  const { whep, asked } = client([
    ({ method, url }) => (method === 'POST' && url.includes('/whep/') ? created({ link }) : undefined),
    ({ method }) => (method === 'POST' ? new Response(null, { status: 201, headers: { location: '/e' } }) : undefined),
    ({ url }) => {
      if (!url.endsWith('/e') || !isFirst) return undefined;
      isFirst = false;
      return new Response('event: reconnect\ndata: {"url":"https://two.example/whep/live/a"}\n\n');
    },
    others,
  ]);
  whep.start();
  await settle();
  pc().become('connected');
  await settle();
  assert.ok(asked.some(({ method }) => method === 'DELETE'));
  assert.equal(
    asked.filter(({ method, url }) => method === 'POST' && url === 'https://two.example/whep/live/a').length,
    1,
  );
  await whep.stop();
});

test('an end while the server is still thinking is an end', async () => {
  const { whep, told } = client([() => undefined], {
    fetch: ((_: unknown, { signal }: RequestInit) =>
      new Promise((_, fail) => signal?.addEventListener('abort', () => fail(new Error('aborted'))))) as typeof fetch,
  });
  whep.start();
  await settle();
  await whep.stop();
  await pass(60_000);
  assert.deepEqual(told, ['connecting', 'ended']);
});
