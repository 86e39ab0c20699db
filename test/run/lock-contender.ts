import { createInterface } from 'node:readline';
import { DirectoryLock } from '../../src/run/directory-lock.ts';

/** For each line `TIME DIRECTORY` on stdin: takes the directory at that time, and says how that went. */
const said = (line: string) => process.stdout.write(`${line}\n`);

said('ready');
for await (const line of createInterface({ input: process.stdin })) {
  const [time, directory] = line.split(' ') as [string, string];
  while (Date.now() < Number(time));
  try {
    await DirectoryLock.acquire(directory);
    said('held');
  } catch (error) {
    said(String(error));
  }
}
