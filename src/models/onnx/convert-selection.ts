import * as tfl from '@tensorflow/tfjs-layers';
import { takenApart, withoutAxis } from './convert-shape.ts';
import { type Converter, fail, plain } from './node-converter.ts';
import { type Computed, isConstant, tensorOf } from './operand.ts';

const concat: Converter = ({ operands, layers, name, int }) => {
  const axis = int('axis', 1);
  const constants = operands.filter(isConstant);
  const values = operands.filter((one): one is Computed => one !== undefined && !isConstant(one));
  if (values.length === 0 || constants.length > 1) return fail('of numbers alone');
  const [constant] = constants;
  const image = values.every((one) => one.image) && !constant;
  const rank = values[0]!.tensor.shape.length;
  const place = axis < 0 ? axis + rank : axis;
  const tensors = values.map((one) => (image ? one.tensor : plain(one, layers)));
  if (constant) {
    const first = isConstant(operands[0]);
    const attributes = { axis: place };
    return [
      {
        tensor: layers.operation(name, 'concat', tensors, attributes, { value: tensorOf(constant), first }),
        image: false,
      },
    ];
  }
  const along = image ? [0, 3, 1, 2][place]! : place;
  if (tensors.length === 1) return [{ tensor: tensors[0]!, image }];
  return [
    {
      tensor: layers.apply(tfl.layers.concatenate({ name: layers.name(name), axis: along }), tensors),
      image,
    },
  ];
};

const gather: Converter = ({ operands, computed, layers, name, int }) => {
  const index = operands[1];
  if (!isConstant(index) || index.shape.length > 0) return fail('of more than one entry');
  const at = index.numbers[0]!;
  const apart = takenApart(operands[0], int('axis', 0), [{ start: at, end: at + 1 }], layers, name);
  if (apart) return [withoutAxis(apart[0]!, int('axis', 0), layers, name)];
  const tensor = plain(computed(0), layers);
  const axis = int('axis', 0);
  const place = axis < 0 ? axis + tensor.shape.length : axis;
  if (place === 0) return fail('along the batch');
  return [
    {
      tensor: layers.operation(name, 'pick', [tensor], { axis: place, index: index.numbers[0]! }),
      image: false,
    },
  ];
};

const slice: Converter = ({ computed, layers, name, numbers }) => {
  const tensor = plain(computed(0), layers);
  const [starts, ends] = [numbers(1, 'starts'), numbers(2, 'ends')];
  if (!starts || !ends) return fail('its bounds are computed');
  const axes = numbers(3, 'axes') ?? starts.map((_, i) => i);
  if ((numbers(4) ?? []).some((step) => step !== 1)) return fail('with steps');
  let value = tensor;
  for (const [i, axis] of axes.entries()) {
    const place = axis < 0 ? axis + tensor.shape.length : axis;
    if (place === 0) return fail('of the batch');
    const attributes = { axis: place, start: starts[i]!, end: Math.min(ends[i]!, 2 ** 31) };
    value = layers.operation(name, 'slice', [value], attributes);
  }
  return [{ tensor: value, image: false }];
};

const split: Converter = ({ node, operands, computed, layers, name, numbers, int }) => {
  const parts = numbers(1, 'split') ?? node.outputs.map(() => 1);
  const starts = parts.map((_, i) => parts.slice(0, i).reduce((sum, extent) => sum + extent, 0));
  const bounds = parts.map((extent, i) => ({ start: starts[i]!, end: starts[i]! + extent }));
  const apart = takenApart(operands[0], int('axis', 0), bounds, layers, name);
  if (apart) return apart;
  const tensor = plain(computed(0), layers);
  const axis = int('axis', 0);
  const place = axis < 0 ? axis + tensor.shape.length : axis;
  const size = tensor.shape[place];
  if (place === 0 || !size) return fail('of the batch, or of an open size');
  const count = node.outputs.length;
  const sizes = numbers(1, 'split') ?? Array<number>(count).fill(Math.ceil(size / count));
  let start = 0;
  return sizes.map((extent) => {
    const attributes = { axis: place, start, end: Math.min(size, start + extent) };
    start += extent;
    return { tensor: layers.operation(name, 'slice', [tensor], attributes), image: false };
  });
};

const pad: Converter = ({ node, computed, layers, name, numbers }) => {
  const { tensor, image } = computed(0);
  const pads = numbers(1, 'pads') ?? fail('its extent is computed');
  if ((node.attributes.get('mode') ?? 'constant') !== 'constant') return fail('other than with a constant');
  const rank = pads.length / 2;
  const order = image ? [0, 2, 3, 1] : Array.from({ length: rank }, (_, i) => i);
  const flat = order.flatMap((axis) => [pads[axis]!, pads[axis + rank]!]);
  const value = numbers(2, 'value')?.[0] ?? 0;
  return [{ tensor: layers.operation(name, 'pad', [tensor], { pads: flat, value }), image }];
};

/** Operators that take values out of tensors, or put tensors side by side. */
export const selectionConverters: Readonly<Record<string, Converter>> = {
  Concat: concat,
  Gather: gather,
  Slice: slice,
  Split: split,
  Pad: pad,
};
