import * as tfl from '@tensorflow/tfjs-layers';
import { GlobalPooling } from './layers/index.ts';
import type { SeededLayers } from './seeded-layers.ts';

/** How features become logits. */
export const headKinds = ['gap', 'flatten', 'hidden'] as const;

export type HeadKind = (typeof headKinds)[number];

export interface HeadOptions {
  /** @default 'gap' */
  head?: HeadKind | undefined;
  /** @default 256 */
  hiddenUnits?: number | number[] | undefined;
  /** @default 0 */
  dropout?: number | undefined;
}

/**
 * Puts a classification head on features.
 *
 * The dropout layers carry no seed: with one, tfjs would drop the same values at every step.
 *
 * @param features [B,h,w,K], of clips [B,t,h,w,K]; a [B,K] tensor is taken as pooled already
 * @param unique makes a layer name that is not taken yet
 * @returns logits [B,C]
 */
export function classificationHead(
  features: tfl.SymbolicTensor,
  layers: SeededLayers,
  { classes, head = 'gap', hiddenUnits = 256, dropout = 0 }: HeadOptions & { classes: number },
  unique: (name: string) => string = (name) => name,
): tfl.SymbolicTensor {
  let x = features;
  if (x.shape.length > 2) {
    const layer =
      head === 'gap'
        ? x.shape.length === 5
          ? new GlobalPooling({ name: unique('pool'), pool: 'average' })
          : tfl.layers.globalAveragePooling2d({ name: unique('pool'), dataFormat: 'channelsLast' })
        : tfl.layers.flatten({ name: unique('flatten') });
    x = layer.apply(x) as tfl.SymbolicTensor;
  }
  const drop = (name: string) => {
    if (dropout > 0) {
      x = tfl.layers.dropout({ name: unique(name), rate: dropout }).apply(x) as tfl.SymbolicTensor;
    }
  };
  if (head === 'hidden') {
    for (const [i, units] of [hiddenUnits].flat().entries()) {
      drop(`dropout${i + 1}`);
      x = layers.dense(x, unique(`hidden${i + 1}`), { units, activation: 'relu' });
    }
  }
  drop('dropout');
  return layers.dense(x, unique('logits'), { units: classes });
}
