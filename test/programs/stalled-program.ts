import { runProgram } from '../../src/programs/program.ts';
import { DirectoryLock } from '../../src/run/directory-lock.ts';

// A program that waits for what never comes, with a directory that it holds: stalled.test.ts.
await runProgram(async () => {
  await DirectoryLock.acquire(process.argv[2]!);
  await new Promise(() => {});
});
