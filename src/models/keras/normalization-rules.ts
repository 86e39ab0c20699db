import type { Json } from './dialect.ts';
import {
  type LayerRule,
  numberOf,
  oneAxis,
  type RuleContext,
  type TranslatedLayer,
  weightOptions,
  withoutTraining,
} from './layer-rule.ts';

/** Layers that bring values to a common scale. */
export const normalizationRules: Readonly<Record<string, LayerRule>> = {
  BatchNormalization: {
    takes: [
      'axis',
      'momentum',
      'epsilon',
      'center',
      'scale',
      'moving_mean_initializer',
      'moving_variance_initializer',
      ...weightOptions('beta'),
      ...weightOptions('gamma'),
    ],
    // With renorm false its options say nothing; how statistics are shared between machines changes no number here.
    ignores: ['fused', 'synchronized', 'renorm_clipping', 'renorm_momentum', 'adjustment'],
    only: { renorm: [false], virtual_batch_size: [null] },
    rewrite: (config, context) => ({
      class_name: 'BatchNormalization',
      config: { ...config, axis: oneAxis(config.axis ?? -1, context) },
    }),
  },
  LayerNormalization: {
    takes: ['axis', 'epsilon', 'center', 'scale', ...weightOptions('beta'), ...weightOptions('gamma')],
    only: { rms_scaling: [false], beta_constraint: [null], gamma_constraint: [null], use_scale: [true] },
  },
  GroupNormalization: {
    takes: [
      'groups',
      'axis',
      'epsilon',
      'center',
      'scale',
      ...weightOptions('beta'),
      ...weightOptions('gamma'),
    ],
    rewrite(config, context) {
      if (oneAxis(config.axis ?? -1, context) !== -1)
        return context.refuse(`axis = ${config.axis}, not the last`);
      const { axis: _, ...rest } = withoutTraining(config);
      return { class_name: 'GroupNorm', config: rest };
    },
  },
  UnitNormalization: {
    takes: ['axis'],
    rewrite: (config) => ({ class_name: 'UnitLength', config }),
  },
  Normalization: {
    takes: ['axis', 'mean', 'variance', 'invert', 'input_mean', 'input_variance'],
    rewrite: normalization,
  },
};

/** (x − mean) / max(√variance, 1e-7), or backwards with `invert`, as a `Rescaling` that stock tfjs has. */
function normalization(config: Json, context: RuleContext): TranslatedLayer {
  const axis = [config.axis ?? -1].flat();
  const stored = context.takeWeight('mean');
  const mean = stored ?? numbers(config.mean ?? config.input_mean);
  const variance = context.takeWeight('variance') ?? numbers(config.variance ?? config.input_variance);
  context.takeWeight('count');
  if (!mean || !variance) return context.refuse('it has neither a mean and variance nor weights');
  if (mean.length > 1 && (axis.length !== 1 || (axis[0] !== -1 && axis[0] !== 3))) {
    return context.refuse(`axis = ${JSON.stringify(config.axis)}, not the channels`);
  }
  const deviation = variance.map((v) => Math.max(Math.sqrt(v), 1e-7));
  const at = (list: number[], i: number) => list[list.length === 1 ? 0 : i]!;
  const inverse = config.invert === true;
  const scale = deviation.map((d) => (inverse ? d : 1 / d));
  const offset = mean.map((m, i) => (inverse ? m : -m / at(deviation, i)));
  const single = (list: number[]) => (list.length === 1 ? list[0] : list);
  return {
    class_name: 'Rescaling',
    config: { name: config.name, scale: single(scale), offset: single(offset) },
  };
}

function numbers(value: unknown): number[] | undefined {
  if (value === null || value === undefined) return undefined;
  const list = [value].flat(9).map(numberOf);
  return list.every(Number.isFinite) ? list : undefined;
}
