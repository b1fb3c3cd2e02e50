/** What a connection does, in figures: differences between one reading of `getStats` and the next. */

/** One kind of media. Seconds, bits a second, parts of one. What a browser does not tell is not there. */
export interface MediaStats {
  codec?: string;
  bitrateBps?: number;
  /** The part of packets that was lost since the last reading. */
  loss?: number;
  width?: number;
  height?: number;
  fps?: number;
  /** Received: how long a frame waits to be played, and how long decoding takes. */
  jitterBuffer?: number;
  decode?: number;
  jitter?: number;
  /** Received: decoded since the session began. */
  frames?: number;
  framesDropped?: number;
  freezes?: number;
  freezeSeconds?: number;
  /** Sent: what keeps the encoder from doing what it was asked to. */
  limitation?: 'none' | 'cpu' | 'bandwidth' | 'other';
  keyframeRequests?: number;
}

/** One simulcast layer that is sent. */
export interface LayerStats extends MediaStats {
  rid?: string;
  isActive: boolean;
  /** Its place among the layers, from the smallest on. */
  index: number;
}

export interface Stats {
  /** All media together. */
  bitrateBps?: number;
  /** There and back again. */
  rtt?: number;
  /** What the sender believes the way can carry. */
  availableBps?: number;
  video?: MediaStats;
  audio?: MediaStats;
  /** What is sent of each layer, smallest first. */
  layers: LayerStats[];
  /** Received: half the way there and back, the jitter buffer and the decoder: how old a frame of the server's is when seen. */
  latency?: number;
  /** The way that packets take: `203.0.113.5:8443/udp`. */
  remote?: string;
}

type Row = Record<string, unknown> & { id: string; type: string };

interface Totals {
  atMs: number;
  bytes: number;
  packets: number;
  lost: number;
  frames: number;
  bufferDelay: number;
  buffered: number;
  decodeTime: number;
}

export class Gauge {
  private before = new Map<string, Totals>();

  /** Reads one report. */
  read(report: Iterable<[string, unknown]>): Stats {
    const rows = new Map<string, Row>();
    for (const [id, row] of report) rows.set(id, row as Row);
    const next = new Map<string, Totals>();
    const stats: Stats = { layers: [] };
    for (const row of rows.values()) {
      if (row.type === 'inbound-rtp') this.inbound(row, rows, next, stats);
      else if (row.type === 'outbound-rtp') this.outbound(row, rows, next, stats);
    }
    this.before = next;
    sumUp(stats);
    this.way(rows, stats);
    const { video, audio, rtt } = stats;
    const buffer = video?.jitterBuffer ?? audio?.jitterBuffer;
    if (buffer !== undefined) stats.latency = (rtt ?? 0) / 2 + buffer + (video?.decode ?? 0);
    return stats;
  }

  private inbound(row: Row, rows: Map<string, Row>, next: Map<string, Totals>, stats: Stats): void {
    const now = totals(row, num(row['packetsReceived']), num(row['packetsLost']), num(row['framesDecoded']));
    const before = this.before.get(row.id);
    next.set(row.id, now);
    const media: MediaStats = { ...rates(now, before), ...shape(row, rows) };
    const emitted = now.buffered - (before?.buffered ?? 0);
    if (emitted > 0) media.jitterBuffer = Math.max(0, now.bufferDelay - (before?.bufferDelay ?? 0)) / emitted;
    const decoded = now.frames - (before?.frames ?? 0);
    if (row['kind'] === 'video' && decoded > 0)
      media.decode = Math.max(0, now.decodeTime - (before?.decodeTime ?? 0)) / decoded;
    set(media, 'jitter', row['jitter']);
    set(media, 'frames', row['framesDecoded']);
    set(media, 'framesDropped', row['framesDropped']);
    set(media, 'freezes', row['freezeCount']);
    set(media, 'freezeSeconds', row['totalFreezesDuration']);
    if (row['kind'] === 'video') stats.video = media;
    else if (row['kind'] === 'audio') stats.audio = media;
  }

  private outbound(row: Row, rows: Map<string, Row>, next: Map<string, Totals>, stats: Stats): void {
    const remote = rows.get(String(row['remoteId']));
    const now = totals(row, num(row['packetsSent']), num(remote?.['packetsLost']), num(row['framesEncoded']));
    const before = this.before.get(row.id);
    next.set(row.id, now);
    const media: LayerStats = {
      ...rates(now, before),
      ...shape(row, rows),
      index: num(row['encodingIndex']),
      isActive: row['active'] !== false && now.bytes > (before?.bytes ?? 0),
    };
    const limitation = row['qualityLimitationReason'];
    if (limitation === 'cpu' || limitation === 'bandwidth' || limitation === 'other' || limitation === 'none')
      media.limitation = limitation;
    set(media, 'keyframeRequests', row['pliCount']);
    if (typeof row['rid'] === 'string') media.rid = row['rid'];
    const rtt = num(remote?.['roundTripTime']);
    if (rtt > 0) stats.rtt = rtt;
    if (row['kind'] === 'video') stats.layers.push(media);
    else if (row['kind'] === 'audio') stats.audio = media;
  }

