import { nearest, UsageError } from '../errors/index.ts';
import { attentionMaps, type MapMethod } from '../gradcam/index.ts';
import type { ExplanationMethod } from './method.ts';

/** Families of methods, by the name that stands for all of a family. */
export const methodGroups = {
  'class-maps': 'Class maps, from a layer of the network',
  'pixel-space': 'Pixel space, backwards to the image',
  'model-agnostic': 'Model-agnostic, from the scores of changed images',
} as const;

export type MethodGroup = keyof typeof methodGroups;

/**
 * How an attribution is meant to be seen:
 * - `map`: [P, h, w], evidence for the class; what is below 0 is not shown
 * - `signed-map`: [P, h, w], evidence for it above 0 and against it below
 * - `pixels`: [P, H, W, c], a picture around 0: drawn in colours, 0 as grey
 * - `saliency`: [P, H, W, c], of which the magnitude counts: drawn as the largest of the channels
 */
export type AttributionKind = 'map' | 'signed-map' | 'pixels' | 'saliency';

/** A method as programs know it. */
export interface MethodEntry {
  readonly name: string;
  readonly group: MethodGroup;
  /** As the method is called in texts. */
  readonly title: string;
  /** Paper, in the form "Authors, venue year". */
  readonly source: string;
  readonly kind: AttributionKind;
  /** It needs tens of passes of the network per image, or more. */
  readonly slow?: boolean;
  readonly explain: ExplanationMethod;
}

/** A method of `src/gradcam`: one forward and one backward pass. */
function classMap(name: MapMethod, title: string, source: string): MethodEntry {
  return {
    name,
    group: 'class-maps',
    title,
    source,
    kind: 'map',
    explain: (model, images, pairs, { targetLayer, output, target } = {}) => {
      const { maps, logits } = attentionMaps(model, images, pairs, {
        method: name,
        targetLayer,
        output,
        target,
        differentiateWeights: false,
      });
      logits.dispose();
      return maps;
    },
  };
}

/** The methods of explanation, in the order in which they are listed and shown. */
export const explanationMethods: readonly MethodEntry[] = [
  classMap('cam', 'CAM', 'Zhou et al., CVPR 2016'),
  classMap('grad-cam', 'Grad-CAM', 'Selvaraju et al., ICCV 2017'),
  classMap('grad-cam++', 'Grad-CAM++', 'Chattopadhay et al., WACV 2018'),
  classMap('grad-cam++-normalized', 'Grad-CAM++, normalised weights', "code of the paper's authors"),
  classMap('layer-cam', 'LayerCAM', 'Jiang et al., TIP 2021'),
  classMap('hires-cam', 'HiResCAM', 'Draelos and Carin, 2020'),
  classMap('x-grad-cam', 'XGrad-CAM', 'Fu et al., BMVC 2020'),
];

/**
 * The methods of some names: of methods, of groups, or `all`; each once, in the order asked for.
 *
 * @throws UsageError for a name that does not exist, with what was probably meant
 */
export function findMethods(names: readonly string[]): MethodEntry[] {
  const found = names.flatMap((name) => {
    const entries = explanationMethods.filter(
      (entry) => name === 'all' || entry.name === name || entry.group === name,
    );
    if (entries.length > 0) return entries;
    const known = ['all', ...Object.keys(methodGroups), ...explanationMethods.map((entry) => entry.name)];
    const guess = nearest(name, known)[0];
    throw new UsageError(
      `no method "${name}"${guess ? `; did you mean "${guess}"?` : '.'} There are ${known.join(', ')}`,
    );
  });
  return [...new Set(found)];
}
