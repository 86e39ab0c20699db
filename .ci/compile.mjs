// Makes .cache/tests anew: this checkout once more, with what tsc makes of each TypeScript file beside it. There the tests
// need no loader, which takes a third to a half of the processor time of their start, nor do the processes and threads that
// they start. Types are for `npm run typecheck` to see.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, linkSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const folder = '.cache/tests';
const shell = process.platform === 'win32';

/** What a command says; ends the process when it fails. */
function run(file, args, stdout) {
  const ended = spawnSync(file, args, { shell, stdio: ['ignore', stdout, 'inherit'], maxBuffer: 2 ** 26 });
  if (ended.status !== 0) process.exit(ended.status ?? 1);
  return ended.stdout;
}

rmSync(folder, { recursive: true, force: true });
const emitting = ['--noCheck', '--declaration', 'false', '--sourceMap', 'false', '--outDir', folder];
run('npx', ['tsc', '-p', 'tsconfig.json', ...emitting], 'inherit');

const listed = run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], 'pipe');
for (const file of listed.toString().split('\0').filter(existsSync)) {
  const target = join(folder, file);
  mkdirSync(dirname(target), { recursive: true });
  try {
    linkSync(file, target);
  } catch {
    copyFileSync(file, target);
  }
}
for (const [what, place] of [
  ['node_modules', join(folder, 'node_modules')],
  // Data that lies beside a checkout.
  ['../shared', '.cache/shared'],
]) {
  rmSync(place, { force: true });
  if (existsSync(what)) symlinkSync(resolve(what), place, 'junction');
}
run('node', ['.ci/bundle-page.mjs', `${folder}/src`], 'inherit');
