/** What a viewer has chosen, kept by the browser, or for this page where it keeps nothing. */

export interface Prefs {
  volume: number;
  muted: boolean;
  /** The number of lines wanted, where the viewer does not leave it to the player. */
  height: number | undefined;
  /** The language wanted, where a stream has several. */
  language: string | undefined;
}

const NAME = 'onair.player';

/** What was chosen last, or what a newcomer gets. */
export function loadPrefs(): Prefs {
  const kept = read();
  const { volume, muted, height, language } = kept;
  return {
    volume: typeof volume === 'number' && volume >= 0 && volume <= 1 ? volume : 1,
    muted: muted === true,
    height: typeof height === 'number' ? height : undefined,
    language: typeof language === 'string' ? language : undefined,
  };
}

export function savePrefs(prefs: Prefs): void {
  try {
    localStorage.setItem(NAME, JSON.stringify(prefs));
  } catch {
    // A browser that keeps nothing plays all the same.
  }
}

/** The key a viewer gave for this stream: from the address, else from this tab's memory. */
export function loadKey(path: string, query: URLSearchParams): string | undefined {
  try {
    return query.get('key') ?? sessionStorage.getItem(`onair.key.${path}`) ?? undefined;
  } catch {
    return query.get('key') ?? undefined;
  }
}

export function saveKey(path: string, key: string): void {
  try {
    sessionStorage.setItem(`onair.key.${path}`, key);
  } catch {
    // As above: then it is asked for again.
  }
}

function read(): Partial<Record<keyof Prefs, unknown>> {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(NAME) ?? '{}');
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
