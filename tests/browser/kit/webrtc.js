// In the page: a publisher and a viewer by nothing but RTCPeerConnection and fetch, so that they test the server and no
// client of ours.

/** Replaces what each `[pattern, replacement]` names, everywhere. */
const bend = (sdp, pairs) => pairs.reduce((text, [from, to]) => text.replace(new RegExp(from, 'gm'), to), sdp);

/**
 * Offers and takes the answer. `without` leaves the candidates of one transport out of it, `via` is an address and port
 * that takes the place of the server's, `bendOffer` and `bendAnswer` make of them what a broken client or network would.
 */
async function signal(url, pc, { without, via, headers = {}, bendOffer = [], bendAnswer = [] } = {}) {
  await pc.setLocalDescription();
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/sdp', ...headers },
    body: bend(pc.localDescription.sdp, bendOffer),
  });
  const answer = await response.text();
  if (response.status !== 201) throw new Error(`${response.status} ${answer}`);
  const isKept = (line) => !(without && line.startsWith('a=candidate:') && line.includes(` ${without} `));
  const [ip, port] = via?.split(':') ?? [];
  const moved = (line) => (via ? line.replace(/^(a=candidate:\S+ \d+ \S+ \d+ )\S+ \d+/, `$1${ip} ${port}`) : line);
  const kept = answer.split('\r\n').filter(isKept).map(moved).join('\r\n');
  await pc.setRemoteDescription({ type: 'answer', sdp: bend(kept, bendAnswer) });
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

/** Puts one codec first, or leaves all others out. */
function prefer(transceiver, side, kind, codec) {
  if (!codec) return;
  const all = side.getCapabilities(kind).codecs;
  const wanted = all.filter(({ mimeType }) => mimeType.toLowerCase() === `${kind}/${codec.toLowerCase()}`);
  const repair = all.filter(({ mimeType }) => mimeType === 'video/rtx');
  transceiver.setCodecPreferences([...wanted, ...repair]);
}

const line = (sdp, name) => new RegExp(`^a=${name}:(.*?)\\r?$`, 'm').exec(sdp)?.[1];

