import { engineTarget } from './engine.ts';
import { gradientsTarget } from './gradients.ts';
import type { FuzzTarget } from './target.ts';

/** Everything that `npm run fuzz` throws inputs at, by name. */
export const fuzzTargets: readonly FuzzTarget[] = [engineTarget, gradientsTarget];
