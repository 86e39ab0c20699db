import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import type { HostBatch } from '../data/index.ts';
import type { Pair } from '../gradcam/index.ts';
import { labelPairs, rankCorrelation } from '../metrics/index.ts';
import { randomFor } from '../random/index.ts';
import type { Explainer } from './explainer.ts';
import { orNull } from './measured.ts';
import type { SanityResult } from './result.ts';

/**
 * Cascading randomisation (Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018, section 4.1): weights are
 * destroyed layer by layer from the output on, and the maps compared with those of the whole network. A map that does
 * not change does not depend on what was learned.
 *
 * A layer is destroyed by permuting the values of each of its weights, which keeps their distribution; the paper draws
 * them anew.
 *
 * The network is whole again afterwards.
 *
 * @param batches few images: their maps are kept
 */
export async function sanityCheck(
  explainer: Explainer,
  batches: readonly HostBatch[],
  { classes, seed, onStage }: { classes: number; seed: number; onStage: (done: number, all: number) => void },
): Promise<SanityResult> {
  const { methods } = explainer.options;
  const layers = layersWithWeights(explainer.model).reverse();
  const pairsOf = batches.map((batch) => labelPairs(batch, classes, Number.POSITIVE_INFINITY));
  const mapsNow = async () => {
    const maps: Float32Array[][] = [];
    for (const [b, batch] of batches.entries()) {
      const pairs: Pair[] = pairsOf[b]!;
      const explained = await explainer.explain(batch, pairs);
      maps.push(...pairs.map((_, p) => methods.map((_, m) => explained.smallMap(m, p).slice())));
    }
    return maps;
  };

  const original = await mapsNow();
  const saved = layers.map((layer) => layer.getWeights().map((weight) => tf.clone(weight)));
  const correlations: (number | null)[][] = methods.map(() => []);
  try {
    for (const [l, layer] of layers.entries()) {
      await permuteWeights(layer, seed);
      const maps = await mapsNow();
      for (const [m, ofMethod] of correlations.entries()) {
        const values = maps.map((map, i) => rankCorrelation(original[i]![m]!, map[m]!));
        const numbers = values.filter((value) => !Number.isNaN(value));
        ofMethod.push(orNull(numbers.reduce((sum, value) => sum + value, 0) / numbers.length));
      }
      onStage(l + 1, layers.length);
    }
  } finally {
    for (const [l, layer] of layers.entries()) layer.setWeights(saved[l]!);
    tf.dispose(saved);
  }
  return {
    images: batches.reduce((sum, { size }) => sum + size, 0),
    pairs: pairsOf.reduce((sum, pairs) => sum + pairs.length, 0),
    layers: layers.map(({ name }) => name),
    rankCorrelation: Object.fromEntries(methods.map((method, m) => [method, correlations[m]!])),
  };
}

async function permuteWeights(layer: tfl.layers.Layer, seed: number): Promise<void> {
  const fresh: tf.Tensor[] = [];
  for (const [i, weight] of layer.getWeights().entries()) {
    const values = Float32Array.from(await weight.data());
    fresh.push(tf.tensor(randomFor(seed, 'sanity', layer.name, i).shuffle(values), weight.shape));
  }
  layer.setWeights(fresh);
  tf.dispose(fresh);
}

/** In the order of the model, nested models opened. */
function layersWithWeights(model: tfl.LayersModel): tfl.layers.Layer[] {
  return model.layers.flatMap((layer) => {
    if (layer instanceof tfl.LayersModel) return layersWithWeights(layer);
    return layer.weights.length > 0 ? [layer] : [];
  });
}
