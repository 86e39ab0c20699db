import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../config/index.ts';
import { ConfigError } from '../errors/index.ts';

/** What may differ between a run and its continuation: how long, on what, and what is looked at. */
const changeable = [
  'engine',
  'log',
  'evaluation',
  'training.epochs',
  'training.checkpointEvery',
  'training.earlyStopping',
  'data.workers',
  'data.splits.test',
];

/**
 * Sees to it that a run goes on as it was begun.
 *
 * @param begun config of the run, read from the file `saved`.
 * @throws {ConfigError} naming the key that differs, and both values.
 */
export function requireSameExperiment(begun: Config, now: Config, saved: string): void {
  const differing = differences(begun, now).find(
    ({ key }) => !changeable.some((allowed) => key === allowed || key.startsWith(`${allowed}.`)),
  );
  if (!differing) return;
  const { key, before, after } = differing;
  throw new ConfigError(
    `${key}: ${JSON.stringify(after)}, but the run was begun with ${JSON.stringify(before)} (${saved}); ` +
      'a resumed run goes on as it was begun',
  );
}

interface Difference {
  readonly key: string;
  readonly before: unknown;
  readonly after: unknown;
}

function differences(before: unknown, after: unknown, key = ''): Difference[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (!isRecord(before) || !isRecord(after)) return [{ key, before, after }];
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((name) =>
    differences(before[name], after[name], key === '' ? name : `${key}.${name}`),
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
