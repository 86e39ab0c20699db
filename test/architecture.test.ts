import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, normalize, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';

/**
 * The house: which rooms a room may import from, by their faces alone. The same table is in docs/architecture.md.
 * `onnx` has a face of its own, `tfjs-gain/engine/onnx`.
 */
const mayImport = tableOf(`
  errors       |
  random       |
  progress     |
  files        | errors
  autodiff     | errors
  config       | errors
  pictures     | errors
  engine       | errors
  losses       | autodiff errors
  gradcam      | autodiff errors
  metrics      | errors random
  data         | errors files random
  models       | autodiff errors files
  tensorboard  | data errors files
  run          | config data engine errors files gradcam losses models
  gain         | autodiff errors gradcam losses metrics random
  export       | autodiff engine errors files gradcam losses models run
  explain      | autodiff data errors files gradcam losses metrics models pictures progress random run
  evaluation   | autodiff data engine errors explain files gradcam losses metrics models pictures progress random run
  segmentation | autodiff data errors files gain gradcam pictures random
  engine-check | engine errors gain models
  audit        | autodiff data engine errors files gradcam losses metrics pictures random run segmentation
  experiment   | audit autodiff config data engine errors evaluation files gain gradcam losses metrics models pictures progress random run segmentation tensorboard
  sweep        | config errors files progress random run tensorboard
  report       | data errors evaluation files pictures run
  explore      | autodiff config data engine errors explain files gradcam losses metrics models pictures run segmentation
`);

/**
 * The rooms within rooms: which of their neighbours they may import from. What is not named here imports from none
 * of its neighbours; from the room around it and the rooms in it a room may always import.
 */
const mayImportBeside = tableOf(`
  gain/guidance                 | gain/objective
  gain/distillation             | gain/objective
  explain/units                 | explain/pixels
  explore/session               | explore/look explore/masks
  explore/learn                 | explore/masks explore/session
  explore/server                | explore/learn explore/masks explore/session
  explore/site                  | explore/look explore/server explore/session
  engine/onnx/ops               | engine/onnx/graph
  engine/onnx/ops/convolution   | engine/onnx/graph
  engine/onnx/runtime           | engine/onnx/graph engine/onnx/ops
  engine/onnx/kernels           | engine/onnx/graph engine/onnx/ops engine/onnx/ops/convolution
  models/keras                  | models/layers
  models/backbones              | models/layers
  models/torch                  | models/keras
  models/torch/recipes          | models/backbones
  models/onnx                   | models/layers
  models/storage                | models/keras models/layers models/onnx models/torch
  data/scenes                   | data/drawn
  data/importers/reading        | data/importers/import-run
  data/importers/folder         | data/importers/import-run data/importers/reading
  data/drawn                    | data/clips
  data/importers/clips          | data/clips data/importers/import-run data/importers/reading
  data/importers/annotation-tools | data/importers/import-run data/importers/reading
  data/importers/hugging-face   | data/importers/csv data/importers/folder data/importers/import-run data/importers/reading
  data/importers/coco           | data/importers/import-run data/importers/reading
  data/importers/csv            | data/importers/import-run data/importers/reading
  data/importers/mnist          | data/importers/import-run data/importers/reading
  data/importers/tfrecord       | data/importers/import-run data/importers/reading
  data/importers/voc            | data/importers/import-run data/importers/reading
`);

/** Rows of a room and what it may import. */
function tableOf(text: string): Record<string, readonly string[]> {
  const rows = text
    .trim()
    .split('\n')
    .map((row) => row.split('|').map((cell) => cell.trim()));
  return Object.fromEntries(rows.map(([room, below]) => [room, below!.split(' ').filter(Boolean)]));
}

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

/** What runs in browsers too: it may take what it needs of a room from that room's second face. */
const browserFiles =
  /^core\.ts$|^explore\/look\/|^explain\/(draw-attribution|explain-images|image-methods|layer-methods)\.ts$/;

/** The room of a file; undefined for a program or the public face, which lie directly in src/. */
const roomOf = (file: string) => (file.includes(sep) ? file.split(sep)[0] : undefined);

test('rooms import downwards only, and through faces only', async (t) => {
  const imports = await relativeImports();
  t.true(imports.length > 300, 'the pattern finds the imports');
  const broken = imports.flatMap(({ file, target }) => {
    const [from, to] = [roomOf(file), roomOf(target)];
    // Programs import everything, by its face; only the files beside them that start them import them.
    if (from === undefined && to === 'programs') return [];
    if (from === 'programs' && to !== undefined && to !== from) {
      return target === join(to, 'index.ts') ? [] : [`${file}: imports ${target} past the face of ${to}`];
    }
    if (from === to && from !== undefined) return [];
    if (to === undefined) {
      return from === undefined ? [] : [`${file}: imports the program or public face ${target}`];
    }
    if (from !== undefined && !mayImport[from]?.includes(to))
      return [`${file}: ${from} may not import ${to}`];
    // A room may have a second face, of what runs in browsers: for `tfjs-gain/core`, and for what the page shares.
    const faces = browserFiles.test(file) ? ['index.ts', 'core.ts'] : ['index.ts'];
    const atFace = faces.some((face) => target === join(to, face));
    return atFace ? [] : [`${file}: imports ${target} past the face of ${to}`];
  });
  t.deepEqual(broken, []);
});

test('every room is in the table, and nothing in the table leads upwards', async (t) => {
  const entries = await readdir(source, { withFileTypes: true });
  const rooms = entries
    .filter((entry) => entry.isDirectory() && entry.name !== 'programs')
    .map(({ name }) => name);
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

test('rooms within rooms import from the neighbours in the table, and through faces where there are any', async (t) => {
  const files = new Set(
    (await readdir(source, { recursive: true })).filter((file) => file.endsWith('index.ts')).map(dirname),
  );
  const within = (inner: string, outer: string) => `${inner}${sep}`.startsWith(`${outer}${sep}`);
  const used = new Set<string>();
  const broken = (await relativeImports()).flatMap(({ file, target }) => {
    const [from, to] = [dirname(file), dirname(target)];
    if (from === to || roomOf(file) !== roomOf(target) || roomOf(file) === 'programs') return [];
    // The face for browsers picks what needs no Node.
    const picks = browserFiles.test(file) || file === join(roomOf(file)!, 'core.ts');
    if (!within(from, to) && files.has(to) && target !== join(to, 'index.ts') && !picks) {
      return [`${file}: imports ${target} past the face of ${to}`];
    }
    if (within(from, to) || within(to, from)) return [];
    used.add(`${from} ${to}`);
    return mayImportBeside[from]?.includes(to) ? [] : [`${file}: ${from} may not import ${to}`];
  });
  t.deepEqual(broken, []);
  const listed = Object.entries(mayImportBeside).flatMap(([from, rooms]) =>
    rooms.map((to) => `${from} ${to}`),
  );
  t.deepEqual(
    listed.filter((pair) => !used.has(pair)),
    [],
    'what the table allows is needed',
  );
});

test('only programs read the command line', async (t) => {
  const files = (await readdir(source, { recursive: true })).filter((file) => file.endsWith('.ts'));
  const reading: string[] = [];
  for (const file of files) {
    if (/from 'yargs/.test(await readFile(join(source, file), 'utf8'))) reading.push(file);
  }
  t.true(reading.length > 0);
  t.deepEqual(
    reading.filter((file) => roomOf(file) !== 'programs'),
    [],
  );
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
