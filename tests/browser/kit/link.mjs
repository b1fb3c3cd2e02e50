// A bad network between the server and its viewers (`testkit link`).

import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { start, end, testkit } from './processes.mjs';

/** Relays to the media port of the server; `set('loss=2 delay_ms=20')` says how it fares, `set('clear')` ends that. */
export async function startLink(server, { seed = 1 } = {}) {
  const child = start(testkit, ['link', server.media(), '--seed', String(seed)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => (await lines.next()).value;
  const address = await next();
  return {
    address,
    /** How many datagrams the server has sent, and how many were lost. */
    set: async (line) => {
      child.stdin.write(`${line}\n`);
      const said = await next();
      if (!said?.startsWith('Ok')) throw new Error(`${line}: ${said}`);
      return said;
    },
    stop: async () => {
      if (child.exitCode !== null) return;
      child.stdin.end();
      await Promise.race([once(child, 'exit'), end(child)]);
    },
  };
}
