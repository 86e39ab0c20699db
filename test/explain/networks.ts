import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tfl from '@tensorflow/tfjs-layers';
import type { ExecutionContext } from 'ava';
import sharp from 'sharp';
import { saveLayersModel } from '../../src/models/index.ts';

const initializer = (seed: number) => tfl.initializers.glorotNormal({ seed });

/** Two convolutions, global average pooling, three classes; 16x16 colour images. */
export function smallNetwork(): tfl.Sequential {
  const { conv2d, dense, globalAveragePooling2d, maxPooling2d } = tfl.layers;
  return tfl.sequential({
    name: 'small',
    layers: [
      conv2d({
        name: 'conv1',
        inputShape: [16, 16, 3],
        filters: 4,
        kernelSize: 3,
        activation: 'relu',
        kernelInitializer: initializer(1),
      }),
      maxPooling2d({ name: 'pool', poolSize: 2 }),
      conv2d({
        name: 'conv2',
        filters: 5,
        kernelSize: 3,
        activation: 'relu',
        kernelInitializer: initializer(2),
      }),
      globalAveragePooling2d({ name: 'gap' }),
      dense({ name: 'scores', units: 3, activation: 'softmax', kernelInitializer: initializer(3) }),
    ],
  });
}

/** A folder that is deleted after the test. */
export async function temporary(t: ExecutionContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'explain-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** A model folder, names of its classes, two pictures and a file that is none. */
export async function smallScene(t: ExecutionContext, model: tfl.LayersModel = smallNetwork()) {
  const dir = await temporary(t);
  await saveLayersModel(model, join(dir, 'small'));
  await writeFile(join(dir, 'names.txt'), 'cat\ndog\r\nbird & co\n');
  const picture = (name: string, r: number, g: number, b: number) => {
    const block = sharp({ create: { width: 12, height: 9, channels: 3, background: { r, g, b } } });
    return block
      .extend({ top: 7, left: 12, background: { r: 255 - r, g: 255 - g, b: 255 - b } })
      .png()
      .toFile(join(dir, name));
  };
  await picture('red.png', 220, 30, 20);
  await picture('green.png', 20, 200, 60);
  await writeFile(join(dir, 'broken.png'), 'not a picture');
  return {
    dir,
    model: join(dir, 'small'),
    classes: join(dir, 'names.txt'),
    file: (name: string) => join(dir, name),
  };
}
