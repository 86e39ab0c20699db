import type * as tfl from '@tensorflow/tfjs-layers';
import { ModelError, nearest } from '../errors/index.ts';
import type { Layer } from './layer.ts';
import { type LayerGraph, layerGraph, type Site } from './layer-graph.ts';
import { scheduleAll } from './schedule.ts';
import { type TokenGrid, tokenGrid } from './token-grid.ts';

/** The layer whose output is explained. */
export interface TargetLayer {
  /** Address of the layer: `conv5`, `backbone/conv5`; `shared#0` for the first of several calls. */
  readonly path: string;
  /** Symbolic output shape, batch first, channels last; `null` where the model leaves a size open. */
  readonly shape: readonly (number | null)[];
  /** Why it was taken, for a log line. */
  readonly reason: string;
  /** Set when the maps of this layer will say little. */
  readonly warning?: string;
  /** Number of the value in the layer graph. */
  readonly slot: number;
  /** Of a transformer's layer: where its patches are among its tokens; `shape` is that of the patches. */
  readonly tokens?: TokenGrid;
}

const noiseLayers = ['Dropout', 'SpatialDropout1D', 'GaussianNoise', 'GaussianDropout', 'AlphaDropout'];

/**
 * Finds the layer whose output the maps explain.
 *
 * `auto` takes the last layer with spatial extent that leads to the output: the last value of rank 4 or 5
 * that is larger than 1×1, which is the one that global pooling or a flatten reads. Where an activation or a
 * batch norm follows the last convolution, that is the one taken. Noise layers are passed over.
 *
 * In a transformer it is the input of the last attention, the last place from which patches reach the class token, or
 * the last tokens where their mean is classified. A layer of tokens [B,N,C] that is named is taken as the grid of its
 * patches, without class and register tokens.
 *
 * @param model any layers-model
 * @param name path of a layer (`conv5`, `backbone/conv5`), also of an input or a nested model, or its name alone where
 *   no other layer has it. A layer that is called several times means its last call; `name#0` is the first.
 *   @default 'auto'
 * @param options `output`: index or name of the output to be explained @default 0; `innerLayer`: path of the layer
 *   whose units are explained in its place
 * @throws {ModelError} when there is no such layer, or no layer with spatial extent
 */
export function resolveTargetLayer(
  model: tfl.LayersModel,
  name: string = 'auto',
  { output = 0, innerLayer }: { output?: number | string | undefined; innerLayer?: string | undefined } = {},
): TargetLayer {
  const graph = layerGraph(model);
  if (name !== 'auto') return named(model, graph, name);
  if (innerLayer !== undefined) {
    return lastSpatial(model, graph, [layerSlot(model, innerLayer)], `layer "${innerLayer}"`);
  }
  const { slot, logits, name: outputName } = graph.outputs[outputIndex(model, output)]!;
  return lastSpatial(model, graph, [logits, slot], `output "${outputName}"`);
}

/**
 * The value that a layer answers, whatever its shape.
 *
 * @throws {ModelError} when there is no such layer
 */
export function layerSlot(model: tfl.LayersModel, name: string): number {
  return find(model, layerGraph(model), name).site.slot;
}

/**
 * The layer at a place of the model, as {@link layerSlot} finds it.
 *
 * @throws {ModelError} when there is no such layer
 */
export function layerAt(model: tfl.LayersModel, name: string): Layer {
  return find(model, layerGraph(model), name).site.layer;
}

/** Paths of the layers with spatial extent, in the order of execution. */
export function spatialLayers(model: tfl.LayersModel): string[] {
  const graph = layerGraph(model);
  const hasTokens = graph.steps.some(({ layer }) => 'tokenLayout' in layer);
  return addressed(graph)
    .filter(
      ({ site }) =>
        site.kind === 'layer' &&
        (isSpatial(site) || (hasTokens && tokenGrid(graph, site.shape) !== undefined)),
    )
    .map(({ path }) => path);
}

/**
 * The index of an output.
 *
 * @throws {ModelError} when the model has no such output
 */
export function outputIndex(model: tfl.LayersModel, output: number | string): number {
  const { outputs } = layerGraph(model);
  const index = typeof output === 'number' ? output : outputs.findIndex(({ name }) => name === output);
  if (outputs[index] === undefined) {
    const names = outputs.map((one, i) => `${i} ("${one.name}")`).join(', ');
    throw new ModelError(`Model "${model.name}": no output ${quote(output)}; its outputs are ${names}`);
  }
  return index;
}

/** The last tokens from which the patches still reach the output. */
function lastTokens(graph: LayerGraph, leading: ReadonlySet<number>): TargetLayer | undefined {
  if (!graph.steps.some(({ layer }) => 'tokenLayout' in layer)) return undefined;
  const steps = graph.steps.filter(({ outputs }) => outputs.some((slot) => leading.has(slot)));
  const ofClass = steps.some(({ layer }) => (layer as { pool?: unknown }).pool === 'class');
  const attention = steps.findLast(({ layer }) => layer.getClassName() === 'AttentionWeights');
  const projection = steps.find(({ outputs }) => outputs.includes(attention?.inputs[0] ?? -1));
  const candidates = addressed(graph).filter(
    ({ site }) => site.kind === 'layer' && leading.has(site.slot) && tokenGrid(graph, site.shape),
  );
  const last = ofClass
    ? candidates.find(({ site }) => site.slot === projection?.inputs[0])
    : candidates.at(-1);
  if (!last) return undefined;
  const reason = ofClass ? `what the last attention reads` : 'the last tokens before pooling';
  return target(graph, last, reason);
}

