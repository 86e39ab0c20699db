import { readFile } from 'node:fs/promises';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { ModelError } from '../../errors/index.ts';
import { convertNode, knownOperators } from './convert-node.ts';
import { type OnnxModel, readOnnx } from './onnx-file.ts';
import { LayerFactory, type Operand } from './operand.ts';

/**
 * A network of images in ONNX as a layers-model: every operator becomes a layer of tfjs or of this package, so that it can be
 * explained by gradients, trained and saved. Images are channels last here, [B,H,W,C], whatever the file has: those that
 * a segmenter gives too.
 *
 * @throws {ModelError} when the file is damaged, does not take one image, or holds operators that are not known, all of
 *   which it lists
 */
export async function importOnnx(file: string): Promise<tfl.LayersModel> {
  const bytes = await readFile(file).catch((cause: NodeJS.ErrnoException) => {
    throw new ModelError(`${file}: ${cause.code === 'ENOENT' ? 'this file is missing' : cause.message}`, {
      cause,
    });
  });
  const model = readOnnx(file, bytes);
  refuseUnknown(file, model);
  const [input] = model.inputs;
  if (model.inputs.length !== 1 || input?.shape.length !== 4) {
    const found = model.inputs.map(({ name, shape }) => `${name} [${shape.map((size) => size ?? 'any')}]`);
    throw new ModelError(
      `${file}: expected one input of images, [batch, channels, H, W], found ${found.join(', ')}`,
    );
  }
  const channelsFirst = isChannels(input.shape[1]) || !isChannels(input.shape[3]);
  const [, a, b, c] = input.shape as (number | null)[];
  const image = tfl.input({ name: 'image', shape: (channelsFirst ? [b, c, a] : [a, b, c]) as number[] });
  const values = new Map<string, Operand>([[input.name, { tensor: image, image: channelsFirst }]]);
  for (const [name, { shape, values: numbers }] of model.tensors) values.set(name, { shape, numbers });
  const layers = new LayerFactory();
  // Constants of the file that become no weight are tensors that nobody needs.
  tf.engine().startScope();
  try {
    for (const node of model.nodes) {
      const operands = node.inputs.map((name) => {
        if (name === '') return undefined;
        const found = values.get(name);
        if (!found) throw new Error(`it reads "${name}", which nothing before it makes`);
        return found;
      });
      let made: Operand[];
      try {
        made = convertNode(node, operands, layers, model.opset);
      } catch (cause) {
        const message = (cause as Error).message.split('\n', 1)[0];
        throw new ModelError(`${file}: node "${node.name || node.outputs[0]}" (${node.op}): ${message}`, {
          cause,
        });
      }
      for (const [i, name] of node.outputs.entries()) if (made[i]) values.set(name, made[i]);
    }
    const outputs = model.outputs.map(({ name }) => {
      const found = values.get(name);
      if (!found || !('tensor' in found))
        throw new ModelError(`${file}: its output "${name}" is not made of the image`);
      const [, height, width] = found.tensor.shape;
      // Scores of one pixel are as the file has them; what has an extent is an image, as the input is.
      return found.image && height === 1 && width === 1 ? layers.channelsFirst(found.tensor) : found.tensor;
    });
    const built = tfl.model({ inputs: image, outputs, name: 'onnx' });
    layers.fill();
    return built;
  } catch (cause) {
    layers.dispose();
    if (cause instanceof ModelError) throw cause;
    throw new ModelError(`${file}: ${(cause as Error).message.split('\n', 1)[0]}`, { cause });
  } finally {
    tf.engine().endScope();
  }
}

function isChannels(size: number | null | undefined): boolean {
  return size === 1 || size === 3 || size === 4;
}

function refuseUnknown(file: string, { nodes }: OnnxModel): void {
  const counts = new Map<string, number>();
  for (const { op } of nodes) if (!knownOperators.has(op)) counts.set(op, (counts.get(op) ?? 0) + 1);
  if (counts.size === 0) return;
  const shown = [...counts].map(([op, count]) => `${op} (${count})`).join(', ');
  throw new ModelError(
    `${file}: ${counts.size} of its operators have no derivative here: ${shown}; methods that need scores alone do not ` +
      'need one',
  );
}
