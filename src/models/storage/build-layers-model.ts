import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { ModelError } from '../../errors/index.ts';
import { layersOf } from '../describe-model.ts';
import { isJson, type Json } from '../keras/dialect.ts';
// Makes the layers that tfjs lacks known to it.
import '../layers/index.ts';
import { checkGraph } from './check-graph.ts';
import type { StoredWeights } from './stored-weights.ts';

/** What a file describes, in tfjs's words. */
export interface ModelDescription {
  /** For messages. */
  readonly file: string;
  /** `{ class_name, config }`, snake_case. */
  readonly model: Json;
  readonly weights: StoredWeights;
}

type Layer = tfl.layers.Layer;
type AddWeight = (
  this: Layer,
  name: string,
  shape: (number | null)[],
  ...rest: unknown[]
) => tfl.LayerVariable;

/**
 * Builds a model from its description and fills it with the weights of the file.
 *
 * Each weight is looked up when its layer is built, before memory is taken for it: what a file describes can be no
 * larger than what it holds.
 *
 * @throws {ModelError} the graph is not one, tfjs does not know a layer, a weight is missing, of another shape, or
 *   left over
 */
export function buildLayersModel({ file, model, weights }: ModelDescription): tfl.LayersModel {
  checkGraph(model, file);
  const { description, frozen } = withoutFrozenFlags(model);
  const fill = new Map<tfl.LayerVariable, Float32Array | Int32Array>();
  const places = placesOf(model);
  const prototype = tfl.layers.Layer.prototype as unknown as { addWeight: AddWeight };
  const { addWeight } = prototype;
  const counts = new WeakMap<Layer, number>();
  const seen = new Map<string, number>();
  const placeOf = new WeakMap<Layer, string>();

  prototype.addWeight = function (name, shape, ...rest) {
    const path = placeOf.get(this) ?? nextPlace(this.name, places, seen);
    placeOf.set(this, path);
    const index = counts.get(this) ?? 0;
    counts.set(this, index + 1);
    let variable: tfl.LayerVariable | undefined;
    let stored = take(weights, path, this, name, index);
    if (!stored && sizeOf(shape) <= weights.largest()) {
      // Layers in a wrapper have names that only tfjs knows, once they are built.
      variable = addWeight.call(this, name, shape, ...rest);
      stored = weights.take([variable.originalName]);
    }
    if (!stored) {
      variable?.dispose();
      throw new ModelError(`${file}: layer "${path}": its weight "${name}" is missing from the file`);
    }
    if (stored.shape.join() !== shape.join()) {
      throw new ModelError(
        `${file}: layer "${path}": its weight "${name}" is [${stored.shape}] in the file, and [${shape}] by the ` +
          'description',
      );
    }
    variable ??= addWeight.call(this, name, shape, ...rest);
    fill.set(variable, stored.values());
    return variable;
  };
  try {
    let built: tfl.LayersModel;
    try {
      built = deserialize(description);
    } catch (error) {
      if (error instanceof ModelError) throw error;
      throw new ModelError(`${file}: tfjs cannot build this model: ${firstLines(error)}`, { cause: error });
    } finally {
      prototype.addWeight = addWeight;
    }
    weights.expectAllUsed();
    for (const [variable, values] of fill) {
      const tensor = tf.tensor(values, variable.shape as number[], variable.dtype as 'float32');
      variable.write(tensor);
      tensor.dispose();
    }
    freeze(built, frozen, '');
    refuseWrongBatchNorms(built, file);
    refuseEmptyOutputs(built, file);
    return built;
  } catch (error) {
    for (const variable of fill.keys()) variable.dispose();
    throw error;
  }
}

/** Names under which the file may keep a weight: by the path of the layer, by its name alone, by its number. */
function take(weights: StoredWeights, path: string, layer: Layer, name: string, index: number) {
  // Keras 3 calls the depthwise kernel simply a kernel.
  const names = name === 'depthwise_kernel' && /^D/.test(layer.getClassName()) ? [name, 'kernel'] : [name];
  const parts = path.split('/');
  // Keras names a weight by all of the models around it, by some, or by none.
  const places = [...parts.keys()].map((i) => parts.slice(i).join('/'));
  places.splice(-1, 0, `${parts[0]}/${layer.name}`);
  return (
    weights.take([
      `${path}/#${index}`,
      ...places.flatMap((place) => names.map((one) => `${place}/${one}`)),
    ]) ?? names.map((one) => weights.takeEnding(`${layer.name}/${one}`)).find((one) => one !== undefined)
  );
}

/**
 * The paths of the layers by their names, in the order in which tfjs builds layers of one name: a functional model
 * builds the models in it first, a sequential one builds what comes.
 */
function placesOf(model: Json, prefix = '', into = new Map<string, string[]>()): Map<string, string[]> {
  const config = isJson(model.config) ? model.config : {};
  const list = (Array.isArray(model.config) ? model.config : config.layers) as Json[];
  const nested = (layer: Json) =>
    Array.isArray(layer.config) || (isJson(layer.config) && Array.isArray(layer.config.layers));
  const order =
    model.class_name === 'Sequential'
      ? list
      : [...list.filter(nested), ...list.filter((one) => !nested(one))];
  for (const layer of order) {
    const name = String(layer.name ?? (isJson(layer.config) ? layer.config.name : undefined));
    if (nested(layer)) placesOf(layer, `${prefix}${name}/`, into);
    else into.set(name, [...(into.get(name) ?? []), prefix + name]);
  }
  return into;
}

