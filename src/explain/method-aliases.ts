import { nearest, UsageError } from '../errors/index.ts';

/**
 * What methods are called elsewhere (papers, Captum, pytorch-grad-cam, torch-cam, tf-explain, tf-keras-vis), and here.
 * Only what differs by more than case and separators: `GradCAM`, `grad_cam` and `gradcam` are one name.
 */
export const methodAliases: Readonly<Record<string, string>> = {
  'class-activation-map': 'cam',
  'class-activation-mapping': 'cam',
  'layer-grad-cam': 'grad-cam',
  'grad-cam-elementwise': 'hires-cam',
  'element-wise-grad-cam': 'hires-cam',
  'counterfactual-maps': 'counterfactual',
  saliency: 'gradient',
  'saliency-map': 'gradient',
  'vanilla-gradient': 'gradient',
  gradients: 'gradient',
  'vanilla-gradients': 'gradient',
  'input-gradient': 'gradient',
  'input-gradients': 'gradient',
  ig: 'integrated-gradients',
  'integrated-gradient': 'integrated-gradients',
  'guided-backpropagation': 'guided-backprop',
  gbp: 'guided-backprop',
  deconvnet: 'deconvolution',
  deconv: 'deconvolution',
  'guided-cam': 'guided-grad-cam',
  'occlusion-sensitivity': 'occlusion',
  'layerwise-relevance-propagation': 'lrp',
  'layer-wise-relevance-propagation': 'lrp',
  deeplift: 'deep-lift',
  'gradient-shap': 'expected-gradients',
  dff: 'feature-factorization',
  'deep-feature-factorization': 'feature-factorization',
  rollout: 'attention-rollout',
  'gradient-attention-rollout': 'gradient-attention',
  'grad-attention': 'gradient-attention',
  'attention-gradient': 'gradient-attention',
  'generic-attention': 'gradient-attention',
};

/** `GradCAM++`, `grad_cam_pp` and `Grad-CAM-Plus-Plus` as `gradcampp`. */
function keyOf(name: string): string {
  return name
    .toLowerCase()
    .replaceAll('+', 'p')
    .replaceAll(/plus/g, 'p')
    .replaceAll(/[^\p{L}\p{N}]+/gu, '');
}

/**
 * The name here of a method under any name that the field has for it.
 *
 * @param known the names here
 * @param option for the message
 * @throws {UsageError} for a name that nothing has, with the nearest
 */
export function methodNamed(asked: string, known: readonly string[], option?: string): string {
  if (known.includes(asked)) return asked;
  const wanted = keyOf(asked);
  const aliases = Object.entries(methodAliases).filter(([, name]) => known.includes(name));
  const names = [...known.map((name) => [name, name] as const), ...aliases];
  const found = names.find(([name]) => keyOf(name) === wanted);
  if (found) return found[1];
  const [guess] = nearest(
    asked.replaceAll('_', '-'),
    names.map(([name]) => name),
  );
  throw new UsageError(
    `${option === undefined ? '' : `${option}: `}no method "${asked}"; ${guess ? `did you mean "${guess}"?` : '--help lists them'}`,
  );
}
