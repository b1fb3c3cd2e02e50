/** Publish by WHIP and watch by WHEP from a browser. See the README for examples. */
export { WhipClient, threeLayers, usualBitrateBps, type Encoding, type WhipOptions } from './whip.ts';
export { WhepClient, type LayerChoice, type WhepEvents, type WhepOptions } from './whep.ts';
export type { ClientEvents, ClientOptions, ClientState } from './client.ts';
export type { Layer } from './layers.ts';
export type { Token } from './signalling.ts';
export type { LayerStats, MediaStats, Stats } from './stats.ts';
export { Trouble, type Step } from './trouble.ts';
