import { engineTarget } from './engine.ts';
import { gradientsTarget } from './gradients.ts';
import { importersTarget } from './importers.ts';
import { shardsTarget } from './shards.ts';
import type { FuzzTarget } from './target.ts';
import { yamlTarget } from './yaml.ts';

/** Everything that `npm run fuzz` throws inputs at, by name. */
export const fuzzTargets: readonly FuzzTarget[] = [
  engineTarget,
  gradientsTarget,
  yamlTarget,
  shardsTarget,
  importersTarget,
];
