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
  seen: tf.Tensor4D,
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
      const { maps } = attentionMaps(model, inputsOf(seen, some), pairs, {
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

/** Pixels, the side of one place of the maps. */
const margin = 4;

/** A map of one place. */
function placeAt(x: number, y: number): Float32Array {
  const map = new Float32Array(imageSize ** 2);
  map[y * imageSize + x] = 1;
  return map;
}

const middle = placeAt(imageSize / 2, imageSize / 2);
const everyPlace = Array.from({ length: (imageSize / margin) ** 2 }, (_, i) =>
  placeAt(margin * (i % (imageSize / margin)) + 2, margin * Math.floor(i / (imageSize / margin)) + 2),
);

/**
 * The pointing game: where the maps are largest, on the object that the answer is about, or on the other one; and the same with a
 * margin of one place of the maps. Beside it the middle of the image, and a constant map, which is largest anywhere.
 */
export function pointing(
  model: tfl.LayersModel,
  seen: tf.Tensor4D,
  cases: readonly Pointed[],
  method: MapMethod,
): string {
  const area = imageSize ** 2;
  const examples = cases.map(({ example }) => example);
  const maps = mapsOf(model, seen, examples, method);
  const percent = (hits: (one: Pointed, map: Float32Array) => number) => {
    const sum = cases.reduce((sum, one, i) => sum + hits(one, maps.subarray(i * area, (i + 1) * area)), 0);
    return ((100 * sum) / cases.length).toFixed(1);
  };
  const shares = [0, margin].map((tolerance) => {
    const hits = (map: Float32Array, { scene }: Pointed, object: number) =>
      Number(pointsAt(map, scene.objects[object]!.mask, imageSize, tolerance));
    const own = percent((one, map) => hits(map, one, one.object));
    const other = percent((one, map) => hits(map, one, 1 - one.object));
    const centre = percent((one) => hits(middle, one, one.object));
    const anywhere = percent(
      (one) => everyPlace.reduce((sum, place) => sum + hits(place, one, one.object), 0) / everyPlace.length,
    );
    return `own ${own}, other ${other}, middle ${centre}, anywhere ${anywhere}`;
  });
  return `${method} points at: ${shares[0]}; within ${margin} pixels: ${shares[1]}; ${cases.length} maps`;
}
