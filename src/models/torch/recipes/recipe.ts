import type { BackboneName } from '../../backbones/index.ts';
import type { StateDict } from '../state-dict.ts';

/**
 * Where the weights of a layer lie in a state dict: the module that holds them (`layer1.0.conv1`), or the whole name of
 * each weight; `undefined` where the layer is not of the file.
 */
export type Naming = (layer: string) => string | Record<string, string> | undefined;

/** A state dict that was recognised: which network it is of, and what its layers are called there. */
export interface Recognized {
  readonly backbone: BackboneName;
  readonly options: Record<string, unknown>;
  /** null when the file has no classifier. */
  readonly classes: number | null;
  readonly naming: Naming;
  /** [H,W] that the network was made for. */
  readonly inputSize: readonly [number, number];
  /** Names in the file that say nothing here. */
  readonly ignored?: RegExp;
  /** Weights in the place of those of the file. */
  readonly changed?: StateDict;
}

/**
 * Recognises the networks of one family by the names and shapes of their weights.
 *
 * @returns undefined for another family; a string for a member that is not built here
 */
export type Recipe = (dict: StateDict) => Recognized | string | undefined;

/** Shape of a tensor, empty when it is not there. */
export function shapeOf(dict: StateDict, name: string): readonly number[] {
  return dict.get(name)?.shape ?? [];
}

/** How many i there are with `name(i)` in the file, from the first on. */
export function countOf(dict: StateDict, name: (i: number) => string, first = 0): number {
  let count = 0;
  while (dict.has(name(first + count))) count++;
  return count;
}

/** The first multiplier of channels at which all of the widths come out. */
export function multiplierOf(
  widths: readonly (readonly [nominal: number, found: number | undefined])[],
  round: (channels: number) => number,
): number | undefined {
  const usual = [1, 0.75, 0.5, 0.35, 0.25, 0.1, 1.1, 1.2, 1.3, 1.4, 1.6, 1.8, 2];
  return usual.find((alpha) => widths.every(([nominal, found]) => round(nominal * alpha) === found));
}
