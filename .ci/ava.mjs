// The tests, compiled as the package is (compile.mjs). With `--compiled` first they are taken as they are.
import { spawnSync } from 'node:child_process';

const args = process.argv.slice(2);
const compiled = args[0] === '--compiled' && args.shift();
const shell = process.platform === 'win32';
const steps = [
  ...(compiled ? [] : [['node', ['.ci/compile.mjs'], '.']]),
  ['npx', ['ava', ...args.map((word) => word.replace(/\.test\.ts$/, '.test.js'))], '.cache/tests'],
];
for (const [file, words, cwd] of steps) {
  const { status } = spawnSync(file, words, { stdio: 'inherit', shell, cwd });
  if (status !== 0) process.exit(status ?? 1);
}
