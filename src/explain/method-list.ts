import { imageMethods } from './image-methods.ts';
import { layerMethods } from './layer-methods.ts';
import { methodNamed } from './method-aliases.ts';
import { type MethodEntry, methodGroups } from './method-entry.ts';

/** The methods of explanation, in the order in which they are listed and shown. */
export const explanationMethods: readonly MethodEntry[] = [...layerMethods, ...imageMethods];

/**
 * The methods of some names: of methods, as they are called here or elsewhere (`methodAliases`), of groups, or `all`;
 * each once, in the order asked for.
 *
 * @throws {UsageError} for a name that does not exist, with what was probably meant
 */
export function findMethods(names: readonly string[]): MethodEntry[] {
  const known = ['all', ...Object.keys(methodGroups), ...explanationMethods.map((entry) => entry.name)];
  const found = names.flatMap((asked) => {
    const name = methodNamed(asked, known);
    return explanationMethods.filter((entry) => [entry.name, entry.group, 'all'].includes(name));
  });
  return [...new Set(found)];
}
