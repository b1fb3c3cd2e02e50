/** What went wrong, in a sentence that may be shown to people. */

/** The step that failed: asking the server, finding a way to it (ICE), agreeing on keys (DTLS), or media that stopped. */
export type Step = 'signalling' | 'ice' | 'dtls' | 'media';

export interface TroubleFacts {
  step: Step;
  /** The HTTP status, where the server answered. */
  status?: number;
  /** How long the server asks to be left alone. */
  retryAfterMs?: number;
  /** Whether asking again in the same way could help. */
  isFinal?: boolean;
}

/** Why a connection does not come about or ended. `message` is a sentence, the server's own where it gave one. */
export class Trouble extends Error {
  override readonly name = 'Trouble';
  readonly step: Step;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  readonly isFinal: boolean;

  constructor(sentence: string, { step, status, retryAfterMs, isFinal = false }: TroubleFacts) {
    super(sentence);
    this.step = step;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
    this.isFinal = isFinal;
  }
}

/** Statuses that another try with the same words will not change. 409 is a name that is held, or a stream that is off air. */
const FINAL: ReadonlySet<number> = new Set([400, 401, 403, 404, 405, 406, 410, 411, 413, 414, 415, 422, 501]);
const LONGEST_SENTENCE = 400;

/** What an answer other than the one that was hoped for means. Reads RFC 9457 problems, and short plain texts. */
export async function troubleOf(response: Response, nowMs = Date.now()): Promise<Trouble> {
  const { status } = response;
  const sentence = (await sentenceOf(response)) ?? plain(status);
  const retryAfterMs = retryAfter(response.headers.get('retry-after'), nowMs);
  const facts: TroubleFacts = { step: 'signalling', status, isFinal: FINAL.has(status) };
  if (retryAfterMs !== undefined) facts.retryAfterMs = retryAfterMs;
  return new Trouble(sentence, facts);
}

/** `Retry-After` in milliseconds: seconds or a date (RFC 9110 §10.2.3). */
export function retryAfter(value: string | null, nowMs: number): number | undefined {
  if (value === null) return undefined;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isFinite(at) ? Math.max(0, at - nowMs) : undefined;
}

async function sentenceOf(response: Response): Promise<string | undefined> {
  const type = response.headers.get('content-type') ?? '';
  const body = await response.text().catch(() => '');
  if (/[/+]json\b/i.test(type)) {
    try {
      const problem = JSON.parse(body) as { detail?: unknown; title?: unknown } | null;
      const words = [problem?.detail, problem?.title].find((each) => typeof each === 'string' && each !== '');
      return typeof words === 'string' ? sentenced(words) : undefined;
    } catch {
      return undefined;
    }
  }
  const isPlain = /^text\/plain\b/i.test(type) && body.trim() !== '';
  return isPlain ? sentenced(body) : undefined;
}

/** `no such stream` → `No such stream.` */
function sentenced(words: string): string {
  const text = words.trim().slice(0, LONGEST_SENTENCE);
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.');
}

function plain(status: number): string {
  switch (status) {
    case 401:
      return 'The server asks for a key.';
    case 403:
      return 'The key does not allow this.';
    case 404:
      return 'The server knows nothing of that name.';
    case 405:
    case 501:
      return 'The server does not speak WebRTC here.';
    case 409:
      return 'The name is taken, or nothing is on air there yet.';
    case 429:
    case 503:
      return 'The server is busy.';
    default:
      return `The server answered with status ${status}.`;
  }
}
