import type * as tfl from '@tensorflow/tfjs-layers';
import { ModelError, nearest } from '../errors/index.ts';

/** @throws ModelError names the layers that may have been meant */
export function findLayer(model: tfl.LayersModel, name: string): tfl.layers.Layer {
  const layer = model.layers.find((candidate) => candidate.name === name);
  if (layer) return layer;
  const names = model.layers.map((candidate) => candidate.name);
  const close = nearest(name, names);
  const hint =
    close.length > 0
      ? `did you mean ${close.map((c) => `"${c}"`).join(' or ')}?`
      : `its layers are ${names.join(', ')}`;
  throw new ModelError(`Model "${model.name}" has no layer "${name}"; ${hint}`);
}
