import { countOf, type Recipe, shapeOf } from './recipe.ts';

/** torchvision's and timm's ResNet: `conv1`, `bn1`, `layer1.0.conv1`, `downsample.0`, `fc`. */
export const resnetRecipe: Recipe = (dict) => {
  if (!dict.has('conv1.weight') || !dict.has('layer1.0.conv1.weight')) return undefined;
  const units = [1, 2, 3, 4].map((stage) => countOf(dict, (i) => `layer${stage}.${i}.conv1.weight`));
  const bottleneck = dict.has('layer1.0.conv3.weight');
  const depth = `${bottleneck ? 'bottleneck' : 'basic'} ${units}`;
  const backbones = {
    'basic 2,2,2,2': 'resnet18',
    'basic 3,4,6,3': 'resnet34',
    'bottleneck 3,4,6,3': 'resnet50',
  } as const;
  const backbone = backbones[depth as keyof typeof backbones];
  if (!backbone) return `a ResNet of ${depth} units`;
  const [baseWidth = 64, , kernel] = shapeOf(dict, 'conv1.weight');
  const stem = kernel === 3 ? 'small' : 'imagenet';
  return {
    backbone,
    options: { baseWidth, stem },
    classes: shapeOf(dict, 'fc.weight')[0] ?? null,
    inputSize: stem === 'small' ? [32, 32] : [224, 224],
    naming: (layer) => {
      if (layer === 'logits') return 'fc';
      if (layer === 'conv1') return 'conv1';
      if (layer === 'conv1_bn') return 'bn1';
      const [, stage, unit, part, bn] = /^block(\d)_(\d+)_(conv\d|shortcut)(_bn)?$/.exec(layer) ?? [];
      if (stage === undefined) return undefined;
      const place = `layer${stage}.${Number(unit) - 1}`;
      if (part === 'shortcut') return `${place}.downsample.${bn ? 1 : 0}`;
      return `${place}.${bn ? part!.replace('conv', 'bn') : part}`;
    },
  };
};
