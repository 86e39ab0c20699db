import type { Json } from './dialect.ts';
import { isJson } from './dialect.ts';
import type { RuleContext, TranslatedLayer } from './layer-rule.ts';

/** With both tensors; and with a number beside the tensor, as scale and offset: `number` first means n ∘ x. */
const arithmetic: Record<
  string,
  {
    layer: TranslatedLayer;
    number: (n: number, first: boolean) => { scale: number; offset: number } | undefined;
  }
> = {
  Add: { layer: { class_name: 'Add', config: {} }, number: (n) => ({ scale: 1, offset: n }) },
  Multiply: { layer: { class_name: 'Multiply', config: {} }, number: (n) => ({ scale: n, offset: 0 }) },
  Subtract: {
    layer: { class_name: 'PairArithmetic', config: { operation: 'subtract' } },
    number: (n, first) => (first ? { scale: -1, offset: n } : { scale: 1, offset: -n }),
  },
  TrueDivide: {
    layer: { class_name: 'PairArithmetic', config: { operation: 'divide' } },
    number: (n, first) => (first ? undefined : { scale: 1 / n, offset: 0 }),
  },
  Divide: {
    layer: { class_name: 'PairArithmetic', config: { operation: 'divide' } },
    number: (n, first) => (first ? undefined : { scale: 1 / n, offset: 0 }),
  },
};

const operationName: Record<string, string> = {
  'math.add': 'Add',
  '__operators__.add': 'Add',
  'math.multiply': 'Multiply',
  'math.subtract': 'Subtract',
  'math.truediv': 'TrueDivide',
  'math.divide': 'TrueDivide',
};

/**
 * Arithmetic that Keras writes between layers (`x + 3`, `x * y`): Keras 3's operations and Keras 2's `TFOpLambda`.
 *
 * @param constants the arguments in order, `undefined` where a tensor stands
 * @param tensors how many tensors it reads
 * @returns undefined when the layer is no operation
 * @throws {ModelError} through `refuse` when it is one that is not known
 */
export function operationLayer(
  layer: Json,
  constants: readonly unknown[],
  tensors: number,
  { refuse }: RuleContext,
): TranslatedLayer | undefined {
  const lambda = layer.class_name === 'TFOpLambda' || layer.class_name === 'SlicingOpLambda';
  const config = isJson(layer.config) ? layer.config : {};
  if (!lambda && !isOperation(layer, config)) return undefined;
  const called = lambda ? String(config.function) : String(layer.class_name);
  const found = arithmetic[lambda ? (operationName[called] ?? '') : called];
  if (!found) return refuse(`the operation ${called} between layers is not known here`);
  const name = layer.name ?? config.name;
  if (tensors === 2) return { class_name: found.layer.class_name, config: { ...found.layer.config, name } };
  const place = constants.findIndex((one) => typeof one === 'number');
  const rescaling =
    tensors === 1 && place >= 0 ? found.number(constants[place] as number, place === 0) : undefined;
  if (!rescaling) return refuse(`the operation ${called} has arguments that are not known here`);
  return { class_name: 'Rescaling', config: { name, ...rescaling } };
}

/** Keras 3 says so by the module; in an `.h5` there is none, but a layer has more in its config than a name. */
export function isOperation({ module, class_name }: Json, config: Json): boolean {
  if (/\.ops\./.test(String(module ?? ''))) return true;
  const bare = Object.keys(config).every((key) => key === 'name');
  return module === undefined && bare && Object.hasOwn(arithmetic, String(class_name));
}
