import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { TensorOp, type TensorOperation } from '../layers/index.ts';

type Tensor = tfl.SymbolicTensor;

/** What a node makes: `image` says that an ONNX [N,C,H,W] lies as [B,H,W,C] here. */
export interface Computed {
  readonly tensor: Tensor;
  readonly image: boolean;
  /** An order of axes that is still to be made: one that would put the batch elsewhere, for a while. */
  readonly pending?: readonly number[];
}

/** Numbers of the file. */
export interface Constant {
  readonly shape: readonly number[];
  readonly numbers: ArrayLike<number>;
}

export type Operand = Computed | Constant;

export function isConstant(operand: Operand | undefined): operand is Constant {
  return operand !== undefined && 'numbers' in operand;
}

/** Makes layers of names that are theirs alone, and remembers which weights they are to get. */
export class LayerFactory {
  readonly #names = new Set<string>(['image']);
  readonly #layers = new Set<tfl.layers.Layer>();
  readonly #weights: [tfl.layers.Layer, tf.Tensor[]][] = [];

  /** A name of letters, figures and dots: `/layer1/layer1.0/conv1/Conv` to `layer1.layer1.0.conv1.Conv`. */
  name(wanted: string): string {
    const plain = wanted.replace(/^\/+/, '').replace(/[^\w.]+/g, '.') || 'layer';
    let name = plain;
    for (let i = 1; this.#names.has(name); i++) name = `${plain}_${i}`;
    this.#names.add(name);
    return name;
  }

  apply(layer: tfl.layers.Layer, inputs: Tensor | Tensor[], weights: tf.Tensor[] = []): Tensor {
    this.#layers.add(layer);
    const output = layer.apply(inputs) as Tensor;
    if (weights.length > 0) this.#weights.push([layer, weights]);
    return output;
  }

  operation(
    name: string,
    operation: TensorOperation,
    inputs: Tensor[],
    attributes: Record<string, number | number[] | string | null> = {},
    constant?: { value: tf.Tensor; first: boolean },
  ): Tensor {
    const layer = new TensorOp({
      name: this.name(name),
      operation,
      attributes,
      constantShape: constant ? constant.value.shape : null,
      constantFirst: constant?.first ?? false,
    });
    return this.apply(layer, inputs.length === 1 ? inputs[0]! : inputs, constant ? [constant.value] : []);
  }

  /** [B,H,W,C] as ONNX has it. */
  channelsFirst(tensor: Tensor): Tensor {
    return this.operation('channels_first', 'transpose', [tensor], { order: [0, 3, 1, 2] });
  }

  channelsLast(tensor: Tensor): Tensor {
    return this.apply(tfl.layers.permute({ name: this.name('channels_last'), dims: [2, 3, 1] }), tensor);
  }

  /** Gives the layers their weights, when all are built. */
  fill(): void {
    for (const [layer, weights] of this.#weights) {
      layer.setWeights(weights);
      tf.dispose(weights);
    }
  }

  /** Gives the memory of all layers back, of a network that came to nothing. */
  dispose(): void {
    for (const layer of this.#layers) for (const weight of layer.weights) weight.dispose();
  }
}

export function tensorOf({ shape, numbers }: Constant): tf.Tensor {
  return tf.tensor(Float32Array.from(numbers), [...shape]);
}
