import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { type BackboneName, buildModel, loadLayersModel, saveLayersModel } from '../../src/models/index.ts';
import { randomFor } from '../../src/random/index.ts';

/** A network and a batch for it. */
export interface NetworkSettings {
  readonly network: BackboneName;
  /** Of the network, see docs/models.md. */
  readonly options?: Record<string, unknown>;
  /** [H,W,channels] */
  readonly image: readonly [number, number, number];
  readonly batch: number;
  readonly classes: number;
  /** @default 'auto' */
  readonly targetLayer?: string;
}

/** Writes the network (a tfjs layers-model) and the images (float32, [B,H,W,channels]) that all sides load. */
export async function prepareNetwork(settings: NetworkSettings, folder: string): Promise<void> {
  const { image, batch } = settings;
  const [height, width, channels] = image;
  await writeNetwork(settings, join(folder, 'model'));
  const random = randomFor('images');
  const pixels = Float32Array.from({ length: batch * height * width * channels }, () => random.next());
  await writeFile(join(folder, 'images.bin'), new Uint8Array(pixels.buffer));
}

/** Builds a network and writes it as a tfjs layers-model. */
export async function writeNetwork(
  { network, options = {}, image: [height, width, channels], classes }: Omit<NetworkSettings, 'batch'>,
  folder: string,
): Promise<void> {
  const model = buildModel(network, { inputShape: [height, width, channels], classes, seed: 1, ...options });
  await saveLayersModel(model, folder);
  model.dispose();
}

export async function loadNetwork(
  { image, batch, classes }: NetworkSettings,
  folder: string,
): Promise<{ model: tfl.LayersModel; images: tf.Tensor4D; labels: number[] }> {
  const model = await loadLayersModel(join(folder, 'model'));
  const { buffer, byteOffset, byteLength } = await readFile(join(folder, 'images.bin'));
  const pixels = new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
  return {
    model,
    images: tf.tensor4d(pixels, [batch, ...image]),
    labels: Array.from({ length: batch }, (_, i) => i % classes),
  };
}