  private way(rows: Map<string, Row>, stats: Stats): void {
    const pair = chosenPair(rows);
    if (pair === undefined) return;
    const rtt = num(pair['currentRoundTripTime']);
    if (rtt > 0) stats.rtt = rtt;
    const available = num(pair['availableOutgoingBitrate']);
    if (available > 0) stats.availableBps = available;
    const remote = rows.get(String(pair['remoteCandidateId']));
    if (remote) stats.remote = addressOf(remote);
  }
}

/** What a failed attempt has tried, for a sentence: every way by `address:port/protocol`, with checks sent and answered. */
export function waysOf(report: Iterable<[string, unknown]>): { to: string; sent: number; answered: number }[] {
  const rows = new Map<string, Row>();
  for (const [id, row] of report) rows.set(id, row as Row);
  const ways = new Map<string, { to: string; sent: number; answered: number }>();
  for (const row of rows.values()) {
    const remote = row.type === 'candidate-pair' ? rows.get(String(row['remoteCandidateId'])) : undefined;
    if (remote === undefined) continue;
    const to = addressOf(remote);
    const way = ways.get(to) ?? { to, sent: 0, answered: 0 };
    way.sent += num(row['requestsSent']);
    way.answered += num(row['responsesReceived']);
    ways.set(to, way);
  }
  return [...ways.values()];
}

function chosenPair(rows: Map<string, Row>): Row | undefined {
  for (const row of rows.values()) {
    const pair = row.type === 'transport' ? rows.get(String(row['selectedCandidatePairId'])) : undefined;
    if (pair) return pair;
  }
  // Firefox marks the pair itself.
  return [...rows.values()].find((row) => row.type === 'candidate-pair' && row['selected'] === true);
}

function addressOf(candidate: Row): string {
  const address = String(candidate['address'] ?? candidate['ip'] ?? '?');
  const shown = address.includes(':') ? `[${address}]` : address;
  return `${shown}:${String(candidate['port'] ?? '?')}/${String(candidate['protocol'] ?? 'udp')}`;
}

function totals(row: Row, packets: number, lost: number, frames: number): Totals {
  return {
    atMs: num(row['timestamp']),
    bytes: num(row['bytesReceived']) + num(row['bytesSent']),
    packets,
    lost,
    frames,
    bufferDelay: num(row['jitterBufferDelay']),
    buffered: num(row['jitterBufferEmittedCount']),
    decodeTime: num(row['totalDecodeTime']),
  };
}

function rates(now: Totals, before: Totals | undefined): MediaStats {
  const seconds = before === undefined ? 0 : (now.atMs - before.atMs) / 1000;
  if (before === undefined || seconds <= 0) return {};
  const lost = Math.max(0, now.lost - before.lost);
  const all = Math.max(0, now.packets - before.packets) + lost;
  return {
    bitrateBps: (Math.max(0, now.bytes - before.bytes) * 8) / seconds,
    ...(all > 0 && { loss: lost / all }),
  };
}

function shape(row: Row, rows: Map<string, Row>): MediaStats {
  const media: MediaStats = {};
  set(media, 'width', row['frameWidth']);
  set(media, 'height', row['frameHeight']);
  set(media, 'fps', row['framesPerSecond']);
  const mime = rows.get(String(row['codecId']))?.['mimeType'];
  if (typeof mime === 'string') media.codec = mime.slice(mime.indexOf('/') + 1);
  return media;
}

/** The video is all its layers together: the size of the largest, the worst of what limits them. */
function sumUp(stats: Stats): void {
  stats.layers.sort((a, b) => a.index - b.index || (a.height ?? 0) - (b.height ?? 0));
  const active = stats.layers.filter((layer) => layer.isActive);
  const top = active.at(-1) ?? stats.layers.at(-1);
  if (top) {
    const { rid: _, isActive: __, index: ___, ...video } = top;
    stats.video = { ...video, ...total(active) };
    const worst = (['cpu', 'bandwidth', 'other'] as const).find((why) => active.some((one) => one.limitation === why));
    if (worst) stats.video.limitation = worst;
  }
  const bitrates = [stats.video?.bitrateBps, stats.audio?.bitrateBps].filter((each) => each !== undefined);
  if (bitrates.length > 0) stats.bitrateBps = bitrates.reduce((sum, each) => sum + each, 0);
}

function total(layers: LayerStats[]): MediaStats {
  const bitrates = layers.map((layer) => layer.bitrateBps).filter((each) => each !== undefined);
  const losses = layers.map((layer) => layer.loss).filter((each) => each !== undefined);
  return {
    ...(bitrates.length > 0 && { bitrateBps: bitrates.reduce((sum, each) => sum + each, 0) }),
    ...(losses.length > 0 && { loss: Math.max(...losses) }),
  };
}

const num = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0);

function set<Name extends keyof MediaStats>(media: MediaStats, name: Name, value: unknown): void {
  if (typeof value === 'number' && Number.isFinite(value)) (media as Record<string, unknown>)[name] = value;
}
