/** Asking again and again, but not while nobody looks. */

/** Runs `ask` now and `everyMs` after each answer. Waits while the page is hidden, asks at once when it is seen again. */
export function poll(ask: () => Promise<void>, everyMs: number): void {
  let timer: number | undefined;
  const round = async (): Promise<void> => {
    window.clearTimeout(timer);
    await ask();
    if (document.visibilityState === 'visible') timer = window.setTimeout(() => void round(), everyMs);
  };
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') void round();
    else window.clearTimeout(timer);
  });
  void round();
}
