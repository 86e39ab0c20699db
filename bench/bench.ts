import { access, constants, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { hideBin } from 'yargs/helpers';
import { UsageError } from '../src/errors/index.ts';
import { runProgram } from '../src/programs/program.ts';
import { parsePlan } from './command-line.ts';
import type { Measurement } from './measure.ts';

await runProgram(async () => {
  const { workloads, json, ...plan } = await parsePlan(hideBin(process.argv));
  if (json !== undefined) await requireWritable(json);

  // Loaded late, so that --help and a mistyped option are answered at once.
  const { measure } = await import('./measure.ts');
  const { table } = await import('./table.ts');
  const log = (line: string) => process.stderr.write(`${line}\n`);
  const rows: Measurement[] = [];
  for (const workload of workloads) {
    rows.push(...(await measure(workload, { ...plan, log })));
    // After each workload, so that an interruption loses one and not all.
    if (json !== undefined) await writeFile(json, `${JSON.stringify(rows, null, 2)}\n`);
  }
  process.stdout.write(table(rows));
});

/** A file that cannot be written is better known before the measurements than after. */
async function requireWritable(file: string): Promise<void> {
  try {
    await access(dirname(file), constants.W_OK);
  } catch (cause) {
    throw new UsageError(`--json: ${file} cannot be written: ${(cause as Error).message}`, { cause });
  }
}
