import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backoffMs } from '../src/backoff.ts';
import { parseLayers } from '../src/layers.ts';
import { parseLinks } from '../src/links.ts';
import { fragmentOf, restarted, stereo } from '../src/sdp.ts';
import { EventReader } from '../src/sse.ts';
import { Gauge } from '../src/stats.ts';
import { retryAfter, troubleOf } from '../src/trouble.ts';
import { threeLayers } from '../src/whip.ts';

test('waiting doubles, has an end, is spread, and is never shorter than asked', () => {
  assert.deepEqual(
    [1, 2, 3, 10].map((failures) => backoffMs(failures, undefined, 0.5)),
    [500, 1000, 2000, 15_000],
  );
  assert.deepEqual([backoffMs(1, undefined, 0), backoffMs(1, undefined, 1)], [375, 625]);
  assert.equal(backoffMs(1, 8000, 0), 8000);
  assert.equal(backoffMs(1, 8000, 1), 10_000);
});

test('Retry-After is seconds or a date', () => {
  assert.equal(retryAfter('3', 0), 3000);
  assert.equal(retryAfter(new Date(9000).toUTCString(), 4000), 5000);
  assert.equal(retryAfter('soon', 0), undefined);
  assert.equal(retryAfter(null, 0), undefined);
});

test('what the server says is made a sentence, and what it does not say is one of ours', async () => {
  const said = async (body: string | null, type: string, status = 422): Promise<string> =>
    (await troubleOf(new Response(body, { status, headers: { 'content-type': type } }))).message;
  assert.equal(await said('{"detail":"no codec in common"}', 'application/problem+json'), 'No codec in common.');
  assert.equal(await said('nothing here', 'text/plain'), 'Nothing here.');
  assert.equal(await said('<html>', 'text/html', 503), 'The server is busy.');
  assert.equal(await said('{broken', 'application/json', 404), 'The server knows nothing of that name.');
});

test('links are read with their quotes, and what is no link is passed over', () => {
  const links = parseLinks('<a>; rel=x, nonsense, <https://b/>; rel="y z"; events="a,b"; flag', 'https://h/p/q');
  assert.deepEqual(links, [
    { url: 'https://h/p/a', rel: 'x', params: { rel: 'x' } },
    { url: 'https://b/', rel: 'y z', params: { rel: 'y z', events: 'a,b', flag: '' } },
  ]);
  assert.deepEqual(parseLinks(null, 'https://h/'), []);
});

test('E17: layers are read from all shapes that drafts have had', () => {
  const rids = (data: unknown) =>
    parseLayers(JSON.stringify(data)).map(({ mediaId, rid, isActive }) => [mediaId, rid, isActive]);
  assert.deepEqual(
    rids({
      1: [
        { rid: 'a', bitrate: 5, more: {} },
        { rid: 'b', bitrate: 0 },
      ],
    }),
    [
      ['1', 'a', true],
      ['1', 'b', false],
    ],
  );
  assert.deepEqual(
    rids({ 0: { active: [{ id: 'h', bitrate: 1 }], inactive: [{ id: 'l' }], layers: [{ rid: 'h' }] } }),
    [
      ['0', 'h', true],
      ['0', 'l', false],
    ],
  );
  assert.deepEqual(rids({ 1: { layers: [{ encodingId: 'q' }] } }), [['1', 'q', false]]);
  for (const bad of ['', 'null', '[]', '{"0":[null,1,{}]}', '{']) assert.deepEqual(parseLayers(bad), []);
});

test('events are whole however the bytes come', () => {
  const text = ': hello\r\nevent: layers\r\ndata: {"a":\r\ndata: 1}\r\n\r\nevent: x\n\ndata:y\n\n';
  const whole = new EventReader().push(text);
  const reader = new EventReader();
  const pieces = [...text].flatMap((each) => reader.push(each));
  const wanted = [
    { name: 'layers', data: '{"a":\n1}' },
    { name: 'message', data: 'y' },
  ];
  assert.deepEqual(whole, wanted);
  assert.deepEqual(pieces, wanted);
});

test('a fragment replaces credentials and candidates of every m-line', () => {
  const answer =
    'v=0\r\nm=audio 9 x 0\r\na=ice-ufrag:o\r\na=ice-pwd:o\r\na=mid:0\r\na=candidate:1\r\nm=video 9 x 0\r\na=mid:1\r\n';
  const text = restarted(answer, 'a=ice-ufrag:n\r\na=ice-pwd:p\r\na=candidate:2\r\n') ?? '';
  assert.equal(
    text,
    'v=0\r\nm=audio 9 x 0\r\na=mid:0\r\na=ice-ufrag:n\r\na=ice-pwd:p\r\na=candidate:2\r\nm=video 9 x 0\r\na=mid:1\r\na=ice-ufrag:n\r\na=ice-pwd:p\r\n',
  );
  assert.equal(restarted(answer, 'a=candidate:2\r\n'), undefined);
});

