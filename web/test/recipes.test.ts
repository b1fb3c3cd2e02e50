import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bearerToken,
  cleanName,
  ffmpegFile,
  ffmpegTest,
  ffmpegWhip,
  gstreamer,
  gstreamerWhip,
  KEY,
  pushUrl,
  serverUrl,
  streamKey,
  type Target,
} from '../src/recipes.ts';

const target: Target = { scheme: 'rtmp', host: 'tv.example', port: 1935, app: 'live', name: 'alice', needsKey: false };

test('OBS gets a server and a stream key', () => {
  assert.equal(serverUrl(target), 'rtmp://tv.example:1935/live');
  assert.equal(streamKey(target), 'alice');
});

test('a key that is needed has its place, and is never shown', () => {
  const keyed = { ...target, needsKey: true };
  assert.equal(streamKey(keyed), `alice?key=${KEY}`);
  for (const line of [ffmpegTest(keyed), ffmpegFile(keyed), gstreamer(keyed)])
    assert.ok(line.includes(`"rtmp://tv.example:1935/live/alice?key=${KEY}`));
});

test('by WebRTC the address is a page of the server, and the key a bearer token', () => {
  const whip = { url: 'https://tv.example/whip/live/alice', needsKey: false };
  for (const line of [ffmpegWhip(whip), gstreamerWhip(whip)]) {
    assert.ok(line.includes(`"${whip.url}"`) && !line.includes(KEY), line);
  }
  assert.equal(bearerToken(whip), '');
  const keyed = { ...whip, needsKey: true };
  assert.ok(ffmpegWhip(keyed).includes(`-authorization ${KEY} \\\n`));
  assert.ok(gstreamerWhip(keyed).includes(`signaller::auth-token="${KEY}" \\\n`));
  assert.equal(bearerToken(keyed), KEY);
  assert.ok([ffmpegWhip(keyed), gstreamerWhip(keyed)].every((line) => !line.includes(`${keyed.url}?`)));
});

test('other ports and bare IPv6 addresses make good addresses', () => {
  assert.equal(pushUrl({ ...target, port: 2000 }), 'rtmp://tv.example:2000/live/alice');
  assert.equal(pushUrl({ ...target, host: '::1' }), 'rtmp://[::1]:1935/live/alice');
  assert.equal(pushUrl({ ...target, host: '[::1]' }), 'rtmp://[::1]:1935/live/alice');
});

test('where the server takes TLS, the address says so', () => {
  assert.equal(pushUrl({ ...target, scheme: 'rtmps', port: 1936 }), 'rtmps://tv.example:1936/live/alice');
});

test('lines go on where a shell expects it', () => {
  const whip = { url: 'https://tv.example/whip/live/alice', needsKey: true };
  for (const line of [ffmpegTest(target), gstreamer(target), ffmpegWhip(whip), gstreamerWhip(whip)]) {
    const rows = line.split('\n');
    assert.ok(
      rows.slice(0, -1).every((row) => row.endsWith(' \\')),
      line,
    );
    assert.ok(
      rows.every((row) => row.length < 80),
      line,
    );
  }
});

test('whatever is typed becomes a name that the server takes', () => {
  const names = ['alice', '  Zoë’s  cam ', '../etc', 'a/b', '', '…', 'x'.repeat(80)].map(cleanName);
  assert.deepEqual(names, ['alice', 'Zoes-cam', 'etc', 'ab', 'my-stream', 'my-stream', 'x'.repeat(64)]);
});
