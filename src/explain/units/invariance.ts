import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { UsageError } from '../../errors/index.ts';
import { forward, lastLayersBySize, layerOutputs } from '../../gradcam/index.ts';

/** A change of the image, by how much. */
export type Change = 'shift' | 'scale' | 'rotation';

export interface InvarianceOptions {
  /** Paths of the layers. @default the last of each size of map */
  layers?: readonly string[] | undefined;
  /** How far: pixels to the right, factors of size, degrees. */
  amounts?: Partial<Record<Change, readonly number[]>> | undefined;
  /** The class whose probability is followed, for each image. @default its likeliest */
  classes?: readonly number[] | undefined;
  signal?: AbortSignal | undefined;
}

/** One change, drawn over its amounts: means over the images. */
export interface InvarianceCurve {
  readonly change: Change;
  readonly amounts: readonly number[];
  /** Per layer: ‖Φ(Tx) − Φ(x)‖ / ‖Φ(x)‖. */
  readonly distances: Readonly<Record<string, readonly number[]>>;
  /** Probability of the class, softmax of the logits. */
  readonly probability: readonly number[];
}

/**
 * How far a network's answers move when the image is shifted, enlarged or turned: first layers move at once, last ones hardly
 * if the network has learned not to mind.
 *
 *     d_l(T) = mean over images of ‖Φ_l(T x) − Φ_l(x)‖₂ / ‖Φ_l(x)‖₂
 *
 * (Zeiler and Fergus, ECCV 2014, figure 5, where the distances are not divided.) What comes in from outside repeats the edge.
 *
 * @param images [B,H,W,c]
 * @throws {UsageError}, ModelError for layers or amounts that do not fit
 */
export async function invarianceCurves(
  model: tfl.LayersModel,
  images: tf.Tensor4D,
  { layers = lastLayersBySize(model), amounts = {}, classes, signal }: InvarianceOptions = {},
): Promise<InvarianceCurve[]> {
  const [count, height, width] = images.shape;
  if (classes && classes.length !== count) {
    throw new UsageError(`classes: expected one for each of ${count} images, received ${classes.length}`);
  }
  const side = Math.max(height, width);
  const chosen: Record<Change, readonly number[]> = {
    shift: amounts.shift ?? Array.from({ length: 9 }, (_, i) => Math.round(((i - 4) * side) / 16)),
    scale: amounts.scale ?? [0.6, 0.8, 1, 1.25, 1.5, 1.8],
    rotation: amounts.rotation ?? Array.from({ length: 13 }, (_, i) => (i - 6) * 30),
  };
  if (chosen.scale.some((factor) => !(factor > 0))) {
    throw new UsageError(`amounts.scale: expected factors above 0, received ${chosen.scale.join(', ')}`);
  }
  const pixels = (await images.data()) as Float32Array;
  const read = async (values: Float32Array) => {
    const found = tf.tidy(() => {
      const x = tf.tensor4d(values, images.shape);
      return [...layerOutputs(model, x, layers), tf.softmax(forward(model, x))];
    });
    const all = await Promise.all(found.map(async (one) => Float32Array.from(await one.data())));
    tf.dispose(found);
    return all;
  };
  const own = await read(pixels);
  const probabilities = own.at(-1)!;
  const columns = probabilities.length / count;
  const followed =
    classes ??
    Array.from({ length: count }, (_, b) => {
      const row = probabilities.subarray(b * columns, (b + 1) * columns);
      return row.indexOf(Math.max(...row));
    });
  const curves: InvarianceCurve[] = [];
  for (const change of ['shift', 'scale', 'rotation'] as const) {
    const distances: Record<string, number[]> = Object.fromEntries(layers.map((layer) => [layer, []]));
    const probability: number[] = [];
    for (const amount of chosen[change]) {
      signal?.throwIfAborted();
      const moved = await read(transformed(pixels, images.shape, change, amount));
      for (const [l, layer] of layers.entries()) {
        distances[layer]!.push(meanDistance(own[l]!, moved[l]!, count));
      }
      const scores = moved.at(-1)!;
      probability.push(followed.reduce((sum, c, b) => sum + scores[b * columns + c]! / count, 0));
    }
    curves.push({ change, amounts: chosen[change], distances, probability });
  }
  return curves;
}

function meanDistance(a: Float32Array, b: Float32Array, count: number): number {
  const size = a.length / count;
  let mean = 0;
  for (let i = 0; i < count; i++) {
    let [off, all] = [0, 0];
    for (let k = i * size; k < (i + 1) * size; k++) {
      off += (a[k]! - b[k]!) ** 2;
      all += a[k]! ** 2;
    }
    mean += all > 0 ? Math.sqrt(off / all) / count : 0;
  }
  return mean;
}

/**
 * Images shifted to the right, enlarged about their middle or turned counter-clockwise, bilinear, edges repeated.
 *
 * @param pixels [B·H·W·c]
 */
export function transformed(
  pixels: Float32Array,
  [count, height, width, channels]: readonly [number, number, number, number],
  change: Change,
  amount: number,
): Float32Array {
  const out = new Float32Array(pixels.length);
  const [middleY, middleX] = [(height - 1) / 2, (width - 1) / 2];
  const angle = change === 'rotation' ? (amount * Math.PI) / 180 : 0;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const clamp = (value: number, last: number) => Math.min(last, Math.max(0, value));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const factor = change === 'scale' ? amount : 1;
      const [dy, dx] = [(y - middleY) / factor, (x - middleX) / factor];
      // The place in the old image that comes here.
      const fromX = clamp(middleX + cos * dx - sin * dy - (change === 'shift' ? amount : 0), width - 1);
      const fromY = clamp(middleY + sin * dx + cos * dy, height - 1);
      const [x0, y0] = [Math.floor(fromX), Math.floor(fromY)];
      const [x1, y1] = [Math.min(width - 1, x0 + 1), Math.min(height - 1, y0 + 1)];
      const [ax, ay] = [fromX - x0, fromY - y0];
      for (let b = 0; b < count; b++) {
        for (let c = 0; c < channels; c++) {
          const at = (row: number, column: number) =>
            pixels[((b * height + row) * width + column) * channels + c]!;
          const upper = (1 - ax) * at(y0, x0) + ax * at(y0, x1);
          const lower = (1 - ax) * at(y1, x0) + ax * at(y1, x1);
          out[((b * height + y) * width + x) * channels + c] = (1 - ay) * upper + ay * lower;
        }
      }
    }
  }
  return out;
}
