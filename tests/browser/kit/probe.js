// Runs inside every page under test: reads the clock off the picture, listens for the beep, notes every stall.
// The row of 40 cells is described in crates/testkit/src/card.rs.

window.probe = (() => {
  const CELLS = 40;
  const canvas = document.createElement('canvas');
  canvas.width = CELLS * 4;
  canvas.height = 4;
  const context = canvas.getContext('2d', { willReadFrequently: true });

  /** The low 32 bits of the wall clock in milliseconds, or null if no card is to be seen. */
  function readClock(video) {
    const height = video.videoHeight;
    // The middle lines of the row, which spans 1/40 to 1/8 of the height.
    context.drawImage(video, 0, height * 0.06, video.videoWidth, height * 0.03, 0, 0, canvas.width, canvas.height);
    const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
    let word = 0n;
    for (let cell = 0; cell < CELLS; cell += 1) {
      let sum = 0;
      for (const [x, y] of [[1, 1], [2, 1], [1, 2], [2, 2]]) sum += pixels[4 * ((cell * 4 + x) + y * canvas.width)];
      if (sum > 4 * 80 && sum < 4 * 170) return null;
      word = (word << 1n) | BigInt(sum > 4 * 125);
    }
    const stamp = Number((word >> 4n) & 0xffffffffn);
    let parity = 0b0110;
    for (let nibble = 0; nibble < 8; nibble += 1) parity ^= (stamp >>> (4 * nibble)) & 15;
    return word >> 36n === 0b1010n && Number(word & 15n) === parity ? stamp : null;
  }

  let seen;
  let video;
  const note = (event) => seen.events.push({ at: Date.now(), type: event.type, time: video.currentTime });

  function onFrame(_now, { expectedDisplayTime, mediaTime }) {
    const shown = Math.max(Date.now(), performance.timeOrigin + expectedDisplayTime);
    const stamp = readClock(video);
    const delay = stamp === null ? null : (Math.round(shown) - stamp) & 0xffffffff;
    seen.frames.push({ shown, delay, mediaTime, width: video.videoWidth });
    video.requestVideoFrameCallback(onFrame);
  }

  /** Begins to watch the first video of the page. */
  function start() {
    const fresh = !seen;
    seen = { began: Date.now(), frames: [], events: [] };
    if (!fresh) return;
    video = document.querySelector('video');
    for (const type of ['waiting', 'stalled', 'error', 'seeking', 'ended', 'pause', 'playing']) video.addEventListener(type, note);
    video.requestVideoFrameCallback(onFrame);
  }

  /** Sums up what was seen since `start`. Times in milliseconds. */
  function report() {
    const delays = seen.frames.map((frame) => frame.delay).filter((delay) => delay !== null).sort((a, b) => a - b);
    const gaps = seen.frames.slice(1).map((frame, i) => frame.shown - seen.frames[i].shown);
    const back = seen.frames.slice(1).filter((frame, i) => frame.mediaTime < seen.frames[i].mediaTime).length;
    const rank = (share) => delays[Math.min(delays.length - 1, Math.floor(delays.length * share))] ?? null;
    const quality = video.getVideoPlaybackQuality();
    return {
      seconds: (Date.now() - seen.began) / 1000,
      frames: seen.frames.length,
      read: delays.length,
      delay: { min: delays[0] ?? null, p50: rank(0.5), p95: rank(0.95), p99: rank(0.99), max: delays.at(-1) ?? null },
      longestGap: gaps.length ? Math.round(Math.max(...gaps)) : null,
      back,
      dropped: quality.droppedVideoFrames,
      rate: video.playbackRate,
      events: seen.events,
    };
  }

  /** Listens for so long; when did beeps begin, and how loud is the silence between? */
  async function listen(seconds) {
    const element = document.querySelector('video');
    element.muted = false;
    element.volume = 1;
    const sound = new AudioContext();
    await sound.resume();
    const analyser = new AnalyserNode(sound, { fftSize: 1024 });
    sound.createMediaElementSource(element).connect(analyser).connect(sound.destination);
    const samples = new Float32Array(analyser.fftSize);
    const beeps = [];
    let loud = false;
    let quiet = 0;
    const until = performance.now() + seconds * 1000;
    while (performance.now() < until) {
      analyser.getFloatTimeDomainData(samples);
      const level = Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length);
      if (level > 0.05 && !loud) beeps.push(Date.now());
      if (level < 0.005) quiet += 1;
      if (level > 0.05) loud = true;
      if (level < 0.01) loud = false;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return { beeps, quiet, state: sound.state };
  }

  /** Every frame shown since `start`: when, and what its clock said. */
  const frames = () => seen.frames;

  return { start, report, frames, listen, readClock };
})();
