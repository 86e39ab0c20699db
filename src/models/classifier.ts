import * as tfl from '@tensorflow/tfjs-layers';

const links: ReadonlySet<unknown> = new Set(['softmax', 'sigmoid']);
/** Layers that only move values; what they read is classified as it is. */
const movers: ReadonlySet<string> = new Set(['Reshape', 'Flatten', 'Permute']);

/** Whether a layer answers probabilities. */
export function isProbability(layer: tfl.layers.Layer): boolean {
  return layer.getClassName() === 'Softmax' || links.has(layer.getConfig().activation);
}

/** The layer that makes the scores of a classifier, and what it reads. */
export interface ScoringLayer {
  readonly layer: tfl.layers.Layer;
  readonly input: tfl.SymbolicTensor;
}

/**
 * The linear dense layer (or 1x1 convolution of pooled values) that makes the scores, with softmax, sigmoid and layers
 * that only move values taken off behind it; undefined where no such layer is last.
 */
export function scoringLayer(model: tfl.LayersModel): ScoringLayer | undefined {
  let tensor = model.outputs[0]!;
  for (;;) {
    const { sourceLayer, nodeIndex } = tensor;
    const kind = sourceLayer.getClassName();
    if (sourceLayer instanceof tfl.LayersModel) return scoringLayer(sourceLayer);
    const before = sourceLayer.inboundNodes[nodeIndex]?.inputTensors[0];
    const { activation } = sourceLayer.getConfig();
    const isLinear = activation === 'linear' || links.has(activation);
    const pixel = tensor.shape.length === 4 && tensor.shape.slice(1, 3).every((size) => size === 1);
    if (isLinear && (kind === 'Dense' || (kind === 'Conv2D' && pixel))) {
      return { layer: sourceLayer, input: before! };
    }
    const passes = movers.has(kind) || kind === 'Softmax' || (kind === 'Activation' && isLinear);
    if (!passes || !before) return undefined;
    tensor = before;
  }
}

/**
 * The features that a classifier classifies: what its last dense layer reads. The output itself where no such layer is
 * last, so that the model is one of features.
 */
export function classifierInput(model: tfl.LayersModel): tfl.SymbolicTensor {
  return scoringLayer(model)?.input ?? model.outputs[0]!;
}

/** The models that have to be opened to reach a tensor at the end of a model, from the outermost on. */
export function modelsAround(model: tfl.LayersModel, end: tfl.SymbolicTensor): tfl.LayersModel[] {
  const { sourceLayer } = model.outputs[0]!;
  const isLast = sourceLayer instanceof tfl.LayersModel && model.outputs[0] !== end;
  return isLast ? [sourceLayer, ...modelsAround(sourceLayer, end)] : [];
}
