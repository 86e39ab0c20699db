import { UsageError } from '../../errors/index.ts';
import type { SharedMasks } from '../predicted-masks.ts';
import type { CompositeStore } from './composite-store.ts';
import type { ResolvedComposites } from './options.ts';

/** What composites are made from. Plain data and shared memory, so that it can be sent to a worker. */
export interface CompositePlan {
  /** Tells plans apart. */
  readonly id: string;
  readonly options: ResolvedComposites;
  readonly classes: number;
  readonly multiLabel: boolean;
  /** Most labels that an image of the set has. */
  readonly maxLabels: number;
  /** Of each class: the examples that show it and whose mask of it is known. */
  readonly holding: readonly Int32Array[];
  /** Of each class: the examples that do not show it. */
  readonly without: readonly Int32Array[];
  /** Examples whose own masks may be used. */
  readonly masked: ReadonlySet<number>;
  /** Masks of a segmenter for the others. */
  readonly predicted: SharedMasks | undefined;
  /** Where composites are kept; undefined: nowhere. */
  readonly store: CompositeStore | undefined;
}

/** An example as the plan needs to know it. */
export interface PlannedExample {
  readonly example: number;
  readonly labels: readonly number[];
  /** Classes whose mask is known, by a person or by the segmenter. */
  readonly masked: readonly number[];
}

/**
 * Sorts the examples of a training set into grounds and objects.
 *
 * @throws {UsageError} when a suspect class has no object to cut, or no image without it
 */
export function planComposites(
  examples: readonly PlannedExample[],
  context: Omit<CompositePlan, 'holding' | 'without' | 'maxLabels'>,
  classNames: readonly string[],
): CompositePlan {
  const perClass = (belongs: (example: PlannedExample, c: number) => boolean) =>
    classNames.map((_, c) =>
      Int32Array.from(examples.filter((one) => belongs(one, c)).map(({ example }) => example)),
    );
  const holding = perClass(({ masked }, c) => masked.includes(c));
  const without = perClass(({ labels }, c) => !labels.includes(c));
  for (const suspect of context.options.suspects) {
    const name = classNames[suspect];
    if (holding[suspect]!.length === 0) {
      throw new UsageError(
        `composites: no image of the training set has a mask of '${name}'; give masks (data.masks.count) or predict them (data.masks.predicted)`,
      );
    }
    if (without[suspect]!.length === 0) {
      throw new UsageError(
        `composites: every image of the training set shows '${name}'; there is no ground without it`,
      );
    }
  }
  const maxLabels = examples.reduce((most, { labels }) => Math.max(most, labels.length), 1);
  return { ...context, holding, without, maxLabels };
}
