import { readFile } from 'node:fs/promises';
import type * as tfl from '@tensorflow/tfjs-layers';
import { parse } from 'yaml';
import * as z from 'zod';
import { ModelError } from '../../errors/index.ts';
import { layersOf } from '../describe-model.ts';
import { fillModel } from './fill-model.ts';
import { loadStateDict } from './load-state-dict.ts';
import type { Naming } from './recipes/index.ts';

/** What a mapping file holds. */
export const mappingSchema = z.strictObject({
  layers: z.record(z.string(), z.union([z.string(), z.record(z.string(), z.string())])),
  keep: z.array(z.string()).default([]),
  ignore: z.array(z.string()).default([]),
});

/** Which layer gets which module's weights. */
export type WeightMapping = z.input<typeof mappingSchema>;

/**
 * Fills any layers-model with a state dict, by a mapping:
 *
 *     layers:
 *       conv1: backbone.stem.conv                  # kernel and bias: .weight and .bias of that module
 *       block*_bn: backbone.layer.*.norm           # what the stars stand for is put in, in their order
 *       scale: { gamma: backbone.gamma }           # or each weight by its whole name
 *     keep: [logits]                               # layers that keep what they have
 *     ignore: [head.*, "*.num_batches_tracked"]    # weights of the file that are not wanted
 *
 * @param file `.safetensors` or `.pth`
 * @param mapping a YAML or JSON file, or what would stand in it
 * @throws {ModelError} the mapping is not one, or a weight is missing, of another shape, or left over
 */
export async function loadMappedWeights(
  model: tfl.LayersModel,
  file: string,
  mapping: string | WeightMapping,
): Promise<void> {
  const where = typeof mapping === 'string' ? mapping : 'mapping';
  const parsed = mappingSchema.safeParse(typeof mapping === 'string' ? await readMapping(mapping) : mapping);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new ModelError(`${where}: ${issue!.path.join('.')}: ${issue!.message}`);
  }
  const { layers, keep, ignore } = parsed.data;
  const paths = [...layersOf(model)].filter(({ layer }) => layer.weights.length > 0).map(({ path }) => path);
  for (const pattern of [...Object.keys(layers), ...keep]) {
    if (paths.some((path) => starPattern(pattern).test(path))) continue;
    throw new ModelError(`${where}: "${pattern}" is no layer with weights of model "${model.name}"`);
  }
  const naming: Naming = (path) => {
    for (const [pattern, place] of Object.entries(layers)) {
      const stars = starPattern(pattern).exec(path)?.slice(1);
      if (!stars) continue;
      const filled = (name: string) => {
        let next = 0;
        return name.replaceAll('*', () => stars[next++] ?? '');
      };
      if (typeof place === 'string') return filled(place);
      return Object.fromEntries(Object.entries(place).map(([kind, name]) => [kind, filled(name)]));
    }
    return undefined;
  };
  const ignored =
    ignore.length > 0 ? new RegExp(ignore.map((one) => starPattern(one).source).join('|')) : undefined;
  fillModel(model, await loadStateDict(file), {
    file,
    naming,
    keep: (path) => keep.some((pattern) => starPattern(pattern).test(path)),
    ignored,
  });
}

async function readMapping(file: string): Promise<unknown> {
  const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new ModelError(`${file}: ${cause.code === 'ENOENT' ? 'this file is missing' : cause.message}`, {
      cause,
    });
  });
  try {
    return parse(text);
  } catch (cause) {
    throw new ModelError(`${file}: ${(cause as Error).message.split('\n', 1)[0]}`, { cause });
  }
}

/** A name with stars, each of which stands for any part. */
function starPattern(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '(.*)')}$`);
}
