import { ModelError, UsageError } from '../errors/index.ts';
import type { MapMethod } from '../gradcam/index.ts';
import { toLogits, withOutput } from '../models/index.ts';
import type { TrainedNetwork } from '../run/index.ts';
import type { ExportSource } from './onnx-export.ts';

/**
 * A trained network as a classifier that can be exported.
 *
 * @param leaveOut whether one output of several was asked for, so that the others may be left out
 * @throws {ModelError} when it has several outputs
 * @throws {UsageError} for a run when nothing says how its logits become scores: a file must not guess
 */
export function exportSource(
  network: TrainedNetwork,
  { leaveOut = false }: { leaveOut?: boolean } = {},
): ExportSource {
  const { path, run, dataDir } = network;
  let { model } = network;
  if (model.outputs.length !== 1) {
    const names = model.outputNames.join(', ');
    if (!leaveOut) {
      throw new ModelError(
        `${path}: must have one output to be exported, has ${model.outputs.length}, ${names}; --output names one`,
      );
    }
    model = withOutput(model, network.output);
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
