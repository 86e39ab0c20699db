import type { Json } from './dialect.ts';

/** What a rule may ask for beyond the options of its layer. */
export interface RuleContext {
  readonly dialect: 'keras2' | 'keras3';
  /** Where the layer stands: `backbone/conv1`. */
  readonly path: string;
  /** Takes weights of this layer out of the file, by name; `undefined` where it has none of that name. */
  takeWeight(name: string): number[] | undefined;
  /** Something that the user is to be told. */
  note(text: string): void;
  /** @throws {ModelError} that names file, layer and class */
  refuse(reason: string): never;
}

/** A layer in tfjs's words, still in snake_case. */
export interface TranslatedLayer {
  class_name: string;
  config: Json;
}

/** How the options of one class of layers are read. */
export interface LayerRule {
  /** Options that tfjs understands as Keras does. */
  readonly takes: readonly string[];
  /** Options that change no number of a trained network when it is used or trained here. */
  readonly ignores?: readonly string[];
  /** Options that tfjs does not have, with the values at which leaving them out changes nothing. */
  readonly only?: Readonly<Record<string, readonly unknown[]>>;
  /** Makes what is not the same the same. */
  rewrite?(config: Json, context: RuleContext): TranslatedLayer | undefined;
}

/** Options of a weight of that name. */
export const weightOptions = (kind: string) => [
  `${kind}_initializer`,
  `${kind}_regularizer`,
  `${kind}_constraint`,
];

/** Options of a layer with a kernel, a bias and an activation. */
export const kernelAndBias = [...weightOptions('kernel'), ...weightOptions('bias'), 'use_bias', 'activation'];

/** The same of depthwise convolutions. */
export const depthwise = [...weightOptions('depthwise'), ...weightOptions('bias'), 'use_bias', 'activation'];

/** Options of layers whose weights are stored or trained in another way. */
export const quantization = {
  lora_rank: [null],
  lora_alpha: [null],
  quantization_config: [null],
  gptq: [null],
};

/** Options of training alone, which the layers of this package do not have. */
const training = /_(initializer|regularizer|constraint)$|^activity_regularizer$|^data_format$/;

/** The options without those of training alone, which the layers of this package do not have. */
export function withoutTraining(config: Json): Json {
  return Object.fromEntries(Object.entries(config).filter(([key]) => !training.test(key)));
}

/** Of a number, or of the object that some versions of Keras write in its place. */
export function numberOf(value: unknown): number {
  if (typeof value === 'object' && value !== null && 'value' in value) return Number(value.value);
  return Number(value);
}

/** The axis of a layer that may have one only. */
export function oneAxis(axis: unknown, { refuse }: RuleContext): number {
  const list = [axis].flat();
  if (list.length !== 1 || !Number.isInteger(list[0])) return refuse(`axis = ${JSON.stringify(axis)}`);
  return list[0] as number;
}

/** `count` ones: strides or dilations that change nothing. */
export function ones(count: number): number[] {
  return Array<number>(count).fill(1);
}
