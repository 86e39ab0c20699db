import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type * as tfl from '@tensorflow/tfjs-layers';
import * as z from 'zod';
import { type Audit, auditClassifier, type KnownMasks, Scorer } from '../audit/index.ts';
import type { Config } from '../config/index.ts';
import type { Dataset, PredictedMasks } from '../data/index.ts';
import { DataError, UsageError } from '../errors/index.ts';
import type { Link } from '../losses/index.ts';

/** Where a run keeps the audit that named its suspects. */
export const SUSPECTS_FILE = 'suspects.json';

const auditFile = z.looseObject({
  classes: z.array(z.looseObject({ class: z.string(), verdict: z.looseObject({ finding: z.string() }) })),
});

/** The suspect classes that were found, and the audit that found them where it was made here. */
export interface Suspects {
  readonly names: readonly string[];
  readonly audit?: Audit;
}

/**
 * The classes that `data.composites.suspects` leaves to an audit: `auto`, or the one in a file.
 *
 * @param file in which the run keeps its own audit: read where it is there, so that a resumed run has the same suspects
 * @returns undefined where the config names them itself
 * @throws {UsageError} when the audit found no suspect, or there is nothing to tell object and ground apart with
 * @throws {DataError} when the file is missing or is no audit
 */
export async function suspectsOf(
  config: Config,
  dataset: Dataset,
  {
    model,
    link,
    predicted,
    file,
    signal,
  }: {
    readonly model: tfl.LayersModel;
    readonly link: Link;
    readonly predicted: PredictedMasks | undefined;
    readonly file: string;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<Suspects | undefined> {
  const suspects = config.data.composites?.suspects;
  if (suspects === undefined || suspects === 'all' || Array.isArray(suspects)) return undefined;
  if (suspects !== 'auto') return { names: found(await readAudit(suspects.audit), suspects.audit) };
  if (existsSync(file)) return { names: found(await readAudit(file), file) };
  const split = config.data.splits.validation!;
  const masks = await bestMasks(dataset, split, predicted);
  const { imageSize, fit } = config.data;
  const { audit } = await auditClassifier(new Scorer(model, link, imageSize), dataset, {
    split,
    imageSize,
    fit,
    targetLayer: config.gain.targetLayer,
    masks,
    predicted,
    seed: config.seed,
    signal,
  });
  return { names: found(audit, `the audit of ${split}`), audit };
}

async function bestMasks(
  dataset: Dataset,
  split: string,
  predicted: PredictedMasks | undefined,
): Promise<KnownMasks> {
  const { withMasks, withBoxes } = await dataset.labelStatistics(split);
  if (withMasks > 0) return 'true';
  if (predicted) return 'predicted';
  if (withBoxes > 0) return 'boxes';
  throw new UsageError(
    `data.composites.suspects: auto, but ${split} has no masks or boxes; predict them (data.masks.predicted), or name the classes`,
  );
}

async function readAudit(path: string): Promise<z.infer<typeof auditFile>> {
  const text = await readFile(path, 'utf8').catch((cause: Error) => {
    throw new DataError(`${path}: cannot be read: ${cause.message}`, { cause });
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new DataError(`${path}: not valid JSON: ${(cause as Error).message}`, { cause });
  }
  const checked = auditFile.safeParse(json);
  if (checked.success) return checked.data;
  const issue = checked.error.issues[0]!;
  throw new DataError(`${path}: ${issue.path.join('.') || 'the whole'}: ${issue.message}: no audit`);
}

function found({ classes }: z.infer<typeof auditFile> | Audit, where: string): string[] {
  const names = classes
    .filter(
      ({ verdict }) => verdict.finding === 'follows the ground' || verdict.finding === 'leans on the ground',
    )
    .map((one) => one.class);
  if (names.length > 0) return names;
  throw new UsageError(
    `data.composites.suspects: ${where} found no class that follows its ground or leans on it; there is nothing to cure, or name the classes`,
  );
}
