// In the page: a publisher and a viewer by nothing but RTCPeerConnection and fetch, so that they test the server and no
// client of ours.

/**
 * Offers and takes the answer. `without` leaves the candidates of one transport out of it, `via` is an address and port
 * that takes the place of the server's.
 */
async function signal(url, pc, { without, via, headers = {} } = {}) {
  await pc.setLocalDescription();
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/sdp', ...headers },
    body: pc.localDescription.sdp,
  });
  const answer = await response.text();
  if (response.status !== 201) throw new Error(`${response.status} ${answer}`);
  const isKept = (line) => !(without && line.startsWith('a=candidate:') && line.includes(` ${without} `));
  const [ip, port] = via?.split(':') ?? [];
  const moved = (line) => (via ? line.replace(/^(a=candidate:\S+ \d+ \S+ \d+ )\S+ \d+/, `$1${ip} ${port}`) : line);
  const kept = answer.split('\r\n').filter(isKept).map(moved);
  await pc.setRemoteDescription({ type: 'answer', sdp: kept.join('\r\n') });
  return {
    session: new URL(response.headers.get('location'), url).href,
    etag: response.headers.get('etag'),
    link: response.headers.get('link'),
    answer,
  };
}

/** A picture that never stands still. */
function picture(width, height, rate) {
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width, height });
  const pen = canvas.getContext('2d');
  const draw = () => {
    const now = performance.now();
    pen.fillStyle = `hsl(${(now / 20) % 360} 70% 50%)`;
    pen.fillRect(0, 0, width, height);
    pen.fillStyle = '#000';
    pen.fillRect((now / 5) % width, 0, 40, height);
    pen.fillText(now.toFixed(0), 20, 20);
  };
  setInterval(draw, 1000 / rate);
  draw();
  return canvas.captureStream(rate).getVideoTracks()[0];
}

function tone() {
  const context = new AudioContext({ sampleRate: 48000 });
  const [oscillator, to] = [context.createOscillator(), context.createMediaStreamDestination()];
  oscillator.connect(to);
  oscillator.start();
  return to.stream.getAudioTracks()[0];
}

const connected = (pc) =>
  new Promise((resolve, reject) => {
    const look = () => {
      if (pc.connectionState === 'connected') resolve();
      if (pc.connectionState === 'failed') reject(new Error('the connection failed'));
    };
    pc.addEventListener('connectionstatechange', look);
    look();
  });

window.webrtc = {
  /** Puts a codec before all others. */
  prefer(transceiver, codec) {
    if (!codec) return;
    const all = RTCRtpSender.getCapabilities('video').codecs;
    const wanted = all.filter(({ mimeType }) => mimeType.toLowerCase() === `video/${codec.toLowerCase()}`);
    const repair = all.filter(({ mimeType }) => mimeType === 'video/rtx');
    transceiver.setCodecPreferences([...wanted, ...repair]);
  },

  /** `card`: with the clock and the beeps that `eye` reads. */
  async publish(url, { codec, width = 640, height = 360, rate = 30, sendEncodings, card } = {}) {
    const pc = new RTCPeerConnection();
    const make = card ? [window.eye.card, window.eye.beeper] : [picture, tone];
    const stream = new MediaStream([make[0](width, height, rate), make[1]()]);
    this.stream = stream;
    pc.addTransceiver(stream.getAudioTracks()[0], { direction: 'sendonly', streams: [stream] });
    const video = pc.addTransceiver(stream.getVideoTracks()[0], {
      direction: 'sendonly',
      streams: [stream],
      ...(sendEncodings && { sendEncodings }),
    });
    this.prefer(video, codec);
    this.publisher = pc;
    this.published = await signal(url, pc);
    await connected(pc);
    return this.published;
  },

  async sent() {
    const stats = [...(await this.publisher.getStats()).values()];
    return stats.filter(({ type, kind }) => type === 'outbound-rtp' && kind === 'video');
  },

  async view(url, { without, via, muted = false } = {}) {
    const began = performance.now();
    const pc = new RTCPeerConnection();
    const element = document.createElement('video');
    Object.assign(element, { autoplay: true, muted, playsInline: true });
    document.body.append(element);
    const stream = new MediaStream();
    element.srcObject = stream;
    pc.addEventListener('track', ({ track }) => stream.addTrack(track));
    pc.addTransceiver('audio', { direction: 'recvonly' });
    pc.addTransceiver('video', { direction: 'recvonly' });
    this.viewer = pc;
    const first = new Promise((resolve) => element.requestVideoFrameCallback(() => resolve(performance.now() - began)));
    this.viewed = await signal(url, pc, { without, via });
    await connected(pc);
    this.firstFrameMs = await first;
    return { ...this.viewed, firstFrameMs: this.firstFrameMs };
  },

  /** So many more viewers, of which nothing is shown. */
  async crowd(url, count, options) {
    this.others = [];
    for (let at = 0; at < count; at += 1) {
      const pc = new RTCPeerConnection();
      this.others.push(pc);
      pc.addTransceiver('audio', { direction: 'recvonly' });
      pc.addTransceiver('video', { direction: 'recvonly' });
      await signal(url, pc, options);
    }
    await Promise.all(this.others.map(connected));
  },

  look(seconds) {
    return window.eye.look(document.querySelector('video'), seconds, this.viewer);
  },

  async seen() {
    const stats = [...(await this.viewer.getStats()).values()].filter(({ type }) => type === 'inbound-rtp');
    const element = document.querySelector('video');
    const of = (wanted) => stats.find(({ kind }) => kind === wanted) ?? {};
    const { framesDecoded, framesDropped, freezeCount, totalFreezesDuration, pliCount, packetsLost, nackCount } = of('video');
    return {
      width: element.videoWidth,
      height: element.videoHeight,
      framesDecoded,
      framesDropped,
      freezeCount,
      totalFreezesDuration,
      pliCount,
      packetsLost,
      nackCount,
      samples: of('audio').totalSamplesReceived,
      // Of all that was played: zero is silence.
      energy: of('audio').totalAudioEnergy,
      concealed: of('audio').concealedSamples,
    };
  },

  leave: (what) => fetch(what.session, { method: 'DELETE' }).then(({ status }) => status),
};