/** tfjs builds layers of one name in the order of the description: each gets the next of the places. */
function nextPlace(name: string, places: ReadonlyMap<string, string[]>, seen: Map<string, number>): string {
  const at = seen.get(name) ?? 0;
  seen.set(name, at + 1);
  const list = places.get(name) ?? [name];
  return list[Math.min(at, list.length - 1)]!;
}

function sizeOf(shape: readonly (number | null)[]): number {
  return shape.reduce((product: number, size) => product * (size ?? 1), 1);
}

function deserialize(description: Json): tfl.LayersModel {
  const { classNameMap } = tf.serialization.SerializationMap.getMap() as unknown as {
    classNameMap: Record<string, [unknown, (...args: unknown[]) => tfl.LayersModel]>;
  };
  const found = classNameMap[String(description.class_name)];
  if (!found) throw new ModelError(`there is no model of class ${String(description.class_name)}`);
  const [cls, fromConfig] = found;
  const fast = true;
  return fromConfig(cls, toCamelCase(description.config), {}, fast);
}

/** Python's names in those of TypeScript, as tfjs does it: keys and strings, but not the names of layers. */
export function toCamelCase(value: unknown, key?: string): unknown {
  if (typeof value === 'string') return camel(value);
  if (Array.isArray(value)) {
    const named = key === 'inboundNodes' || key === 'outputLayers' || key === 'inputLayers';
    return value.map((one, i) => (named && i === 0 && typeof one === 'string' ? one : toCamelCase(one, key)));
  }
  if (!isJson(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => {
      if (name === 'name' && typeof one === 'string') return [name, one];
      const key = camel(name);
      return [key, toCamelCase(one, key)];
    }),
  );
}

function camel(text: string): string {
  return text.length <= 1 ? text : text.replace(/_+(\w|$)/g, (_, next: string) => next.toUpperCase());
}

/**
 * tfjs gives a layer that was saved with `trainable: false` weights that cannot be trained again. So the flags are
 * taken out of the description, and set on the layers that were built from it.
 */
function withoutFrozenFlags(model: Json): { description: Json; frozen: Set<string> } {
  const frozen = new Set<string>();
  const visit = (layer: Json, path: string): Json => {
    if (Array.isArray(layer.config))
      return { ...layer, config: layer.config.map((one) => visit(one as Json, path)) };
    const config = isJson(layer.config) ? layer.config : {};
    if (config.trainable === false) frozen.add(path);
    const below = (name: unknown) => (path === '' ? String(name) : `${path}/${name}`);
    const layers = Array.isArray(config.layers)
      ? config.layers.map((one: Json) =>
          visit(one, below(one.name ?? (one.config as Json | undefined)?.name)),
        )
      : undefined;
    const { trainable: _, ...rest } = config;
    return { ...layer, config: { ...rest, ...(layers && { layers }) } };
  };
  return { description: visit(model, ''), frozen };
}

/** tfjs normalises along the last axis, whatever `axis` says, and gives other numbers in silence. */
function refuseWrongBatchNorms(model: tfl.LayersModel, file: string): void {
  for (const { path, layer } of layersOf(model)) {
    if (layer.getClassName() !== 'BatchNormalization') continue;
    const rank = ([layer.inboundNodes[0]?.inputShapes[0]].flat() as unknown[]).length;
    const axis = Number((layer as unknown as { axis: number }).axis);
    if (axis === -1 || axis === rank - 1) continue;
    throw new ModelError(
      `${file}: layer "${path}" (BatchNormalization): axis = ${axis} of ${rank}, not the last; tfjs cannot compute it`,
    );
  }
}

/** A window larger than its image, or a stride below 0: tfjs builds it, and fails when it is called. */
function refuseEmptyOutputs(model: tfl.LayersModel, file: string): void {
  for (const { path, layer } of layersOf(model)) {
    for (const { outputShapes } of layer.inboundNodes) {
      const sizes = [outputShapes].flat(2) as (number | null)[];
      if (sizes.every((size) => size === null || (Number.isInteger(size) && size > 0))) continue;
      throw new ModelError(
        `${file}: layer "${path}": its output would be [${sizes.map((one) => one ?? 'any')}]`,
      );
    }
  }
}

function freeze(
  model: tfl.LayersModel,
  frozen: ReadonlySet<string>,
  prefix: string,
  all = frozen.has(''),
): void {
  for (const layer of model.layers) {
    const path = prefix + layer.name;
    const isFrozen = all || frozen.has(path);
    if (layer instanceof tfl.LayersModel) freeze(layer, frozen, `${path}/`, isFrozen);
    else if (isFrozen) layer.trainable = false;
  }
}

/** tfjs's messages have several lines, the first of which announces the others. */
function firstLines(error: unknown): string {
  const [first, ...more] = (error instanceof Error ? error.message : String(error)).split('\n');
  return (
    first!.replace(/ This may be due to one of the following reasons:$/, '') +
    (more.length > 0 ? ' (the layer is not one of tfjs or of this package)' : '')
  );
}
