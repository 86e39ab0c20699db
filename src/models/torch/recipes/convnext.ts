import { countOf, type Naming, type Recipe, shapeOf } from './recipe.ts';

/** ConvNeXt of torchvision (`features.1.0.layer_scale`) and of timm (`stages.0.blocks.0.gamma`). */
export const convnextRecipe: Recipe = (dict) => {
  const ofTorchvision = dict.has('features.1.0.layer_scale');
  if (!ofTorchvision && !dict.has('stages.0.blocks.0.gamma')) return undefined;
  const unit = (stage: number, i: number) =>
    ofTorchvision ? `features.${2 * stage - 1}.${i}` : `stages.${stage - 1}.blocks.${i}`;
  const scale = ofTorchvision ? 'layer_scale' : 'gamma';
  const stages = [1, 2, 3, 4];
  const down = (stage: number, i: 0 | 1) =>
    ofTorchvision ? `features.${2 * stage - 2}.${i}` : `stages.${stage - 1}.downsample.${i}`;
  const fixed: Record<string, string> = ofTorchvision
    ? { stem: 'features.0.0', stem_norm: 'features.0.1', head_norm: 'classifier.0', logits: 'classifier.2' }
    : { stem: 'stem.0', stem_norm: 'stem.1', head_norm: 'head.norm', logits: 'head.fc' };
  const parts: Record<string, string> = ofTorchvision
    ? { depthwise: 'block.0', norm: 'block.2', expand: 'block.3', project: 'block.5' }
    : { depthwise: 'conv_dw', norm: 'norm', expand: 'mlp.fc1', project: 'mlp.fc2' };
  const naming: Naming = (layer) => {
    if (fixed[layer]) return fixed[layer];
    const [, downStage, norm] = /^down(\d)(_norm)?$/.exec(layer) ?? [];
    if (downStage !== undefined) return down(Number(downStage), norm ? 0 : 1);
    const [, stage, i, part] = /^stage(\d)_(\d+)_(\w+)$/.exec(layer) ?? [];
    if (stage === undefined) return undefined;
    const here = unit(Number(stage), Number(i) - 1);
    if (part === 'scale') return { gamma: `${here}.${scale}` };
    return parts[part!] && `${here}.${parts[part!]}`;
  };
  return {
    backbone: 'convnext-tiny',
    options: {
      widths: stages.map((stage) => shapeOf(dict, `${unit(stage, 0)}.${parts.depthwise}.weight`)[0]),
      depths: stages.map((stage) => countOf(dict, (i) => `${unit(stage, i)}.${scale}`)),
      patch: shapeOf(dict, `${fixed.stem}.weight`)[2],
    },
    classes: shapeOf(dict, `${fixed.logits}.weight`)[0] ?? null,
    inputSize: [224, 224],
    naming,
  };
};
