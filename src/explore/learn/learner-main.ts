import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { writeJson } from '../../files/index.ts';
import { DirectoryLock } from '../../run/index.ts';
import { files, type LearnPlan, type LearnState, readJson } from './learn-files.ts';

// The process that a learning goes on in when its page is closed and its server is gone: `learner-main FOLDER`.
// It trains and audits by the programs of this package, and can be started again at any time: what is done is kept, a
// training goes on from its last checkpoint.

const [folder] = process.argv.slice(2) as [string];
const plan = readJson<LearnPlan>(join(folder, files.plan))!;
const run = join(folder, files.run);
let child: ChildProcess | undefined;
let stopped = false;

const lock = await DirectoryLock.acquire(folder);
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  process.on(signal, () => {
    stopped = true;
    child?.kill('SIGINT');
  });
}
try {
  // Whoever looks at the page shall not wait for it.
  setPriority(10);
} catch {
  // Where that is not allowed it is as important as everything else.
}
try {
  await note('learning');
  if (!existsSync(join(run, 'summary.json'))) {
    await step('train', ['--config', join(folder, files.config), '--run', run, '--resume=auto']);
  }
  await note('auditing');
  if (
    !existsSync(join(plan.run, 'audit', 'audit.json')) &&
    !existsSync(join(folder, files.auditBefore, 'audit.json'))
  ) {
    await step('audit', ['--run', plan.run, '--out', join(folder, files.auditBefore)]);
  }
  if (!existsSync(join(run, 'audit', 'audit.json'))) await step('audit', ['--run', run]);
  await note('done');
} catch (error) {
  if (!stopped) await note('failed', error instanceof Error ? error.message : String(error));
} finally {
  lock.release();
}

async function note(stage: LearnState['stage'], message = ''): Promise<void> {
  await writeJson(join(folder, files.state), { stage, message } satisfies LearnState);
}

async function step(program: string, args: readonly string[]): Promise<void> {
  const [file, ...first] = plan.program as [string, ...string[]];
  const said = await open(join(folder, files.log), 'a');
  try {
    await said.write(`$ ${program} ${args.join(' ')}\n`);
    const ended = await new Promise<number | null>((resolve, reject) => {
      child = spawn(file, [...first, program, ...args], { stdio: ['ignore', said.fd, said.fd] });
      child.on('error', reject).on('exit', resolve);
    });
    if (stopped) throw new Error('stopped');
    if (ended !== 0)
      throw new Error(`${program} ended with code ${ended}; ${files.log} of the learning says why`);
  } finally {
    await said.close();
  }
}
