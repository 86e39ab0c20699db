import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { DataError } from '../errors/index.ts';

const name = z.string().min(1);

const schema = z.object({
  name,
  classes: z
    .array(name)
    .min(1)
    .refine((classes) => new Set(classes).size === classes.length, 'two classes have the same name'),
  multiLabel: z.boolean(),
  groups: z.array(name).optional(),
  splits: z.record(name, z.object({ examples: z.int().min(0), shards: z.array(name) })),
  source: z.record(z.string(), z.unknown()).optional(),
});

/** What a data set is: the content of `dataset.json`, which lies beside its shards. */
export interface DatasetInfo {
  name: string;
  /** Class names; a label is an index into them. */
  classes: string[];
  /** Whether an image may have none or several labels. */
  multiLabel: boolean;
  /** Names of the groups that its images belong to, where they do. */
  groups?: string[] | undefined;
  splits: Record<string, { examples: number; shards: string[] }>;
  /** What made it: the importer or generator, its version and options. */
  source?: Record<string, unknown> | undefined;
}

export const INFO_FILE = 'dataset.json';

/**
 * Reads and checks `dataset.json` of a folder.
 *
 * @throws {DataError} when there is none or it breaks a rule
 */
export async function readDatasetInfo(dir: string): Promise<DatasetInfo> {
  const path = join(dir, INFO_FILE);
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    const reason =
      cause.code === 'ENOENT'
        ? 'no such file: is this a data set, and was its import finished?'
        : cause.message;
    throw new DataError(`${path}: ${reason}`, { cause });
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new DataError(`${path}: ${(cause as Error).message}`, { cause });
  }
  const checked = schema.safeParse(json);
  if (!checked.success) {
    const issue = checked.error.issues[0]!;
    throw new DataError(`${path}: ${issue.path.join('.')}: ${issue.message}`);
  }
  return checked.data;
}
