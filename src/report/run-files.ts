import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import * as z from 'zod';
import { DataError } from '../errors/index.ts';
import { parseJson, readJson, readLines, readText } from './json-file.ts';

const share = z.number().nullable().optional();
const groups = z.record(z.string(), z.looseObject({ images: z.number(), accuracy: share }));
const constant = z.record(z.string(), z.number().nullable());
const answers = z.looseObject({
  accuracy: share,
  balancedAccuracy: share,
  auc: share,
  worstGroup: share,
  groupMean: share,
  groups: groups.optional(),
  constant: constant.optional(),
});
const splitMetrics = z.looseObject({
  images: z.number(),
  loss: z.number().nullable(),
  mAP: z.number().nullable(),
  accuracy: z.number().nullable(),
  exactMatch: z.number().nullable(),
  energyInMask: z.number().nullable(),
  pointing: z.number().nullable(),
  deadShare: z.number().nullable(),
  balancedAccuracy: share,
  auc: share,
  worstGroup: share,
  groupMean: share,
  groups: groups.optional(),
  constant: constant.optional(),
  focus: answers.optional(),
});
const metricsLine = splitMetrics.extend({ step: z.number(), epoch: z.number(), split: z.string() });
const logLine = z.discriminatedUnion('event', [
  z.object({ event: z.literal('start') }),
  z.object({ event: z.literal('resume'), step: z.number().default(0) }),
  z.object({
    event: z.literal('step'),
    step: z.number(),
    losses: z.record(z.string(), z.number().nullable()),
    learningRate: z.number(),
  }),
]);
const summary = z.looseObject({
  name: z.string(),
  targetLayer: z.string(),
  epochs: z.number(),
  steps: z.number(),
  trainingSeconds: z.number(),
  imagesPerSecond: z.number().nullable(),
  best: z.looseObject({ metric: z.string(), value: z.number().nullable(), epoch: z.number() }).nullable(),
});
const environment = z.record(z.string(), z.unknown());

/** Metrics of a split at a step: a line of `metrics.ndjson`. */
export type MetricsLine = z.infer<typeof metricsLine>;

/** What a training wrote about itself, as far as it is there. */
export interface RunFiles {
  /** `config.yaml` as it stands. */
  readonly config: string | undefined;
  /** The class that the experiment is about, as its config says. */
  readonly focusClass: string | null;
  readonly environment: Readonly<Record<string, unknown>> | undefined;
  readonly summary: z.infer<typeof summary> | undefined;
  readonly metrics: readonly MetricsLine[];
  /** Of the training steps that were logged, in order. */
  readonly steps: readonly LoggedStep[];
  /** Paths of the pictures of attention: before and after guidance, and of the last evaluation. */
  readonly pictures: readonly { readonly path: string; readonly title: string }[];
}

export interface LoggedStep {
  readonly step: number;
  readonly losses: Readonly<Record<string, number | null>>;
  readonly learningRate: number;
}

/**
 * Reads the files of a run; a run that is still going or was interrupted has fewer.
 *
 * @throws {DataError} that names file, line and key of what is broken
 */
export async function readRunFiles(dir: string): Promise<RunFiles> {
  const metrics: MetricsLine[] = [];
  const metricsPath = join(dir, 'metrics.ndjson');
  for await (const { line, text } of readLines(metricsPath)) {
    metrics.push(parseJson(text, `${metricsPath}:${line}`, metricsLine));
  }
  const configPath = join(dir, 'config.yaml');
  const config = await readText(configPath);
  return {
    config,
    focusClass: config === undefined ? null : focusClassOf(config, configPath),
    environment: await readJson(join(dir, 'environment.json'), environment),
    summary: await readJson(join(dir, 'summary.json'), summary),
    metrics,
    steps: await readSteps(join(dir, 'log.ndjson')),
    pictures: findPictures(dir, metrics),
  };
}

function focusClassOf(text: string, path: string): string | null {
  let config: unknown;
  try {
    config = parse(text, { uniqueKeys: false, logLevel: 'error' });
  } catch (cause) {
    throw new DataError(`${path}: not valid YAML: ${(cause as Error).message.split('\n', 1)[0]}`, { cause });
  }
  const name = (config as { evaluation?: { focusClass?: unknown } | null } | null)?.evaluation?.focusClass;
  return typeof name === 'string' ? name : null;
}

/** The log is never cut: what a resumed run did again replaces what it had done. */
async function readSteps(path: string): Promise<LoggedStep[]> {
  const steps: LoggedStep[] = [];
  const anyEvent = z.looseObject({ event: z.string() });
  for await (const { line, text } of readLines(path)) {
    const where = `${path}:${line}`;
    const { event } = parseJson(text, where, anyEvent);
    if (event !== 'start' && event !== 'resume' && event !== 'step') continue;
    const entry = parseJson(text, where, logLine);
    if (entry.event === 'step') steps.push(entry);
    else {
      const kept = entry.event === 'resume' ? entry.step : 0;
      while (steps.length > 0 && steps.at(-1)!.step > kept) steps.pop();
    }
  }
  return steps;
}

function findPictures(dir: string, metrics: readonly MetricsLine[]): RunFiles['pictures'] {
  const epoch = metrics.reduce((last, line) => Math.max(last, line.epoch), 0);
  const candidates = [
    { name: 'before-after.png', title: 'Attention before and after the guidance' },
    { name: `epoch-${String(epoch).padStart(3, '0')}.png`, title: `Attention after epoch ${epoch}` },
  ];
  return candidates
    .map(({ name, title }) => ({ path: join(dir, 'attention', name), title }))
    .filter(({ path }) => existsSync(path));
}
