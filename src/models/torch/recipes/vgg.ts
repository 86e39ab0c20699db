import type { StateDict, TorchTensor } from '../state-dict.ts';
import { type Recipe, shapeOf } from './recipe.ts';

const convsPerBlock = { vgg11: [1, 1, 2, 2, 2], vgg16: [2, 2, 3, 3, 3] } as const;

/** torchvision's and timm's VGG, with batch normalisation or without. */
export const vggRecipe: Recipe = (dict) => {
  const convs = [...dict.keys()]
    .filter((name) => /^features\.\d+\.weight$/.test(name) && shapeOf(dict, name).length === 4)
    .map((name) => Number(name.split('.')[1]))
    .sort((a, b) => a - b);
  if (convs[0] !== 0 || shapeOf(dict, 'features.0.weight')[2] !== 3) return undefined;
  const backbone = convs.length === 8 ? 'vgg11' : convs.length === 13 ? 'vgg16' : undefined;
  if (!backbone) return `a VGG of ${convs.length} convolutions`;
  const batch = dict.has('features.1.running_mean');
  const names = convsPerBlock[backbone].flatMap((count, block) =>
    Array.from({ length: count }, (_, i) => `conv${block + 1}_${i + 1}`),
  );
  const places: Record<string, string> = {};
  for (const [i, name] of names.entries()) {
    places[name] = `features.${convs[i]}`;
    places[`${name}_bn`] = `features.${convs[i]! + 1}`;
  }
  const timm = dict.has('pre_logits.fc1.weight');
  const hidden = timm
    ? ['pre_logits.fc1', 'pre_logits.fc2', 'head.fc']
    : ['classifier.0', 'classifier.3', 'classifier.6'];
  const [first, second] = hidden.map((name) => shapeOf(dict, `${name}.weight`)[0]);
  const pooled = ['classifier', 'head.fc', 'fc'].find((name) => shapeOf(dict, `${name}.weight`).length === 2);
  const whole = first !== undefined && second !== undefined;
  if (whole) Object.assign(places, { hidden1: hidden[0], hidden2: hidden[1], logits: hidden[2] });
  else if (pooled) places.logits = pooled;
  return {
    backbone,
    options: {
      baseWidth: shapeOf(dict, 'features.0.weight')[0],
      norm: batch ? 'batch' : 'none',
      ...(whole && { head: 'hidden', hiddenUnits: [first, second], dropout: 0.5 }),
    },
    classes: shapeOf(dict, `${places.logits}.weight`)[0] ?? null,
    inputSize: [224, 224],
    naming: (layer) => places[layer],
    ...(batch && { changed: biasesInMeans(dict, convs) }),
  };
};

/** A bias before a batch normalisation only moves its mean; our convolution has none there. */
function biasesInMeans(dict: StateDict, convs: readonly number[]): StateDict {
  const changed = new Map<string, TorchTensor>(dict);
  for (const i of convs) {
    const bias = dict.get(`features.${i}.bias`);
    const meanName = `features.${i + 1}.running_mean`;
    const mean = dict.get(meanName);
    if (!bias || !mean) continue;
    changed.delete(`features.${i}.bias`);
    changed.set(meanName, {
      shape: mean.shape,
      values: () => {
        const moved = bias.values();
        return mean.values().map((value, c) => value - moved[c]!);
      },
    });
  }
  return changed;
}
