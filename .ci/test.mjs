// `npm test`: what can be seen without running anything, two steps at a time, and the tests with both cores to
// themselves. What a step says comes out whole when it has ended; the first that fails ends it all.
import { spawn, spawnSync } from 'node:child_process';

/** The longest first. */
const steps = [
  ['npm', 'run', '--silent', 'typecheck:code'],
  ['npm', 'run', '--silent', 'typecheck:page'],
  ['node', '.ci/compile.mjs'],
  ['npm', 'run', '--silent', 'docs:check'],
  ['npm', 'run', '--silent', 'typecheck:browser'],
  ['npm', 'run', '--silent', 'lint'],
];
const shell = process.platform === 'win32';

const run = ([file, ...args]) =>
  new Promise((resolve) => {
    const child = spawn(file, args, { shell, stdio: ['ignore', 'pipe', 'pipe'] });
    const said = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => said.push(bytes));
    child.on('error', (error) => said.push(`${error.message}\n`));
    child.on('close', (status) => {
      process.stdout.write(`> ${[file, ...args].join(' ')}\n`);
      for (const bytes of said) process.stdout.write(bytes);
      resolve(status ?? 1);
    });
  });

let failed = 0;
await Promise.all(
  Array.from({ length: 2 }, async () => {
    for (let step = steps.shift(); step && failed === 0; step = steps.shift()) {
      const status = await run(step);
      failed ||= status;
    }
  }),
);
if (failed !== 0) process.exit(failed);

const tests = ['.ci/ava.mjs', '--compiled', ...process.argv.slice(2)];
process.exitCode = spawnSync('node', tests, { shell, stdio: 'inherit' }).status ?? 1;
