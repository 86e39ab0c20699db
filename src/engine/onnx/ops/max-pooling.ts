import { type LazyNode, operation } from '../graph/lazy-node.ts';
import { zerosAsBorder } from './borders.ts';
import { isCompared, isHalving, maxWithIndices } from './max-pooling-gradient.ts';
import { axesOf, keyOf, type Pooling, pooled } from './pooling.ts';
import { pooledQuarters, quarterMaximum } from './quartered-pooling.ts';
import { isRelu } from './rectifiers.ts';
import { isSeparable } from './separable-pooling-gradient.ts';
import { channelsFirst } from './window.ts';

export function maxPool(x: LazyNode, pool: Pooling): LazyNode {
  return operation({
    kind: 'MaxPool',
    key: keyOf(pool),
    inputs: [x],
    shape: pool.outputShape,
    dtype: x.dtype,
    lower: (l, [input]) => {
      const quarters = isHalving(pool) ? pooledQuarters(l, input!, pool) : null;
      if (quarters !== null) return quarterMaximum(l, quarters, pool);
      const gradients = l.usersOf(input!).some((user) => user.kind === 'MaxPoolGradient');
      // The gradient of other windows needs the places of the maxima: one pass finds both.
      if (gradients && !isHalving(pool) && !isCompared(l, pool)) {
        const layout = channelsFirst(axesOf(pool));
        return { name: maxWithIndices(l, input!, pool)[0]!, layout, shape: pool.outputShape };
      }
      // A border counts as minus infinity: where nothing is negative, zeros do no more.
      const image = l.value(input!).unpadded?.node;
      // What was read has become a leaf, of which a program knows nothing but the shape.
      const isPositive = image?.isPending && (isRelu(image) || image.kind === 'Relu6');
      const bordered = zerosAsBorder(l, input!, pool);
      const isBorder = isPositive && (!gradients || isSeparable(l, bordered[1], true));
      return pooled(l, 'MaxPool', ...(isBorder ? bordered : ([input!, pool] as const)));
    },
  });
}

/** The places of the maxima as TensorFlow counts them: ((b · H + y) · W + x) · C + c, or without b. */
export function maxPoolPlaces(x: LazyNode, pool: Pooling, withBatch: boolean): LazyNode {
  return operation({
    kind: 'MaxPoolPlaces',
    key: `${keyOf(pool)}${withBatch}`,
    inputs: [x],
    shape: pool.outputShape,
    dtype: 'int32',
    lower: (l, [input]) => {
      const { graph } = l;
      const [batch, height, width, channels] = pool.inputShape as [number, number, number, number];
      const number = (value: number): string => graph.fill(value, 'int64');
      const places = maxWithIndices(l, input!, pool)[1]!;
      const plane = graph.node('Mod', [places, number(height * width)]);
      const counters = (size: number, dims: number[]): string =>
        graph.constant(
          'int64',
          dims,
          Array.from({ length: size }, (_, i) => i),
        );
      let result = graph.node('Add', [
        graph.node('Mul', [plane, number(channels)]),
        counters(channels, [1, channels, 1, 1]),
      ]);
      if (withBatch) {
        const offset = graph.node('Mul', [
          counters(batch, [batch, 1, 1, 1]),
          number(height * width * channels),
        ]);
        result = graph.node('Add', [result, offset]);
      }
      return {
        name: graph.cast(result, 'int32'),
        layout: channelsFirst(axesOf(pool)),
        shape: pool.outputShape,
      };
    },
  });
}
