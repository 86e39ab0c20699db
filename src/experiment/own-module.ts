import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as tfl from '@tensorflow/tfjs-layers';
import type { Config } from '../config/index.ts';
import type { HostBatch } from '../data/index.ts';
import { GainError, UsageError } from '../errors/index.ts';
import type { ScheduledTerm } from '../gain/index.ts';
import { type Random, randomFor } from '../random/index.ts';

/** What a module of one's own is told about the training that it takes part in. */
export interface ModuleContext {
  /** `training.module.options` of the config. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Class names; a label is an index into them. */
  readonly classes: readonly string[];
  /** [H,W] of the network's input. */
  readonly imageSize: readonly [number, number];
  /** T, of clips. */
  readonly frames?: number | undefined;
  readonly seed: number;
}

/** What the transform of a batch is told beside. */
export interface TransformContext extends ModuleContext {
  /** From 0. */
  readonly epoch: number;
  /** Of the epoch, from 0. */
  readonly batch: number;
  /** Drawn from (seed, epoch, batch) alone: a run that is resumed draws the same. */
  readonly random: Random;
}

/**
 * What a module that `training.module.file` names may export, each by its name; at least one of the last two.
 *
 * ```ts
 * import type { TrainingModule } from 'tfjs-gain/experiment';
 *
 * export const transformBatch: TrainingModule['transformBatch'] = (batch, { random }) => {
 *   const light = random.uniform(0.5, 1.5);
 *   return { ...batch, images: batch.images.map((value) => Math.min(1, value * light)) };
 * };
 * ```
 */
export interface TrainingModule {
  /** Throws for options that it does not take; its message is shown. */
  readonly checkOptions?: (options: Readonly<Record<string, unknown>>) => void;
  /** Terms of the loss beside those of the config; logged under their names. */
  readonly terms?: (context: ModuleContext & { readonly model: tfl.LayersModel }) => readonly ScheduledTerm[];
  /** A batch of the training in place of the one that the data pipeline made. Evaluation is without it. */
  readonly transformBatch?: (batch: HostBatch, context: TransformContext) => HostBatch | Promise<HostBatch>;
}

/** A module as a run uses it. */
export interface OwnModule {
  readonly file: string;
  /** SHA-256 of the file, to tell when it has changed since the run began. */
  readonly sha256: string;
  /** Whether it changes batches. */
  readonly transforms: boolean;
  /** @throws {UsageError} for what are no terms, or for a name that a term has already */
  terms(model: tfl.LayersModel, taken: readonly string[]): readonly ScheduledTerm[];
  /** @throws {UsageError} naming the file, the part of the batch, its rule and what was found */
  transformBatch(batch: HostBatch, epoch: number, index: number): Promise<HostBatch>;
}

const parts = ['checkOptions', 'terms', 'transformBatch'] as const;

/**
 * Loads the module that a config names, relative to the working folder as every path of a config is.
 *
 * @returns undefined where it names none
 * @throws {UsageError} when it is not there, cannot be loaded, exports nothing of use, or refuses its options
 */
