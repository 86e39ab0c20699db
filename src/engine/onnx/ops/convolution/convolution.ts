import { type LazyNode, operation, uniform } from '../../graph/lazy-node.ts';
import type { Epilogue, Lowered, Lowering, Quarters } from '../../graph/lowering.ts';
import { zerosAsBorder } from '../borders.ts';
import { blockedConvolution, blockedInputGradient } from './blocked-convolution.ts';
import { columnsGradient } from './columns-gradient.ts';
import { type Convolution, convolutionKey } from './convolution-geometry.ts';
import { filterGradient } from './filter-gradient.ts';
import { plainConvolution, plainInputGradient } from './plain-convolution.ts';
import {
  isQuarterable,
  quarteredFilterGradient,
  quarteredInputGradient,
  quarters,
} from './quartered-convolution.ts';
import { smallImageConvolution, smallImageGradient } from './small-image-convolution.ts';
import { winogradConvolution, winogradFilterGradient, winogradInputGradient } from './winograd.ts';

/** y = x * filter */
export function convolve(x: LazyNode, filter: LazyNode, conv: Convolution): LazyNode {
  if (x.size === 0 || filter.size === 0) return uniform(0, conv.outputShape, 'float32');
  return operation({
    kind: 'Conv',
    key: convolutionKey(conv),
    inputs: [x, filter],
    shape: conv.outputShape,
    dtype: 'float32',
    lower: (l, [padded, weights]) => {
      const [input, walk] = zerosAsBorder(l, padded!, conv);
      const isTrained = l.usersOf(padded!).some(({ kind }) => kind === 'ConvFilterGradient');
      const whole = (epilogue: Epilogue): Lowered =>
        winogradConvolution(l, input, weights!, walk, { ...epilogue, isTrained }) ??
        smallImageConvolution(l, input, weights!, walk, epilogue) ??
        blockedConvolution(l, input, weights!, walk, epilogue) ??
        plainConvolution(l, input, weights!, walk, epilogue);
      const withEpilogue = (epilogue: Epilogue): Lowered =>
        isQuarterable(l, walk)
          ? { ...whole(epilogue), quarters: () => quarters(l, input, weights!, walk, epilogue) }
          : whole(epilogue);
      return { ...withEpilogue({}), withEpilogue };
    },
  });
}

/** The adjoint in the input: the gradient with respect to x, and the transposed convolution. */
export function convolveInputGradient(dy: LazyNode, filter: LazyNode, conv: Convolution): LazyNode {
  if (dy.size === 0 || filter.size === 0) return uniform(0, conv.inputShape, 'float32');
  return operation({
    kind: 'ConvInputGradient',
    key: convolutionKey(conv),
    inputs: [dy, filter],
    shape: conv.inputShape,
    dtype: 'float32',
    lower: (l, [derivative, weights]) =>
      ofQuarters(l, derivative!, (dy) => quarteredInputGradient(l, dy, weights!, conv)) ??
      columnsGradient(l, derivative!, weights!, conv) ??
      winogradInputGradient(l, derivative!, weights!, conv) ??
      smallImageGradient(l, derivative!, weights!, conv) ??
      blockedInputGradient(l, derivative!, weights!, conv) ??
      plainInputGradient(l, derivative!, weights!, conv),
  });
}

/** The adjoint in the filter: the gradient with respect to the weights. */
export function convolveFilterGradient(x: LazyNode, dy: LazyNode, conv: Convolution): LazyNode {
  if (x.size === 0 || dy.size === 0) return uniform(0, conv.filterShape, 'float32');
  return operation({
    kind: 'ConvFilterGradient',
    key: `${convolutionKey(conv)}${conv.filterShape.join()}`,
    inputs: [x, dy],
    shape: conv.filterShape,
    dtype: 'float32',
    lower: (l, [padded, derivative]) => {
      const [input, walk] = zerosAsBorder(l, padded!, conv);
      return (
        ofQuarters(l, derivative!, (dy) => quarteredFilterGradient(l, input, dy, walk)) ??
        winogradFilterGradient(l, input, derivative!, walk) ??
        filterGradient(l, input, derivative!, walk)
      );
    },
  });
}

function ofQuarters(
  l: Lowering,
  derivative: LazyNode,
  lower: (dy: Quarters) => Lowered | null,
): Lowered | null {
  const { quarters: known } = l.value(derivative);
  return known === undefined || derivative.kind !== 'MaskPositive' ? null : lower(known());
}
