// Builds the pages into dist/: bundles scripts and styles under names that carry their hash, writes each page of pages/
// with those names filled in, copies public/, and puts a gzip and a brotli form beside everything that shrinks.
import { build } from 'esbuild';
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';

const brotli = promisify(zlib.brotliCompress);
const gzip = promisify(zlib.gzip);
const here = fileURLToPath(new URL('.', import.meta.url));
const dist = join(here, 'dist');
const pages = ['home', 'watch', 'embed', 'publish', 'reference', 'lost'];

await rm(dist, { recursive: true, force: true });
await mkdir(dist, { recursive: true });

const bundle = await build({
  absWorkingDir: here,
  entryPoints: pages.map((page) => `src/${page}.ts`),
  outdir: 'dist/assets',
  entryNames: '[name]-[hash]',
  chunkNames: '[name]-[hash]',
  assetNames: '[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  target: ['es2022', 'safari16'],
  minify: true,
  metafile: true,
  legalComments: 'none',
  loader: { '.woff2': 'file' },
  logLevel: 'warning',
});

// What each entry point became, and every chunk that it will ask for to play by the best engine.
const { outputs } = bundle.metafile;
const built = new Map();
for (const [file, output] of Object.entries(outputs)) {
  const page = output.entryPoint?.match(/^src\/([a-z]+)\.ts$/)?.[1];
  if (page === undefined) continue;
  built.set(page, {
    script: relative('dist', file),
    style: output.cssBundle && relative('dist', output.cssBundle),
    preload: [...imports(file)].map((chunk) => relative('dist', chunk)),
  });
}

function imports(file, found = new Set()) {
  for (const { path, kind } of outputs[file].imports) {
    const isWanted = kind === 'import-statement' || outputs[path]?.entryPoint === 'src/player/hls.ts';
    if (!isWanted || found.has(path)) continue;
    found.add(path);
    imports(path, found);
  }
  return found;
}

// What others wrote and we pass on, with their terms.
const borrowed = { 'hls.js': 'LICENSE', dashjs: 'LICENSE.md', '@fontsource-variable/instrument-sans': 'LICENSE' };
const terms = await Promise.all(
  Object.entries(borrowed).map(async ([name, file]) => {
    const folder = join(here, 'node_modules', name);
    const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
    return `${name} ${version}\n\n${await readFile(join(folder, file), 'utf8')}`;
  }),
);
const licenses = terms.join(`\n\n${'-'.repeat(80)}\n\n`);
const licensesName = `assets/licenses-${createHash('sha256').update(licenses).digest('hex').slice(0, 8)}.txt`;
await writeFile(join(dist, licensesName), licenses);

const font = Object.keys(outputs).find((file) => file.endsWith('.woff2'));

for (const page of pages) {
  const { script, style, preload } = built.get(page) ?? {};
  const head = [
    '<base href="/">',
    '<link rel="icon" href="favicon.svg" type="image/svg+xml">',
    `<link rel="license" href="${licensesName}" type="text/plain">`,
    font && `<link rel="preload" href="${relative('dist', font)}" as="font" type="font/woff2" crossorigin>`,
    style && `<link rel="stylesheet" href="${style}">`,
    ...(preload ?? []).map((href) => `<link rel="modulepreload" href="${href}">`),
    script && `<script type="module" src="${script}"></script>`,
  ];
  const source = await readFile(join(here, 'pages', `${page}.html`), 'utf8');
  if (!source.includes('<!-- assets -->')) throw new Error(`pages/${page}.html has no <!-- assets --> line`);
  const html = source.replace('<!-- assets -->', head.filter(Boolean).join('\n    '));
  await writeFile(join(dist, `${page}.html`), html);
}

for (const name of await readdir(join(here, 'public'))) {
  await writeFile(join(dist, name), await readFile(join(here, 'public', name)));
}

let total = 0;
for (const file of await filesOf(dist)) {
  const plain = await readFile(file);
  total += plain.length;
  const forms = [
    ['.gz', await gzip(plain, { level: 9 })],
    ['.br', await brotli(plain, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 11 } })],
  ];
  const sizes = forms.map(([ending, bytes]) => `${kib(bytes)} ${ending.slice(1)}`);
  console.log(`${relative(dist, file).padEnd(32)} ${kib(plain)}  (${sizes.join(', ')})`);
  for (const [ending, bytes] of forms) {
    if (bytes.length < plain.length * 0.9) await writeFile(file + ending, bytes);
  }
}
console.log(`${kib({ length: total })} in all`);

async function filesOf(folder) {
  const entries = await readdir(folder, { withFileTypes: true });
  const nested = entries.map((e) => (e.isDirectory() ? filesOf(join(folder, e.name)) : [join(folder, e.name)]));
  return (await Promise.all(nested)).flat().sort();
}

function kib({ length }) {
  return `${(length / 1024).toFixed(1)} KiB`;
}
