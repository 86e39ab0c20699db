import type * as tfl from '@tensorflow/tfjs-layers';
import type { OnnxNode } from './onnx-file.ts';
import type { Computed, LayerFactory, Operand } from './operand.ts';

/** What a converter sees of a node. */
export interface NodeContext {
  readonly node: OnnxNode;
  readonly operands: readonly (Operand | undefined)[];
  readonly layers: LayerFactory;
  readonly opset: number;
  readonly name: string;
  /** Operand `i`, which has to be computed. */
  computed(i: number): Computed;
  /** The numbers of operand `i`, or of the attribute of that name in older files. */
  numbers(i: number, attribute?: string): number[] | undefined;
  int(attribute: string, fallback: number): number;
  ints(attribute: string): number[] | undefined;
}

/** The values that a node gives. It throws an `Error` that says what of the node is not known. */
export type Converter = (context: NodeContext) => Operand[];

/** Ends a conversion: what of the node is not known. */
export const fail = (message: string): never => {
  throw new Error(message);
};

/** Values that ONNX has as [B,C,H,W], as an image here. */
export function asImage({ tensor }: Computed, layers: LayerFactory): tfl.SymbolicTensor {
  return tensor.shape.length === 4
    ? layers.channelsLast(tensor)
    : fail('an image meets values that are none');
}

/** Values as ONNX has them: an image goes back to [B,C,H,W]. */
export function plain({ tensor, image }: Computed, layers: LayerFactory): tfl.SymbolicTensor {
  if (!image) return tensor;
  const [, h, w] = tensor.shape;
  if (h === 1 && w === 1) {
    return layers.operation('pixel', 'reshape', [tensor], { shape: [tensor.shape[3]!, 1, 1] });
  }
  return layers.channelsFirst(tensor);
}
