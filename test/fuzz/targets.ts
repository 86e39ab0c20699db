import { checkpointsTarget } from './checkpoints.ts';
import { engineTarget } from './engine.ts';
import { gradientsTarget } from './gradients.ts';
import { imagesTarget } from './images.ts';
import { importersTarget } from './importers.ts';
import { modelsTarget } from './models.ts';
import { resultsTarget } from './results.ts';
import { shardsTarget } from './shards.ts';
import type { FuzzTarget } from './target.ts';
import { yamlTarget } from './yaml.ts';

/** Everything that `npm run fuzz` throws inputs at, by name. */
export const fuzzTargets: readonly FuzzTarget[] = [
  engineTarget,
  gradientsTarget,
  yamlTarget,
  shardsTarget,
  imagesTarget,
  importersTarget,
  modelsTarget,
  checkpointsTarget,
  resultsTarget,
];
