import type { CompositePlan } from './composites/index.ts';
import type { SharedMasks } from './predicted-masks.ts';

/**
 * What batches are made from beside the records: masks of a segmenter, and composites. Plain data and shared memory,
 * told to each worker once and named by its id from then on.
 */
export interface BatchSources {
  readonly id: string;
  /** Examples whose own masks may be used; of the others only predicted ones are. */
  readonly masked: ReadonlySet<number>;
  readonly predicted: SharedMasks | undefined;
  readonly composites: CompositePlan | undefined;
}
