import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, normalize, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';

/**
 * The house: which rooms a room may import from, by their faces alone. The same table is in docs/architecture.md.
 * `onnx` has a face of its own, `tfjs-gain/engine/onnx`.
 */
const mayImport: Record<string, readonly string[]> = {
  errors: [],
  random: [],
  progress: [],
  autodiff: ['errors'],
  config: ['errors'],
  pictures: ['errors'],
  engine: ['errors'],
  losses: ['autodiff', 'errors'],
  gradcam: ['autodiff', 'errors'],
  metrics: ['errors', 'random'],
  data: ['errors', 'random'],
  models: ['errors'],
  tensorboard: ['data', 'errors'],
  run: ['config', 'data', 'engine', 'errors', 'gradcam', 'losses', 'models'],
  gain: ['autodiff', 'errors', 'gradcam', 'losses', 'metrics', 'random'],
  export: ['autodiff', 'config', 'data', 'engine', 'errors', 'gradcam', 'losses', 'models', 'run'],
  explain: [
    'autodiff',
    'config',
    'data',
    'errors',
    'gradcam',
    'losses',
    'metrics',
    'models',
    'pictures',
    'progress',
    'random',
    'run',
  ],
  segmentation: ['autodiff', 'data', 'errors', 'gain', 'gradcam', 'pictures', 'random'],
  evaluation: [
    'autodiff',
    'config',
    'data',
    'engine',
    'errors',
    'gradcam',
    'losses',
    'metrics',
    'models',
    'pictures',
    'progress',
    'random',
    'run',
    'tensorboard',
  ],
  'engine-check': ['engine', 'errors', 'gain', 'models'],
  experiment: [
    'losses',
    'autodiff',
    'config',
    'data',
    'engine',
    'errors',
    'gain',
    'gradcam',
    'metrics',
    'models',
    'pictures',
    'progress',
    'run',
    'segmentation',
    'tensorboard',
  ],
  sweep: ['config', 'errors', 'progress', 'run', 'tensorboard'],
  report: ['data', 'errors', 'evaluation', 'pictures', 'random'],
};

const source = fileURLToPath(new URL('../src', import.meta.url));
const importPattern = /(?:from\s+|import\s+|import\()'(\.[^']+)'/g;

interface Import {
  readonly file: string;
  readonly target: string;
}

async function relativeImports(): Promise<Import[]> {
  const files = (await readdir(source, { recursive: true })).filter((file) => file.endsWith('.ts'));
  const perFile = files.map(async (file) => {
    const text = await readFile(join(source, file), 'utf8');
    return [...text.matchAll(importPattern)].map(([, path]) => ({
      file,
      target: normalize(join(dirname(file), path!)),
    }));
  });
  return (await Promise.all(perFile)).flat();
}

/** The room of a file; undefined for a program or the public face, which lie directly in src/. */
const roomOf = (file: string) => (file.includes(sep) ? file.split(sep)[0] : undefined);

test('rooms import downwards only, and through faces only', async (t) => {
  const imports = await relativeImports();
  t.true(imports.length > 300, 'the pattern finds the imports');
  const broken = imports.flatMap(({ file, target }) => {
    const [from, to] = [roomOf(file), roomOf(target)];
    if (from === to && from !== undefined) return [];
    if (to === undefined) {
      return from === undefined ? [] : [`${file}: imports the program or public face ${target}`];
    }
    if (from !== undefined && !mayImport[from]?.includes(to))
      return [`${file}: ${from} may not import ${to}`];
    return target === join(to, 'index.ts') ? [] : [`${file}: imports ${target} past the face of ${to}`];
  });
  t.deepEqual(broken, []);
});

test('every room is in the table, and nothing in the table leads upwards', async (t) => {
  const entries = await readdir(source, { withFileTypes: true });
  const rooms = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  t.deepEqual(rooms.sort(), Object.keys(mayImport).sort());
  const order = Object.keys(mayImport);
  for (const [room, below] of Object.entries(mayImport)) {
    t.deepEqual(
      below.filter((other) => order.indexOf(other) >= order.indexOf(room)),
      [],
      room,
    );
  }
});

test('the cpu backend is loaded by the engine alone', async (t) => {
  const files = (await readdir(source, { recursive: true })).filter((file) => file.endsWith('.ts'));
  const loading: string[] = [];
  for (const file of files) {
    const text = await readFile(join(source, file), 'utf8');
    if (/'@tensorflow\/tfjs-backend|'onnxruntime-node/.test(text)) loading.push(file);
  }
  t.deepEqual(
    loading.filter((file) => roomOf(file) !== 'engine'),
    [],
  );
});

test('the table in docs/architecture.md is this one', async (t) => {
  const text = await readFile(new URL('../docs/architecture.md', import.meta.url), 'utf8');
  for (const [room, below] of Object.entries(mayImport)) {
    const row = new RegExp(`^\\| \`${room}\` \\|.*\\| ([^|]*) \\|$`, 'm').exec(text);
    const listed = [...(row?.[1]?.matchAll(/`(\w+)`/g) ?? [])].map(([, name]) => name!);
    t.deepEqual(listed.sort(), [...below].sort(), room);
  }
});
