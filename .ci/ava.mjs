// The tests with the compiled programs: dist is built anew, so that what is published is what is tested, and so that the
// many processes that tests start need not be transpiled.
import { spawnSync } from 'node:child_process';

const steps = [
  ['npm', ['run', '--silent', 'build']],
  ['npx', ['ava', ...process.argv.slice(2)]],
];
for (const [file, args] of steps) {
  const { status } = spawnSync(file, args, {
    stdio: 'inherit',
    shell: process.platform === 'win32',
    env: { ...process.env, GAIN_TEST_COMPILED: '1' },
  });
  if (status !== 0) process.exit(status ?? 1);
}
