import * as tf from '@tensorflow/tfjs-core';
import {
  attentionMaps,
  forward,
  isDeadMap,
  type MapMethod,
  mapMethods,
  upsampleMaps,
} from '../../gradcam/index.ts';
import { probabilities } from '../../losses/index.ts';
import { energyInMask } from '../../metrics/index.ts';
import type { TrainedNetwork } from '../../run/index.ts';
import { shapeOfImages } from '../look/index.ts';
import type { Finding } from '../messages.ts';
import type { ShownExample } from './examples.ts';

/** Pairs of one pass. */
const pairsAtOnce = 32;

/**
 * Looks at some images: which classes are answered, rightly or not, how surely, and where the evidence lies.
 *
 * Of every image the classes that it shows and those that the network says. With labels that exclude each other the
 * answer is the likeliest class, and sureness the distance of the two likeliest; else a probability above ½.
 *
 * @param drawn masks that a person has drawn, by image and class, where the data set has none
 */
export async function findingsOf(
  network: TrainedNetwork,
  examples: readonly ShownExample[],
  drawn: (id: string, c: number) => Uint8Array | undefined,
): Promise<Finding[]> {
  const { model, output, link, imageSize } = network;
  const count = network.classes.length;
  const shape = shapeOfImages(network);
  const pixels = tf.tidy(
    () => tf.stack(examples.map((one) => tf.tensor3d(one.pixels, shape))) as tf.Tensor4D,
  );
  try {
    const shares = await sharesOf();
    const pairs = examples.flatMap(({ labels }, sample) => {
      const row = shares.subarray(sample * count, (sample + 1) * count);
      const best = likeliest(row);
      const said = (c: number) => (link === 'sigmoid' ? row[c]! > 0.5 : c === best);
      return [...row.keys()]
        .filter((c) => labels.includes(c) || said(c))
        .map((c) => ({
          sample,
          class: c,
          truth: labels.includes(c),
          answer: said(c),
          probability: row[c]!,
          sureness: link === 'sigmoid' ? Math.abs(2 * row[c]! - 1) : leadOf(row, best, c),
        }));
    });
    const findings: Finding[] = [];
    for (let first = 0; first < pairs.length; first += pairsAtOnce) {
      const some = pairs.slice(first, first + pairsAtOnce);
      const maps = await mapsOf(some);
      for (const [i, { sample, ...rest }] of some.entries()) {
        const { id, split, masks } = examples[sample]!;
        const map = maps[i]!;
        const dead = isDeadMap(map);
        const mask = masks.find((one) => one.class === rest.class)?.mask ?? drawn(id, rest.class);
        const off = mask && !dead && map.some((value) => value > 0) ? 1 - energyInMask(map, mask) : null;
        findings.push({ id, split, ...rest, off, dead });
      }
    }
    return findings;
  } finally {
    pixels.dispose();
  }

  async function sharesOf(): Promise<Float32Array> {
    const found = tf.tidy(() => probabilities(forward(model, pixels, { output }), link));
    const values = Float32Array.from(await found.data());
    found.dispose();
    return values;
  }

  /** By the method that the network was trained with, at the size of the image. */
  async function mapsOf(pairs: readonly { sample: number; class: number }[]): Promise<Float32Array[]> {
    const method = network.methods.find((name) => (mapMethods as readonly string[]).includes(name));
    const maps = tf.tidy(() => {
      const made = attentionMaps(model, pixels, [...pairs], {
        method: (method ?? 'grad-cam') as MapMethod,
        targetLayer: network.targetLayer,
        output,
        differentiateWeights: false,
      });
      return upsampleMaps(made.maps as tf.Tensor3D, imageSize);
    });
    const values = Float32Array.from(await maps.data());
    maps.dispose();
    const size = values.length / pairs.length;
    return pairs.map((_, i) => values.subarray(i * size, (i + 1) * size));
  }
}

function likeliest(row: Float32Array): number {
  let best = 0;
  for (let c = 1; c < row.length; c++) if (row[c]! > row[best]!) best = c;
  return best;
}

/** How far the likeliest class leads the next one; of another class, how far it lies behind. */
function leadOf(row: Float32Array, best: number, c: number): number {
  if (c !== best) return row[best]! - row[c]!;
  let next = 0;
  for (const [k, value] of row.entries()) if (k !== best) next = Math.max(next, value);
  return row[best]! - next;
}
