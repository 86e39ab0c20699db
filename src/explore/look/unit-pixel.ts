import type { UnitView, WindowGeometry } from './unit-view.ts';

/** A value that goes into a pixel. */
export interface Term {
  /** Where in the input; null outside of it, where there is nothing but 0. */
  readonly place: readonly [y: number, x: number] | null;
  /** Channel of the input, counted in the layer that it comes from. */
  readonly channel: number;
  /** Index of the input, for layers that read several. */
  readonly input: number;
  readonly value: number;
  /** What it is multiplied with; 1 where nothing is. */
  readonly weight: number;
}

/** How a pixel of a unit comes about. */
export interface UnitPixel {
  readonly terms: readonly Term[];
  /** Rows and columns of the window that the terms fill, channel by channel; null where there is no window. */
  readonly window: readonly [number, number] | null;
  /** Of values times weights; null where they are not added. */
  readonly sum: number | null;
  readonly bias: number | null;
  /** Before the activation. */
  readonly before: number;
  /** After it, by the numbers here. */
  readonly after: number;
  /** What the engine answers. */
  readonly engine: number;
}

/** Functions of one value; those of a whole vector are not among them. */
const functions: Readonly<Record<string, (x: number) => number>> = {
  linear: (x) => x,
  relu: (x) => Math.max(0, x),
  relu6: (x) => Math.min(6, Math.max(0, x)),
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  tanh: Math.tanh,
  elu: (x) => (x > 0 ? x : Math.expm1(x)),
  softplus: (x) => Math.log1p(Math.exp(x)),
  swish: (x) => x / (1 + Math.exp(-x)),
};

/**
 * The window, the products, the sum, the bias and the activation of one pixel.
 *
 * @param y, x place in the unit's map; 0, 0 for a unit of a vector
 */
export function unitPixel(unit: UnitView, y: number, x: number): UnitPixel {
  const engine = unit.output.values[y * unit.output.width + x]!;
  const { making } = unit;
  const [input] = unit.inputs;
  const opaque = { terms: [], window: null, sum: null, bias: null, before: engine, after: engine, engine };
  if (!input) return opaque;
  switch (making.kind) {
    case 'convolution': {
      const terms = windowTerms(unit, making.geometry, making.kernel, y, x);
      const sum = total(terms);
      const before = sum + making.bias;
      const after = activated(making.activation, before, engine);
      return { terms, window: making.geometry.size, sum, bias: making.bias, before, after, engine };
    }
    case 'dense': {
      const terms = [...making.kernel].map((weight, i) => ({
        place: [0, 0] as const,
        channel: i,
        input: 0,
        value: input.values[i]!,
        weight,
      }));
      const sum = total(terms);
      const before = sum + making.bias;
      const after = activated(making.activation, before, engine);
      return { terms, window: null, sum, bias: making.bias, before, after, engine };
    }
    case 'pooling': {
      const terms = windowTerms(unit, making.geometry, undefined, y, x).filter(({ place }) => place !== null);
      const values = terms.map(({ value }) => value);
      const after =
        making.of === 'max' ? Math.max(...values) : values.reduce((a, b) => a + b, 0) / values.length;
      return { terms, window: making.geometry.size, sum: null, bias: null, before: after, after, engine };
    }
    case 'normalization': {
      const value = at(input, y, x, 0);
      const weight = making.scale / Math.sqrt(making.variance + making.epsilon);
      const after = (value - making.mean) * weight + making.shift;
      const terms = [{ place: [y, x] as const, channel: input.first, input: 0, value, weight }];
      return { terms, window: null, sum: null, bias: making.shift, before: after, after, engine };
    }
    case 'activation': {
      const value = at(input, y, x, 0);
      const terms = [{ place: [y, x] as const, channel: input.first, input: 0, value, weight: 1 }];
      const after = activated(making.activation, value, engine);
      return { terms, window: null, sum: null, bias: null, before: value, after, engine };
    }
    case 'sum': {
      const terms = unit.inputs.map((plane, i) => ({
        place: [y, x] as const,
        channel: plane.first,
        input: i,
        value: at(plane, y, x, 0),
        weight: 1,
      }));
      const sum = total(terms);
      return { terms, window: null, sum, bias: null, before: sum, after: sum, engine };
    }
    case 'values':
      return opaque;
  }
}

/** What cannot be said of one value alone (softmax) is the engine's. */
function activated(name: string, value: number, engine: number): number {
  return functions[name]?.(value) ?? engine;
}

function total(terms: readonly Term[]): number {
  return terms.reduce((sum, { value, weight }) => sum + value * weight, 0);
}

function at(plane: UnitView['inputs'][number], y: number, x: number, channel: number): number {
  return plane.values[(y * plane.width + x) * plane.channels + channel]!;
}

/** Channel by channel, row by row. */
function windowTerms(
  { inputs: [plane] }: UnitView,
  { size, strides, before, dilation }: WindowGeometry,
  kernel: Float32Array | undefined,
  y: number,
  x: number,
): Term[] {
  const { height, width, channels, first } = plane!;
  const terms: Term[] = [];
  for (let channel = 0; channel < channels; channel++) {
    for (let i = 0; i < size[0]; i++) {
      for (let j = 0; j < size[1]; j++) {
        const v = y * strides[0] - before[0] + i * dilation[0];
        const u = x * strides[1] - before[1] + j * dilation[1];
        const inside = v >= 0 && v < height && u >= 0 && u < width;
        terms.push({
          place: inside ? [v, u] : null,
          channel: first + channel,
          input: 0,
          value: inside ? at(plane!, v, u, channel) : 0,
          weight: kernel ? kernel[(i * size[1] + j) * channels + channel]! : 1,
        });
      }
    }
  }
  return terms;
}
