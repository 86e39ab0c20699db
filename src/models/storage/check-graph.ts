import { ModelError } from '../../errors/index.ts';
import { isJson, type Json } from '../keras/dialect.ts';

/** More than any network has; a file with more was not made by one. */
const maxLayers = 20_000;
const maxDepth = 32;

/**
 * Checks the graph of a description before tfjs gets it, which builds it by waiting for inputs that may never come: a
 * cycle or an inbound node that does not exist would keep it waiting for ever.
 *
 * @param model in tfjs's words, snake_case
 * @param where the file
 * @throws {ModelError} names the layer and the rule
 */
export function checkGraph(model: Json, where: string, path = '', depth = 0): void {
  const fail = (layer: string, rule: string): never => {
    throw new ModelError(`${where}: layer "${path}${layer}": ${rule}`);
  };
  if (depth > maxDepth) throw new ModelError(`${where}: models are nested more than ${maxDepth} deep`);
  const config = isJson(model.config) ? model.config : {};
  const list = Array.isArray(model.config) ? model.config : config.layers;
  const here = path === '' ? 'the model' : `model "${path.slice(0, -1)}"`;
  if (!Array.isArray(list) || list.length === 0) throw new ModelError(`${where}: ${here} has no layers`);
  if (list.length > maxLayers) {
    throw new ModelError(`${where}: ${here} has ${list.length} layers, more than ${maxLayers}`);
  }

  const layers = new Map<string, Json>();
  for (const [i, layer] of list.entries()) {
    if (!isJson(layer) || typeof layer.class_name !== 'string') {
      throw new ModelError(
        `${where}: layer ${i} of ${here} is ${summary(layer)}, not a layer with a class_name`,
      );
    }
    const own = isJson(layer.config) ? layer.config.name : undefined;
    const name = model.class_name === 'Sequential' ? (layer.name ?? own ?? `number ${i}`) : layer.name;
    if (typeof name !== 'string')
      throw new ModelError(`${where}: layer ${i} of ${here} has the name ${summary(name)}`);
    // tfjs would wait for ever for a layer that calls itself otherwise.
    if (own !== name && (own !== undefined || model.class_name !== 'Sequential')) {
      fail(name, `it is called ${summary(own)} in its own config`);
    }
    if (layers.has(name)) fail(name, 'there are two layers of this name');
    layers.set(name, layer);
    if (isNested(layer)) checkGraph(layer, where, `${path}${name}/`, depth + 1);
  }
  if (model.class_name === 'Sequential') return;

  /** How many calls a layer has: those that are listed, and one of its own for inputs and nested models. */
  const callsOf = (name: string) => {
    const layer = layers.get(name)!;
    const listed = Array.isArray(layer.inbound_nodes) ? layer.inbound_nodes.length : 0;
    return listed + ownCalls(layer);
  };
  const endpoint = (value: unknown, what: string): string => {
    const [name, node = 0] = Array.isArray(value) ? value : [];
    if (typeof name !== 'string') throw new ModelError(`${where}: ${what} is ${summary(value)}`);
    if (!layers.has(name)) throw new ModelError(`${where}: ${what} is layer "${name}", which is not there`);
    if (!Number.isInteger(node) || node < 0 || node >= callsOf(name)) {
      throw new ModelError(
        `${where}: ${what} is call ${summary(node)} of layer "${path}${name}", which has ${callsOf(name)}`,
      );
    }
    return `${name}\0${node}`;
  };

  const reads = new Map<string, string[]>();
  for (const [name, layer] of layers) {
    const calls = layer.inbound_nodes;
    if (!Array.isArray(calls)) fail(name, 'it has no list of inbound_nodes');
    for (const [k, call] of (calls as unknown[]).entries()) {
      if (!Array.isArray(call) || call.length === 0) {
        fail(name, `call ${k} reads ${summary(call)}, not a list of layers`);
      }
      const inputs = (call as unknown[]).map((one) => endpoint(one, `what layer "${path}${name}" reads`));
      reads.set(`${name}\0${k + ownCalls(layer)}`, inputs);
    }
  }
  for (const key of ['input_layers', 'output_layers'] as const) {
    const ends = config[key];
    if (!Array.isArray(ends) || ends.length === 0) {
      throw new ModelError(`${where}: ${here}: its ${key} are ${summary(ends)}, not a list`);
    }
    for (const end of ends) endpoint(end, `one of the ${key} of ${here}`);
  }
  findCycle(reads, (layer) => fail(layer, 'it waits for its own output: the graph has a cycle'));
}

function ownCalls(layer: Json): number {
  return layer.class_name === 'InputLayer' || isNested(layer) ? 1 : 0;
}

function isNested({ class_name }: Json): boolean {
  return class_name === 'Functional' || class_name === 'Model' || class_name === 'Sequential';
}

/** Takes calls away whose inputs are all there, until none is left (Kahn 1962). */
function findCycle(reads: ReadonlyMap<string, string[]>, found: (layer: string) => never): void {
  const waiting = new Map(
    [...reads].map(([call, inputs]) => [call, inputs.filter((one) => reads.has(one)).length]),
  );
  const readers = new Map<string, string[]>();
  for (const [call, inputs] of reads) {
    for (const input of inputs) readers.set(input, [...(readers.get(input) ?? []), call]);
  }
  const ready = [...waiting].flatMap(([call, count]) => (count === 0 ? [call] : []));
  for (let call = ready.pop(); call !== undefined; call = ready.pop()) {
    waiting.delete(call);
    for (const reader of readers.get(call) ?? []) {
      const left = waiting.get(reader)! - 1;
      waiting.set(reader, left);
      if (left === 0) ready.push(reader);
    }
  }
  const [stuck] = waiting.keys();
  if (stuck !== undefined) found(stuck.split('\0')[0]!);
}

/** A value in a message, however large it is. */
export function summary(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
