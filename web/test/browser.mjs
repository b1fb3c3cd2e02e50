// The player in a real browser, against the stand-in server: what no unit test can see. Needs Chromium, ffmpeg and dist/.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startBrowser } from '../dev/browser.mjs';
import { startMock } from '../dev/mock.mjs';

const PATIENCE = { timeout: 60_000 };
let mock;
let browser;
let shy;

before(async () => {
  [browser, shy] = await Promise.all([startBrowser(), startBrowser({ mayPlay: false })]);
  mock = await startMock({ ladder: true, browser });
  for (let left = 100; left > 0; left -= 1) {
    const body = await fetch(`${mock.url}/hls/live/keynote/media.m3u8`).then((answer) => answer.text());
    if (body.split('#EXTINF').length > 4) break;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
});

after(async () => {
  await mock?.stop();
  await Promise.all([browser?.close(), shy?.close()]);
});

/** Opens a page in a browser without a past; errors of the page fail the test. */
async function open(path, { by = browser, script, ...options } = {}) {
  const context = await by.newContext(options);
  const page = await context.newPage();
  if (script) await page.addInitScript(script);
  const errors = [];
  page.on('pageerror', (error) => errors.push(error));
  await page.goto(mock.url + path);
  const close = async () => {
    await context.close();
    assert.deepEqual(errors, []);
  };
  return { page, close };
}

const reach = (page, phase) => page.waitForFunction((phase) => window.onair.phase === phase, phase, PATIENCE);
const state = (page) => page.evaluate(() => window.onair);

test('a live stream plays by itself, with sound where the browser allows it', async () => {
  const { page, close } = await open('/watch/live/keynote');
  await reach(page, 'playing');
  const now = await state(page);
  assert.equal(now.isMuted, false);
  assert.ok(now.latency > 0 && now.latency < 10, String(now.latency));
  assert.deepEqual([now.width, now.height], [1280, 720]);
  await close();
});

test('a browser that forbids sound plays without, and offers to turn it on', async () => {
  // To ask the page anything counts as a hand on it: it has to tell by itself.
  const { page, close } = await open('/watch/live/keynote', {
    by: shy,
    script: () => setInterval(() => window.onair?.phase === 'playing' && console.log('it plays'), 100),
  });
  await page.waitForEvent('console', { predicate: (message) => message.text() === 'it plays', ...PATIENCE });
  const quiet = await state(page);
  assert.deepEqual([quiet.isMuted, quiet.isSilenced], [true, true]);
  await page.click('.silenced');
  const loud = await state(page);
  assert.deepEqual([loud.isMuted, loud.isSilenced, loud.wantsToPlay], [false, false, true]);
  assert.equal(await page.isVisible('.silenced'), false);
  await close();
});

test('keys play, pause, mute, change the volume, rewind and go live', async () => {
  const { page, close } = await open('/embed/live/keynote');
  await reach(page, 'playing');
  await page.waitForTimeout(6000);
  await page.keyboard.press('k');
  await reach(page, 'paused');
  await page.keyboard.press(' ');
  await reach(page, 'playing');
  await page.keyboard.press('m');
  assert.equal((await state(page)).isMuted, true);
  await page.keyboard.press('m');
  await page.keyboard.press('ArrowDown');
  assert.equal((await state(page)).volume, 0.95);
  const before = await state(page);
  await page.keyboard.press('ArrowLeft');
  const rewound = await state(page);
  assert.ok(rewound.currentTime < before.currentTime - 2 && !rewound.isLive);
  await reach(page, 'playing');
  await page.keyboard.press('l');
  const live = await state(page);
  assert.ok(live.isLive && live.currentTime > rewound.currentTime + 1);
  await close();
});

test('volume and mute are remembered', async () => {
  const { page, close } = await open('/embed/live/keynote');
  await reach(page, 'playing');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('m');
  await page.reload();
  await reach(page, 'playing');
  const now = await state(page);
  assert.deepEqual([now.volume, now.isMuted, now.isSilenced], [0.95, true, false]);
  await close();
});

test('controls hide when nobody moves, and come back', async () => {
  const { page, close } = await open('/watch/live/keynote');
  await reach(page, 'playing');
  await page.hover('.player');
  await page.waitForSelector('.player[data-idle]', PATIENCE);
  await page.mouse.move(300, 300);
  await page.waitForSelector('.player:not([data-idle])', PATIENCE);
  await close();
});

test('the quality menu is walked with the keyboard', async () => {
  const { page, close } = await open('/embed/live/keynote');
  await reach(page, 'playing');
  await page.focus('.quality');
  await page.keyboard.press('Enter');
  assert.equal(await page.textContent(':focus span'), 'Auto');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  assert.equal((await state(page)).chosen, 720);
  assert.equal(await page.getAttribute('.quality', 'aria-expanded'), 'false');
  await close();
});

test('a stream that goes live later starts by itself', async () => {
  const { page, close } = await open('/watch/live/later');
  await reach(page, 'offline');
  mock.streams['live/later'] = { ...mock.streams['live/keynote'] };
  await reach(page, 'playing');
  delete mock.streams['live/later'];
  await close();
});

test('a locked stream plays with the right key only', async () => {
  const { page, close } = await open('/watch/live/closed');
  await reach(page, 'locked');
  await page.fill('.veil-form input', 'wrong');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => window.onair.isKeyRefused, null, PATIENCE);
  await reach(page, 'locked');
  await page.fill('.veil-form input', 'sesame');
  await page.click('.veil-form button');
  await reach(page, 'playing');
  await page.reload();
  await reach(page, 'playing');
  await close();
});

