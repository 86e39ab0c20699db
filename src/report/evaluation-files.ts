import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { DataError } from '../errors/index.ts';
import type {
  EvaluationResult,
  evaluationFormat,
  evaluationVersion,
  ImageRecord,
} from '../evaluation/index.ts';
import { pathUnder } from '../files/index.ts';
import { parseJson, readJson, readLines } from './json-file.ts';

/** An evaluation and where it lies. */
export interface StoredEvaluation {
  readonly result: EvaluationResult;
  readonly path: string;
  /** Path of the image records. */
  readonly records: string;
}

// Types only from `evaluation`: a report is made from files, without loading an engine.
const format: typeof evaluationFormat = 'tfjs-gain-evaluation';
const version: typeof evaluationVersion = 1;

const numbers = z.array(z.number());
const measured = z.looseObject({
  value: z.number(),
  low: z.number().nullable(),
  high: z.number().nullable(),
  count: z.number(),
});
const measuredOrNull = measured.nullable();
const localizationScores = z.looseObject({
  threshold: z.number().nullable(),
  boxAcc: measuredOrNull,
  boxAccV2: measuredOrNull,
  meanIou: measuredOrNull,
  pxAp: measuredOrNull,
  curves: z.looseObject({
    threshold: z.looseObject({ thresholds: numbers, boxAcc: numbers, boxAccV2: z.array(numbers) }).nullable(),
    precisionRecall: z.looseObject({ precision: numbers, recall: numbers }).nullable(),
  }),
});
const faithfulnessScores = z.looseObject({
  averageDrop: measured,
  increaseInConfidence: measured,
  insertion: measured,
  deletion: measured,
  road: measured,
  curves: z.looseObject({ shares: numbers, insertion: numbers, deletion: numbers, roadShares: numbers }),
});

/** What the page is built on. Other fields pass: within a version there may be more of them. */
const evaluation = z.looseObject({
  format: z.literal(format),
  version: z.literal(version, { error: (issue) => `expected version ${version}, found ${issue.input}` }),
  finished: z.string(),
  split: z.string(),
  dataset: z.looseObject({ name: z.string(), dir: z.string(), classes: z.array(z.string()) }),
  model: z.looseObject({
    name: z.string(),
    targetLayer: z.string(),
    mapSize: numbers.min(2).max(3),
  }),
  settings: z.looseObject({
    methods: z.array(z.string()).min(1),
    imageSize: z.tuple([z.number(), z.number()]),
    frames: z.int().min(1).optional(),
    iouLevels: numbers,
    bootstrap: z.looseObject({ replicates: z.number(), confidence: z.number() }),
  }),
  classification: z.looseObject({ loss: z.number(), accuracy: measured }),
  localization: z
    .looseObject({
      methods: z.record(z.string(), localizationScores),
      baselines: z.record(z.string(), localizationScores.nullable()),
    })
    .nullable(),
  faithfulness: z
    .looseObject({
      methods: z.record(z.string(), faithfulnessScores),
      win: z.record(z.string(), z.record(z.string(), z.number())),
    })
    .nullable(),
  sanity: z
    .looseObject({
      layers: z.array(z.string()),
      rankCorrelation: z.record(z.string(), z.array(z.number().nullable())),
    })
    .nullable(),
  wrongReasons: z
    .looseObject({
      images: z.number(),
      methods: z.record(
        z.string(),
        z.looseObject({
          wr: measuredOrNull,
          threshold: z.number().nullable(),
          deadShare: z.number().nullable(),
        }),
      ),
    })
    .nullish(),
  teacher: z
    .looseObject({
      path: z.string(),
      name: z.string(),
      parameters: z.number(),
      multiplyAdds: z.number(),
      classification: z.looseObject({ loss: z.number(), accuracy: measured }),
      agreement: measured,
      maps: z.record(z.string(), z.looseObject({ cosine: measuredOrNull, rankCorrelation: measuredOrNull })),
      throughput: z.looseObject({ batchSize: z.number(), student: z.number(), teacher: z.number() }),
    })
    .nullish(),
  imageRecords: z.string(),
  timing: z.looseObject({ seconds: z.number(), imagesPerSecond: z.number() }),
});

const pixelBox = z.tuple([z.number(), z.number(), z.number(), z.number()]);
const imageRecord = z.looseObject({
  id: z.string(),
  index: z.number(),
  labels: numbers,
  scores: numbers,
  pairs: z.array(
    z.looseObject({
      class: z.number(),
      rank: z.number(),
      trueBoxes: z.array(pixelBox),
      methods: z.record(
        z.string(),
        z.looseObject({
          box: pixelBox.optional(),
          iou: z.number().optional(),
          hit: z.boolean().optional(),
          dead: z.boolean(),
          map: z.object({ height: z.number(), width: z.number(), data: z.base64() }),
        }),
      ),
    }),
  ),
});

/**
 * The evaluations in a folder, in the order in which they were made; none where there is no folder. Other JSON files in it are
 * passed over.
 *
 * @throws {DataError} that names the file, and the key that breaks the contract
 */
export async function readEvaluations(dir: string): Promise<StoredEvaluation[]> {
  const names = await readdir(dir).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return [];
    throw new DataError(`${dir}: cannot be read: ${cause.message}`, { cause });
  });
  const found: StoredEvaluation[] = [];
  for (const name of names.filter((file) => file.endsWith('.json')).sort()) {
    const path = join(dir, name);
    const json = await readJson<unknown>(path, z.unknown());
    if ((json as { format?: unknown } | null)?.format !== format) continue;
    const checked = evaluation.safeParse(json);
    if (!checked.success) {
      const issue = checked.error.issues[0]!;
      throw new DataError(`${path}: ${issue.path.join('.')}: ${issue.message}`);
    }
    const result = json as EvaluationResult;
    found.push({ result, path, records: pathUnder(dir, result.imageRecords, `${path}: imageRecords`) });
  }
  return found.sort((a, b) => a.result.finished.localeCompare(b.result.finished));
}

/**
 * The image records of an evaluation, as a stream.
 *
 * @throws {DataError} `file:line: what is wrong`
 */
export async function* readImageRecords(path: string): AsyncGenerator<ImageRecord> {
  for await (const { line, text } of readLines(path)) {
    yield parseJson(text, `${path}:${line}`, imageRecord) as unknown as ImageRecord;
  }
}
