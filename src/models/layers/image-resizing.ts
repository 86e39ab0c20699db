import * as tf from '@tensorflow/tfjs-core';
import { separableProduct } from '../../autodiff/index.ts';
import { type Config, OneTensorLayer, oneShape, registerLayers, type Shape } from './one-tensor-layer.ts';

/**
 * Where in the source the centre of target pixel i lies, of s = target / source pixels (ONNX `Resize`,
 * `coordinate_transformation_mode`):
 * - `half-pixel`: (i + ½) / s − ½
 * - `half-pixel-or-first`: the same, and 0 where the target is one pixel (PyTorch's)
 * - `align-corners`: i (source − 1) / (target − 1)
 * - `asymmetric`: i / s
 */
export type ResizeCoordinates = 'half-pixel' | 'half-pixel-or-first' | 'align-corners' | 'asymmetric';

/** Which of two pixels is the nearest: `half-up` and `half-down` differ in the middle between them alone. */
export type ResizeRounding = 'half-up' | 'half-down' | 'floor' | 'ceil';

export interface ImageResizingArgs extends Config {
  /** Size of the result; or `factors`. */
  height?: number | null;
  width?: number | null;
  /** Of [height, width] as they come in. */
  factors?: number[] | null;
  /** @default 'bilinear' */
  interpolation?: 'bilinear' | 'nearest' | 'cubic';
  /** @default 'half-pixel' */
  coordinates?: ResizeCoordinates;
  /** Of `nearest`. @default 'half-up' */
  rounding?: ResizeRounding;
  /** Of `cubic`: a of Keys' kernel. @default -0.75 */
  sharpness?: number;
}

/**
 * Resizes images as Keras, PyTorch and ONNX do; tfjs's `Resizing` and `UpSampling2D` align the corners or the upper
 * left. Two products with constant matrices, so that derivatives are exact to any order. Pixels beyond the edge are those
 * of the edge.
 */
export class ImageResizing extends OneTensorLayer {
  static readonly className = 'ImageResizing';
  readonly height: number | null;
  readonly width: number | null;
  readonly factors: number[] | null;
  readonly interpolation: 'bilinear' | 'nearest' | 'cubic';
  readonly coordinates: ResizeCoordinates;
  readonly rounding: ResizeRounding;
  readonly sharpness: number;

  constructor(args: ImageResizingArgs) {
    super(args as object);
    this.height = args.height ?? null;
    this.width = args.width ?? null;
    this.factors = args.factors ?? null;
    this.interpolation = args.interpolation ?? 'bilinear';
    this.coordinates = args.coordinates ?? 'half-pixel';
    this.rounding = args.rounding ?? 'half-up';
    this.sharpness = args.sharpness ?? -0.75;
  }

  #size(height: number | null, width: number | null): Shape {
    if (this.factors === null) return [this.height, this.width];
    const times = (size: number | null, i: number) =>
      size === null ? null : Math.floor(size * this.factors![i]!);
    return [times(height, 0), times(width, 1)];
  }

  protected override compute(x: tf.Tensor): tf.Tensor {
    const [batch, height, width, channels] = x.shape as [number, number, number, number];
    const [toHeight, toWidth] = this.#size(height, width) as [number, number];
    const planes = tf.reshape(tf.transpose(x, [0, 3, 1, 2]), [batch * channels, height, width]);
    const resized = separableProduct(
      planes as tf.Tensor3D,
      tf.tensor2d(this.#matrix(height, toHeight, 0), [toHeight, height]),
      tf.tensor2d(this.#matrix(width, toWidth, 1), [toWidth, width]),
    );
    return tf.transpose(tf.reshape(resized, [batch, channels, toHeight, toWidth]), [0, 2, 3, 1]);
  }

  /** What each target pixel takes of each source pixel, [to, from]. */
  #matrix(from: number, to: number, axis: 0 | 1): Float32Array {
    // The factor that was asked for, not the one that rounding makes of it.
    const scale = this.factors?.[axis] ?? to / from;
    const matrix = new Float32Array(to * from);
    for (let i = 0; i < to; i++) {
      const source = position[this.coordinates](i, scale, from, to);
      const take = (at: number, weight: number) => {
        matrix[i * from + Math.min(from - 1, Math.max(0, at))]! += weight;
      };
      if (this.interpolation === 'nearest') {
        take(round[this.rounding](source), 1);
        continue;
      }
      const base = Math.floor(source);
      const reach = this.interpolation === 'cubic' ? [-1, 0, 1, 2] : [0, 1];
      for (const tap of reach) take(base + tap, this.#weight(source - base - tap));
    }
    return matrix;
  }

  #weight(distance: number): number {
    const d = Math.abs(distance);
    if (this.interpolation === 'bilinear') return Math.max(0, 1 - d);
    const a = this.sharpness;
    if (d <= 1) return (a + 2) * d ** 3 - (a + 3) * d ** 2 + 1;
    return d < 2 ? a * (d ** 3 - 5 * d ** 2 + 8 * d - 4) : 0;
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const [batch, height, width, channels] = oneShape(inputShape) as [null, number, number, number];
    return [batch, ...this.#size(height, width), channels];
  }

  override getConfig(): Config {
    const { height, width, factors, interpolation, coordinates, rounding, sharpness } = this;
    return { ...super.getConfig(), height, width, factors, interpolation, coordinates, rounding, sharpness };
  }
}

type Position = (i: number, scale: number, from: number, to: number) => number;

const position: Readonly<Record<ResizeCoordinates, Position>> = {
  'half-pixel': (i, scale) => (i + 0.5) / scale - 0.5,
  'half-pixel-or-first': (i, scale, _, to) => (to > 1 ? (i + 0.5) / scale - 0.5 : 0),
  'align-corners': (i, _, from, to) => (to > 1 ? (i * (from - 1)) / (to - 1) : 0),
  asymmetric: (i, scale) => i / scale,
};

const round: Readonly<Record<ResizeRounding, (value: number) => number>> = {
  'half-up': (value) => Math.floor(value + 0.5),
  'half-down': (value) => Math.ceil(value - 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

registerLayers(ImageResizing);
