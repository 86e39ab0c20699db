import { UsageError } from '../../errors/index.ts';

/**
 * How a layer with weights shares out the relevance R_k of its answers z_k = Σ_j a_j w_jk + b_k among what it reads:
 * R_j = Σ_k (share of j in k) R_k. With c = a_j w_jk, and c⁺ and c⁻ its positive and negative part:
 *
 * | rule | share of j in k | |
 * |---|---|---|
 * | `epsilon` | c / (Σ c + b + ε sign) | Bach et al. 2015, Eq 58 |
 * | `gamma` | (c + γ c⁺) / (Σ (c + γ c⁺) + b + γ b⁺) | Montavon et al. 2019, section 10.2.1 |
 * | `alpha-beta` | α c⁺ / (Σ c⁺ + b⁺) − β c⁻ / (Σ c⁻ + b⁻), α − β = 1 | Bach et al. 2015, Eq 60 |
 * | `z-box` | (x w − l w⁺ − h w⁻) / its sum; for pixels from l to h | Montavon et al. 2017, Eq 14 |
 * | `w-square` | w² / Σ w² | Montavon et al. 2017, Eq 12 |
 * | `flat` | 1 / number of inputs | Lapuschkin et al. 2019 |
 *
 * z⁺ is `alpha-beta` with α = 1, β = 0. Denominators of all rules are stabilised by ε. What a bias is given stays with
 * it: Σ R_j = Σ R_k holds but for that, and for ε.
 */
export type RelevanceRule =
  | { readonly rule: 'epsilon'; readonly epsilon?: number | undefined }
  | { readonly rule: 'gamma'; readonly gamma?: number | undefined; readonly epsilon?: number | undefined }
  | {
      readonly rule: 'alpha-beta';
      readonly alpha?: number | undefined;
      readonly epsilon?: number | undefined;
    }
  | {
      readonly rule: 'z-box';
      /** Least and greatest value of a pixel. @default 0 and 1 */
      readonly low?: number | undefined;
      readonly high?: number | undefined;
      readonly epsilon?: number | undefined;
    }
  | { readonly rule: 'w-square'; readonly epsilon?: number | undefined }
  | { readonly rule: 'flat'; readonly epsilon?: number | undefined };

/** A layer with weights, as a composite is told of it. */
export interface WeightedLayer {
  readonly path: string;
  readonly kind: 'dense' | 'convolution';
  /** Whether it reads the image itself. */
  readonly first: boolean;
}

/** Which rule each layer goes by. */
export type RelevanceComposite = (layer: WeightedLayer) => RelevanceRule;

/** Composites by name: which rule for the first layer, for convolutions, for dense layers. */
export const composites = {
  epsilon: () => ({ rule: 'epsilon' }),
  'epsilon-box': ({ first }) => (first ? { rule: 'z-box' } : { rule: 'epsilon' }),
  'z-plus': () => ({ rule: 'alpha-beta', alpha: 1 }),
  gamma: () => ({ rule: 'gamma' }),
  'epsilon-plus': ({ kind }) => (kind === 'dense' ? { rule: 'epsilon' } : { rule: 'alpha-beta', alpha: 1 }),
  'epsilon-plus-flat': ({ kind, first }) =>
    first ? { rule: 'flat' } : kind === 'dense' ? { rule: 'epsilon' } : { rule: 'alpha-beta', alpha: 1 },
  'epsilon-alpha2-beta1': ({ kind }) =>
    kind === 'dense' ? { rule: 'epsilon' } : { rule: 'alpha-beta', alpha: 2 },
  'epsilon-gamma-box': ({ kind, first }) =>
    first ? { rule: 'z-box' } : kind === 'dense' ? { rule: 'epsilon' } : { rule: 'gamma' },
} satisfies Record<string, RelevanceComposite>;

export type CompositeName = keyof typeof composites;

/** All named composites. */
export const compositeNames = Object.keys(composites) as readonly CompositeName[];

/** What composites leave open. */
export interface RuleDefaults {
  /** ε of all rules. @default 1e-6 */
  readonly epsilon?: number | undefined;
  /** γ. @default 0.25 */
  readonly gamma?: number | undefined;
  /** Least and greatest value of a pixel, of `z-box`. @default [0, 1] */
  readonly range?: readonly [low: number, high: number] | undefined;
}

/** A rule with every number filled in. */
export type FullRule =
  | { readonly rule: 'epsilon' | 'w-square' | 'flat'; readonly epsilon: number }
  | { readonly rule: 'gamma'; readonly gamma: number; readonly epsilon: number }
  | { readonly rule: 'alpha-beta'; readonly alpha: number; readonly epsilon: number }
  | { readonly rule: 'z-box'; readonly low: number; readonly high: number; readonly epsilon: number };

/**
 * @throws {UsageError} for a number that a rule does not allow
 */
export function fullRule(rule: RelevanceRule, defaults: RuleDefaults): FullRule {
  const epsilon = rule.epsilon ?? defaults.epsilon ?? 1e-6;
  if (!(epsilon >= 0 && epsilon < Infinity)) {
    throw new UsageError(`epsilon: expected a finite number of at least 0, received ${epsilon}`);
  }
  switch (rule.rule) {
    case 'gamma': {
      const gamma = rule.gamma ?? defaults.gamma ?? 0.25;
      if (!(gamma >= 0 && gamma < Infinity)) {
        throw new UsageError(`gamma: expected a finite number of at least 0, received ${gamma}`);
      }
      return { rule: 'gamma', gamma, epsilon };
    }
    case 'alpha-beta': {
      const alpha = rule.alpha ?? 1;
      if (!(alpha >= 1 && alpha < Infinity)) {
        throw new UsageError(`alpha: expected a finite number of at least 1 (β is α − 1), received ${alpha}`);
      }
      return { rule: 'alpha-beta', alpha, epsilon };
    }
    case 'z-box': {
      const low = rule.low ?? defaults.range?.[0] ?? 0;
      const high = rule.high ?? defaults.range?.[1] ?? 1;
      if (!(low <= 0 && high >= 0 && low < high)) {
        throw new UsageError(
          `range: expected a least value of at most 0 and a greatest of at least 0, received ${low} and ${high}`,
        );
      }
      return { rule: 'z-box', low, high, epsilon };
    }
    default:
      return { rule: rule.rule, epsilon };
  }
}

/**
 * @throws {UsageError} for a name that there is not
 */
export function compositeOf(composite: CompositeName | RelevanceComposite): RelevanceComposite {
  if (typeof composite === 'function') return composite;
  const found = composites[composite];
  if (found) return found as RelevanceComposite;
  throw new UsageError(
    `composite: expected one of ${compositeNames.join(', ')}, or a function, received "${composite}"`,
  );
}