test('a key in the address opens at once', async () => {
  const { page, close } = await open('/embed/live/closed?key=sesame');
  await reach(page, 'playing');
  await close();
});

test('sound that appears later is picked up', async () => {
  const { tracks } = mock.streams['live/keynote'];
  mock.streams['live/mute'] = { ...mock.streams['live/keynote'], tracks: tracks.slice(0, 1) };
  const { page, close } = await open('/watch/live/mute');
  await reach(page, 'playing');
  assert.equal((await state(page)).hasAudio, false);
  mock.streams['live/mute'].tracks = tracks;
  await page.waitForFunction(
    () => window.onair.hasAudio && window.onair.engine === 'hls' && window.onair.phase === 'playing',
    null,
    PATIENCE,
  );
  delete mock.streams['live/mute'];
  await close();
});

test('a codec that the browser lacks is named', async () => {
  const { page, close } = await open('/watch/live/heavy');
  await reach(page, 'unplayable');
  assert.match((await state(page)).why, /HEVC video/);
  await close();
});

test('a server that goes away and comes back is survived', async () => {
  const { page, close } = await open('/watch/live/keynote');
  await reach(page, 'playing');
  await page.context().setOffline(true);
  await reach(page, 'reconnecting');
  await page.context().setOffline(false);
  await reach(page, 'playing');
  await close();
});

test('the home page shows who is on air, follows changes, and loads no player', async () => {
  const { page, close } = await open('/');
  await page.waitForSelector('.card');
  assert.deepEqual(await page.$$eval('.card h2', (all) => all.map((each) => each.textContent)), [
    'radio',
    'keynote',
    'garden',
    'stage-2',
  ]);
  mock.streams['live/new'] = { ...mock.streams['live/keynote'], since: new Date().toISOString() };
  await page.waitForSelector('.card[data-path="live/new"]', PATIENCE);
  delete mock.streams['live/new'];
  await page.waitForSelector('.card[data-path="live/new"]', { state: 'detached', ...PATIENCE });
  const loaded = await page.evaluate(() => performance.getEntriesByType('resource').map((each) => each.name));
  assert.ok(!loaded.some((name) => name.includes('hls')), loaded.join('\n'));
  await close();
});

test('the lines to copy follow the name that is typed', async () => {
  const { page, close } = await open('/');
  await page.fill('#stream-name', 'Zoë live');
  assert.equal(await page.textContent('#panel-obs .field:nth-of-type(2) code'), 'Zoe-live');
  await page.click('#tab-ffmpeg');
  assert.match(await page.textContent('#panel-ffmpeg code'), /rtmp:\/\/127\.0\.0\.1:1935\/live\/Zoe-live/);
  await close();
});

for (const engine of ['hls', 'dash'])
  test(`${engine} offers every rendition and every language, and plays the one that is chosen`, async () => {
    const { page, close } = await open(`/embed/live/ladder?engine=${engine}`);
    await reach(page, 'playing');
    await page.waitForFunction(
      () => window.onair.levels.length === 2 && window.onair.voices.length === 2,
      null,
      PATIENCE,
    );
    assert.equal((await state(page)).engine, engine);
    await page.hover('.player');
    await page.click('.quality');
    assert.deepEqual(
      await page.$$eval('[aria-label=Quality] .menu-item span:first-child', (all) =>
        all.map((each) => each.textContent),
      ),
      ['Auto', '720p', '360p'],
    );
    for (const height of [360, 720]) {
      if (height === 720) {
        // The bar hides while nobody moves.
        await page.mouse.move(300, 100);
        await page.mouse.move(310, 120);
        await page.click('.quality');
      }
      await page.click(`.menu-item:has-text("${height}p"):not(:has-text("Auto"))`);
      await page.waitForFunction((height) => window.onair.height === height, height, PATIENCE);
    }
    assert.equal(await page.textContent('.voice'), 'English');
    await page.mouse.move(300, 100);
    await page.mouse.move(310, 120);
    await page.click('.voice');
    await page.click('.menu-item:has-text("German")');
    await page.waitForFunction(() => window.onair.voice?.language === 'de', null, PATIENCE);
    await page.reload();
    await reach(page, 'playing');
    await page.waitForFunction(() => window.onair.voice?.language === 'de', null, PATIENCE);
    assert.equal((await state(page)).chosen, 720);
    await close();
  });