window.webrtc = {
  /** Puts a codec before all others. */
  prefer(transceiver, codec) {
    prefer(transceiver, RTCRtpSender, 'video', codec);
  },

  /** `card`: with the clock and the beeps that `eye` reads. */
  async publish(url, { codec, audioCodec, width = 640, height = 360, rate = 30, sendEncodings, card } = {}) {
    const pc = new RTCPeerConnection();
    const make = card ? [window.eye.card, window.eye.beeper] : [picture, tone];
    const stream = new MediaStream([make[0](width, height, rate), make[1]()]);
    this.stream = stream;
    const audio = pc.addTransceiver(stream.getAudioTracks()[0], { direction: 'sendonly', streams: [stream] });
    const video = pc.addTransceiver(stream.getVideoTracks()[0], {
      direction: 'sendonly',
      streams: [stream],
      ...(sendEncodings && { sendEncodings }),
    });
    prefer(video, RTCRtpSender, 'video', codec);
    prefer(audio, RTCRtpSender, 'audio', audioCodec);
    // Where a machine is too slow for all of it there are fewer pictures, not smaller ones: their size is what tests look at.
    await video.sender.setParameters({ ...video.sender.getParameters(), degradationPreference: 'maintain-resolution' });
    this.publisher = pc;
    this.published = await signal(url, pc);
    await connected(pc);
    return this.published;
  },

  async sent() {
    const stats = [...(await this.publisher.getStats()).values()];
    return stats.filter(({ type, kind }) => type === 'outbound-rtp' && kind === 'video');
  },

  /** A viewer whose element plays what its connection brings. */
  viewerOf(pc, muted = false) {
    const element = document.createElement('video');
    Object.assign(element, { autoplay: true, muted, playsInline: true });
    document.body.append(element);
    const stream = new MediaStream();
    element.srcObject = stream;
    pc.addEventListener('track', ({ track }) => stream.addTrack(track));
    this.viewer = pc;
    return element;
  },

  async view(url, options = {}) {
    const began = performance.now();
    const pc = new RTCPeerConnection();
    const element = this.viewerOf(pc, options.muted);
    const audio = pc.addTransceiver('audio', { direction: 'recvonly' });
    pc.addTransceiver('video', { direction: 'recvonly' });
    prefer(audio, RTCRtpReceiver, 'audio', options.audioCodec);
    const first = new Promise((resolve) => element.requestVideoFrameCallback(() => resolve(performance.now() - began)));
    this.viewed = await signal(url, pc, options);
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

  /** Watches by answering the server's offer (E5, E6); the statuses on the way. */
  async answerOffer(url) {
    const made = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/sdp' }, body: '' });
    const session = new URL(made.headers.get('location'), url).href;
    const pc = new RTCPeerConnection();
    this.viewerOf(pc);
    await pc.setRemoteDescription({ type: 'offer', sdp: await made.text() });
    await pc.setLocalDescription();
    const patch = (body) =>
      fetch(session, { method: 'PATCH', headers: { 'content-type': 'application/sdp' }, body }).then(({ status }) => status);
    const statuses = [made.status, await patch('garbage'), await patch(pc.localDescription.sdp)];
    await connected(pc);
    statuses.push(await patch(pc.localDescription.sdp));
    this.viewed = { session };
    return { session, statuses };
  },

  /** Begins ICE anew (RFC 9725 §4.3.3) and says how it went. */
  async restart() {
    const { viewer: pc, viewed } = this;
    // Of the section that carries the others: one that was declined has credentials of its own.
    const mid = /^a=group:BUNDLE (\S+)/m.exec(viewed.answer)[1];
    const carrier = () => pc.localDescription.sdp.split(/^(?=m=)/m).find((section) => line(section, 'mid') === mid);
    const before = line(carrier(), 'ice-ufrag');
    const offer = await pc.createOffer({ iceRestart: true });
    await pc.setLocalDescription(offer);
    const local = carrier();
    const fragment = (sdp) =>
      `a=ice-ufrag:${line(sdp, 'ice-ufrag')}\r\na=ice-pwd:${line(sdp, 'ice-pwd')}\r\nm=audio 9 RTP/AVP 0\r\na=mid:${mid}\r\n`;
    const patch = (ifMatch, body) =>
      fetch(viewed.session, {
        method: 'PATCH',
        headers: { 'content-type': 'application/trickle-ice-sdpfrag', ...(ifMatch && { 'if-match': ifMatch }) },
        body,
      });
    const late = 'a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n';
    const untagged = await patch(undefined, fragment(local));
    const response = await patch('*', fragment(local));
    const text = await response.text();
    const answer = viewed.answer
      .replace(/^a=ice-ufrag:.*$/gm, `a=ice-ufrag:${line(text, 'ice-ufrag')}`)
      .replace(/^a=ice-pwd:.*$/gm, `a=ice-pwd:${line(text, 'ice-pwd')}`);
    await pc.setRemoteDescription({ type: 'answer', sdp: answer });
    const stale = await patch(viewed.etag, fragment(local) + late);
    const trickled = await patch(response.headers.get('etag'), fragment(local) + late);
    return {
      statuses: [untagged.status, response.status, stale.status, trickled.status],
      type: response.headers.get('content-type'),
      isNew: response.headers.get('etag') !== viewed.etag && line(local, 'ice-ufrag') !== before,
      ufrag: line(local, 'ice-ufrag'),
    };
  },

  /** The user fragment of the way that is in use. */
  async wayInUse() {
    const stats = await this.viewer.getStats();
    const transport = [...stats.values()].find(({ type }) => type === 'transport');
    return stats.get(stats.get(transport.selectedCandidatePairId)?.localCandidateId)?.usernameFragment;
  },

  /** Offers something that cannot come to be; the session's address. */
  async fail(url, options) {
    const pc = new RTCPeerConnection();
    pc.addTransceiver(picture(320, 180, 15), { direction: 'sendonly' });
    this.publisher = pc;
    return (await signal(url, pc, options)).session;
  },

  /** The names of the events that an EventSource hears first. */
  async listen(address, count) {
    const source = new EventSource(address);
    const heard = [];
    await new Promise((resolve, reject) => {
      source.onerror = () => reject(new Error(`no events: ${source.readyState}`));
      for (const name of ['active', 'inactive', 'layers', 'viewercount'])
        source.addEventListener(name, ({ data }) => heard.push([name, JSON.parse(data)]) === count && resolve());
    });
    source.close();
    return heard;
  },

  async seen() {
    const stats = [...(await this.viewer.getStats()).values()].filter(({ type }) => type === 'inbound-rtp');
    const element = document.querySelector('video');
    // Chromium lists a stream with its first packet: before it nothing has come of it, which is a number that can be added to.
    const count = (wanted, name) => stats.find(({ kind }) => kind === wanted)?.[name] ?? 0;
    const ofVideo = ['framesDecoded', 'framesDropped', 'freezeCount', 'totalFreezesDuration', 'pliCount', 'packetsLost', 'nackCount'];
    return {
      width: element.videoWidth,
      height: element.videoHeight,
      ...Object.fromEntries(ofVideo.map((name) => [name, count('video', name)])),
      samples: count('audio', 'totalSamplesReceived'),
      // Of all that was played: zero is silence.
      energy: count('audio', 'totalAudioEnergy'),
      concealed: count('audio', 'concealedSamples'),
    };
  },

  leave: (what) => fetch(what.session, { method: 'DELETE' }).then(({ status }) => status),
};
