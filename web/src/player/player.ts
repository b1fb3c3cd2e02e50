/** Ties the machine to an engine, the server and the surface. The only room of the player that knows the time. */
import { stream as askStream, type Answer, type Stream } from '../api.ts';
import { madeFacts, shortName } from '../format.ts';
import { Choice, engineNamed, type EngineName, type Offered } from './choice.ts';
import { abilities, createEngine, type Engine, type Level, type Reports, type Voice } from './engine.ts';
import { Machine, type Effect, type Event, type Failure } from './machine.ts';
import type { Actions, Model, Snapshot } from './model.ts';
import { LatencyMeter } from './latency.ts';
import { Pacer } from './pace.ts';
import { Playhead } from './playhead.ts';
import { loadKey, loadPrefs, saveKey, savePrefs } from './prefs.ts';
import { Surface } from './surface.ts';
import { stillOf } from '../still.ts';
import { fingerprint, lacks, refusal } from './tracks.ts';

const SENSE_MS = 200;
/** Who rewinds or pauses for longer than this is no longer kept at the live edge. */
const PAUSE_MS = 1500;
const LIVE_SLACK = 1.5;

export interface Options {
  path: string;
  base: URL;
  query: URLSearchParams;
  /** Called with what the server says of the stream, whenever it says something. */
  onStream?: (stream: Stream | undefined) => void;
  /** Called after everything that changed. */
  onUpdate?: (snapshot: Snapshot) => void;
}

export class Player {
  readonly surface: Surface;
  private readonly video: HTMLVideoElement;
  private readonly machine = new Machine();
  private readonly pacer = new Pacer();
  private readonly playhead = new Playhead();
  private readonly latency = new LatencyMeter();
  private readonly prefs = loadPrefs();
  private readonly actions: Actions;
  private engine: Engine | undefined;
  private readonly choice: Choice;
  private readonly reports: Reports;
  /** Why it is not a better engine that plays, or what is missing with this one. */
  private note: string | undefined;
  /** A load waits for what the server says of the stream. */
  private awaitsTracks = false;
  /** Which engine is being fetched: a later wish makes an earlier one void. */
  private wish = 0;
  private hasPlayed = false;
  private stream: Stream | undefined;
  /** The server did not say anything of the stream when it was last asked. */
  private isUntold = false;
  private key: string | undefined;

  private isSilenced = false;
  private isFollowing = true;
  private pausedAt = 0;
  private loads = 0;
  private lastError: string | undefined;

  constructor(
    mount: HTMLElement,
    private readonly options: Options,
  ) {
    this.key = loadKey(options.path, options.query);
    this.actions = {
      toggle: () => this.toggle(),
      goLive: () => this.goLive(),
      step: (seconds) => this.step(seconds),
      setVolume: (volume) => this.setVolume(volume),
      setMuted: (muted) => this.setMuted(muted),
      choose: (level) => this.choose(level),
      speak: (voice) => this.speak(voice),
      play: (name) => this.playBy(name),
      giveKey: (key) => this.giveKey(key),
    };
    this.surface = new Surface(mount, options.path, this.actions);
    this.video = this.surface.video;
    this.video.volume = this.prefs.volume;
    this.video.muted = this.prefs.muted;
    this.choice = new Choice(abilities(this.video), engineNamed(options.query.get('engine')));
    this.reports = {
      changed: () => this.onTracksChanged(),
      stalled: () => this.playhead.onStall(),
      finished: () => this.handle({ type: 'finished' }),
      failed: (why, detail) => this.onFailed(why, detail),
      unplayable: (detail) => void this.onUnplayable(detail),
    };
    this.listen();
    // What a locked phone and the keys of a headset show.
    if ('mediaSession' in navigator) {
      navigator.mediaSession.metadata = new MediaMetadata({ title: shortName(options.path), artist: 'Onair' });
    }
  }

  /** Begins to play, or to wait for something to play. */
  start(): void {
    this.handle({ type: 'start' });
    window.setInterval(() => this.sense(), SENSE_MS);
  }

