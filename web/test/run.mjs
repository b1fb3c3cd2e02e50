// Bundles every *.test.ts of the pages and of the client for node and runs them with its own test runner.
import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const out = await mkdtemp(join(tmpdir(), 'onair-web-test-'));
const tests = [];
for (const folder of ['.', '../client/test'])
  for (const name of await readdir(join(here, folder))) if (name.endsWith('.test.ts')) tests.push(join(folder, name));

await build({
  absWorkingDir: here,
  entryPoints: tests,
  outdir: out,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  format: 'esm',
  sourcemap: 'inline',
  logLevel: 'warning',
});
const built = (await readdir(out, { recursive: true }))
  .filter((name) => name.endsWith('.mjs'))
  .map((name) => join(out, name));
const { status } = spawnSync(process.execPath, ['--enable-source-maps', '--test', ...built], {
  cwd: join(here, '..'),
  stdio: 'inherit',
});
await rm(out, { recursive: true, force: true });
process.exit(status ?? 1);
