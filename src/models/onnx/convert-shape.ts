import * as tfl from '@tensorflow/tfjs-layers';
import { type Converter, fail, plain } from './node-converter.ts';
import { type Computed, isConstant, type LayerFactory, type Operand } from './operand.ts';

const flatten: Converter = ({ computed, layers, name, int }) => {
  if (int('axis', 1) !== 1) return fail('of another axis than the first');
  const layer = tfl.layers.flatten({ name: layers.name(name) });
  const operand = computed(0);
  const [, h, w] = operand.tensor.shape;
  const tensor =
    operand.image && !(h === 1 && w === 1) ? layers.channelsFirst(operand.tensor) : operand.tensor;
  return [{ tensor: layers.apply(layer, tensor), image: false }];
};

const reshape: Converter = ({ operands, computed, layers, name, numbers }) => {
  const shape = numbers(1, 'shape');
  if (!shape) return fail('its shape is computed');
  if (isConstant(operands[0])) return [{ ...operands[0], shape: shape.filter((size) => size >= 0) }];
  const operand = computed(0);
  const pixel = operand.image && operand.tensor.shape[1] === 1 && operand.tensor.shape[2] === 1;
  if (pixel && shape.length === 2) {
    return [
      { tensor: layers.apply(tfl.layers.flatten({ name: layers.name(name) }), operand.tensor), image: false },
    ];
  }
  // The first axis is the batch, whichever number the file has there.
  return [
    {
      tensor: layers.operation(name, 'reshape', [plain(operand, layers)], { shape: shape.slice(1) }),
      image: false,
    },
  ];
};

const transpose: Converter = ({ computed, layers, name, ints }) => {
  const operand = computed(0);
  const order = ints('perm') ?? fail('without an order');
  const key = order.join();
  if (!operand.image && key === '0,3,1,2') return [{ tensor: operand.tensor, image: true }];
  if (operand.image && key === '0,2,3,1') return [{ tensor: operand.tensor, image: false }];
  if (order[0] !== 0) return [{ tensor: plain(operand, layers), image: false, pending: order }];
  return [{ tensor: layers.operation(name, 'transpose', [plain(operand, layers)], { order }), image: false }];
};

/**
 * Exporters bring queries, keys and values to the front of the batch, take them apart there, and go on with the batch in
 * front: the order is kept until the batch is first again.
 */
export function takenApart(
  operand: Operand | undefined,
  axis: number,
  bounds: readonly { start: number; end: number }[],
  layers: LayerFactory,
  name: string,
): Computed[] | undefined {
  if (!operand || isConstant(operand) || !operand.pending) return undefined;
  const { tensor, pending } = operand;
  const place = pending[axis < 0 ? axis + pending.length : axis]!;
  return bounds.map((bound) => ({
    tensor: layers.operation(name, 'slice', [tensor], { axis: place, ...bound }),
    image: false,
    pending,
  }));
}

/** A tensor of another order, without an axis of one entry. */
export function withoutAxis(
  { tensor, pending }: Computed,
  axis: number,
  layers: LayerFactory,
  name: string,
): Computed {
  const place = pending![axis]!;
  const sizes = tensor.shape.filter((_, i) => i > 0 && i !== place);
  const { tensor: smaller } = operate(tensor, sizes, layers, name);
  const order = pending!.filter((one) => one !== place).map((one) => (one > place ? one - 1 : one));
  if (order[0] !== 0) return { tensor: smaller, image: false, pending: order };
  return { tensor: layers.operation(name, 'transpose', [smaller], { order }), image: false };
}

const squeeze: Converter = ({ computed, operands, node, layers, name, numbers }) => {
  const [moved] = operands;
  if (node.op === 'Squeeze' && moved && !isConstant(moved) && moved.pending) {
    const [axis, ...more] = numbers(1, 'axes') ?? [];
    if (axis === undefined || more.length > 0) return fail('of more than one axis');
    return [withoutAxis(moved, axis < 0 ? axis + moved.pending.length : axis, layers, name)];
  }
  const tensor = plain(computed(0), layers);
  const axes = numbers(1, 'axes') ?? fail('without axes');
  const inside = node.op === 'Squeeze' ? tensor.shape.length : tensor.shape.length + axes.length;
  const places = axes.map((axis) => (axis < 0 ? axis + inside : axis));
  if (places.includes(0)) return fail('of the batch');
  const sizes = [...tensor.shape];
  if (node.op === 'Squeeze') {
    return [
      operate(
        tensor,
        sizes.filter((_, i) => i > 0 && !places.includes(i)),
        layers,
        name,
      ),
    ];
  }
  for (const place of places.sort((a, b) => a - b)) sizes.splice(place, 0, 1);
  return [operate(tensor, sizes.slice(1), layers, name)];
};

function operate(
  tensor: tfl.SymbolicTensor,
  sizes: (number | null)[],
  layers: LayerFactory,
  name: string,
): Computed {
  const shape = sizes.map((size) => size ?? -1);
  return { tensor: layers.operation(name, 'reshape', [tensor], { shape }), image: false };
}

/** Operators that order the same values anew. */
export const shapeConverters: Readonly<Record<string, Converter>> = {
  Flatten: flatten,
  Reshape: reshape,
  Transpose: transpose,
  Squeeze: squeeze,
  Unsqueeze: squeeze,
};
