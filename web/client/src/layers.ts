/** The renditions that a WHEP session may choose among (draft-ietf-wish-whep §4.8, event `layers`). */

export interface Layer {
  /** The m-line it belongs to, by its index. */
  mediaId: string;
  rid?: string;
  spatialLayerId?: number;
  temporalLayerId?: number;
  /** Bits a second that come now; nothing while the publisher does not send it. */
  bitrateBps?: number;
  width?: number;
  height?: number;
  frameRate?: number;
  isActive: boolean;
}

const MOST = 64;

/** Reads the data of a `layers` event; entries that name no layer are left out. Also takes the shape of older drafts. */
export function parseLayers(data: string): Layer[] {
  const layers: Layer[] = [];
  for (const [mediaId, value] of Object.entries(object(json(data)))) {
    for (const entry of entriesOf(value)) {
      const layer = layerOf(mediaId, entry);
      if (layer && layers.length < MOST) layers.push(layer);
    }
  }
  return layers;
}

function layerOf(mediaId: string, entry: Record<string, unknown>): Layer | undefined {
  const rid = [entry['rid'], entry['encodingId'], entry['id']].find((each) => typeof each === 'string');
  const spatialLayerId = number(entry['spatialLayerId']);
  const temporalLayerId = number(entry['temporalLayerId']);
  if (rid === undefined && spatialLayerId === undefined && temporalLayerId === undefined) return undefined;
  const bitrateBps = number(entry['bitrate']);
  // The draft itself once misspells the height.
  const [width, height] = [number(entry['width']), number(entry['height']) ?? number(entry['heigth'])];
  const frameRate = number(entry['frameRate']) ?? number(entry['framerate']);
  return {
    mediaId,
    isActive: bitrateBps !== undefined && bitrateBps > 0,
    ...(typeof rid === 'string' && { rid }),
    ...(spatialLayerId !== undefined && { spatialLayerId }),
    ...(temporalLayerId !== undefined && { temporalLayerId }),
    ...(bitrateBps !== undefined && { bitrateBps }),
    ...(width !== undefined && { width }),
    ...(height !== undefined && { height }),
    ...(frameRate !== undefined && { frameRate }),
  };
}

function entriesOf(value: unknown): Record<string, unknown>[] {
  if (Array.isArray(value)) return value.map(object);
  const { layers, active, inactive } = object(value);
  const lists = Array.isArray(active) || Array.isArray(inactive) ? [active, inactive] : [layers];
  return lists.flatMap((list) => (Array.isArray(list) ? list.map(object) : []));
}

const object = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

const number = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
