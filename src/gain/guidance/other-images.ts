import type { Pair } from '../../gradcam/index.ts';
import { randomFor } from '../../random/index.ts';
import type { StepContext } from '../objective/index.ts';

/**
 * For each pair an image of the batch that does not show its class, drawn with the step's seed.
 *
 * @returns `samples`: indices into the batch; `found`: 0 where every image of the batch shows the class, so that the
 *   pair has no other ground and must not count
 */
export function otherImages(
  { labels, seed }: Pick<StepContext, 'labels' | 'seed'>,
  pairs: readonly Pair[],
): { samples: number[]; found: number[] } {
  const random = randomFor(seed, 'grounds');
  const samples = pairs.map(({ sample, class: c }) => {
    const others = labels.flatMap((present, b) => (present.includes(c) ? [] : [b]));
    return others.length > 0 ? random.pick(others) : sample;
  });
  const found = pairs.map((pair, p) => Number(!labels[samples[p]!]!.includes(pair.class)));
  return { samples, found };
}
