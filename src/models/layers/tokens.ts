import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { type Config, OneTensorLayer, oneShape, registerLayers, type Shape } from './one-tensor-layer.ts';

/** Where the patches of an image are among the tokens: after `prefix` others, row by row. */
export interface TokenLayout {
  readonly prefix: number;
  /** [h, w] */
  readonly grid: readonly [number, number];
}

interface EmbeddingArgs extends Config {
  grid: [number, number];
  classToken?: boolean;
  registers?: number;
  positions?: 'all' | 'patches';
}

/**
 * Puts the class token and register tokens before the patches, and adds what says where each is:
 * [B,h·w,C] → [B, prefix + h·w, C].
 *
 * `positions`: `all`, for the class token too (ViT, DeiT, DINOv2); `patches`, before the others are put there (DINOv2
 * with registers).
 */
export class TokenEmbedding extends OneTensorLayer {
  static readonly className = 'TokenEmbedding';
  readonly grid: [number, number];
  readonly classToken: boolean;
  readonly registers: number;
  readonly positions: 'all' | 'patches';
  #class: tfl.LayerVariable | null = null;
  #registers: tfl.LayerVariable | null = null;
  #position!: tfl.LayerVariable;

  constructor(args: EmbeddingArgs) {
    super(args as object);
    this.grid = args.grid;
    this.classToken = args.classToken ?? true;
    this.registers = args.registers ?? 0;
    this.positions = args.positions ?? 'all';
  }

  get tokenLayout(): TokenLayout {
    return { prefix: (this.classToken ? 1 : 0) + this.registers, grid: this.grid };
  }

  override build(inputShape: Shape | Shape[]): void {
    const [, patches, channels] = oneShape(inputShape) as [null, number, number];
    const { zeros, truncatedNormal } = tfl.initializers;
    const small = truncatedNormal({ mean: 0, stddev: 0.02, seed: 1 }) as never;
    const positions = this.positions === 'all' ? patches + (this.classToken ? 1 : 0) : patches;
    if (this.classToken) {
      this.#class = this.addWeight('class_token', [1, 1, channels], 'float32', zeros() as never);
    }
    if (this.registers > 0) {
      this.#registers = this.addWeight('register_tokens', [1, this.registers, channels], 'float32', small);
    }
    this.#position = this.addWeight('position', [1, positions, channels], 'float32', small);
    this.built = true;
  }

  protected override compute(x: tf.Tensor): tf.Tensor {
    const [batch, , channels] = x.shape as [number, number, number];
    const repeated = (token: tfl.LayerVariable | null): tf.Tensor[] => {
      if (!token) return [];
      const value = token.read();
      return [tf.add(tf.zeros([batch, value.shape[1]!, channels]), value)];
    };
    const position = this.#position.read();
    const first = repeated(this.#class);
    if (this.positions === 'all') {
      const tokens = tf.add(first.length > 0 ? tf.concat([...first, x], 1) : x, position);
      if (!this.#registers) return tokens;
      const own = first.length;
      const head = tf.slice(tokens, [0, 0, 0], [-1, own, -1]);
      const rest = tf.slice(tokens, [0, own, 0], [-1, -1, -1]);
      return tf.concat([...(own > 0 ? [head] : []), ...repeated(this.#registers), rest], 1);
    }
    return tf.concat([...first, ...repeated(this.#registers), tf.add(x, position)], 1);
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const [batch, patches, channels] = oneShape(inputShape) as [null, number, number];
    return [batch, patches + this.tokenLayout.prefix, channels];
  }

  override getConfig(): Config {
    const { grid, classToken, registers, positions } = this;
    return { ...super.getConfig(), grid, classToken, registers, positions };
  }
}

/** Queries, keys and values of all heads, [B, N, 3 C], each as [B·heads, N, C / heads]. */
function headsOf(qkv: tf.Tensor, heads: number, which: 0 | 1 | 2): tf.Tensor3D {
  const [batch, tokens, width] = qkv.shape as [number, number, number];
  const channels = width / 3;
  const one = tf.slice(qkv, [0, 0, which * channels], [-1, -1, channels]);
  const split = tf.reshape(one, [batch, tokens, heads, channels / heads]);
  return tf.reshape(tf.transpose(split, [0, 2, 1, 3]), [batch * heads, tokens, channels / heads]);
}

/**
 * How much each token looks at each: softmax(Q Kᵀ / √d) of every head (Vaswani et al. 2017, Eq 1).
 * [B, N, 3 C] → [B, heads, N, N], a value of its own in the network, so that it can be looked at.
 */
export class AttentionWeights extends OneTensorLayer {
  static readonly className = 'AttentionWeights';
  readonly heads: number;

  constructor(args: Config & { heads: number }) {
    super(args as object);
    this.heads = args.heads;
  }

  protected override compute(qkv: tf.Tensor): tf.Tensor {
    const [batch, tokens, width] = qkv.shape as [number, number, number];
    const queries = headsOf(qkv, this.heads, 0);
    const keys = headsOf(qkv, this.heads, 1);
    const scale = 1 / Math.sqrt(width / 3 / this.heads);
    const weights = tf.softmax(tf.mul(tf.matMul(queries, keys, false, true), scale));
    return tf.reshape(weights, [batch, this.heads, tokens, tokens]);
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const [batch, tokens] = oneShape(inputShape) as [null, number, number];
    return [batch, this.heads, tokens, tokens];
  }

  override getConfig(): Config {
    return { ...super.getConfig(), heads: this.heads };
  }
}

/** The values of all tokens, weighted: [attention [B, heads, N, N], qkv [B, N, 3 C]] → [B,N,C]. */
export class AttentionMix extends tfl.layers.Layer {
  static readonly className = 'AttentionMix';

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const [attention, qkv] = inputs as [tf.Tensor4D, tf.Tensor3D];
      const [batch, heads, tokens] = attention.shape;
      const channels = qkv.shape[2] / 3;
      const values = headsOf(qkv, heads, 2);
      const mixed = tf.matMul(tf.reshape(attention, [batch * heads, tokens, tokens]), values);
      const apart = tf.reshape(mixed, [batch, heads, tokens, channels / heads]);
      return tf.reshape(tf.transpose(apart, [0, 2, 1, 3]), [batch, tokens, channels]);
    });
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const [, [batch, tokens, width]] = inputShape as [Shape, [number, number, number]];
    return [batch, tokens, width / 3];
  }
}

/** One vector of all tokens: the class token's, or the mean of the patches. [B,N,C] → [B,C]. */
export class TokenPool extends OneTensorLayer {
  static readonly className = 'TokenPool';
  readonly pool: 'class' | 'mean';
  readonly prefix: number;

  constructor(args: Config & { pool: 'class' | 'mean'; prefix: number }) {
    super(args as object);
    this.pool = args.pool;
    this.prefix = args.prefix;
  }

  protected override compute(x: tf.Tensor): tf.Tensor {
    if (this.pool === 'class') return tf.squeeze(tf.slice(x, [0, 0, 0], [-1, 1, -1]), [1]);
    return tf.mean(tf.slice(x, [0, this.prefix, 0], [-1, -1, -1]), 1);
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const [batch, , channels] = oneShape(inputShape) as [null, number, number];
    return [batch, channels];
  }

  override getConfig(): Config {
    return { ...super.getConfig(), pool: this.pool, prefix: this.prefix };
  }
}

registerLayers(TokenEmbedding, AttentionWeights, AttentionMix, TokenPool);