  /** Everything there is to know at this moment. */
  snapshot(): Snapshot {
    const figures = this.engine?.figures() ?? {};
    const quality = this.video.getVideoPlaybackQuality?.();
    return {
      ...this.model(),
      edgeLatency: figures.latency,
      target:
        figures.target === undefined ? undefined : this.pacer.target({ target: figures.target, part: figures.part }),
      buffer: this.ahead(),
      rate: this.video.playbackRate,
      droppedFrames: quality?.droppedVideoFrames ?? 0,
      totalFrames: quality?.totalVideoFrames ?? 0,
      bandwidthBps: figures.bandwidthBps,
      rtt: figures.rtt,
      jitterBuffer: figures.jitterBuffer,
      loss: figures.loss,
      remote: figures.remote,
      made: this.stream ? madeFacts(this.stream) : [],
      stalls: this.playhead.stalls,
      stalledMs: Math.round(this.playhead.stalledMs),
      loads: this.loads,
      currentTime: this.video.currentTime,
      width: this.video.videoWidth,
      height: this.video.videoHeight,
      lastError: this.lastError,
    };
  }

  private model(): Model {
    const { machine, engine } = this;
    return {
      phase: machine.phase,
      why: machine.why,
      isKeyRefused: machine.isKeyRefused,
      wantsToPlay: machine.wantsToPlay,
      volume: this.video.volume,
      isMuted: this.video.muted,
      isSilenced: this.isSilenced,
      hasAudio: engine?.carries()?.audio ?? true,
      hasPicture: engine?.carries()?.video ?? true,
      isLive: this.isLive(),
      latency: this.latency.seconds,
      levels: engine?.levels() ?? [],
      level: engine?.level(),
      chosen: this.prefs.height,
      voices: engine?.voices() ?? [],
      voice: engine?.voice(),
      engine: engine?.name,
      asked: this.choice.wanted,
      engines: this.choice.options(this.offered()),
      note: this.note,
    };
  }

  private handle(event: Event): void {
    for (const effect of this.machine.handle(event, performance.now())) this.carryOut(effect);
    this.update();
  }

  private carryOut(effect: Effect): void {
    switch (effect) {
      case 'load':
        return this.load();
      case 'mend':
        this.surface.freeze();
        return this.engine?.mend();
      case 'unload':
        this.surface.freeze();
        this.awaitsTracks = false;
        this.wish += 1;
        return this.engine?.destroy();
      case 'ask':
        return void this.ask();
    }
  }

  private load(): void {
    this.awaitsTracks = this.stream === undefined && this.choice.asksForTracks && !this.isUntold;
    if (this.awaitsTracks) return;
    const { name, note } = this.choice.pick(this.offered());
    this.note = note;
    this.wish += 1;
    if (name === undefined) {
      const reason = 'This browser has neither WebRTC nor Media Source Extensions nor HLS of its own.';
      return this.handle({ type: 'unplayable', reason });
    }
    if (this.engine?.name === name) return this.begin(this.engine);
    this.surface.freeze();
    this.engine?.destroy();
    this.engine = undefined;
    this.hasPlayed = false;
    this.playhead.expect(performance.now());
    const { wish } = this;
    createEngine(name, this.video, this.reports).then(
      (engine) => {
        if (wish !== this.wish) return;
        this.engine = engine;
        this.begin(engine);
      },
      (error: unknown) => wish === this.wish && this.onFailed('network', String(error)),
    );
  }

  private begin(engine: Engine): void {
    this.surface.freeze();
    this.loads += 1;
    this.isFollowing = true;
    this.latency.reset();
    this.playhead.expect(performance.now());
    engine.load({ path: this.options.path, base: this.options.base, key: this.key });
  }

  private async ask(): Promise<void> {
    const { path, base } = this.options;
    const answer = await askStream(path, base, this.key);
    if (answer.ok && answer.clockOffsetMs !== undefined) this.latency.offset = answer.clockOffsetMs;
    if (answer.ok && answer.value.state === 'live') this.showStill();
    const before = this.stream?.state;
    if (answer.ok) this.stream = answer.value;
    else if (answer.refusal === 'absent') this.stream = undefined;
    this.isUntold = !answer.ok;
    // Another broadcast, or a server that has come back: what failed before may do now.
    if (before !== 'live' && this.stream?.state === 'live') this.choice.forgive();
    this.options.onStream?.(this.stream);
    this.tell(answer);
    if (this.awaitsTracks) this.load();
  }

  /** Something to look at until the first picture comes. */
  private showStill(): void {
    // A key would be in the address of the still, and so on the page.
    if (this.key || this.loads > 1 || this.hasPlayed || this.video.poster !== '') return;
    const { path, base } = this.options;
    const still = new Image();
    still.addEventListener('load', () => {
      if (!this.hasPlayed) this.video.poster = still.src;
    });
    still.src = stillOf(path, base, Date.now(), this.key);
  }

