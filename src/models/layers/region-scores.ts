import * as tf from '@tensorflow/tfjs-core';
import { withoutGradient } from '../../autodiff/index.ts';
import { type Config, OneTensorLayer, oneShape, registerLayers, type Shape } from './one-tensor-layer.ts';

/** Pixels whose scores are added up: those that are called the class, all, or a box in shares of width and height. */
export type ScoredRegion =
  | 'predicted'
  | 'all'
  | { readonly xmin: number; readonly ymin: number; readonly xmax: number; readonly ymax: number };

/** The sum of the logits, the share of pixels that are called the class, the mean probability of it. */
export type RegionScoreKind = 'score' | 'share' | 'chance';

/** Scores of a segmenter's answer [B,h,w,C], one for each class: [B,C]. See `withRegionScores`. */
export class RegionScores extends OneTensorLayer {
  static readonly className = 'RegionScores';
  readonly region: ScoredRegion;
  readonly of: RegionScoreKind;
  readonly link: 'softmax' | 'sigmoid';

  constructor(args: {
    name?: string;
    region: ScoredRegion;
    of: RegionScoreKind;
    link: 'softmax' | 'sigmoid';
  }) {
    super(args as object);
    this.region = args.region;
    this.of = args.of;
    this.link = args.link;
  }

  protected override compute(x: tf.Tensor): tf.Tensor {
    const [, height, width] = x.shape as [number, number, number];
    const counted = this.#counted(height, width);
    const called = withoutGradient(() => this.#called(x));
    const mask = this.region === 'predicted' ? called : tf.tensor(counted, [1, height, width, 1]);
    if (this.of === 'score') return tf.sum(tf.mul(x, mask), [1, 2]);
    const pixels = counted.reduce((sum, value) => sum + value, 0);
    const values = this.of === 'share' ? called : this.link === 'softmax' ? tf.softmax(x) : tf.sigmoid(x);
    return tf.div(tf.sum(tf.mul(values, mask), [1, 2]), pixels);
  }

  /** 1 at the pixels that are called a class: its logit is the largest, or with sigmoid above 0. */
  #called(x: tf.Tensor): tf.Tensor {
    const least = this.link === 'softmax' ? tf.max(x, -1, true) : tf.scalar(0);
    const over = this.link === 'softmax' ? tf.equal(x, least) : tf.greater(x, least);
    return tf.cast(over, 'float32');
  }

  /** 1 at the pixels that count; of a box those whose centre lies in it, at least one. */
  #counted(height: number, width: number): Float32Array {
    if (typeof this.region === 'string') return new Float32Array(height * width).fill(1);
    const { xmin, ymin, xmax, ymax } = this.region;
    const [left, right] = span(xmin, xmax, width);
    const [top, bottom] = span(ymin, ymax, height);
    return Float32Array.from({ length: height * width }, (_, i) => {
      const [y, x] = [Math.trunc(i / width), i % width];
      return Number(x >= left && x < right && y >= top && y < bottom);
    });
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const shape = oneShape(inputShape);
    return [shape[0]!, shape[3]!];
  }

  override getConfig(): Config {
    const { region, of, link } = this;
    return { ...super.getConfig(), region: region as Config[string], of, link };
  }
}

/** [first, end) of the pixels of an axis whose centres lie between two shares of it. */
function span(low: number, high: number, size: number): [number, number] {
  const first = Math.min(size - 1, Math.max(0, Math.ceil(low * size - 0.5)));
  return [first, Math.max(first + 1, Math.min(size, Math.floor(high * size - 0.5) + 1))];
}

/** Each number and its negative, [B,K] to [B,2K]. See `withSignedValues`. */
export class SignedValues extends OneTensorLayer {
  static readonly className = 'SignedValues';

  protected override compute(x: tf.Tensor): tf.Tensor {
    return tf.reshape(tf.stack([x, tf.neg(x)], 2), [x.shape[0]!, 2 * x.shape[1]!]);
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const [batch, values] = oneShape(inputShape);
    return [batch!, 2 * values!];
  }
}

registerLayers(RegionScores, SignedValues);
