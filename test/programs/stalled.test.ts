import { execFile } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { temporaryFolder } from '../data/temporary-folder.ts';
import { moduleCommand } from '../program-command.ts';

test('a program whose event loop runs dry says so, with code 1, and lets its directory go', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'file'), '');
  const [file, ...args] = moduleCommand(new URL('./stalled-program', import.meta.url));
  const { code, stderr } = await new Promise<{ code: unknown; stderr: string }>((resolve) => {
    execFile(file, [...args, folder], (error, _, stderr) => resolve({ code: error?.code ?? 0, stderr }));
  });
  t.is(code, 1, stderr);
  t.regex(
    stderr,
    /^StalledError: .*stalled-program\.[jt]s: waits for something that cannot come any more, and ends here/,
  );
  t.false(existsSync(join(folder, '.lock')));
  t.true(existsSync(join(folder, 'file')));
});
