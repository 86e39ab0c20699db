import { roundToEight } from '../../round-to-eight.ts';
import { timmUnit, torchvisionUnit } from './mobilenet.ts';
import { countOf, multiplierOf, type Recipe, shapeOf } from './recipe.ts';

/** Units of B0's stages. */
const repeats = [1, 2, 2, 3, 3, 4, 1];

/** EfficientNet of torchvision and of timm: B0, and the larger ones by their widths and depths. */
export const efficientnetRecipe: Recipe = (dict) => {
  const ofTorchvision = dict.has('features.1.0.block.0.0.weight') && !dict.has('features.1.0.layer_scale');
  const ofTimm = dict.has('blocks.0.0.se.conv_reduce.weight') && dict.has('bn2.weight');
  if (!ofTorchvision && !ofTimm) return undefined;
  const place = (stage: number, unit: number) =>
    ofTimm ? `blocks.${stage}.${unit}` : `features.${stage + 1}.${unit}`;
  const units = repeats.map((_, stage) =>
    countOf(dict, (i) => `${place(stage, i)}.${ofTimm ? 'bn1' : 'block.0.0'}.weight`),
  );
  const depth = [1, 1.1, 1.2, 1.4, 1.8, 2.2, 2.6, 3.1].find((times) =>
    repeats.every((count, stage) => Math.ceil(count * times) === units[stage]),
  );
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
        conv_last: 'features.8.0',
        conv_last_bn: 'features.8.1',
        logits: 'classifier.1',
      };
  const width = multiplierOf(
    [
      [32, shapeOf(dict, `${fixed.conv1}.weight`)[0]],
      [320, (shapeOf(dict, `${fixed.conv_last}.weight`)[0] ?? 0) / 4],
    ],
    roundToEight,
  );
  if (depth === undefined || width === undefined)
    return 'an EfficientNet of another width or depth than B0 to B7';
  return {
    backbone: 'efficientnet-b0',
    options: { width, depth, dropout: 0.2 },
    classes: shapeOf(dict, `${fixed.logits}.weight`)[0] ?? null,
    inputSize: [224, 224],
    naming: (layer) => {
      if (fixed[layer]) return fixed[layer];
      const [, stage, unit, part] = /^block(\d)_(\d+)_(.+)$/.exec(layer) ?? [];
      if (stage === undefined) return undefined;
      const here = place(Number(stage) - 1, Number(unit) - 1);
      return ofTimm ? timmUnit(dict, here, part!) : torchvisionUnit(dict, here, part!);
    },
  };
};
