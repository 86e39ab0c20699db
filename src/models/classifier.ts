import * as tfl from '@tensorflow/tfjs-layers';

const links: ReadonlySet<unknown> = new Set(['softmax', 'sigmoid']);
/** Layers that only move values; what they read is classified as it is. */
const movers: ReadonlySet<string> = new Set(['Reshape', 'Flatten', 'Permute']);

/** Whether a layer answers probabilities. */
export function isProbability(layer: tfl.layers.Layer): boolean {
  return layer.getClassName() === 'Softmax' || links.has(layer.getConfig().activation);
}

/**
 * The features that a classifier classifies: what its last dense layer reads, with softmax, sigmoid and layers that
 * only move values taken off behind it. The output itself where no linear dense layer (or 1x1 convolution of pooled
 * values) is last, so that the model is one of features.
 */
export function classifierInput(model: tfl.LayersModel): tfl.SymbolicTensor {
  let tensor = model.outputs[0]!;
  for (;;) {
    const { sourceLayer, nodeIndex } = tensor;
    const kind = sourceLayer.getClassName();
    if (sourceLayer instanceof tfl.LayersModel) {
      const inner = classifierInput(sourceLayer);
      return sourceLayer.outputs[0] === inner ? model.outputs[0]! : inner;
    }
    const before = sourceLayer.inboundNodes[nodeIndex]?.inputTensors[0];
    const { activation } = sourceLayer.getConfig();
    const isLinear = activation === 'linear' || links.has(activation);
    if (kind === 'Dense' && isLinear) return before!;
    const pixel = tensor.shape.length === 4 && tensor.shape.slice(1, 3).every((size) => size === 1);
    if (kind === 'Conv2D' && isLinear && pixel) return before!;
    const passes = movers.has(kind) || kind === 'Softmax' || (kind === 'Activation' && isLinear);
    if (!passes || !before) return model.outputs[0]!;
    tensor = before;
  }
}

/** The models that have to be opened to reach a tensor at the end of a model, from the outermost on. */
export function modelsAround(model: tfl.LayersModel, end: tfl.SymbolicTensor): tfl.LayersModel[] {
  const { sourceLayer } = model.outputs[0]!;
  const isLast = sourceLayer instanceof tfl.LayersModel && model.outputs[0] !== end;
  return isLast ? [sourceLayer, ...modelsAround(sourceLayer, end)] : [];
}
