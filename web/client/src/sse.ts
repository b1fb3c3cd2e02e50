/** Server-sent events, read from the body of a `fetch`, which unlike `EventSource` can carry a token. */

export interface ServerEvent {
  name: string;
  data: string;
}

/** What a line may hold before the stream is taken for something else. */
const LONGEST = 256 * 1024;

/** Takes text as it comes and answers with the events that it completes (HTML §9.2.6). */
export class EventReader {
  private rest = '';
  private name = '';
  private data: string[] = [];

  push(text: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    this.rest += text;
    for (;;) {
      // A carriage return at the very end may be half of an end of line.
      const end = /\r\n|\n|\r(?!$)/.exec(this.rest);
      if (end === null) break;
      const line = this.rest.slice(0, end.index);
      this.rest = this.rest.slice(end.index + end[0].length);
      const event = this.line(line);
      if (event) events.push(event);
    }
    if (this.rest.length > LONGEST) this.rest = '';
    return events;
  }

  private line(line: string): ServerEvent | undefined {
    if (line === '') {
      const event = this.data.length > 0 ? { name: this.name || 'message', data: this.data.join('\n') } : undefined;
      this.name = '';
      this.data = [];
      return event;
    }
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.name = value;
    else if (field === 'data' && this.data.length < 1000) this.data.push(value);
    return undefined;
  }
}

/** Reads events until the stream ends. */
export async function readEvents(body: ReadableStream<Uint8Array>, tell: (event: ServerEvent) => void): Promise<void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const events = new EventReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    for (const event of events.push(decoder.decode(value, { stream: true }))) tell(event);
  }
}
