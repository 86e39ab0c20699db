import * as tf from '@tensorflow/tfjs-core';
import { openDataset } from '../data/index.ts';
import { doubtInputScaling } from '../models/index.ts';
import type { TrainedNetwork } from './trained-network.ts';

/** Images whose scores are looked at. */
const most = 12;

type Looked = Pick<
  TrainedNetwork,
  'saved' | 'scaling' | 'link' | 'imageSize' | 'frames' | 'scored' | 'channels' | 'fit' | 'data' | 'dataDir'
>;

/**
 * Whether the scores of some images speak against the scaling of the pixels.
 *
 * @param images each [H·W·c], from 0 to 1
 * @returns a line to show; undefined for a run, whose network holds its scaling, for clips, and where nothing speaks against it
 */
export function doubtByImages(
  { saved, scaling, link, imageSize, frames, scored, channels }: Looked,
  images: readonly Float32Array[],
  labels?: readonly number[],
): string | undefined {
  if (scaling === null || frames || scored !== 'classes' || images.length === 0) return undefined;
  if (saved.outputs.length !== 1) return undefined;
  const [height, width] = imageSize;
  const some = images.slice(0, most);
  const pixels = tf.tidy(() =>
    tf.stack(some.map((image) => tf.tensor3d(image, [height, width, channels]))),
  ) as tf.Tensor4D;
  try {
    const doubt = doubtInputScaling(saved, pixels, { scaling, link, labels: labels?.slice(0, most) });
    return doubt && `warning  ${doubt} (--input-scaling)`;
  } finally {
    pixels.dispose();
  }
}

/** The same for images of its data set, whose classes are known. */
export async function doubtByData(network: Looked): Promise<string | undefined> {
  const { scaling, data, dataDir, imageSize, fit, channels } = network;
  const split = data && Object.entries(data.splits).find(([, { examples }]) => examples > 0)?.[0];
  if (scaling === null || !split || dataDir === null || channels !== 3) return undefined;
  const dataset = await openDataset(dataDir);
  try {
    const walk = { batchSize: most, imageSize, fit, masks: 'none', workers: 0, shuffle: true } as const;
    for await (const { images, labels, size } of dataset.batches(split, walk)) {
      const each = images.length / size;
      const rows = Array.from({ length: size }, (_, i) => images.slice(i * each, (i + 1) * each));
      return doubtByImages(network, rows, onlyLabels(labels, size));
    }
    return undefined;
  } finally {
    await dataset.close();
  }
}

/** The class of each sample; undefined where one has none or several. */
function onlyLabels(labels: Float32Array, size: number): number[] | undefined {
  const classes = labels.length / size;
  const rows = Array.from({ length: size }, (_, i) => labels.subarray(i * classes, (i + 1) * classes));
  const single = rows.every((row) => row.reduce((sum, value) => sum + value, 0) === 1);
  return single ? rows.map((row) => row.indexOf(1)) : undefined;
}
