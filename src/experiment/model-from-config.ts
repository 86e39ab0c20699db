import { isDeepStrictEqual } from 'node:util';
import type * as tfl from '@tensorflow/tfjs-layers';
import type { Config } from '../config/index.ts';
import { UsageError } from '../errors/index.ts';
import {
  type BackboneName,
  buildModel,
  checkModelOptions,
  findInputScaling,
  freezeLayers,
  loadLayersModel,
  modelNames,
  shownScaling,
  takesVolumes,
  unfreezeLayers,
  withInputScaling,
  withInputSize,
  withNewHead,
  withTwoClasses,
} from '../models/index.ts';
import { fileOfNetwork } from '../run/index.ts';

/**
 * Checks the part of the network's description that needs neither data nor engine.
 *
 * @throws {UsageError} naming the backbone or option that does not exist, and the near matches; a network of images for
 *   clips, and the other way round.
 */
export function checkModelConfig({ model, data: { frames } }: Config): void {
  if (model.weights !== null) return;
  checkModelOptions(model.backbone, model.options);
  if (takesVolumes(model.backbone) === (frames !== null)) return;
  const fitting = modelNames().filter((name) => takesVolumes(name) === (frames !== null));
  throw new UsageError(
    `model.backbone: ${model.backbone} takes ${frames === null ? 'clips, and data.frames is null' : `images, and data.frames is ${frames}`}; expected ${fitting.join(', ')}`,
  );
}

/**
 * Builds the network of an experiment: logits for each class of the data set, input in [0, 1]. A network with one score
 * goes on as one of two classes where the data set has two, of which an image has one.
 *
 * @param exclusive whether an image has one label
 * @param log takes a line when its files want another scaling of the pixels than the config says
 */
export async function buildExperimentModel(
  config: Config,
  classes: number,
  { exclusive = false, log = () => {} }: { exclusive?: boolean; log?: (line: string) => void } = {},
): Promise<tfl.LayersModel> {
  const { backbone, options, weights, head, inputScaling, freeze } = config.model;
  const { frames } = config.data;
  const inputShape: [number, number, number] | [number, number, number, number] = frames
    ? [frames, ...config.data.imageSize, 3]
    : [...config.data.imageSize, 3];
  let model: tfl.LayersModel;
  if (weights === null) {
    // The registry checks the name and the options.
    model = buildModel(backbone as BackboneName, { inputShape, classes, seed: config.seed, ...options });
  } else {
    const loaded = await loadLayersModel(weights, { onNote: (note) => log(`file     ${note}`) });
    const wanted = await findInputScaling(fileOfNetwork(weights), loaded);
    if (wanted && !isDeepStrictEqual(wanted.scaling, inputScaling)) {
      log(
        `warning  model.inputScaling: ${shownScaling(inputScaling)}, but ${wanted.why}: ${shownScaling(wanted.scaling)}`,
      );
    }
    // `freeze` says everything: what was frozen when the model was saved does not matter here.
    unfreezeLayers(loaded);
    const { imageSize } = config.data;
    if (head) {
      const { kind, ...options } = head;
      model = withNewHead(loaded, {
        classes,
        head: kind,
        ...options,
        inputSize: imageSize,
        seed: config.seed,
      });
    } else {
      model = frames ? sameClips(loaded, inputShape) : withInputSize(loaded, imageSize);
      if (exclusive && classes === 2 && model.outputs[0]!.shape.at(-1) === 1) {
        model = withTwoClasses(model);
        log('network  its one score becomes those of two classes');
      }
    }
  }
  const outputs = model.outputs[0]!.shape.at(-1);
  if (outputs !== classes) {
    throw new UsageError(
      `model: ${outputs} outputs for the ${classes} classes of ${config.data.dir}; give it a new head`,
    );
  }
  if (inputScaling !== 'zero-one') model = withInputScaling(model, inputScaling);
  if (freeze.length > 0) freezeLayers(model, freeze);
  return model;
}

/** @throws {UsageError} for a network of other clips, or of images */
function sameClips(model: tfl.LayersModel, wanted: readonly number[]): tfl.LayersModel {
  const own = model.inputs[0]!.shape.slice(1);
  if (own.length === wanted.length && own.every((size, axis) => size === null || size === wanted[axis])) {
    return model;
  }
  throw new UsageError(
    `model.weights: it takes [${own.map((size) => size ?? 'any').join(', ')}], data.frames and data.imageSize say [${wanted.join(', ')}]`,
  );
}
