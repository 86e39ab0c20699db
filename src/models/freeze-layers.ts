import type * as tfl from '@tensorflow/tfjs-layers';
import { ModelError, nearest } from '../errors/index.ts';
import { layersOf } from './describe-model.ts';

/**
 * Keeps layers from being trained: sets their `trainable` to false. A batch normalisation that is frozen
 * normalises with its stored statistics, in training too.
 *
 * @param patterns names of layers, those of nested models as `model/layer`, or by the name alone where no path
 *   matches: exact, with the wildcards `*` and `?`, or regular expressions, also written as `/…/`. The name of a nested model means all of its layers.
 * @returns the paths of the layers that matched
 * @throws {ModelError} when a pattern matches no layer
 */
export function freezeLayers(model: tfl.LayersModel, patterns: readonly (string | RegExp)[]): string[] {
  return setTrainable(model, patterns, false);
}

/** The reverse of {@link freezeLayers}: lets layers be trained, by default all of them. */
export function unfreezeLayers(
  model: tfl.LayersModel,
  patterns: readonly (string | RegExp)[] = ['*'],
): string[] {
  return setTrainable(model, patterns, true);
}

function setTrainable(
  model: tfl.LayersModel,
  patterns: readonly (string | RegExp)[],
  trainable: boolean,
): string[] {
  const layers = [...layersOf(model)];
  const matched = new Set<string>();
  for (const pattern of patterns) {
    const expression = toExpression(pattern);
    const byPath = layers.filter(({ path }) => pathAndParents(path).some((name) => expression.test(name)));
    // Inside of a model a layer goes by its name alone too.
    const hits = byPath.length > 0 ? byPath : layers.filter(({ layer }) => expression.test(layer.name));
    if (hits.length === 0)
      throw new ModelError(
        noMatch(
          pattern,
          layers.map(({ path }) => path),
        ),
      );
    for (const { path, layer } of hits) {
      layer.trainable = trainable;
      matched.add(path);
    }
  }
  return layers.flatMap(({ path }) => (matched.has(path) ? [path] : []));
}

/** `a/b/c` -> `a`, `a/b`, `a/b/c`. */
function pathAndParents(path: string): string[] {
  const names = path.split('/');
  return names.map((_, i) => names.slice(0, i + 1).join('/'));
}

function toExpression(pattern: string | RegExp): RegExp {
  if (pattern instanceof RegExp) return new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''));
  if (pattern.length > 2 && pattern.startsWith('/') && pattern.endsWith('/')) {
    try {
      return new RegExp(pattern.slice(1, -1));
    } catch (cause) {
      throw new ModelError(`freeze: ${pattern} is not a regular expression: ${(cause as Error).message}`, {
        cause,
      });
    }
  }
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`);
}

function noMatch(pattern: string | RegExp, paths: string[]): string {
  const close = typeof pattern === 'string' ? nearest(pattern, paths) : [];
  const hint =
    close.length > 0
      ? `did you mean ${close.map((c) => `"${c}"`).join(' or ')}?`
      : `the layers are ${paths.join(', ')}`;
  return `freeze: no layer matches ${pattern instanceof RegExp ? pattern : `"${pattern}"`}; ${hint}`;
}