test('where the browser and the stream allow it, WebRTC plays, and its layers are the qualities', async () => {
  const { page, close } = await open('/watch/live/now');
  await reach(page, 'playing');
  await page.waitForFunction(
    () => window.onair.levels.length === 2 && window.onair.latency !== undefined,
    null,
    PATIENCE,
  );
  const now = await state(page);
  assert.deepEqual([now.engine, now.note, now.loads, now.hasAudio], ['whep', undefined, 1, true]);
  assert.ok(now.latency < 0.5, String(now.latency));
  await page.hover('.player');
  await page.click('.quality');
  await page.click('.menu-item:has-text("360p"):not(:has-text("Auto"))');
  await page.waitForFunction(() => window.onair.height === 360, null, PATIENCE);
  assert.match(await page.textContent('.way'), /^WebRTC \d+ ms$/);
  await close();
});

test('sound that WebRTC does not carry makes LL-HLS play, and the menu says why', async () => {
  const { page, close } = await open('/embed/live/keynote');
  await reach(page, 'playing');
  assert.equal((await state(page)).engine, 'hls');
  await page.hover('.player');
  await page.click('.way');
  assert.match(await page.textContent('.menu-item:has-text("WebRTC")'), /does not carry AAC: there would be no sound/);
  // This server has no WebRTC for it, so the wish ends where it began, with the reason.
  await page.click('.menu-item:has-text("WebRTC")');
  await page.waitForFunction(
    () => window.onair.phase === 'playing' && /No such stream/.test(window.onair.note),
    null,
    PATIENCE,
  );
  assert.equal((await state(page)).engine, 'hls');
  await close();
});

test('WebRTC that finds no way gives way to LL-HLS within seconds', async () => {
  const { page, close } = await open('/watch/live/now', {
    script: () => {
      const Real = window.RTCPeerConnection;
      window.RTCPeerConnection = class extends Real {
        constructor(configuration) {
          super({ ...configuration, iceTransportPolicy: 'relay' });
        }
      };
    },
  });
  const began = Date.now();
  await reach(page, 'playing');
  const now = await state(page);
  assert.equal(now.engine, 'hls');
  assert.match(now.note, /^WebRTC: /);
  assert.ok(Date.now() - began < 12_000, `${Date.now() - began} ms`);
  await close();
});

test('a session that the server drops is opened again', async () => {
  const { page, close } = await open('/embed/live/now');
  await reach(page, 'playing');
  await mock.relay.drop();
  await page.waitForFunction(() => window.onair.loads >= 2 && window.onair.phase === 'playing', null, PATIENCE);
  assert.equal((await state(page)).engine, 'whep');
  await close();
});

test('leaving a page ends its session at the server', async () => {
  const before = mock.relay.ids('whep');
  const { page, close } = await open('/embed/live/now');
  await reach(page, 'playing');
  const [ours] = mock.relay.ids('whep').filter((id) => !before.includes(id));
  assert.ok(ours);
  await page.goto(`${mock.url}/nowhere`);
  await settles(() => !mock.relay.ids('whep').includes(ours));
  await close();
});

/** Waits until the server is in some state, as what a page asks of it takes its time to get there. */
const settles = async (is) => {
  for (let left = 100; left > 0 && !is(); left -= 1) await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(is());
};

const says = (page, words) =>
  page.waitForFunction((words) => document.querySelector('.say').textContent.includes(words), words, PATIENCE);

test('a browser publishes its camera, is watched, and stops', async () => {
  const { page, close } = await open('/publish/live/zoe', { viewport: { width: 1280, height: 800 } });
  await says(page, 'Ready');
  assert.ok(Number(await page.getAttribute('.meter', 'aria-valuenow')) >= 0);
  await page.click('.go');
  await says(page, 'You are on air.');
  await page.waitForSelector('.sent dd', PATIENCE);
  const watching = await open('/watch/live/zoe');
  await reach(watching.page, 'playing');
  assert.equal((await state(watching.page)).engine, 'whep');
  // Another microphone in mid-stream: the session goes on.
  const microphones = await page.$$eval('#microphone option', (all) => all.map((each) => each.value));
  await page.selectOption('#microphone', microphones[1]);
  await page.waitForTimeout(500);
  assert.equal(mock.relay.count('whip'), 1);
  await page.click('.go');
  await says(page, 'You are off air.');
  // Nothing is sent from here on; the server learns it a request later.
  await settles(() => mock.relay.count('whip') === 0);
  await watching.close();
  await close();
});

test('why publishing failed is said in the words of the server', async () => {
  const { page, close } = await open('/publish/live/keynote');
  await says(page, 'Ready');
  await page.click('.go');
  await says(page, 'Somebody else publishes under this name. Trying again in');
  await page.click('.go');
  await says(page, 'off air');
  await close();
});

test('a page that did not come by HTTPS says that it cannot open a camera', async () => {
  const { page, close } = await open('/publish/live/zoe', {
    script: () => Object.defineProperty(window, 'isSecureContext', { value: false }),
  });
  await says(page, 'only on pages that came by HTTPS');
  assert.match(await page.textContent('.say-more'), /onair\.toml/);
  assert.equal(await page.isDisabled('.go'), true);
  await close();
});
