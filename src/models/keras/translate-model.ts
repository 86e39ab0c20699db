import { isJson, type Json } from './dialect.ts';
import type { RuleContext, TranslatedLayer } from './layer-rule.ts';
import { operationLayer } from './operations.ts';
import { translateLayer } from './translate-layer.ts';

/** Makes the context of a layer's rules. */
export type ContextOf = (path: string, className: string) => RuleContext;

/** One call: the layer that is read, which of its calls, which of its outputs, and the arguments. */
type Inbound = [name: string, node: number, tensor: number, kwargs: Json];

/** Layers that do something else in training than at inference. */
const trains: ReadonlySet<string> = new Set(
  (
    'Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D GaussianNoise GaussianDropout AlphaDropout ' +
    'BatchNormalization LSTM GRU SimpleRNN'
  ).split(' '),
);

const models = ['Functional', 'Model', 'Sequential'];

/**
 * A model of Keras 2 or 3 in tfjs's words, nested models too: the form of Keras 3 (batch_shape, dtype policies,
 * `inbound_nodes` of keras tensors, modules and registered names) becomes that of Keras 2, and every layer is checked.
 *
 * @param model `{ class_name, config }`
 * @throws {ModelError} through the context's `refuse`
 */
export function translateModel(model: Json, contextOf: ContextOf, path = ''): TranslatedLayer {
  const className = String(model.class_name);
  const context = contextOf(path.replace(/\/$/, ''), className);
  if (!models.includes(className)) {
    return context.refuse(
      className === 'undefined'
        ? 'the description has no class_name'
        : 'only Functional and Sequential models can be read; a subclassed model is Python code',
    );
  }
  if (className === 'Sequential') return sequential(model, contextOf, path, context);
  return functional(model, contextOf, path, context);
}

function sequential(model: Json, contextOf: ContextOf, path: string, context: RuleContext): TranslatedLayer {
  const config: Json = Array.isArray(model.config)
    ? { name: 'sequential', layers: model.config }
    : isJson(model.config)
      ? model.config
      : context.refuse('it has no config');
  const layers = layerList(config, context).map((layer) => anyLayer(layer, contextOf, path));
  const first = layers[0];
  const shape = config.build_input_shape;
  if (first && first.class_name !== 'InputLayer' && !first.config.batch_input_shape && Array.isArray(shape)) {
    first.config.batch_input_shape = shape;
  }
  return { class_name: 'Sequential', config: { name: config.name, layers } };
}

function functional(model: Json, contextOf: ContextOf, path: string, context: RuleContext): TranslatedLayer {
  const config = isJson(model.config) ? model.config : context.refuse('it has no config');
  const list = layerList(config, context);
  // In tfjs a nested model has a call of its own, its building, before those that the description lists.
  const nested = new Set(list.filter(isModel).map(nameOf));
  const later = (name: string, node: number) =>
    context.dialect === 'keras3' && nested.has(name) ? node + 1 : node;
  const layers = list.map((layer) => {
    const name = nameOf(layer);
    const here = contextOf(path + name, String(layer.class_name));
    const calls = Array.isArray(layer.inbound_nodes)
      ? layer.inbound_nodes
      : here.refuse('it has no inbound_nodes');
    const behaves = trains.has(String(layer.class_name)) || isModel(layer);
    const read = calls.map((call) => readCall(call, behaves, here));
    const inbound_nodes = read.map(({ inbound }) =>
      inbound.map(([from, node, tensor, kwargs]) => [from, later(from, node), tensor, kwargs]),
    );
    const operation = operationLayer(layer, read[0]?.constants ?? [], inbound_nodes[0]?.length ?? 0, here);
    const translated = operation ?? anyLayer(layer, contextOf, path);
    return { ...translated, name, inbound_nodes };
  });
  const ends = (key: string) =>
    endpoints(config[key], key, context).map(([name, node, tensor]) => [name, later(name, node), tensor]);
  return {
    class_name: 'Functional',
    config: {
      name: config.name,
      layers,
      input_layers: ends('input_layers'),
      output_layers: ends('output_layers'),
    },
  };
}

