import { parseArgs } from 'node:util';
import type * as tf from '@tensorflow/tfjs-core';
import { drawScenes, type Scene } from '../../src/data.ts';
import { imageSize, learnToSee } from './network.ts';

/** What the examples are told on the command line. */
export function experimentOptions() {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '1,2,3' },
      scenes: { type: 'string', default: '3000' },
      steps: { type: 'string', default: '1500' },
      out: { type: 'string' },
    },
  });
  return {
    seeds: values.seeds.split(',').map(Number),
    count: Number(values.scenes),
    steps: Number(values.steps),
    out: values.out,
  };
}

/**
 * Scenes of a seed to learn from, a tenth as many to test on, and both as an eye sees them that has learned from the first.
 *
 * @param steps of the reader, which is trained after the eye
 */
export async function seenScenes(
  count: number,
  steps: number,
  seed: number,
): Promise<{ scenes: Scene[]; test: Scene[]; seen: tf.Tensor4D; seenInTest: tf.Tensor4D }> {
  const scenes = drawScenes({ count, size: imageSize, seed });
  const test = drawScenes({ count: Math.ceil(count / 10), first: 1_000_000, size: imageSize, seed });
  const eye = await learnToSee(scenes, { steps: Math.round(0.6 * steps), seed });
  const [seen, seenInTest] = [eye.see(scenes), eye.see(test)];
  eye.dispose();
  return { scenes, test, seen, seenInTest };
}
