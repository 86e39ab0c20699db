import { UsageError } from '../../errors/index.ts';
import type { PasteOptions } from './paste-object.ts';

/** How composites are made and mixed into the batches. */
export interface CompositeOptions extends PasteOptions {
  /** Indices of the classes that follow what surrounds them. */
  readonly suspects: readonly number[];
  /** Slots of each batch that hold composites. */
  readonly perBatch: number;
  /**
   * Whether grounds and objects are drawn independently of each other, each half and half. Without it a ground keeps
   * what it had: a control that cures nothing.
   * @default true
   */
  readonly balance?: boolean;
  /**
   * What the images of the set that share a batch with composites say of the suspect classes: nothing, or their label.
   * @default 'unknown'
   */
  readonly realLabels?: 'unknown' | 'known';
  /**
   * For classes that exclude each other: the label of a ground whose object was erased. `none`: no such picture is
   * made; `uniform`: every class alike; or the index of the class that means "something else".
   * @default 'none'
   */
  readonly erased?: 'none' | 'uniform' | number;
  /** How often an object of another class is pasted beside a suspect. @default 0.3 */
  readonly others?: number;
  /** Composites that are made once and then drawn from; 0: each is made anew. @default 0 */
  readonly cache?: number;
  /** Whether the masks of the composites may supervise maps. @default true */
  readonly supervise?: boolean;
}

export type ResolvedComposites = Required<CompositeOptions>;

/**
 * @throws {UsageError} naming the option, its rule and its value
 */
export function resolveComposites(
  options: CompositeOptions,
  classes: number,
  batchSize: number,
): ResolvedComposites {
  const {
    suspects,
    perBatch,
    balance = true,
    realLabels = 'unknown',
    erased = 'none',
    others = 0.3,
    cache = 0,
    supervise = true,
    scale = [0.8, 1.25],
    rows = 0.16,
    brightness = 0.15,
    tint = 0.05,
  } = options;
  const check = (holds: boolean, name: string, rule: string, value: unknown) => {
    if (!holds) throw new UsageError(`composites.${name}: ${rule}, was ${JSON.stringify(value)}`);
  };
  const isClass = (c: unknown) => Number.isInteger(c) && (c as number) >= 0 && (c as number) < classes;
  check(
    Array.isArray(suspects) && suspects.length > 0 && suspects.every(isClass),
    'suspects',
    `must be one or more class indices from 0 to ${classes - 1}`,
    suspects,
  );
  check(
    Number.isInteger(perBatch) && perBatch >= 1 && perBatch <= batchSize,
    'perBatch',
    `must be a whole number from 1 to the batch size (${batchSize})`,
    perBatch,
  );
  check(['unknown', 'known'].includes(realLabels), 'realLabels', 'must be unknown or known', realLabels);
  check(
    erased === 'none' || erased === 'uniform' || isClass(erased),
    'erased',
    `must be none, uniform, or a class index from 0 to ${classes - 1}`,
    erased,
  );
  check(others >= 0 && others <= 1, 'others', 'must be from 0 to 1', others);
  check(Number.isInteger(cache) && cache >= 0, 'cache', 'must be a whole number of at least 0', cache);
  check(scale[0] > 0 && scale[1] >= scale[0], 'scale', 'must be two rising numbers above 0', scale);
  check(rows >= 0 && rows <= 1, 'rows', 'must be from 0 to 1', rows);
  check(brightness >= 0 && brightness < 1, 'brightness', 'must be from 0 to below 1', brightness);
  check(tint >= 0 && tint < 1, 'tint', 'must be from 0 to below 1', tint);
  return {
    suspects,
    perBatch,
    balance,
    realLabels,
    erased,
    others,
    cache,
    supervise,
    scale,
    rows,
    brightness,
    tint,
  };
}
