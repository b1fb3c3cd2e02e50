import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { address, streamOf } from '../src/address.ts';
import { offset, stream, streams } from '../src/api.ts';

const base = new URL('https://tv.example/');
const realFetch = globalThis.fetch;
const asked: string[] = [];

function answerWith(status: number, body: string): void {
  globalThis.fetch = (input) => {
    asked.push(String(input));
    return Promise.resolve(new Response(body, { status }));
  };
}

afterEach(() => {
  globalThis.fetch = realFetch;
  asked.length = 0;
});

test('the stream of a page is what follows watch or embed, also below a prefix', () => {
  assert.equal(streamOf(new URL('https://tv.example/watch/live/alice'), base), 'live/alice');
  assert.equal(streamOf(new URL('https://tv.example/embed/alice/?key=x'), base), 'alice');
  assert.equal(streamOf(new URL('https://tv.example/tv/watch/a/b/c'), new URL('https://tv.example/tv/')), 'a/b/c');
  assert.equal(streamOf(new URL('https://tv.example/watch/'), base), '');
  assert.equal(streamOf(new URL('https://tv.example/watch/%zz'), base), '%zz');
});

test('a key travels in the query, escaped', () => {
  assert.equal(address('hls/a/index.m3u8', base, 'a&b').href, 'https://tv.example/hls/a/index.m3u8?key=a%26b');
  assert.equal(address('hls/a/index.m3u8', base).search, '');
});

test('every status has its meaning', async () => {
  for (const [status, refusal] of [
    [404, 'absent'],
    [410, 'absent'],
    [401, 'locked'],
    [403, 'locked'],
    [503, 'unreachable'],
  ] as const) {
    answerWith(status, '');
    assert.deepEqual(await stream('live/a', base, 'k'), { ok: false, refusal });
  }
  assert.equal(asked[0], 'https://tv.example/api/v1/streams/live/a?key=k');
});

test('answers that are no answers are a server out of reach', async () => {
  for (const body of ['<html>', '[]', 'null', '{"path":1}']) {
    answerWith(200, body);
    assert.deepEqual(await stream('a', base), { ok: false, refusal: 'unreachable' });
  }
});

test('a list keeps what is a stream and leaves the rest', async () => {
  answerWith(200, '{"streams":[{"path":"a","state":"live"},7,null,{"state":"live"}]}');
  const answer = await streams(base);
  assert.deepEqual(answer, { ok: true, value: [{ path: 'a', state: 'live', tracks: [] }] });
});

test("the server's clock is read at the middle of the exchange", () => {
  assert.equal(
    offset({ now: '2026-01-01T00:00:10.000Z' }, Date.parse('2026-01-01T00:00:00Z'), Date.parse('2026-01-01T00:00:02Z')),
    9000,
  );
  assert.equal(offset({}, 0, 0), undefined);
  assert.equal(offset({ now: 'soon' }, 0, 0), undefined);
});
