// Makes dist anew for the tests. Types are for `npm run typecheck` to see and declarations for `npm run build` to write:
// without both, the same code comes out in a third of the time.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';

rmSync('dist', { recursive: true, force: true });
const compiler = ['tsc', '-p', 'tsconfig.build.json', '--noCheck', '--declaration', 'false'];
const { status } = spawnSync('npx', compiler, { stdio: 'inherit', shell: process.platform === 'win32' });
if (status !== 0) process.exit(status ?? 1);
await import('./bundle-page.mjs');
