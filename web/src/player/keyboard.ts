/** What keys do, on the whole page as long as nobody types into a field. */
import type { Actions } from './model.ts';

const STEP_SECONDS = 5;
const VOLUME_STEP = 0.05;

/** What keys reach beside the actions. */
export interface Reach {
  fullscreen(): void;
  pip(): void;
  volume(): number;
  muted(): boolean;
}

/** Answers to a key if it is one of ours, and says whether it was. */
export function onKey(event: KeyboardEvent, player: HTMLElement, actions: Actions, reach: Reach): boolean {
  const target = event.target instanceof HTMLElement ? event.target : document.body;
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(target)) return false;
  const act = bindings(actions, reach)[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (act === undefined) return false;
  // A focused button keeps the keys that press it; up and down scroll the page unless the player has the focus.
  const isOnControl = target.closest('button, a, input, [role=menu]') !== null;
  if (isOnControl && (event.key === ' ' || event.key.startsWith('Arrow'))) return false;
  const isVertical = event.key === 'ArrowUp' || event.key === 'ArrowDown';
  if (isVertical && !player.contains(target) && document.fullscreenElement === null && !isFilled()) return false;
  event.preventDefault();
  act();
  return true;
}

function bindings(actions: Actions, reach: Reach): Record<string, () => void> {
  return {
    ' ': actions.toggle,
    k: actions.toggle,
    m: () => actions.setMuted(!reach.muted()),
    f: reach.fullscreen,
    p: reach.pip,
    l: actions.goLive,
    ArrowLeft: () => actions.step(-STEP_SECONDS),
    ArrowRight: () => actions.step(STEP_SECONDS),
    ArrowUp: () => actions.setVolume(reach.volume() + VOLUME_STEP),
    ArrowDown: () => actions.setVolume(reach.volume() - VOLUME_STEP),
  };
}

function isTyping(target: HTMLElement): boolean {
  return target.isContentEditable || target.closest('textarea, select, input:not([type=range])') !== null;
}

/** The player is the whole page: there is nothing to scroll. */
function isFilled(): boolean {
  return document.documentElement.scrollHeight <= window.innerHeight;
}