/** @param ends what the layer leads to, the first of them the earliest */
function lastSpatial(
  model: tfl.LayersModel,
  graph: LayerGraph,
  ends: readonly number[],
  what: string,
): TargetLayer {
  const leading = new Set(scheduleAll(graph, ends.slice(0, 1)).steps.flatMap((step) => step.outputs));
  const tokens = lastTokens(graph, leading);
  if (tokens) return tokens;
  const candidates = addressed(graph).filter(
    ({ site }) =>
      site.kind === 'layer' &&
      leading.has(site.slot) &&
      !ends.includes(site.slot) &&
      isSpatial(site) &&
      (site.layer as { dataFormat?: string }).dataFormat !== 'channelsFirst' &&
      !noiseLayers.includes(site.layer.getClassName()),
  );
  const last = candidates.at(-1);
  if (!last) {
    throw new ModelError(
      `Model "${model.name}": no layer before ${what} has spatial extent (an output ` +
        '[batch, height, width, channels] or [batch, depth, height, width, channels] larger than 1x1), ' +
        'so there is nothing to draw a map on',
    );
  }
  const reader = graph.steps.find((step) => step.inputs.includes(last.site.slot));
  return target(
    graph,
    last,
    `the last of ${candidates.length} layers with spatial extent (${extent(last.site)})` +
      (reader ? `, read by "${reader.path}"` : ''),
  );
}

function find(model: tfl.LayersModel, graph: LayerGraph, name: string): Addressed {
  const sites = addressed(graph);
  const found =
    sites.find(({ path }) => path === name) ?? sites.find(({ site, i }) => `${site.path}#${i}` === name);
  const within = sites.filter(({ path }) => path.endsWith(`/${name}`));
  if (!found && within.length === 1) return within[0]!;
  if (!found && within.length > 1) {
    throw new ModelError(
      `Model "${model.name}": ${within.length} layers are called "${name}": ` +
        `${within.map(({ path }) => path).join(', ')}; say which by its path`,
    );
  }
  if (!found) {
    const near = nearest(
      name,
      sites.map(({ path }) => path),
    );
    const spatial = spatialLayers(model);
    throw new ModelError(
      `Model "${model.name}": no layer "${name}".` +
        (near.length > 0 ? ` Did you mean ${near.map(quote).join(' or ')}?` : '') +
        (spatial.length > 0
          ? ` Layers with spatial extent: ${spatial.join(', ')}`
          : ' It has no layer with spatial extent.'),
    );
  }
  return found;
}

function named(model: tfl.LayersModel, graph: LayerGraph, name: string): TargetLayer {
  const found = find(model, graph, name);
  const { site } = found;
  if (site.shape.length < 3) {
    throw new ModelError(
      `Model "${model.name}": layer "${name}" answers [${shapeText(site.shape)}], which has no spatial extent; ` +
        `layers that have: ${spatialLayers(model).join(', ') || 'none'}`,
    );
  }
  if ((site.layer as { dataFormat?: string }).dataFormat === 'channelsFirst') {
    throw new ModelError(
      `Model "${model.name}": layer "${name}" has its channels first; only channels-last layers are explained`,
    );
  }
  return target(graph, found, 'asked for by name');
}

interface Addressed {
  path: string;
  site: Site;
  /** Which call of the layer. */
  i: number;
}

/** The sites under the shortest address that is theirs alone. */
function addressed(graph: LayerGraph): Addressed[] {
  const calls = new Map<string, number>();
  const numbered = graph.sites.map((site) => {
    const i = calls.get(site.path) ?? 0;
    calls.set(site.path, i + 1);
    return { site, i };
  });
  return numbered.map(({ site, i }) => {
    const isLast = i + 1 === calls.get(site.path);
    return { site, i, path: isLast ? site.path : `${site.path}#${i}` };
  });
}

function target(graph: LayerGraph, { path, site }: Addressed, reason: string): TargetLayer {
  const tokens = tokenGrid(graph, site.shape);
  const shape = tokens ? [site.shape[0]!, ...tokens.grid, site.shape[2]!] : site.shape;
  const single = shape.slice(1, -1).every((size) => size === 1);
  return {
    path,
    shape,
    reason: tokens
      ? `${reason}; ${tokens.grid.join('x')} patches after ${tokens.prefix} other tokens`
      : reason,
    slot: site.slot,
    ...(tokens && { tokens }),
    ...(single && {
      warning: `layer "${path}" answers [${shapeText(site.shape)}]: its map is a single number per image`,
    }),
  };
}

function isSpatial({ shape, layer }: Site): boolean {
  // [B, heads, N, N]: between tokens, not over the image.
  if (layer.getClassName() === 'AttentionWeights') return false;
  return (shape.length === 4 || shape.length === 5) && shape.slice(1, -1).some((size) => size !== 1);
}

function extent({ shape }: Site): string {
  return shape
    .slice(1, -1)
    .map((size) => size ?? 'any')
    .join('x');
}

function shapeText(shape: readonly (number | null)[]): string {
  return shape.map((size, i) => size ?? (i === 0 ? 'batch' : 'any')).join(', ');
}

function quote(value: number | string): string {
  return typeof value === 'string' ? `"${value}"` : String(value);
}
