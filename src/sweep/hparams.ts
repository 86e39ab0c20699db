import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileStems } from '../files/index.ts';
import { EventWriter, type HyperparameterValue } from '../tensorboard/index.ts';
import type { Sweep, SweepRun } from './sweep.ts';
import type { SweepTable } from './table.ts';

/**
 * Writes a folder that TensorBoard's HPARAMS tab compares the runs in: a session per run, with what the sweep varies
 * as hyperparameters and the table's metrics as metrics. What was there is replaced.
 *
 * @param dir a folder of its own: beside the runs' own sessions, each run would be there twice
 */
export async function writeHparams(sweep: Sweep, table: SweepTable, dir: string): Promise<void> {
  await rm(dir, { recursive: true, force: true });
  const columns = columnsOf(sweep);
  const tags = table.metrics.map(({ key }) => key);
  const entries = table.parts.flatMap(({ rows }) => rows.flatMap(({ runs }) => runs));
  const stems = fileStems(sweep.runs.map(({ name }) => name));
  for (const [i, run] of sweep.runs.entries()) {
    const entry = entries.find(({ directory }) => directory === run.directory)!;
    if (entry.status === 'missing') continue;
    const events = await EventWriter.create(join(dir, stems[i]!));
    events.hparams(columns[i]!, tags);
    const measured = Object.entries(entry.values).filter(([, value]) => !Number.isNaN(value));
    if (measured.length > 0) events.scalars(0, Object.fromEntries(measured));
    events.endSession(entry.status === 'finished' ? 'success' : 'failure');
    await events.close();
  }
}

/** The hyperparameters of every run: the same names in all, and of each name the same type. */
function columnsOf({ runs, keys, parts }: Sweep): Record<string, HyperparameterValue>[] {
  const raw = runs.map(
    (run): Record<string, unknown> => ({
      setting: run.row,
      ...(parts.length > 1 && { part: run.part }),
      seed: run.seed,
      ...Object.fromEntries(keys.map((key) => [key, valueAt(run, key)])),
    }),
  );
  const names = Object.keys(raw[0]!);
  const plain = names.filter((name) => {
    const types = new Set(raw.map((values) => typeof values[name]));
    return types.size === 1 && ['string', 'number', 'boolean'].includes([...types][0]!);
  });
  return raw.map((values) =>
    Object.fromEntries(
      names.map((name) => [
        name,
        plain.includes(name) ? (values[name] as HyperparameterValue) : asText(values[name]),
      ]),
    ),
  );
}

/** Of the resolved config, so that a run has a value also where it leaves the base's. */
function valueAt({ config }: SweepRun, key: string): unknown {
  return key
    .split('.')
    .reduce<unknown>((node, step) => (node as Record<string, unknown> | null)?.[step], config);
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '–');
}
