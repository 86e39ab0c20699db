import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../errors/index.ts';

/** Thresholds of boxes by method, and where they are from. */
export interface BoxThresholds {
  readonly values: Readonly<Record<string, number>>;
  readonly from: string | undefined;
}

/**
 * The thresholds that boxes of {M ≥ τ max M} are made with: the one given, for all methods; else those that
 * `npm run evaluate` chose for the methods that it measured.
 *
 * @throws {UsageError} for a number that is no share
 */
export async function boxThresholds(
  run: string | undefined,
  given: number | undefined,
): Promise<BoxThresholds> {
  if (given !== undefined) {
    if (!(given >= 0 && given < 1)) {
      throw new UsageError(`--threshold: expected a share of the map's maximum in [0, 1), found ${given}`);
    }
    return { values: { any: given }, from: undefined };
  }
  const dir = run && join(run, 'evaluation');
  if (!dir || !existsSync(dir)) return { values: {}, from: undefined };
  const { readEvaluations } = await import('../report/index.ts');
  const values: Record<string, number> = {};
  const splits: string[] = [];
  for (const { result } of await readEvaluations(dir)) {
    const methods = Object.entries(result.localization?.methods ?? {});
    for (const [method, { threshold }] of methods) if (threshold !== null) values[method] ??= threshold;
    if (methods.length > 0) splits.push(result.split);
  }
  return { values, from: splits.length > 0 ? `${dir} (${splits.join(', ')})` : undefined };
}
