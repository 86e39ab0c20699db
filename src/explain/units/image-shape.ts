import type * as tfl from '@tensorflow/tfjs-layers';
import { ModelError, UsageError } from '../../errors/index.ts';

/**
 * [H,W,c] of the images that a model takes.
 *
 * @param imageSize [H,W] where the model takes any
 * @throws {ModelError} for a model without layers
 * @throws {UsageError} when it does not take images, or their size is not known
 */
export function imageShapeOf(
  { inputs, name, layers }: tfl.LayersModel,
  imageSize: readonly [number, number] | undefined,
): [number, number, number] {
  if (!layers) throw new ModelError('expected a layers-model; this one has no layers (a graph-model?)');
  const { shape } = inputs[0]!;
  if (inputs.length !== 1 || shape.length !== 4) {
    throw new UsageError(`model "${name}": expected one input of images [batch, H, W, channels]`);
  }
  const [height, width] = imageSize ?? shape.slice(1, 3);
  if (!height || !width) throw new UsageError('imageSize: the model takes images of any size; say which');
  return [height, width, shape[3]!];
}
