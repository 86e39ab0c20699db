import { roundToEight } from '../../round-to-eight.ts';
import type { StateDict } from '../state-dict.ts';
import { countOf, multiplierOf, type Naming, type Recipe, shapeOf } from './recipe.ts';

/** Parts of a unit in timm: which convolution and which normalisation, with an expansion before it or without. */
const timmParts: Record<string, [conv: string, bn: string]> = {
  expand: ['conv_pw', 'bn1'],
  depthwise: ['conv_dw', 'bn2'],
  project: ['conv_pwl', 'bn3'],
};
const timmFirstParts: Record<string, [conv: string, bn: string]> = {
  depthwise: ['conv_dw', 'bn1'],
  project: ['conv_pw', 'bn2'],
};

/**
 * Names of an inverted residual's layers: `expand`, `depthwise`, `project`, each with `_bn`, and `se_reduce`, `se_expand`.
 *
 * @param place the unit in the file
 */
export function timmUnit(dict: StateDict, place: string, part: string): string | undefined {
  const [, kind, bn] = /^(expand|depthwise|project)(_bn)?$/.exec(part) ?? [];
  if (kind === undefined) {
    const se = { se_reduce: 'se.conv_reduce', se_expand: 'se.conv_expand' }[part];
    return se && `${place}.${se}`;
  }
  const [conv, norm] = (dict.has(`${place}.conv_pwl.weight`) ? timmParts : timmFirstParts)[kind] ?? [];
  return `${place}.${bn ? norm : conv}`;
}

/** The same in torchvision: a list of what there is of expansion, depthwise convolution, squeeze, projection. */
export function torchvisionUnit(dict: StateDict, place: string, part: string): string | undefined {
  const parts = Array.from({ length: 4 }, (_, i) => i).filter(
    (i) => dict.has(`${place}.block.${i}.0.weight`) || dict.has(`${place}.block.${i}.fc1.weight`),
  );
  const squeeze = parts.find((i) => dict.has(`${place}.block.${i}.fc1.weight`));
  const convs = parts.filter((i) => i !== squeeze);
  const [expand, depthwise, project] = convs.length === 3 ? convs : [undefined, ...convs];
  const index = { expand, depthwise, project }[part.replace('_bn', '')];
  if (part === 'se_reduce') return `${place}.block.${squeeze}.fc1`;
  if (part === 'se_expand') return `${place}.block.${squeeze}.fc2`;
  return index === undefined ? undefined : `${place}.block.${index}.${part.endsWith('_bn') ? 1 : 0}`;
}

/** Units of each stage, flat: the place of unit number `i` (from 0) as [stage, unit]. */
function timmPlace(dict: StateDict, i: number): string {
  let left = i;
  for (let stage = 0; stage < 16; stage++) {
    const units = timmStage(dict, stage);
    if (left < units) return `blocks.${stage}.${left}`;
    left -= units;
  }
  return 'blocks.nowhere';
}

function timmStage(dict: StateDict, stage: number): number {
  return countOf(dict, (i) => `blocks.${stage}.${i}.bn1.weight`);
}

/** timm's MobileNet v1: separable convolutions in stages. */
export const mobilenetV1Recipe: Recipe = (dict) => {
  const isV1 =
    dict.has('blocks.0.0.conv_dw.weight') && !dict.has('conv_head.weight') && dict.has('bn1.weight');
  if (!isV1 || !dict.has('conv_stem.weight') || dict.has('blocks.1.0.conv_pwl.weight')) return undefined;
  return {
    backbone: 'mobilenet-v1',
    options: { alpha: shapeOf(dict, 'conv_stem.weight')[0]! / 32, padding: 'symmetric', epsilon: 1e-5 },
    classes: shapeOf(dict, 'classifier.weight')[0] ?? null,
    inputSize: [224, 224],
    naming: (layer) => {
      const fixed = { conv1: 'conv_stem', conv1_bn: 'bn1', logits: 'classifier' }[layer];
      if (fixed) return fixed;
      const [, kind, i, bn] = /^conv_(dw|pw)_(\d+)(_bn)?$/.exec(layer) ?? [];
      if (kind === undefined) return undefined;
      const place = timmPlace(dict, Number(i) - 1);
      if (bn) return `${place}.${kind === 'dw' ? 'bn1' : 'bn2'}`;
      return `${place}.conv_${kind}`;
    },
  };
};

