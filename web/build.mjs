// Builds the pages into dist/: bundles scripts and styles under names that carry their hash, writes each page of pages/
// with those names filled in, copies public/, and puts a gzip and a brotli form beside everything that shrinks.
import { build } from 'esbuild';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';

const brotli = promisify(zlib.brotliCompress);
const gzip = promisify(zlib.gzip);
const here = fileURLToPath(new URL('.', import.meta.url));
const dist = join(here, 'dist');
const pages = ['home', 'watch', 'embed', 'lost'];

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
  logLevel: 'warning',
});

// What each entry point became, and the chunks that it will ask for at once.
const built = new Map();
for (const [file, output] of Object.entries(bundle.metafile.outputs)) {
  if (output.entryPoint === undefined) continue;
  const name = output.entryPoint.replace(/^src\/(.*)\.ts$/, '$1');
  const eager = output.imports.filter((i) => i.kind === 'import-statement' || i.kind === 'dynamic-import');
  built.set(name, {
    script: relative('dist', file),
    style: output.cssBundle && relative('dist', output.cssBundle),
    preload: eager.map((i) => relative('dist', i.path)),
  });
}

for (const page of pages) {
  const { script, style, preload } = built.get(page) ?? {};
  const head = [
    '<base href="/">',
    '<link rel="icon" href="favicon.svg" type="image/svg+xml">',
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
