import type * as tfl from '@tensorflow/tfjs-layers';
import { ModelError, nearest } from '../errors/index.ts';
import { layersOf } from './describe-model.ts';

/**
 * The path of a layer from what a user calls it: its path (`backbone/conv5` inside of a model), or its name alone where
 * no other layer has it. Target layers, `head.from` and `freeze` go by the same names.
 *
 * @throws {ModelError} names the layers that may have been meant
 */
export function layerPath(model: tfl.LayersModel, name: string): string {
  const paths = [...layersOf(model)].map(({ path }) => path);
  if (paths.includes(name)) return name;
  const within = paths.filter((path) => path.endsWith(`/${name}`));
  if (within.length === 1) return within[0]!;
  if (within.length > 1) {
    throw new ModelError(
      `Model "${model.name}" has ${within.length} layers "${name}": ${within.join(', ')}; say which by its path`,
    );
  }
  const bare = (path: string) => path.split('/').at(-1)!;
  const close = [
    ...new Set([
      ...nearest(name, paths),
      ...nearest(name, paths.map(bare)).flatMap((one) => paths.filter((path) => bare(path) === one)),
    ]),
  ].slice(0, 3);
  const hint =
    close.length > 0
      ? `did you mean ${close.map((c) => `"${c}"`).join(' or ')}?`
      : `its layers are ${paths.join(', ')}`;
  throw new ModelError(`Model "${model.name}" has no layer "${name}"; ${hint}`);
}

/**
 * The layer of a name, with the models around it from the outermost on.
 *
 * @throws {ModelError} as {@link layerPath}
 */
export function findLayer(
  model: tfl.LayersModel,
  name: string,
): { layer: tfl.layers.Layer; around: tfl.LayersModel[] } {
  const parts = layerPath(model, name).split('/');
  const around: tfl.LayersModel[] = [];
  let within = model;
  let at = 0;
  for (;;) {
    // A layer's own name may hold a slash.
    const rest = parts.slice(at).join('/');
    const layer = within.layers.find((candidate) => candidate.name === rest);
    if (layer) return { layer, around };
    const end = parts.findIndex(
      (_, i) => i >= at && within.layers.some(({ name }) => name === parts.slice(at, i + 1).join('/')),
    );
    within = within.layers.find(({ name }) => name === parts.slice(at, end + 1).join('/')) as tfl.LayersModel;
    around.push(within);
    at = end + 1;
  }
}