test('a restart speaks of the section that carries the others, not of one that was declined', () => {
  const section = (kind: string, mid: string) =>
    `m=${kind} 9 UDP/TLS/RTP/SAVPF 96\r\na=ice-ufrag:u${mid}\r\na=ice-pwd:p${mid}\r\na=mid:${mid}\r\n`;
  const offer = `v=0\r\na=group:BUNDLE 0 1\r\n${section('audio', '0')}${section('video', '1')}`;
  const answer = 'v=0\r\na=group:BUNDLE 1\r\nm=audio 0 X 96\r\na=mid:0\r\nm=video 9 X 96\r\na=mid:1\r\n';
  const fragment = fragmentOf(offer, answer, [], true) ?? '';
  assert.match(fragment, /a=ice-ufrag:u1\r\na=ice-pwd:p1\r\nm=video 9 UDP\/TLS\/RTP\/SAVPF 0\r\na=mid:1\r\n/);
  assert.match(fragmentOf(offer, answer.replace('BUNDLE 1', 'BUNDLE 0 1'), [], true) ?? '', /a=ice-ufrag:u0\r\n/);
  const again = restarted(answer, 'a=ice-ufrag:n\r\na=ice-pwd:p\r\na=candidate:2\r\n') ?? '';
  assert.match(again, /a=mid:1\r\na=ice-ufrag:n\r\na=ice-pwd:p\r\na=candidate:2\r\n$/);
});

test('stereo is said once, and of Opus only', () => {
  const sdp = 'a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10\r\na=fmtp:96 apt=97\r\n';
  assert.equal(stereo(sdp), sdp.replace('minptime=10', 'minptime=10;stereo=1'));
  assert.equal(stereo(stereo(sdp)), stereo(sdp));
});

test('three layers share what there is, smallest first', () => {
  const layers = threeLayers(2_000_000);
  assert.deepEqual(
    layers.map(({ rid, scale }) => [rid, scale]),
    [
      ['low', 4],
      ['mid', 2],
      ['high', 1],
    ],
  );
  assert.equal(
    layers.reduce((sum, { maxBitrateBps }) => sum + maxBitrateBps, 0),
    2_000_000,
  );
});

test('figures are differences between two readings', () => {
  const gauge = new Gauge();
  const report = (at: number, bytes: number, packets: number, lost: number, delay: number, emitted: number) =>
    new Map<string, unknown>([
      [
        'in',
        {
          id: 'in',
          type: 'inbound-rtp',
          kind: 'video',
          timestamp: at,
          bytesReceived: bytes,
          packetsReceived: packets,
          packetsLost: lost,
          jitterBufferDelay: delay,
          jitterBufferEmittedCount: emitted,
          codecId: 'c',
          framesPerSecond: 30,
          framesDecoded: emitted,
          totalDecodeTime: emitted * 0.004,
        },
      ],
      ['c', { id: 'c', type: 'codec', mimeType: 'video/VP8' }],
      ['t', { id: 't', type: 'transport', selectedCandidatePairId: 'p' }],
      ['p', { id: 'p', type: 'candidate-pair', remoteCandidateId: 'r', currentRoundTripTime: 0.02 }],
      ['r', { id: 'r', type: 'remote-candidate', address: '::1', port: 1, protocol: 'udp' }],
    ]);
  gauge.read(report(0, 0, 0, 0, 0, 0));
  const stats = gauge.read(report(2000, 250_000, 90, 10, 1.5, 30));
  assert.equal(stats.bitrateBps, 1_000_000);
  assert.equal(stats.video?.loss, 0.1);
  assert.equal(stats.video?.codec, 'VP8');
  assert.equal(stats.rtt, 0.02);
  assert.equal(stats.remote, '[::1]:1/udp');
  assert.ok(Math.abs((stats.latency ?? 0) - (0.01 + 0.05 + 0.004)) < 1e-9);
  assert.deepEqual(new Gauge().read([]), { layers: [] });
});

test('layers that are sent are summed, and the worst of what limits them is told', () => {
  const gauge = new Gauge();
  const row = (rid: string, at: number, bytes: number, height: number, why: string) =>
    [
      rid,
      {
        id: rid,
        type: 'outbound-rtp',
        kind: 'video',
        rid,
        timestamp: at,
        bytesSent: bytes,
        frameHeight: height,
        qualityLimitationReason: why,
      },
    ] as [string, unknown];
  gauge.read([row('high', 0, 0, 720, 'none'), row('low', 0, 0, 180, 'none')]);
  const stats = gauge.read([row('high', 1000, 100_000, 720, 'none'), row('low', 1000, 10_000, 180, 'cpu')]);
  assert.equal(stats.video?.bitrateBps, 880_000);
  assert.equal(stats.video?.height, 720);
  assert.equal(stats.video?.limitation, 'cpu');
  assert.deepEqual(
    stats.layers.map(({ rid, isActive }) => [rid, isActive]),
    [
      ['low', true],
      ['high', true],
    ],
  );
});