/** MobileNet v2 of torchvision (`features.1.conv.0.0`) and of timm (`blocks.0.0.conv_dw`). */
export const mobilenetV2Recipe: Recipe = (dict) => {
  const ofTorchvision = dict.has('features.1.conv.0.0.weight');
  const ofTimm =
    dict.has('blocks.1.0.conv_pwl.weight') &&
    dict.has('bn2.weight') &&
    !dict.has('blocks.0.0.se.conv_reduce.weight');
  if (!ofTorchvision && !ofTimm) return undefined;
  const repeats = [1, 2, 3, 4, 3, 3, 1];
  const place = (stage: number, unit: number) =>
    ofTimm
      ? `blocks.${stage}.${unit}`
      : `features.${1 + unit + repeats.slice(0, stage).reduce((sum, n) => sum + n, 0)}`;
  const out = (stage: number) => {
    const unit = place(stage, 0);
    const name = ofTimm
      ? `${unit}.${stage === 0 ? 'conv_pw' : 'conv_pwl'}`
      : `${unit}.conv.${stage === 0 ? 1 : 2}`;
    return shapeOf(dict, `${name}.weight`)[0];
  };
  const stem = shapeOf(dict, `${ofTimm ? 'conv_stem' : 'features.0.0'}.weight`)[0];
  const widths = [16, 24, 32, 64, 96, 160, 320].map((nominal, stage) => [nominal, out(stage)] as const);
  const alpha = multiplierOf([[32, stem], ...widths], roundToEight);
  if (alpha === undefined) return 'a MobileNet v2 of an unusual width';
  const fixed: Record<string, string> = ofTimm
    ? {
        conv1: 'conv_stem',
        conv1_bn: 'bn1',
        conv_last: 'conv_head',
        conv_last_bn: 'bn2',
        logits: 'classifier',
      }
    : {
        conv1: 'features.0.0',
        conv1_bn: 'features.0.1',
        conv_last: 'features.18.0',
        conv_last_bn: 'features.18.1',
        logits: 'classifier.1',
      };
  const naming: Naming = (layer) => {
    if (fixed[layer]) return fixed[layer];
    const [, stage, unit, part, bn] = /^block(\d)_(\d+)_(expand|depthwise|project)(_bn)?$/.exec(layer) ?? [];
    if (stage === undefined) return undefined;
    const here = place(Number(stage) - 1, Number(unit) - 1);
    if (ofTimm) return timmUnit(dict, here, `${part}${bn ?? ''}`);
    const parts = stage === '1' ? ['depthwise', 'project'] : ['expand', 'depthwise', 'project'];
    const at = parts.indexOf(part!);
    if (part === 'project') return `${here}.conv.${bn ? at + 1 : at}`;
    return `${here}.conv.${at}.${bn ? 1 : 0}`;
  };
  return {
    backbone: 'mobilenet-v2',
    options: { alpha },
    classes: shapeOf(dict, `${fixed.logits}.weight`)[0] ?? null,
    inputSize: [224, 224],
    naming,
  };
};

/** MobileNet v3, small or large, of torchvision and of timm. */
export const mobilenetV3Recipe: Recipe = (dict) => {
  const ofTorchvision = dict.has('features.1.block.0.0.weight') && dict.has('classifier.3.weight');
  const ofTimm =
    dict.has('conv_head.weight') && dict.has('blocks.0.0.conv_dw.weight') && !dict.has('bn2.weight');
  if (!ofTorchvision && !ofTimm) return undefined;
  const units = ofTimm
    ? [0, 1, 2, 3, 4, 5, 6].map((stage) => timmStage(dict, stage)).reduce((sum, n) => sum + n, 0) - 1
    : [...dict.keys()].filter((name) => /^features\.\d+\.block\.0\.0\.weight$/.test(name)).length;
  const backbone = { 11: 'mobilenet-v3-small', 15: 'mobilenet-v3-large' }[units] as
    | 'mobilenet-v3-small'
    | 'mobilenet-v3-large'
    | undefined;
  if (!backbone) return `a MobileNet v3 of ${units} units`;
  const last = ofTimm ? timmPlace(dict, units) : `features.${units + 1}`;
  const fixed: Record<string, string> = ofTimm
    ? {
        conv1: 'conv_stem',
        conv1_bn: 'bn1',
        conv_last: `${last}.conv`,
        conv_last_bn: `${last}.bn1`,
        hidden: 'conv_head',
        logits: 'classifier',
      }
    : {
        conv1: 'features.0.0',
        conv1_bn: 'features.0.1',
        conv_last: `${last}.0`,
        conv_last_bn: `${last}.1`,
        hidden: 'classifier.0',
        logits: 'classifier.3',
      };
  const width = shapeOf(dict, `${fixed.conv_last}.weight`)[0];
  const hiddenWidth = shapeOf(dict, `${fixed.hidden}.weight`)[0];
  const nominal = backbone === 'mobilenet-v3-small' ? [576, 1024] : [960, 1280];
  const stem = shapeOf(dict, `${fixed.conv1}.weight`)[0];
  const alpha = multiplierOf(
    [
      [16, stem],
      [nominal[1]!, hiddenWidth],
    ],
    roundToEight,
  );
  if (alpha === undefined || width === undefined) return 'a MobileNet v3 of an unusual width';
  return {
    backbone,
    options: { alpha, hiddenLayer: true, epsilon: ofTimm ? 1e-5 : 1e-3, dropout: 0.2 },
    classes: shapeOf(dict, `${fixed.logits}.weight`)[0] ?? null,
    inputSize: [224, 224],
    naming: (layer) => {
      if (fixed[layer]) return fixed[layer];
      const [, unit, part] = /^block(\d+)_(.+)$/.exec(layer) ?? [];
      if (unit === undefined) return undefined;
      return ofTimm
        ? timmUnit(dict, timmPlace(dict, Number(unit) - 1), part!)
        : torchvisionUnit(dict, `features.${unit}`, part!);
    },
  };
};
