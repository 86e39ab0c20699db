import { nearest } from '../../errors/index.ts';
import { activationName } from './activation-name.ts';
import { isJson, type Json } from './dialect.ts';
import type { LayerRule, RuleContext, TranslatedLayer } from './layer-rule.ts';
import { ignoresOptions, kerasLayers, ruleOf } from './layer-rules.ts';

/** Options that every layer may have. */
const common = ['name', 'trainable', 'dtype', 'batch_input_shape', 'batch_shape', 'input_shape', 'shape'];
/** Options of training that add to the loss of Keras's own `fit`, which is not what trains here. */
const unusedInTraining = ['activity_regularizer'];

/**
 * One layer of Keras in tfjs's words: the same numbers, or a refusal by name.
 *
 * @throws {ModelError} through `context.refuse`: an unknown class, or an option that tfjs would ignore in silence
 */
export function translateLayer(className: string, config: Json, context: RuleContext): TranslatedLayer {
  const rule = ruleOf(className);
  if (!rule) {
    const close = nearest(className, kerasLayers);
    return context.refuse(
      `there is no such layer here${close.length > 0 ? `; the nearest are ${close.join(', ')}` : ''}`,
    );
  }
  const plain = ignoresOptions(rule) ? { name: config.name } : checked(rule, config, context);
  const translated = rule.rewrite?.(plain, context) ?? { class_name: className, config: plain };
  return {
    class_name: translated.class_name,
    config: {
      ...translated.config,
      ...(config.trainable !== undefined && className !== 'InputLayer' && { trainable: config.trainable }),
      ...inputShape(config),
      ...(className === 'InputLayer' && { dtype: dtypeOf(config.dtype, context) }),
    },
  };
}

function checked(rule: LayerRule, config: Json, context: RuleContext): Json {
  const kept: Json = {};
  for (const [key, value] of Object.entries(config)) {
    const allowed = rule.only?.[key];
    if (key === 'dtype') dtypeOf(value, context);
    else if (allowed) {
      if (!allowed.some((one) => JSON.stringify(one) === JSON.stringify(value))) {
        context.refuse(
          `${key} = ${JSON.stringify(value)} is not supported, only ${allowed.map((one) => JSON.stringify(one)).join(' or ')}`,
        );
      }
    } else if (rule.takes.includes(key)) kept[key] = plainOption(key, value, context);
    else if (key === 'name') kept[key] = value;
    else if (
      !common.includes(key) &&
      !unusedInTraining.includes(key) &&
      !rule.ignores?.includes(key) &&
      value !== null
    ) {
      context.refuse(`the option ${key} = ${JSON.stringify(value)} is not known here`);
    }
  }
  return kept;
}

function plainOption(key: string, value: unknown, context: RuleContext): unknown {
  if (key === 'activation' || key === 'recurrent_activation') return activationName(value, context);
  // The weights come from the file.
  if (key.endsWith('_initializer')) return { class_name: 'Zeros', config: {} };
  if (key.endsWith('_regularizer')) return regularizer(value, context);
  if (key.endsWith('_constraint')) return constraint(value, context);
  return value;
}

function regularizer(value: unknown, { refuse }: RuleContext): unknown {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string') {
    const rate = 0.01;
    if (value === 'l1' || value === 'L1') return { class_name: 'L1L2', config: { l1: rate, l2: 0 } };
    if (value === 'l2' || value === 'L2') return { class_name: 'L1L2', config: { l1: 0, l2: rate } };
  }
  const { class_name, config } = isJson(value) ? value : {};
  const rates = isJson(config) ? config : {};
  const rate = (key: string) => Number((isJson(rates[key]) ? rates[key].value : rates[key]) ?? 0);
  if (class_name === 'L1' || class_name === 'L2' || class_name === 'L1L2') {
    return { class_name: 'L1L2', config: { l1: rate('l1'), l2: rate('l2') } };
  }
  return refuse(`the regularizer ${JSON.stringify(value)} is not known here`);
}

function constraint(value: unknown, { refuse }: RuleContext): unknown {
  if (value === null || value === undefined) return null;
  const { class_name, config } = isJson(value) ? value : {};
  if (['MaxNorm', 'MinMaxNorm', 'NonNeg', 'UnitNorm'].includes(String(class_name))) {
    return { class_name, config: isJson(config) ? config : {} };
  }
  return refuse(`the constraint ${JSON.stringify(value)} is not known here`);
}

/** Everything is computed in float32: mixed precision differs by its rounding. */
function dtypeOf(value: unknown, { refuse }: RuleContext): string {
  const name = isJson(value) ? (isJson(value.config) ? value.config.name : undefined) : value;
  if (name === undefined || name === null) return 'float32';
  if (/^(mixed_)?(b?float(16|32|64))$/.test(String(name))) return 'float32';
  if (name === 'uint8' || name === 'int32' || name === 'int64') return 'int32';
  return refuse(`dtype ${JSON.stringify(value)} is not supported`);
}

function inputShape(config: Json): Json {
  const shape = config.batch_input_shape ?? config.batch_shape;
  return Array.isArray(shape) ? { batch_input_shape: shape } : {};
}
