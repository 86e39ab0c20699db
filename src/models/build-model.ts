import * as tfl from '@tensorflow/tfjs-layers';
import type * as z from 'zod';
import { nearest, UsageError } from '../errors/index.ts';
import { type Backbone, type BackboneName, backbones } from './backbones/index.ts';
import { SeededLayers } from './seeded-layers.ts';

/** What every backbone needs, beside its own options. */
export interface BuildOptions {
  /** [H,W,channels], or [T,H,W,channels] of a network for clips and volumes. */
  inputShape: [number, number, number] | [number, number, number, number];
  /** Number of classes C. */
  classes: number;
  /** Of the initial weights: the same seed gives the same weights. @default 1 */
  seed?: number;
}

/** The options of one backbone, as a user writes them. */
export type BackboneOptions<Name extends BackboneName> = z.input<(typeof backbones)[Name]['options']>;

/** The names of the built-in networks. */
export function modelNames(): BackboneName[] {
  return Object.keys(backbones) as BackboneName[];
}

/**
 * The schema of a backbone's options (those of `model.options` in a config): strict, with every default.
 *
 * @throws {UsageError} when there is no such backbone
 */
export function modelOptionsSchema(name: string): z.ZodObject {
  return findBackbone(name).options;
}

/** Whether a backbone takes clips and volumes, [B,T,H,W,channels]. */
export function takesVolumes(name: string): boolean {
  return findBackbone(name).volumes ?? false;
}

/**
 * Checks the name and the options of a backbone without building it.
 *
 * @throws {UsageError} an unknown name or option, an option out of its range
 */
export function checkModelOptions(name: string, options: Record<string, unknown>): void {
  parseOptions(name, findBackbone(name).options, options);
}

/**
 * Builds a network by name.
 *
 * @returns a model [B,H,W,channels], or [B,T,H,W,channels], -> raw logits [B,C]; there is no softmax and no sigmoid at its end
 * @throws {UsageError} an unknown name or option, an option out of its range, an input that is too small
 */
export function buildModel<Name extends BackboneName>(
  name: Name,
  { inputShape, classes, seed = 1, ...options }: BuildOptions & BackboneOptions<Name>,
): tfl.LayersModel {
  const backbone = findBackbone(name);
  const wanted = backbone.volumes ? '[frames, height, width, channels]' : '[height, width, channels]';
  const rank = backbone.volumes ? 4 : 3;
  if (inputShape.length !== rank || !inputShape.every((n) => Number.isInteger(n) && n > 0)) {
    const others = modelNames().filter((other) => !takesVolumes(other) !== !backbone.volumes);
    const instead =
      inputShape.length === 7 - rank
        ? `; "${name}" takes ${backbone.volumes ? 'clips' : 'images'}, for ${backbone.volumes ? 'images' : 'clips'} there ` +
          `${others.length === 1 ? 'is' : 'are'} ${others.join(', ')}`
        : '';
    throw new UsageError(`inputShape: expected ${wanted}, received [${inputShape}]${instead}`);
  }
  if (!Number.isInteger(classes) || classes < 1) {
    throw new UsageError(`classes: expected a whole number from 1, received ${classes}`);
  }
  const parsed = parseOptions(name, backbone.options, options);
  const input = tfl.input({ shape: inputShape, name: 'image' });
  const logits = backbone.build(input, new SeededLayers(seed), { ...parsed, classes });
  return tfl.model({ inputs: input, outputs: logits, name: name.replaceAll('-', '_') });
}

function findBackbone(name: string): Backbone {
  if (Object.hasOwn(backbones, name)) return backbones[name as BackboneName] as unknown as Backbone;
  const names = modelNames();
  throw new UsageError(
    `There is no model "${name}"${suggestion(nearest(name, names))}; there are ${names.join(', ')}`,
  );
}

function parseOptions(name: string, schema: z.ZodObject, options: unknown): Record<string, unknown> {
  const { success, data, error } = schema.safeParse(options);
  if (success) return data;
  const known = Object.keys(schema.shape);
  const problems = error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map(
          (key) =>
            `there is no option "${key}"${suggestion(nearest(key, known))}; there are ${known.join(', ')}`,
        )
      : [`option ${issue.path.join('.')}: ${issue.message}`],
  );
  throw new UsageError(`model "${name}": ${problems.join('; ')}`);
}

function suggestion(candidates: string[]): string {
  return candidates.length === 0 ? '' : `; did you mean ${candidates.map((c) => `"${c}"`).join(' or ')}?`;
}