function anyLayer(layer: Json, contextOf: ContextOf, path: string): TranslatedLayer {
  const name = nameOf(layer);
  if (isModel(layer)) return translateModel(layer, contextOf, `${path}${name}/`);
  const className = String(layer.class_name);
  const context = contextOf(path + name, className);
  const registered = layer.registered_name;
  if (typeof registered === 'string' && registered.includes('>') && !registered.startsWith('keras')) {
    return context.refuse(`it is a layer of somebody's own (${registered}), whose code is not in the file`);
  }
  return translateLayer(className, isJson(layer.config) ? layer.config : {}, context);
}

function layerList(config: Json, { refuse }: RuleContext): Json[] {
  const { layers } = config;
  if (!Array.isArray(layers) || !layers.every(isJson)) return refuse('it has no list of layers');
  return layers;
}

function isModel({ class_name }: Json): boolean {
  return models.includes(String(class_name));
}

function nameOf({ name, config }: Json): string {
  return String(name ?? (isJson(config) ? config.name : undefined));
}

/** The inputs of a call, in either form, and the numbers among its arguments. */
function readCall(
  call: unknown,
  behaves: boolean,
  context: RuleContext,
): { inbound: Inbound[]; constants: unknown[] } {
  if (Array.isArray(call)) {
    const second: unknown[] = [];
    const inbound = call.map((one): Inbound => {
      const [name, node, tensor, kwargs] = Array.isArray(one) ? one : [];
      if (typeof name !== 'string') return context.refuse(`an inbound node is ${JSON.stringify(one)}`);
      const { y, name: _, ...rest } = isJson(kwargs) ? kwargs : {};
      if (y !== undefined) second.push(y);
      return [name, Number(node ?? 0), Number(tensor ?? 0), keptKwargs(rest, behaves, context)];
    });
    // Keras 2 keeps the second operand of `x + y` apart.
    const [y] = second;
    if (Array.isArray(y)) inbound.push([String(y[0]), Number(y[1]), Number(y[2]), {}]);
    return { inbound, constants: typeof y === 'number' ? [undefined, y] : [] };
  }
  if (!isJson(call)) return context.refuse(`an inbound node is ${JSON.stringify(call)}`);
  const args = (Array.isArray(call.args) ? call.args : []).flat(9);
  const kwargs = keptKwargs(call.kwargs, behaves, context);
  const inbound = args.flatMap((argument): Inbound[] => {
    if (!isJson(argument) || argument.class_name !== '__keras_tensor__') return [];
    const history = isJson(argument.config) ? argument.config.keras_history : undefined;
    const [name, node, tensor] = Array.isArray(history) ? history : [];
    if (typeof name !== 'string') return context.refuse('a keras tensor has no history');
    return [[name, Number(node), Number(tensor), kwargs]];
  });
  const constants = args.map((argument) =>
    isJson(argument) && argument.class_name === '__keras_tensor__' ? undefined : argument,
  );
  return { inbound, constants };
}

/** Arguments of a call: none that this cannot follow. */
function keptKwargs(kwargs: unknown, behaves: boolean, { refuse, note }: RuleContext): Json {
  const kept: Json = {};
  for (const [key, value] of Object.entries(isJson(kwargs) ? kwargs : {})) {
    if (value === null) continue;
    if (key === 'training') {
      if (!behaves) continue;
      if (value !== false) return refuse(`it is called with training=${JSON.stringify(value)}`);
      note('is called with training=false in Keras; freeze it to have that here too');
      continue;
    }
    kept[key] = value;
  }
  const [key] = Object.keys(kept);
  return key === undefined ? kept : refuse(`it is called with the argument ${key}`);
}

/** Inputs or outputs: a list of [name, node, tensor], or in Keras 3 a single one. */
function endpoints(value: unknown, key: string, { refuse }: RuleContext): [string, number, number][] {
  const list = Array.isArray(value) && typeof value[0] === 'string' ? [value] : value;
  const good =
    Array.isArray(list) &&
    list.length > 0 &&
    list.every((one) => Array.isArray(one) && typeof one[0] === 'string');
  if (!good) return refuse(`its ${key} are ${JSON.stringify(value)}, not a list of tensors`);
  return list.map((one) => [one[0], Number(one[1] ?? 0), Number(one[2] ?? 0)]);
}
