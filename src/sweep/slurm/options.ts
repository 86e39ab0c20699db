import * as z from 'zod';
import { UsageError } from '../../errors/index.ts';

const text = z.union([z.string().min(1), z.number().transform(String)]);
const positive = z.int().min(1);

/** What the jobs of a sweep ask the scheduler for. */
export const slurmSchema = z.strictObject({
  partition: text.optional(),
  account: text.optional(),
  qos: text.optional(),
  time: text
    .optional()
    .describe('Limit of a job, as sbatch takes it: 4:00:00. A run that it cuts off goes on.'),
  cpusPerTask: positive.default(1).describe('Processors of a run, and threads of its engine.'),
  memory: text.optional().describe('Of a job: 4G.'),
  gres: text.optional().describe('gpu:1, for example.'),
  constraint: text.optional(),
  grace: positive
    .default(120)
    .describe(
      'Seconds before the time limit at which a run writes its checkpoint and its job is queued again.',
    ),
  array: z
    .union([z.boolean(), positive])
    .default(false)
    .describe(
      'One array job for all runs, where the queue limits the number of jobs; a number: so many at a time.',
    ),
  extra: z.array(text).default([]).describe('More lines of #SBATCH, without that word: --mail-type=FAIL.'),
  setup: z.array(text).default([]).describe('Lines of the shell before the run: module load node.'),
});

/** Options with their defaults filled in. */
export type SlurmOptions = z.output<typeof slurmSchema>;

/**
 * The options of a sweep file with those of the command line laid over them.
 *
 * @param given `key=value`, lists grow: `extra=--mail-type=FAIL`
 * @throws {UsageError} naming the option, the rule and the value
 */
export function slurmOptions(
  ofFile: z.input<typeof slurmSchema> = {},
  given: readonly string[] = [],
): SlurmOptions {
  const values: Record<string, unknown> = { ...ofFile };
  for (const one of given) {
    const [, key, value] = /^([^=]+)=(.*)$/s.exec(one) ?? [];
    if (key === undefined) throw new UsageError(`--slurm: expected KEY=VALUE, found ${one}`);
    if (key === 'extra' || key === 'setup') values[key] = [...((values[key] as string[]) ?? []), value!];
    else values[key] = typed(value!);
  }
  const read = slurmSchema.safeParse(values);
  if (read.success) {
    requireRoom(read.data);
    return read.data;
  }
  const [issue] = read.error.issues;
  const known = Object.keys(slurmSchema.shape).join(', ');
  const where =
    issue!.code === 'unrecognized_keys' ? `${issue!.keys.join(', ')}: there are ${known}` : issue!.message;
  throw new UsageError(`slurm${issue!.path.map((step) => `.${String(step)}`).join('')}: ${where}`);
}

/**
 * Slurm may send its signal up to a minute early: before the run has begun, where the limit leaves it no room.
 *
 * @throws {UsageError} when the time limit is not more than a minute above `grace`
 */
function requireRoom({ time, grace }: SlurmOptions): void {
  const seconds = time === undefined ? undefined : secondsOf(time);
  if (seconds === undefined || seconds > grace + 60) return;
  throw new UsageError(
    `slurm.time: must be more than a minute above slurm.grace (${grace} seconds), since Slurm may send its signal a ` +
      `minute early; was ${time}`,
  );
}

/** Of `minutes`, `minutes:seconds`, `hours:minutes:seconds`, and the same after `days-`; undefined for anything else. */
function secondsOf(time: string): number | undefined {
  const [, days, rest] = /^(?:(\d+)-)?(\d+(?::\d+){0,2})$/.exec(time) ?? [];
  if (rest === undefined) return undefined;
  const parts = rest.split(':').map(Number) as [number, number?, number?];
  if (days !== undefined) {
    const [hours, minutes = 0, seconds = 0] = parts;
    return Number(days) * 86_400 + hours * 3600 + minutes * 60 + seconds;
  }
  if (parts.length === 3) return parts[0] * 3600 + parts[1]! * 60 + parts[2]!;
  return parts[0] * 60 + (parts[1] ?? 0);
}

function typed(value: string): unknown {
  if (value === 'true' || value === 'false') return value === 'true';
  return /^\d+$/.test(value) ? Number(value) : value;
}
