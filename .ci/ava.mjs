// The tests with the compiled programs: dist is made anew, so that the code that is published is what is tested, and so
// that the many processes that tests start need not be transpiled. With `--compiled` first, dist is taken as it is.
import { spawnSync } from 'node:child_process';

const args = process.argv.slice(2);
const compiled = args[0] === '--compiled' && args.shift();
const steps = [...(compiled ? [] : [['node', ['.ci/compile.mjs']]]), ['npx', ['ava', ...args]]];
for (const [file, words] of steps) {
  const { status } = spawnSync(file, words, {
    stdio: 'inherit',
    shell: process.platform === 'win32',
    env: { ...process.env, GAIN_TEST_COMPILED: '1' },
  });
  if (status !== 0) process.exit(status ?? 1);
}