  private tell(answer: Answer<Stream>): void {
    if (!answer.ok) {
      this.playhead.excuse();
      return this.handle({ type: 'presence', presence: answer.refusal });
    }
    const { value } = answer;
    if (value.state !== 'live') this.playhead.excuse();
    const isRtc = (this.engine?.name ?? this.choice.pick(value).name) === 'whep';
    const tracks = isRtc ? value.tracks.filter(({ kind }) => this.choice.reaches(kind, value)) : value.tracks;
    this.handle({
      type: 'presence',
      presence: value.state,
      print: fingerprint(value, isRtc),
      lacks: lacks(this.engine?.carries(), { ...value, tracks }),
    });
  }

  private onTracksChanged(): void {
    const { height } = this.prefs;
    const wanted = height === undefined ? undefined : this.engine?.levels().find((level) => level.height === height);
    if (wanted !== undefined && this.engine?.level()?.id !== wanted.id) this.engine?.choose(wanted.id);
    const { language } = this.prefs;
    const voice = language === undefined ? undefined : this.engine?.voices().find((each) => each.language === language);
    if (voice !== undefined && this.engine?.voice()?.id !== voice.id) this.engine?.speak(voice.id);
    this.update();
  }

  private onFailed(why: Failure, detail: string): void {
    this.lastError = detail;
    const name = this.engine?.name;
    // While the server says that the stream is live, it is the engine, or the way it goes, that does not work.
    const isOurs = this.stream?.state === 'live' && !this.isUntold && why !== 'locked';
    if (name !== undefined && isOurs && (why !== 'missing' || name === 'whep'))
      if (this.choice.fail(name, detail, this.failing())) return this.handle({ type: 'switched' });
    this.handle({ type: 'failed', why });
  }

  private offered(): Offered {
    return this.stream ?? { tracks: [] };
  }

  private failing() {
    return { hasPlayed: this.hasPlayed, offered: this.offered(), now: performance.now() };
  }

  private async onUnplayable(detail: string): Promise<void> {
    this.lastError = detail;
    if (this.engine && this.choice.refuse(this.engine.name, detail, this.offered()))
      return this.handle({ type: 'switched' });
    if (this.stream === undefined) await this.ask();
    const canPlay = (type: string) => MediaSource.isTypeSupported(type);
    this.handle({ type: 'unplayable', reason: refusal(this.stream, canPlay) });
  }

