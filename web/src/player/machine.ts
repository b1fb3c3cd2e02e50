/**
 * What the player is doing and what it has to do next: a machine without a page, an engine or a clock.
 *
 * It is told what happened (`handle`), answers with what to do, and knows which `phase` that makes. The phase is derived
 * from facts, never stored: a player that moves is playing, whatever anyone else says about the stream.
 */

/** What the server says of the stream. */
export type Presence = 'unknown' | 'live' | 'away' | 'ended' | 'absent' | 'locked' | 'unreachable';

/** Why an engine gave up. `missing`: there is no such stream. `locked`: the key is missing or wrong. */
export type Failure = 'missing' | 'locked' | 'network' | 'media';

export type Event =
  | { type: 'start' }
  | { type: 'tick' }
  /** `print` names the set of tracks: another print asks for another load. `lacks`: the engine plays less than there is. */
  | { type: 'presence'; presence: Presence; print?: string; lacks?: boolean }
  | { type: 'moving' }
  | { type: 'starved' }
  | { type: 'finished' }
  | { type: 'failed'; why: Failure }
  | { type: 'unplayable'; reason: string }
  /** Another engine is to play from now on. */
  | { type: 'switched' }
  | { type: 'play' }
  | { type: 'pause' }
  /** The browser refuses to play before somebody touches the page. */
  | { type: 'blocked' }
  | { type: 'key' };

/** What the player has to do. `load` starts anew from the multivariant playlist, `mend` is for decoders that failed. */
export type Effect = 'load' | 'mend' | 'unload' | 'ask';

/** What a person is shown. */
export type Phase =
  'connecting' | 'playing' | 'paused' | 'buffering' | 'reconnecting' | 'offline' | 'ended' | 'locked' | 'unplayable';

type Engine = 'idle' | 'loading' | 'moving' | 'starved' | 'finished';

/** How long a stall may last while the stream is live before everything is loaded anew. */
export const PATIENCE_MS = 8000;
/** How long it must have moved before earlier failures are forgiven. */
const FORGIVE_MS = 10_000;
/** How long after a load the tracks of the engine and of the server may differ. */
const SETTLE_MS = 3000;
const BACKOFF_MS = [300, 1000, 2000, 4000, 8000] as const;
/** A live stream may have no playlist yet: its first segment is on its way. */
const MISS_LONGEST = 1;

/** How often the server is asked about the stream. */
const ASK_MS: Record<Phase, number> = {
  connecting: 1000,
  playing: 5000,
  paused: 5000,
  buffering: 1000,
  reconnecting: 1000,
  offline: 2000,
  ended: 3000,
  locked: 15_000,
  unplayable: 10_000,
};

export class Machine {
  private presence: Presence = 'unknown';
  private engine: Engine = 'idle';
  private isPaused = false;
  private isBlocked = false;
  private wasSeen = false;
  private keysTried = 0;
  private reason: string | undefined;
  /** The tracks that are loaded, and those that were missed already and are not missed again. */
  private print: string | undefined;
  private forgiven: string | undefined;

  private failures = 0;
  private misses = 0;
  private loadedAt = 0;
  private movingSince = 0;
  private starvedSince = 0;
  private retryAt: number | undefined;
  private askAt = 0;
  private isAsking = false;

  /** `random` is from 0 up to 1 and spreads the viewers of one stream, so that they do not come back in one instant. */
  constructor(private readonly random: () => number = Math.random) {}

  /** What to show. */
  get phase(): Phase {
    if (this.reason !== undefined) return 'unplayable';
    if (this.engine === 'moving') return this.isPaused ? 'paused' : 'playing';
    if (this.presence === 'locked') return 'locked';
    const isStill = this.isPaused || this.isBlocked;
    switch (this.presence) {
      case 'ended':
        return 'ended';
      case 'absent':
        return this.wasSeen ? 'ended' : 'offline';
      case 'away':
        return isStill ? 'paused' : 'reconnecting';
      case 'unreachable':
        return 'reconnecting';
      default:
        if (isStill && (this.engine === 'starved' || this.isBlocked)) return 'paused';
        if (this.engine === 'starved') return 'buffering';
        if (this.engine === 'finished') return 'ended';
        return this.failures > 1 ? 'reconnecting' : 'connecting';
    }
  }

  /** Why the stream cannot be played here, in the phase `unplayable`. */
  get why(): string | undefined {
    return this.reason;
  }

  /** In the phase `locked`: whether a key was tried and refused. */
  get isKeyRefused(): boolean {
    return this.keysTried > 0;
  }

  /** Whether the picture should move: what a play button shows. */
  get wantsToPlay(): boolean {
    return !this.isPaused && !this.isBlocked;
  }

  /** Tells the machine what happened at `now`, in milliseconds of any clock that never goes back. */
  handle(event: Event, now: number): Effect[] {
    switch (event.type) {
      case 'start':
        return [...this.load(now), ...this.ask(now)];
      case 'tick':
        return this.onTick(now);
      case 'presence':
        return this.onPresence(event, now);
      case 'moving':
        return this.onMoving(now);
      case 'starved':
        return this.onStarved(now);
      case 'finished':
        this.engine = 'finished';
        return this.ask(now);
      case 'failed':
        return this.onFailed(event.why, now);
      case 'unplayable':
        this.reason = event.reason;
        this.engine = 'idle';
        return ['unload'];
      case 'switched':
        this.reason = undefined;
        return this.load(now);
      case 'play':
        this.isPaused = false;
        this.isBlocked = false;
        this.starvedSince = now;
        return [];
      case 'pause':
        this.isPaused = true;
        return [];
      case 'blocked':
        this.isBlocked = true;
        return [];
      case 'key':
        this.keysTried += 1;
        this.presence = 'unknown';
        this.failures = 0;
        return [...this.load(now), ...this.ask(now)];
    }
  }

