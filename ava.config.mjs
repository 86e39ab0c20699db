import { existsSync } from 'node:fs';

/** Those that take longest begin, so that both cores are at work to the end. */
const longest = [
  'train/resume',
  'explore/page',
  'train/sweep',
  'train/bad-input',
  'examples/examples',
  'train/interrupt',
  'train/distill',
  'train/kill-stages',
  'fuzz/fuzz',
  'explain/support',
  'sweep/slurm-trainings',
  'evaluation/evaluate',
  'engine/onnx/convolution-forms',
  'models/reference',
  'models/torch-models',
  'train/cure-programs',
];

/** In .cache/tests, where `npm test` compiles this checkout to. */
const compiled = existsSync(new URL('src/index.js', import.meta.url));
const ending = compiled ? 'js' : 'ts';

const rank = (file) => {
  const path = file.replaceAll('\\', '/');
  const found = longest.findIndex((name) => path.endsWith(`test/${name}.test.${ending}`));
  return found < 0 ? longest.length : found;
};

// biome-ignore lint/style/noDefaultExport: ava reads no other.
export default {
  files: [`test/**/*.test.${ending}`],
  ...(!compiled && { extensions: { ts: 'module' }, nodeArguments: ['--import=./.ci/typescript.mjs'] }),
  workerThreads: false,
  concurrency: 2,
  timeout: '5m',
  sortTestFiles: (a, b) => rank(a) - rank(b) || a.localeCompare(b),
};
