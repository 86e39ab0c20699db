"""Reference of the guided loss on clips: PyTorch in float64, double backward through the map over time.

    python test/reference/gain_clips.py > test/fixtures/gain-clips.json

Clips [B,T,H,W,c] of 4 frames of 8x8, a net of 3-D convolutions, masks in every frame. Weights, clips and masks come from
the generator of gain.py, which the tests repeat.
"""

import json
import sys

import numpy
import torch
import torch.nn.functional as F

from gain import digits, gaussian, numbers

T, SIZE, CLASSES = 4, 8, 3


def net_weights(seed):
    """conv 3x3x3 to 4, conv to 5 (the target), conv to 4, dense: kernels as Keras lays them out, [t,h,w,in,out]."""
    shapes = [(3, 3, 3, 3, 4), (4,), (3, 3, 3, 4, 5), (5,), (3, 3, 3, 5, 4), (4,), (4, CLASSES), (CLASSES,)]
    made = []
    for i, shape in enumerate(shapes):
        fan_in = int(numpy.prod(shape[:-1]))
        scale = 0.4 if len(shape) == 1 else (6 if len(shape) == 2 else 4) / fan_in**0.5
        made.append((numbers(seed * 1000 + i + 1, shape) * scale).requires_grad_())
    return made


def conv(x, kernel, bias):
    return F.conv3d(x, kernel.permute(4, 3, 0, 1, 2), bias, padding=1)


def body(x, w):
    x = F.relu(conv(x, w[0], w[1]))
    return F.relu(conv(F.max_pool3d(x, (1, 2, 2)), w[2], w[3]))


def head(features, w):
    x = torch.tanh(conv(F.avg_pool3d(features, 2), w[4], w[5]))
    return x.mean((2, 3, 4)) @ w[6] + w[7]


def map_weights(method, features, gradient):
    axes = (1, 2, 3)
    if method == "grad-cam":
        return gradient.mean(axes)
    total = features.sum(axes, keepdim=True)
    denominator = 2 * gradient**2 + total * gradient**3
    alive = (gradient != 0) & (denominator != 0)
    alpha = torch.where(alive, gradient**2 / torch.where(alive, denominator, 1.0), 0.0)
    return (alpha * F.relu(gradient)).sum(axes)


def normalize(maps):
    high, low = maps.amax((1, 2, 3), keepdim=True), maps.amin((1, 2, 3), keepdim=True)
    return (maps - low) / (high - low)


def trilinear(maps, size):
    return F.interpolate(maps[:, None], size=size, mode="trilinear", align_corners=False)[:, 0]


def hole(fill, clips):
    if fill == "zero":
        return torch.zeros_like(clips)
    if fill == "mean":
        return clips.mean((2, 3, 4), keepdim=True).expand_as(clips)
    g = gaussian(SIZE, SIZE / 8)
    return torch.einsum("ij,bctjk,lk->bctil", g, clips, g)


def loss(case):
    w = net_weights(case["seed"])
    batch = len(case["labels"])
    clips = numbers(case["imageSeed"], (batch, T, SIZE, SIZE, 3)).permute(0, 4, 1, 2, 3) + 0.5
    pairs = [(b, c) for b, row in enumerate(case["labels"]) for c in row]
    labels = torch.zeros(batch, CLASSES)
    for b, c in pairs:
        labels[b, c] = 1
    features = body(clips, w)
    logits = head(features, w)
    out = {"classification": F.multilabel_soft_margin_loss(logits, labels)}
    maps = []
    for b, c in pairs:
        (gradient,) = torch.autograd.grad(logits[b, c], features, create_graph=True)
        weights = map_weights(case["options"]["method"], features[b], gradient[b])
        maps.append(F.relu((weights[:, None, None, None] * features[b]).sum(0)))
    maps = torch.stack(maps)
    per_clip = torch.tensor([1 / len(case["labels"][b]) for b, _ in pairs])

    index = [b for b, _ in pairs]
    t = torch.sigmoid(10 * (normalize(trilinear(maps, (T, SIZE, SIZE))) - 0.5))[:, None]
    filling = hole(case["options"].get("fill", "zero"), clips)[index]
    masked = clips[index] * (1 - t) + filling * t
    scores = torch.sigmoid(head(body(masked, w), w))[range(len(pairs)), [c for _, c in pairs]]
    out["mining"] = (scores * per_clip).sum() / per_clip.sum()

    masks = (numbers(case["imageSeed"] + 1, (len(case["maskPairs"]), T, SIZE, SIZE)) > 0).double()
    chosen = maps[[pairs.index(tuple(p)) for p in case["maskPairs"]]]
    if case["options"].get("supervision", {}).get("resolution") == "map":
        masks = F.adaptive_avg_pool3d(masks[:, None], chosen.shape[1:])[:, 0]
    else:
        chosen = trilinear(chosen, (T, SIZE, SIZE))
    distance = ((normalize(chosen) - masks) ** 2).mean((1, 2, 3))
    shares = torch.tensor([1 / sum(q[0] == p[0] for q in case["maskPairs"]) for p in case["maskPairs"]])
    out["supervision"] = (distance * shares).sum() / shares.sum()

    total = out["classification"] + out["mining"] + 10 * out["supervision"]
    gradients = torch.autograd.grad(total, w)
    return {**{k: digits(v) for k, v in out.items()}, "total": digits(total), "gradients": [digits(g) for g in gradients]}


CASES = [
    {
        "title": "grad-cam, masks in some frames of some pairs", "seed": 3, "imageSeed": 7, "labels": [[0, 2], [1]],
        "maskPairs": [[0, 2], [1, 1]], "options": {"method": "grad-cam"},
    },
    {
        "title": "grad-cam++, masks averaged down to the map, the clip's mean in the hole", "seed": 4, "imageSeed": 17,
        "labels": [[1], [0, 2]], "maskPairs": [[1, 0], [1, 2]],
        "options": {"method": "grad-cam++", "fill": "mean", "supervision": {"resolution": "map"}},
    },
    {
        "title": "grad-cam++, each frame blurred in the hole", "seed": 5, "imageSeed": 27, "labels": [[2], [1]],
        "maskPairs": [[0, 2]], "options": {"method": "grad-cam++", "fill": "blur"},
    },
]

if __name__ == "__main__":
    versions = {"torch": torch.__version__, "numpy": numpy.__version__, "python": sys.version.split()[0]}
    cases = [{**case, "expected": loss(case)} for case in CASES]
    print(json.dumps({"versions": versions, "cases": cases}, separators=(",", ":")))
