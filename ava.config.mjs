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

const rank = (file) => {
  const found = longest.findIndex((name) => file.replaceAll('\\', '/').endsWith(`test/${name}.test.ts`));
  return found < 0 ? longest.length : found;
};

// biome-ignore lint/style/noDefaultExport: ava reads no other.
export default {
  files: ['test/**/*.test.ts'],
  extensions: { ts: 'module' },
  nodeArguments: ['--import=./.ci/typescript.mjs'],
  workerThreads: false,
  concurrency: 2,
  timeout: '5m',
  sortTestFiles: (a, b) => rank(a) - rank(b) || a.localeCompare(b),
};
