import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import type { Scene } from '../../src/data.ts';
import { attentionMaps, type MapMethod, upsampleMaps } from '../../src/gradcam.ts';
import { pointsAt } from '../../src/metrics.ts';
import { type Example, explainedLayer, imageSize, inputsOf } from './network.ts';

/** An answer to explain, and what of its scene it is about. */
export interface Pointed {
  readonly example: Example;
  readonly scene: Scene;
  readonly object: 0 | 1;
}

/** Maps of what speaks for the label of each example, at the size of the images [N·32·32]. */
export function mapsOf(
  model: tfl.LayersModel,
  examples: readonly Example[],
  method: MapMethod,
  relu = true,
): Float32Array {
  const size = 50;
  const parts: Float32Array[] = [];
  for (let first = 0; first < examples.length; first += size) {
    const some = examples.slice(first, first + size);
    const maps = tf.tidy(() => {
      const pairs = some.map(({ label }, sample) => ({ sample, class: label }));
      const { maps } = attentionMaps(model, inputsOf(some), pairs, {
        method,
        targetLayer: explainedLayer,
        relu,
      });
      return upsampleMaps(maps, [imageSize, imageSize]);
    });
    parts.push(maps.dataSync() as Float32Array);
    maps.dispose();
  }
  return Float32Array.from(parts.flatMap((part) => [...part]));
}

/**
 * The pointing game: where the maps are largest, on the object that the answer is about, or on the other one; beside it the shares
 * that the middle of the image and a place drawn at random would have.
 */
export function pointing(model: tfl.LayersModel, cases: readonly Pointed[], method: MapMethod): string {
  const area = imageSize ** 2;
  const maps = mapsOf(
    model,
    cases.map(({ example }) => example),
    method,
  );
  let [own, other, middle, anywhere] = [0, 0, 0, 0];
  for (const [i, { scene, object }] of cases.entries()) {
    const map = maps.subarray(i * area, (i + 1) * area);
    const { mask } = scene.objects[object];
    if (pointsAt(map, mask, imageSize, 0)) own++;
    if (pointsAt(map, scene.objects[1 - object]!.mask, imageSize, 0)) other++;
    if (mask[(imageSize / 2) * imageSize + imageSize / 2]! > 0) middle++;
    anywhere += mask.reduce((sum, value) => sum + value, 0) / area;
  }
  const percent = (count: number) => ((100 * count) / cases.length).toFixed(1);
  return (
    `${method} points at its object ${percent(own)}, at the other ${percent(other)} ` +
    `(middle ${percent(middle)}, anywhere ${percent(anywhere)}; ${cases.length} maps)`
  );
}
