import { join } from 'node:path';
import * as z from 'zod';
import { DataError } from '../errors/index.ts';
import { checkedName, nameFault } from '../files/index.ts';
import { readText } from './text-file.ts';

const name = z.string().min(1);
/** What becomes the name of a file. */
const fileName = z.string().superRefine((value, context) => {
  const fault = nameFault(value);
  if (fault) context.addIssue({ code: 'custom', message: `${JSON.stringify(value)} ${fault}` });
});

const schema = z.object({
  name,
  classes: z
    .array(name)
    .min(1)
    .refine((classes) => new Set(classes).size === classes.length, 'two classes have the same name'),
  multiLabel: z.boolean(),
  groups: z.array(name).optional(),
  clips: z.boolean().optional(),
  splits: z.record(z.string(), z.object({ examples: z.int().min(0), shards: z.array(fileName) })),
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
  /** Whether its examples are clips or volumes. @default false */
  clips?: boolean | undefined;
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
  let json: unknown;
  try {
    json = JSON.parse(await readText(path));
  } catch (cause) {
    if (cause instanceof DataError) {
      const missing = cause.message.endsWith('no such file');
      throw missing
        ? new DataError(`${cause.message}: is this a data set, and was its import finished?`)
        : cause;
    }
    throw new DataError(`${path}: ${(cause as Error).message}`, { cause });
  }
  const checked = schema.safeParse(json);
  if (!checked.success) {
    const issue = checked.error.issues[0]!;
    throw new DataError(`${path}: ${issue.path.join('.')}: ${issue.message}`);
  }
  for (const split of Object.keys(checked.data.splits)) checkedName(split, `${path}: split`);
  return checked.data;
}
