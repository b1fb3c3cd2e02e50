/** How long to wait before another try. */

const FIRST_MS = 500;
const MOST_MS = 15_000;

/**
 * Milliseconds before try number `failures` + 1. Doubles from half a second to fifteen, with a quarter more or less by
 * `random` (0 up to 1), so that the viewers of one server do not come back in one instant. Never sooner than the server asked.
 */
export function backoffMs(failures: number, retryAfterMs: number | undefined, random: number): number {
  const steps = Math.min(Math.max(failures, 1), 16) - 1;
  const wait = Math.min(MOST_MS, FIRST_MS * 2 ** steps) * (0.75 + random / 2);
  return retryAfterMs === undefined ? wait : Math.max(wait, retryAfterMs * (1 + random / 4));
}