  private listen(): void {
    const { video } = this;
    video.addEventListener('loadedmetadata', () => {
      if (this.machine.wantsToPlay) void this.play();
    });
    // Also the keys of a headset, the window of a picture in picture and the browser itself start and stop.
    video.addEventListener('play', () => {
      if (!this.machine.wantsToPlay) this.onPlay();
    });
    video.addEventListener('pause', () => {
      if (this.machine.wantsToPlay && !video.ended && video.readyState > 0) this.onPause();
    });
    video.addEventListener('volumechange', () => {
      if (!video.muted) this.isSilenced = false;
      this.update();
    });
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible' && this.isFollowing) this.catchUp();
    });
  }

  /** Plays, without sound if the browser insists. */
  private async play(): Promise<void> {
    try {
      await this.video.play();
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== 'NotAllowedError') return;
      if (this.video.muted) return this.handle({ type: 'blocked' });
      this.video.muted = true;
      this.isSilenced = true;
      await this.play();
    }
  }

  private toggle(): void {
    if (this.machine.wantsToPlay) this.video.pause();
    else void this.play();
    // Where there is nothing to play yet, the element says nothing.
    if (this.video.readyState === 0) this.handle({ type: this.machine.wantsToPlay ? 'pause' : 'play' });
  }

  private onPlay(): void {
    const isLong = this.pausedAt > 0 && performance.now() - this.pausedAt > PAUSE_MS;
    if (isLong && this.engine?.rewinds !== false) this.isFollowing = false;
    this.playhead.expect(performance.now());
    this.handle({ type: 'play' });
  }

  private onPause(): void {
    this.pausedAt = performance.now();
    this.handle({ type: 'pause' });
  }

  private goLive(): void {
    this.isFollowing = true;
    this.seekLive();
    if (!this.machine.wantsToPlay) void this.play();
    this.update();
  }

  /** After the page was out of sight the browser may have let the video fall behind. */
  private catchUp(): void {
    const live = this.engine?.figures().livePosition;
    if (live !== undefined && live - this.video.currentTime > LIVE_SLACK) this.seekLive();
  }

  private seekLive(): void {
    const live = this.engine?.figures().livePosition;
    if (live !== undefined && live > this.video.currentTime) this.video.currentTime = live;
  }

  private step(seconds: number): void {
    const { video } = this;
    const live = this.engine?.figures().livePosition ?? video.currentTime;
    const oldest = video.buffered.length > 0 ? video.buffered.start(0) : video.currentTime;
    const to = Math.max(oldest, video.currentTime + seconds);
    if (to >= live || this.engine?.rewinds === false) return this.goLive();
    this.isFollowing = false;
    video.currentTime = to;
    this.update();
  }

  private setVolume(volume: number): void {
    this.video.volume = Math.min(1, Math.max(0, Math.round(volume * 100) / 100));
    this.setMuted(this.video.volume === 0);
  }

  private setMuted(muted: boolean): void {
    this.video.muted = muted;
    this.isSilenced = false;
    if (!muted && this.video.volume === 0) this.video.volume = 0.5;
    this.prefs.volume = this.video.volume || this.prefs.volume;
    this.prefs.muted = muted;
    savePrefs(this.prefs);
    this.update();
  }

  private choose(level: Level | undefined): void {
    this.prefs.height = level?.height;
    savePrefs(this.prefs);
    this.engine?.choose(level?.id);
    this.update();
  }

  private speak(voice: Voice): void {
    this.prefs.language = voice.language;
    savePrefs(this.prefs);
    this.engine?.speak(voice.id);
    this.update();
  }

  private playBy(name: EngineName | undefined): void {
    this.choice.ask(name);
    const next = this.choice.pick(this.offered());
    this.note = next.note;
    if (next.name !== this.engine?.name || this.machine.phase === 'unplayable') this.handle({ type: 'switched' });
    else this.update();
  }

  private giveKey(key: string): void {
    this.key = key;
    this.isUntold = false;
    saveKey(this.options.path, key);
    this.handle({ type: 'key' });
  }

  /** Looks at the playhead and tells the machine what it does. */
  private sense(): void {
    const { video } = this;
    const now = performance.now();
    const time = this.engine?.position?.(now) ?? video.currentTime;
    const sight = this.playhead.look({ time, isHeld: video.paused, isSeeking: video.seeking }, now);
    if (sight === 'moving') {
      // What the network did teaches to stay farther back; a publisher who was away teaches nothing.
      if (this.playhead.settle()) this.pacer.onStall(now);
      if (this.machine.phase !== 'playing') this.onMoving();
      this.keepPace(now);
    } else if (sight === 'still') {
      this.handle({ type: 'starved' });
      this.wake(now);
    }
    this.handle({ type: 'tick' });
  }

  private onMoving(): void {
    this.surface.thaw();
    this.hasPlayed = true;
    this.handle({ type: 'moving' });
  }

  private keepPace(now: number): void {
    const figures = this.engine?.figures() ?? {};
    this.latency.measure({ pictureAt: figures.pictureAt, edge: figures.latency }, Date.now());
    if (figures.latency === undefined || figures.target === undefined) return;
    if (!this.isFollowing) {
      if (this.video.playbackRate !== 1) this.video.playbackRate = 1;
      return;
    }
    const position = { latency: figures.latency, target: figures.target, ahead: this.ahead(), part: figures.part };
    const { rate, jump } = this.pacer.decide(position, now);
    if (jump) this.seekLive();
    if (this.video.playbackRate !== rate) this.video.playbackRate = rate;
  }

  /** Goes on where there is data to go on with. */
  private wake(now: number): void {
    const { target, part } = this.engine?.figures() ?? {};
    if (target === undefined || this.video.seeking || !this.isFollowing || this.machine.phase !== 'buffering') return;
    const forward = this.pacer.wake({ target, part, ahead: this.ahead() }, now);
    if (forward > 0) this.video.currentTime += forward;
  }

  private isLive(): boolean {
    const live = this.engine?.figures().livePosition;
    return this.isFollowing || (live !== undefined && live - this.video.currentTime < LIVE_SLACK);
  }

  private ahead(): number {
    const { buffered, currentTime } = this.video;
    for (let i = 0; i < buffered.length; i += 1) {
      if (buffered.start(i) <= currentTime + 0.1 && currentTime <= buffered.end(i))
        return buffered.end(i) - currentTime;
    }
    return 0;
  }

  private update(): void {
    this.surface.render(this.model());
    this.options.onUpdate?.(this.snapshot());
  }
}