  private onTick(now: number): Effect[] {
    const effects: Effect[] = [];
    if (this.retryAt !== undefined && now >= this.retryAt && this.mayLoad()) effects.push(...this.load(now));
    const isHungry = this.engine === 'starved' || this.engine === 'loading';
    const isOurs = this.presence === 'live' || this.presence === 'unknown';
    if (isHungry && isOurs && this.wantsToPlay && now - this.starvedSince >= PATIENCE_MS) {
      this.failures += 1;
      effects.push(...this.load(now));
    }
    if (this.engine === 'moving' && now - this.movingSince >= FORGIVE_MS) this.failures = 0;
    if (!this.isAsking && now >= this.askAt) effects.push(...this.ask(now));
    return effects;
  }

  private onPresence(event: { presence: Presence; print?: string; lacks?: boolean }, now: number): Effect[] {
    const before = this.presence;
    this.presence = event.presence;
    this.isAsking = false;
    const effects: Effect[] = [];
    if (event.presence === 'live' || event.presence === 'away') {
      this.wasSeen = true;
      this.keysTried = 0;
    }
    if (event.presence === 'live') {
      if (before !== 'live') {
        this.starvedSince = now;
        this.misses = 0;
      }
      const isAnother = this.print !== undefined && event.print !== undefined && needsLoad(this.print, event.print);
      const isMissed = event.lacks === true && this.forgiven !== event.print && now - this.loadedAt >= SETTLE_MS;
      if (isMissed) this.forgiven = event.print;
      if (isAnother) this.reason = undefined;
      const isDown = this.engine === 'idle' || this.engine === 'finished';
      const isBack = isDown && before !== 'live' && before !== 'unknown';
      if (this.reason === undefined && (isAnother || isMissed || isBack)) {
        if (isBack) this.failures = 0;
        effects.push(...this.load(now));
      }
      if (isAnother || this.print === undefined) this.print = event.print;
    } else if ((event.presence === 'locked' || event.presence === 'absent') && this.engine !== 'moving') {
      if (this.engine !== 'idle') effects.push('unload');
      this.engine = 'idle';
      this.retryAt = undefined;
    }
    this.askAt = now + this.askInterval();
    return effects;
  }

  private onMoving(now: number): Effect[] {
    if (this.engine !== 'moving') this.movingSince = now;
    this.engine = 'moving';
    this.isBlocked = false;
    this.retryAt = undefined;
    this.misses = 0;
    return [];
  }

  private onStarved(now: number): Effect[] {
    if (this.engine !== 'moving') return [];
    this.engine = 'starved';
    this.starvedSince = now;
    return this.ask(now);
  }

  private onFailed(why: Failure, now: number): Effect[] {
    this.engine = 'idle';
    if (why === 'locked') {
      this.presence = 'locked';
      this.retryAt = undefined;
      return ['unload'];
    }
    if (why === 'media' && this.failures === 0) {
      this.failures = 1;
      this.engine = 'loading';
      this.starvedSince = now;
      return ['mend'];
    }
    // A stream that is not there is no failure: the server says when it comes.
    if (why === 'missing' && this.presence === 'unknown') this.presence = 'absent';
    if (why === 'missing') this.misses += 1;
    else this.failures += 1;
    const longest = why === 'missing' ? MISS_LONGEST : BACKOFF_MS.length - 1;
    const tries = Math.max(this.failures, this.misses);
    const wait = BACKOFF_MS[Math.min(Math.max(tries - 1, 0), longest)] ?? 8000;
    this.retryAt = now + wait * (0.75 + this.random() / 2);
    return this.ask(now);
  }

  /** A stream that is away, gone or closed to us is not hammered: it is loaded when the server says that it is back. */
  private mayLoad(): boolean {
    return this.reason === undefined && ['live', 'unknown', 'unreachable'].includes(this.presence);
  }

  private load(now: number): Effect[] {
    this.engine = 'loading';
    this.print = undefined;
    this.loadedAt = now;
    this.starvedSince = now;
    this.retryAt = undefined;
    return ['load'];
  }

  private ask(now: number): Effect[] {
    if (this.isAsking) return [];
    this.isAsking = true;
    this.askAt = now + PATIENCE_MS;
    return ['ask'];
  }

  private askInterval(): number {
    return ASK_MS[this.phase] * (0.85 + this.random() * 0.3);
  }
}

/**
 * Whether tracks `now` ask for another load than the one that made `before`: prints are names of tracks with a space between,
 * `v0:video:h264`. A track less is none, as players leave it by themselves, unless it was the last of its kind and codec.
 */
function needsLoad(before: string, now: string): boolean {
  const [had, has] = [before.split(' '), now.split(' ')];
  const sort = (track: string): string => track.slice(track.indexOf(':') + 1);
  const kinds = new Set(has.map(sort));
  return has.some((track) => !had.includes(track)) || had.some((track) => !kinds.has(sort(track)));
}
