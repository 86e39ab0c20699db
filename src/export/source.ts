import { ModelError, UsageError } from '../errors/index.ts';
import type { MapMethod } from '../gradcam/index.ts';
import { toLogits } from '../models/index.ts';
import type { TrainedNetwork } from '../run/index.ts';
import type { ExportSource } from './onnx-export.ts';

/**
 * A trained network as a classifier that can be exported.
 *
 * @throws {ModelError} when it has several outputs
 * @throws {UsageError} for a run when nothing says how its logits become scores: a file must not guess
 */
export function exportSource(network: TrainedNetwork): ExportSource {
  const { model, path, run, dataDir } = network;
  if (model.outputs.length !== 1) {
    throw new ModelError(`${path}: must have one output to be exported, has ${model.outputs.length}`);
  }
  if (run !== null && !network.knowsLink) {
    throw new UsageError(
      `--link: the data set of the run, ${dataDir}, is not here to say whether an image may have several ` +
        'labels; give sigmoid if so, else softmax',
    );
  }
  return {
    name: network.name,
    model: toLogits(model),
    given: model,
    classes: network.classes,
    link: network.link,
    targetLayer: network.targetLayer,
    method: (network.methods[0] ?? 'grad-cam') as MapMethod,
  };
}
