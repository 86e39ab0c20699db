import { countOf, type Naming, type Recipe, shapeOf } from './recipe.ts';

/** Vision transformers of timm (ViT, DeiT, DINOv2) and of torchvision. */
export const vitRecipe: Recipe = (dict) => {
  const ofTorchvision = dict.has('conv_proj.weight') && dict.has('encoder.pos_embedding');
  if (!ofTorchvision && !(dict.has('patch_embed.proj.weight') && dict.has('pos_embed'))) return undefined;
  if (dict.has('dist_token')) return 'a DeiT with a token of distillation';
  if (dict.has('fc_norm.weight')) return 'a vision transformer that normalises after pooling';
  if (dict.has('blocks.0.mlp.w12.weight')) return 'a vision transformer with SwiGLU';
  const block = (i: number) => (ofTorchvision ? `encoder.layers.encoder_layer_${i}` : `blocks.${i}`);
  const patches = ofTorchvision ? 'conv_proj' : 'patch_embed.proj';
  const position = ofTorchvision ? 'encoder.pos_embedding' : 'pos_embed';
  const registerName = dict.has('register_tokens') ? 'register_tokens' : 'reg_token';
  const classToken = ofTorchvision ? 'class_token' : 'cls_token';
  const [width = 0, , patch = 16] = shapeOf(dict, `${patches}.weight`);
  const registers = shapeOf(dict, registerName)[1] ?? 0;
  const positions = shapeOf(dict, position)[1] ?? 0;
  const side = (count: number) => Math.sqrt(count);
  const all = Number.isInteger(side(positions - 1));
  const grid = side(all ? positions - 1 : positions);
  if (!dict.has(classToken) || !Number.isInteger(grid))
    return 'a vision transformer without class token, or not square';
  if (width % 64 !== 0) return `a vision transformer of ${width} channels, whose heads are not of 64`;
  const mlp = ofTorchvision
    ? dict.has(`${block(0)}.mlp.linear_1.weight`)
      ? ['mlp.linear_1', 'mlp.linear_2']
      : ['mlp.0', 'mlp.3']
    : ['mlp.fc1', 'mlp.fc2'];
  const fixed: Record<string, string> = ofTorchvision
    ? { patches, norm: 'encoder.ln', logits: 'heads.head' }
    : { patches, norm: 'norm', logits: 'head' };
  const parts: Record<string, string> = {
    norm1: ofTorchvision ? 'ln_1' : 'norm1',
    qkv: 'attn.qkv',
    project: ofTorchvision ? 'self_attention.out_proj' : 'attn.proj',
    norm2: ofTorchvision ? 'ln_2' : 'norm2',
    hidden: mlp[0]!,
    output: mlp[1]!,
  };
  const naming: Naming = (layer) => {
    if (fixed[layer]) return fixed[layer];
    if (layer === 'embedding') {
      return { class_token: classToken, register_tokens: registerName, position };
    }
    const [, i, part] = /^block(\d+)_(\w+)$/.exec(layer) ?? [];
    if (i === undefined) return undefined;
    const here = block(Number(i) - 1);
    if (part === 'scale1' || part === 'scale2') return { gamma: `${here}.ls${part.at(-1)}.gamma` };
    if (part === 'qkv' && ofTorchvision) {
      const attention = `${here}.self_attention.in_proj_`;
      return { kernel: `${attention}weight`, bias: `${attention}bias` };
    }
    return parts[part!] && `${here}.${parts[part!]}`;
  };
  const preset = { 192: 'vit-tiny', 384: 'vit-small', 768: 'vit-base' }[width] as 'vit-tiny' | undefined;
  return {
    backbone: preset ?? 'vit-tiny',
    options: {
      patch,
      width,
      heads: width / 64,
      depth: countOf(dict, (i) => `${block(i)}.${parts.norm1}.weight`),
      mlpRatio: shapeOf(dict, `${block(0)}.${parts.hidden}.weight`)[0]! / width,
      registers,
      positions: all ? 'all' : 'patches',
      layerScale: dict.has('blocks.0.ls1.gamma') ? 1e-5 : null,
    },
    classes: shapeOf(dict, `${fixed.logits}.weight`)[0] ?? null,
    inputSize: [grid * patch, grid * patch],
    naming,
    ignored: /^mask_token$/,
  };
};
