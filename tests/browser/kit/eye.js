// In the page: a picture with a clock in it and a beep a second to publish, and an eye and an ear for what arrives. The row
// of 40 cells is described in crates/testkit/src/card.rs; `probe.js` reads it.

window.eye = (() => {
  const CELLS = 40;

  /** The cells of a moment, highest bit first. */
  function cells(ms) {
    const stamp = Number(BigInt(Math.round(ms)) & 0xffffffffn);
    let parity = 0b0110;
    for (let nibble = 0; nibble < 8; nibble += 1) parity ^= (stamp >>> (4 * nibble)) & 15;
    const word = (0b1010n << 36n) | (BigInt(stamp) << 4n) | BigInt(parity);
    return Array.from({ length: CELLS }, (_, cell) => ((word >> BigInt(CELLS - 1 - cell)) & 1n) === 1n);
  }

  /** A picture that shows the time at which it was drawn, with enough going on below to keep an encoder busy. */
  function card(width, height, rate) {
    const canvas = Object.assign(document.createElement('canvas'), { width, height });
    const pen = canvas.getContext('2d');
    const grain = Object.assign(document.createElement('canvas'), { width: 256, height: 256 });
    const image = grain.getContext('2d').createImageData(256, 256);
    for (let at = 0; at < image.data.length; at += 4) {
      const grey = 90 + Math.random() * 70;
      image.data.set([grey, grey, grey, 255], at);
    }
    grain.getContext('2d').putImageData(image, 0, 0);
    const track = canvas.captureStream(0).getVideoTracks()[0];
    const draw = () => {
      const now = Date.now();
      pen.fillStyle = `hsl(${(now / 40) % 360} 50% 45%)`;
      pen.fillRect(0, 0, width, height);
      const [x, y] = [Math.random() * 100, Math.random() * 100];
      pen.drawImage(grain, x, y, 150, 100, 0, height / 3, width, height / 2);
      pen.fillStyle = '#222';
      pen.fillRect((now / 5) % width, height * 0.85, height / 8, height / 8);
      const [top, tall] = [Math.floor(height / 40), Math.ceil(height / 8) - Math.floor(height / 40)];
      cells(now).forEach((bit, cell) => {
        pen.fillStyle = bit ? '#fff' : '#000';
        const left = Math.floor((cell * width) / CELLS);
        pen.fillRect(left, top, Math.floor(((cell + 1) * width) / CELLS) - left, tall);
      });
      track.requestFrame();
    };
    setInterval(draw, 1000 / rate);
    draw();
    return track;
  }

  /** A beep of 100 ms at the beginning of every second of the wall clock. */
  function beeper() {
    const sound = new AudioContext({ sampleRate: 48000, latencyHint: 'interactive' });
    const [tone, gate, to] = [sound.createOscillator(), sound.createGain(), sound.createMediaStreamDestination()];
    tone.frequency.value = 1000;
    gate.gain.value = 0;
    tone.connect(gate).connect(to);
    tone.start();
    const plan = () => {
      // The first whole second that is more than half a second away.
      const wait = 1000 - (Date.now() % 1000) + (Date.now() % 1000 > 500 ? 1000 : 0);
      const at = sound.currentTime + wait / 1000;
      gate.gain.setValueAtTime(0.5, at);
      gate.gain.setValueAtTime(0, at + 0.1);
      setTimeout(plan, wait + 200);
    };
    sound.resume().then(plan);
    return to.stream.getAudioTracks()[0];
  }

  const rank = (list, share) => {
    const sorted = [...list].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? null;
  };

  /** What a player of files plays, as a stream; once an element, as it can be had once. */
  const ears = new WeakMap();
  function ear(element) {
    if (!ears.has(element)) {
      const sound = new AudioContext({ sampleRate: 48000 });
      const analyser = new AnalyserNode(sound, { fftSize: 4096 });
      sound.createMediaElementSource(element).connect(analyser).connect(sound.destination);
      ears.set(element, { sound, analyser });
    }
    return ears.get(element);
  }

  /** Within half a second of zero: beeps are a second apart. */
  const near = (ms) => ((((ms + 500) % 1000) + 1000) % 1000) - 500;

  /**
   * Looks at a playing element and listens to its stream, or to itself where it plays no stream, for so long. Delays are from when a picture was drawn, and from the
   * whole second at which a beep began, in milliseconds; a picture that stood is one that was followed late.
   */
  async function look(element, seconds, pc) {
    const frames = [];
    const apart = [];
    let asked = 0;
    /** Where the receiver itself believes sound to be behind the picture. */
    const ask = async () => {
      if (!pc) return;
      const stats = [...(await pc.getStats()).values()].filter(({ type }) => type === 'inbound-rtp');
      const of = (wanted) => stats.find(({ kind }) => kind === wanted)?.estimatedPlayoutTimestamp;
      if (of('video') && of('audio')) apart.push(of('video') - of('audio'));
    };
    let goes = true;
    const onFrame = (_now, { expectedDisplayTime, presentedFrames }) => {
      const shown = Math.max(Date.now(), performance.timeOrigin + expectedDisplayTime);
      const stamp = window.probe.readClock(element);
      const delay = stamp === null ? null : (Math.round(shown) - stamp) | 0;
      frames.push({ shown, delay, count: presentedFrames, width: element.videoWidth });
      if (goes) element.requestVideoFrameCallback(onFrame);
    };
    element.requestVideoFrameCallback(onFrame);

    const beeps = [];
    const audio = element.srcObject?.getAudioTracks();
    let [sound, analyser] = [null, undefined];
    if (!audio) {
      ({ sound, analyser } = ear(element));
      await sound.resume();
    } else if (audio.length) {
      sound = new AudioContext({ sampleRate: 48000 });
      await sound.resume();
      analyser = new AnalyserNode(sound, { fftSize: 4096 });
      sound.createMediaStreamSource(new MediaStream(audio)).connect(analyser);
    }
    const samples = new Float32Array(4096);
    let quietUntil = 0;
    const until = performance.now() + seconds * 1000;
    while (performance.now() < until) {
      if (performance.now() - asked > 500) {
        asked = performance.now();
        ask();
      }
      if (sound) {
        analyser.getFloatTimeDomainData(samples);
        const now = Date.now();
        const first = samples.findIndex((value) => Math.abs(value) > 0.05);
        // Quiet at first, then loud: here it begins.
        if (first > 256 && now > quietUntil) {
          const heard = now - ((samples.length - first) / 48000) * 1000;
          beeps.push(((heard % 1000) + 1000) % 1000);
          quietUntil = now + 300;
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
    goes = false;
    if (audio) await sound?.close();
    const delays = frames.map(({ delay }) => delay).filter((delay) => delay !== null);
    // Frames that were shown while the page was busy elsewhere stood no longer than their share.
    const gaps = frames.slice(1).map(({ shown, count }, at) => ({
      at: Math.round(frames[at].shown),
      ms: Math.round((shown - frames[at].shown) / Math.max(1, count - frames[at].count)),
      width: frames[at + 1].width,
    }));
    const last = frames.at(-1)?.shown ?? 0;
    return {
      frames: frames.length,
      unread: frames.length - delays.length,
      delay: { min: rank(delays, 0), p50: rank(delays, 0.5), p95: rank(delays, 0.95), p99: rank(delays, 0.99), max: rank(delays, 1) },
      longestGap: Math.max(0, ...gaps.map(({ ms }) => ms)),
      gaps: gaps.filter(({ ms }) => ms > 150),
      quietSince: Math.round(Date.now() - last),
      beeps: beeps.length,
      soundDelay: rank(beeps, 0.5) === null ? null : Math.round(rank(beeps, 0.5)),
      // Sound behind the picture of its moment.
      lipSync: beeps.length ? Math.round(near(rank(beeps.map((beep) => near(beep - rank(delays, 0.5))), 0.5))) : null,
      lipSyncByStats: apart.length ? Math.round(rank(apart, 0.5)) : null,
      widths: frames.reduce((seen, { shown, width }) => {
        if (seen.at(-1)?.width !== width) seen.push({ at: Math.round(shown), width });
        return seen;
      }, []),
    };
  }

  /** The same without a server: from one connection to another in this page. */
  async function loopback(tracks, seconds, codec) {
    const [from, to] = [new RTCPeerConnection(), new RTCPeerConnection()];
    const stream = new MediaStream();
    const element = Object.assign(document.createElement('video'), { autoplay: true, playsInline: true, muted: true });
    element.srcObject = stream;
    document.body.append(element);
    to.addEventListener('track', ({ track }) => stream.addTrack(track));
    from.addEventListener('icecandidate', ({ candidate }) => candidate && to.addIceCandidate(candidate));
    to.addEventListener('icecandidate', ({ candidate }) => candidate && from.addIceCandidate(candidate));
    const together = new MediaStream(tracks);
    for (const track of tracks) {
      const { sender } = from.addTransceiver(track, { direction: 'sendonly', streams: [together] });
      if (track.kind === 'video') window.webrtc.prefer(from.getTransceivers().find((it) => it.sender === sender), codec);
    }
    await from.setLocalDescription();
    await to.setRemoteDescription(from.localDescription);
    await to.setLocalDescription();
    await from.setRemoteDescription(to.localDescription);
    await new Promise((resolve) => element.requestVideoFrameCallback(resolve));
    await new Promise((resolve) => setTimeout(resolve, 3000));
    const seen = await look(element, seconds, to);
    from.close();
    to.close();
    element.remove();
    return seen;
  }

  return { card, beeper, look, loopback };
})();