export async function loadOwnModule(
  config: Config,
  classes: readonly string[],
): Promise<OwnModule | undefined> {
  const { module: named } = config.training;
  if (named === null) return undefined;
  const { file, options } = named;
  const fail = (what: string, cause?: unknown): never => {
    throw new UsageError(`training.module: ${file}: ${what}`, { cause });
  };
  const path = resolve(file);
  if (!existsSync(path)) fail('no such file');
  const loaded: Record<string, unknown> = await import(pathToFileURL(path).href).catch((cause: Error) => {
    const typescript = 'code' in cause && cause.code === 'ERR_UNKNOWN_FILE_EXTENSION';
    const how = typescript
      ? '; compile it to JavaScript, or run under tsx or a Node that reads TypeScript'
      : '';
    return fail(`cannot be loaded: ${cause.message}${how}`, cause);
  });
  const exported = Object.keys(loaded).filter((name) => name !== 'default');
  for (const part of parts) {
    const value = loaded[part];
    if (value !== undefined && typeof value !== 'function') {
      fail(`${part}: expected a function, found ${typeof value}`);
    }
  }
  const { checkOptions, terms, transformBatch } = loaded as TrainingModule;
  if (!terms && !transformBatch) {
    fail(`exports neither terms nor transformBatch; it exports ${exported.join(', ') || 'nothing by name'}`);
  }
  if (transformBatch && config.distillation?.teacher.maps === 'precomputed') {
    fail(
      'transformBatch: stored answers of a teacher do not know what it changes; use distillation.teacher.maps: live',
    );
  }
  /** What a user's function throws is said with its place; what this package throws, and interrupts, stay as they are. */
  const asked = <T>(part: string, call: () => T): T => {
    try {
      return call();
    } catch (cause) {
      if (cause instanceof GainError) throw cause;
      return fail(`${part}: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
    }
  };
  asked('checkOptions', () => checkOptions?.(options));

  const { imageSize, frames } = config.data;
  const context: ModuleContext = {
    options,
    classes,
    imageSize,
    ...(frames && { frames }),
    seed: config.seed,
  };
  return {
    file,
    sha256: createHash('sha256')
      .update(await readFile(path))
      .digest('hex'),
    transforms: transformBatch !== undefined,
    terms(model, taken) {
      const made = asked('terms', () => terms?.({ ...context, model }) ?? []);
      if (!Array.isArray(made)) fail(`terms: expected an array, returned ${typeof made}`);
      const names = new Set(taken);
      made.forEach((term: Partial<ScheduledTerm> | undefined, i) => {
        const { name, loss } = term ?? {};
        if (typeof name !== 'string' || name === '') fail(`terms.${i}.name: expected a name, found ${name}`);
        if (typeof loss !== 'function')
          fail(`terms.${i} (${name}).loss: expected a function, found ${typeof loss}`);
        if (names.has(name!)) fail(`terms.${i}.name: there is a term ${name} already`);
        names.add(name!);
      });
      return made;
    },
    async transformBatch(batch, epoch, index) {
      if (!transformBatch) return batch;
      const random = randomFor(config.seed, 'module', epoch, index);
      const where = `transformBatch, batch ${index} of epoch ${epoch + 1}`;
      const changed = await Promise.resolve(
        asked(where, () => transformBatch(batch, { ...context, epoch, batch: index, random })),
      ).catch((cause) => asked(where, () => raise(cause)));
      const wrong = faultOf(
        changed,
        batch.size,
        [(frames ?? 1) * imageSize[0], imageSize[1]],
        classes.length,
      );
      if (wrong) fail(`${where}: ${wrong}`);
      return changed;
    },
  };
}

function raise(cause: unknown): never {
  throw cause;
}

/** What is wrong with a batch; undefined where nothing is. */
function faultOf(
  batch: Partial<HostBatch> | undefined,
  size: number,
  [height, width]: readonly [number, number],
  classes: number,
): string | undefined {
  if (batch === null || typeof batch !== 'object') return `expected a batch, returned ${typeof batch}`;
  if (batch.size !== size) return `size: expected ${size} as before, found ${batch.size}`;
  const pixels = height * width;
  const lengths: [keyof HostBatch, number][] = [
    ['images', size * pixels * 3],
    ['labels', size * classes],
    ...(batch.labelWeights === undefined
      ? []
      : [['labelWeights', size * classes] as [keyof HostBatch, number]]),
  ];
  for (const [name, expected] of lengths) {
    const value = batch[name];
    if (!(value instanceof Float32Array)) return `${name}: expected a Float32Array, found ${kindOf(value)}`;
    if (value.length !== expected) return `${name}: expected ${expected} numbers, found ${value.length}`;
    const at = value.findIndex((one) => !Number.isFinite(one));
    if (at >= 0) return `${name}: expected finite numbers, found ${value[at]} at ${at}`;
  }
  if (!(batch.supervised instanceof Uint8Array) || batch.supervised.length !== size)
    return `supervised: expected ${size} bytes, found ${kindOf(batch.supervised)}`;
  for (const name of ['ids', 'views', 'masks', 'boxes'] as const) {
    const value = batch[name];
    if (!Array.isArray(value)) return `${name}: expected an array, found ${kindOf(value)}`;
    if ((name === 'ids' || name === 'views') && value.length !== size)
      return `${name}: expected ${size}, found ${value.length}`;
  }
  for (const [i, { sample, class: c, mask }] of batch.masks!.entries()) {
    if (!(sample >= 0 && sample < size && c >= 0 && c < classes))
      return `masks.${i}: expected a sample below ${size} and a class below ${classes}, found ${sample} and ${c}`;
    if (mask?.length !== pixels) return `masks.${i}.mask: expected ${pixels} pixels, found ${mask?.length}`;
  }
  return undefined;
}

function kindOf(value: unknown): string {
  return value === null
    ? 'null'
    : typeof value === 'object'
      ? (value.constructor?.name ?? 'object')
      : typeof value;
}
