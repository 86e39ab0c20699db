/**
 * What a job of the Slurm test runs in place of the program: `performInJob` itself, over a training that writes its files
 * at once, or first waits while a file `hold` lies in the folder of the sweep.
 *
 *     pretended-job.ts SWEEP_FILE OUT --only RUN_DIRECTORY
 */
import { existsSync } from 'node:fs';
import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { stringifyConfig } from '../../src/config/index.ts';
import { writeWhole } from '../../src/files/index.ts';
import { DirectoryLock } from '../../src/run/index.ts';
import { type Launcher, loadSweep, performInJob, thisJob } from '../../src/sweep/index.ts';

const [file, out, , only] = process.argv.slice(2) as [string, string, string, string];
const sweep = await loadSweep(file, out);
const run = sweep.runs.find(({ directory }) => directory === only)!;
const interrupt = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => interrupt.abort());

const launcher: Launcher = {
  async launch({ command, log }) {
    const lock = await DirectoryLock.acquire(only);
    const event = (fields: object) => appendFile(join(only, 'log.ndjson'), `${JSON.stringify(fields)}\n`);
    await mkdir(only, { recursive: true });
    await writeWhole(join(only, 'config.yaml'), stringifyConfig(run.config));
    const threads = 'args' in command ? command.args.filter((arg) => arg.startsWith('engine.threads')) : [];
    await event({ event: 'args' in command && command.args.includes('--resume') ? 'resume' : 'start' });
    await appendFile(log, `epoch 1/2: ${threads}, ${process.env.SLURMD_NODENAME}\n`);
    while (existsSync(join(out, 'hold')) && !interrupt.signal.aborted) await wait(20);
    try {
      if (interrupt.signal.aborted) {
        await appendFile(log, 'InterruptedError: interrupted after step 3, checkpoint written\n');
        return 130;
      }
      if (run.seed === 13) {
        await appendFile(log, 'DataError: data/train, record 7: torn\n');
        return 3;
      }
      const metrics = { test: { accuracy: run.seed / 10, loss: 1, energyInMask: null } };
      await writeWhole(join(only, 'summary.json'), JSON.stringify({ steps: 7, best: null, metrics }));
      await event({ event: 'finish' });
      return 0;
    } finally {
      lock.release();
    }
  },
  interrupt() {},
};

const outcome = await performInJob(sweep, run, thisJob()!, {
  launcher,
  signal: interrupt.signal,
  log: (line) => process.stderr.write(`${line}\n`),
});
process.exitCode = outcome.status === 'finished' ? 0 : outcome.status === 'failed' ? outcome.code : 130;
