"""Maps of a small vision transformer, for test/gradcam/tokens.test.ts: Grad-CAM and LayerCAM on tokens, attention rollout
and gradient-weighted attention, and the gradient of a loss on them by double backward. The network is one of
torch_backbones.py's kind: weights by the same formula. Run: python test/reference/vit_maps.py > test/fixtures/vit-maps.json
"""
import json
import sys

import numpy as np
import torch

torch.library.register_fake = lambda *args, **kwargs: lambda fn: fn
import timm  # noqa: E402
from timm.models.vision_transformer import VisionTransformer  # noqa: E402



def values(name, count):
    phase = sum((i + 1) * ord(c) for i, c in enumerate(name)) % 1000
    x = np.sin(np.arange(count) * 12.9898 + phase) * 43758.5453
    return 2 * (x - np.floor(x)) - 1


def filled(name, shape):
    count = int(np.prod(shape))
    drawn = values(name, count)
    if name.endswith(".weight") and len(shape) >= 2:
        drawn = drawn * np.sqrt(6 / (count / shape[0]))
    elif name.endswith(".weight"):
        drawn = 1 + 0.1 * drawn
    else:
        drawn = 0.1 * drawn
    return torch.tensor(drawn.reshape(shape))


def normal(maps):
    return [[[float(f"{v:.6g}") for v in row] for row in one] for one in maps.tolist()]


def main():
    size, patch, prefix, pairs = 24, 8, 1, [(0, 1), (1, 0), (1, 2)]
    model = VisionTransformer(img_size=size, patch_size=patch, embed_dim=64, depth=2, num_heads=1, num_classes=3).double().eval()
    model.load_state_dict({k: filled(k, list(v.shape)) for k, v in model.state_dict().items()})
    images = torch.tensor(values("image", 2 * size * size * 3).reshape(2, size, size, 3).transpose(0, 3, 1, 2).copy())
    kept = {}
    for i, block in enumerate(model.blocks):
        block.attn.fused_attn = False
        block.attn.attn_drop.register_forward_hook(lambda _m, _i, out, i=i: kept.__setitem__(f"attention{i}", out))
    model.blocks[1].norm1.register_forward_hook(lambda _m, _i, out: kept.__setitem__("tokens", out))
    logits = model(images)
    grid = size // patch

    def patches(tokens):
        return tokens[:, prefix:].reshape(tokens.shape[0], grid, grid, -1)

    maps = {"grad-cam": [], "layer-cam": [], "gradient-attention": []}
    attention = [kept["attention0"], kept["attention1"]]
    for b, c in pairs:
        score = logits[b, c]
        g_tokens, *g_attention = torch.autograd.grad(score, [kept["tokens"], *attention], create_graph=True)
        a, g = patches(kept["tokens"])[b], patches(g_tokens)[b]
        maps["grad-cam"].append(torch.relu((g.mean((0, 1)) * a).sum(-1)))
        maps["layer-cam"].append(torch.relu((torch.relu(g) * a).sum(-1)))
        relevance = torch.eye(prefix + grid * grid, dtype=torch.float64)
        for weights, gradient in zip(attention, g_attention):
            relevance = relevance + torch.relu(gradient[b] * weights[b]).mean(0) @ relevance
        maps["gradient-attention"].append(relevance[0, prefix:].reshape(grid, grid))
    rollout = []
    for b in range(2):
        product = torch.eye(prefix + grid * grid, dtype=torch.float64)
        for weights in attention:
            product = (0.5 * weights[b].mean(0) + 0.5 * torch.eye(product.shape[0], dtype=torch.float64)) @ product
        rollout.append(product[0, prefix:].reshape(grid, grid))
    weight = torch.tensor(values("loss", 3 * grid * grid).reshape(3, grid, grid))
    gradients = {}
    for name, made in maps.items():
        loss = (weight * torch.stack(made)).sum()
        parameters = {"blocks.0.attn.qkv.bias": model.blocks[0].attn.qkv.bias, "blocks.1.norm1.weight": model.blocks[1].norm1.weight}
        found = torch.autograd.grad(loss, list(parameters.values()), retain_graph=True)
        gradients[name] = {k: [float(f"{v:.6g}") for v in g.tolist()] for k, g in zip(parameters, found)}
    loss = (weight[:2] * torch.stack(rollout)).sum()
    rollout_gradient = torch.autograd.grad(loss, model.blocks[0].attn.qkv.bias)[0]
    json.dump(
        {
            "versions": {"torch": torch.__version__, "timm": timm.__version__},
            "size": size,
            "tensors": [[k, list(v.shape)] for k, v in model.state_dict().items()],
            "pairs": pairs,
            "logits": logits.detach().tolist(),
            "maps": {k: normal(torch.stack(v).detach()) for k, v in maps.items()},
            "rollout": normal(torch.stack(rollout).detach()),
            "gradients": gradients,
            "rolloutGradient": [float(f"{v:.6g}") for v in rollout_gradient.tolist()],
        },
        sys.stdout,
        separators=(",", ":"),
    )


main()
