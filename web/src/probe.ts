/** What the player does, for whoever drives the page from outside: `window.onair`. */
import type { Snapshot } from './player/model.ts';
import type { Player } from './player/player.ts';

declare global {
  interface Window {
    /** The state and figures of the player at this moment. */
    readonly onair: Snapshot;
  }
}

/** Makes `window.onair` answer with the figures of this player whenever it is read. */
export function publish(player: Player): void {
  Object.defineProperty(window, 'onair', { get: () => player.snapshot(), enumerable: true });
}
