"""Reference of other targets than classes: PyTorch in float64.

    python test/reference/targets.py > test/fixtures/targets.json

A segmenter's region (Seg-Grad-CAM, Vinogradova et al. 2020), a number and less it (regression), and how alike detections are
(D-RISE, Petsiuk et al. 2021). Numbers come from the generator of gain.py, which the tests repeat.
"""

import json
import sys

import numpy
import torch
import torch.nn.functional as F

from gain import digits, numbers

SIZE, CLASSES = 8, 3


def conv(x, kernel, bias):
    return F.conv2d(x, kernel.permute(3, 2, 0, 1), bias, padding=1)


def cam(features, gradient, plus):
    if not plus:
        weights = gradient.mean((2, 3), keepdim=True)
    else:
        total = features.sum((2, 3), keepdim=True)
        alpha = torch.where(gradient != 0, gradient**2 / (2 * gradient**2 + total * gradient**3), 0.0)
        weights = (alpha * F.relu(gradient)).sum((2, 3), keepdim=True)
    return F.relu((weights * features).sum(1))


def segmenter():
    """conv to 4, relu, conv to 4, relu (the target), conv to the classes."""
    w = [numbers(500 + i, shape) * s for i, (shape, s) in enumerate([
        ((3, 3, 3, 4), 0.8), ((4,), 0.4), ((3, 3, 4, 4), 0.8), ((4,), 0.4), ((3, 3, 4, CLASSES), 0.8), ((CLASSES,), 0.4),
    ])]
    x = (numbers(77, (2, SIZE, SIZE, 3)) + 0.5).permute(0, 3, 1, 2)
    features = F.relu(conv(F.relu(conv(x, w[0], w[1])), w[2], w[3])).requires_grad_()
    logits = conv(features, w[4], w[5])
    called = F.one_hot(logits.argmax(1), CLASSES).permute(0, 3, 1, 2).double()
    box = torch.zeros(SIZE, SIZE)
    box[2:6, 0:4] = 1
    out = {"called": called.mean((2, 3)).flatten().tolist()}
    for name, mask in (("predicted", called), ("all", torch.ones_like(called)), ("box", box.expand_as(called))):
        sums = (logits * mask).sum((2, 3))
        maps = {}
        for plus in (False, True):
            made = []
            for sample in range(2):
                for c in range(CLASSES):
                    (g,) = torch.autograd.grad(sums[sample, c], features, retain_graph=True)
                    made.append(cam(features[sample : sample + 1], g[sample : sample + 1], plus))
            maps["grad-cam++" if plus else "grad-cam"] = digits(torch.cat(made))
        chance = (torch.softmax(logits, 1) * mask).sum((2, 3)) / (mask[0, 0].sum() if name == "box" else SIZE * SIZE)
        out[name] = {"sums": digits(sums), "chance": digits(chance), "maps": maps}
    return out


def regression():
    """conv to 4, relu (the target), mean, dense to 2 numbers."""
    kernel, bias = numbers(601, (3, 3, 3, 4)) * 0.9, numbers(602, (4,)) * 0.4
    dense, offset = numbers(603, (4, 2)) * 2, numbers(604, (2,))
    x = (numbers(78, (2, SIZE, SIZE, 3)) + 0.5).permute(0, 3, 1, 2)
    features = F.relu(conv(x, kernel, bias)).requires_grad_()
    values = features.mean((2, 3)) @ dense + offset
    maps = []
    for sample in range(2):
        for k in range(2):
            for sign in (1, -1):
                (g,) = torch.autograd.grad(sign * values[sample, k], features, retain_graph=True)
                maps.append(cam(features[sample : sample + 1], g[sample : sample + 1], False))
    return {"values": digits(values), "maps": digits(torch.cat(maps))}


def box_iou(a, b):
    """As torchvision.ops.box_iou."""
    low, high = torch.maximum(a[:, None, :2], b[None, :, :2]), torch.minimum(a[:, None, 2:], b[None, :, 2:])
    inside = (high - low).clamp(min=0).prod(2)
    area = lambda boxes: (boxes[:, 2:] - boxes[:, :2]).prod(1)
    return inside / (area(a)[:, None] + area(b)[None] - inside)


def detections():
    """Two images of five proposals each, two targets."""
    corners = numbers(701, (2, 5, 2)) * 6 + 4
    boxes = torch.cat([corners, corners + 1 + (numbers(702, (2, 5, 2)) + 0.5) * 4], 2)
    scores = numbers(703, (2, 5, CLASSES)) + 0.5
    sure = numbers(704, (2, 5)) + 0.5
    targets = torch.tensor([[3.0, 2.0, 7.0, 6.0], [5.0, 5.0, 8.0, 9.0]])
    wanted = torch.tensor([[0.2, 0.7, 0.1], [0.0, 0.0, 1.0]])
    best = []
    for image in range(2):
        iou = box_iou(targets, boxes[image])
        likeness = F.cosine_similarity(wanted[:, None], scores[image][None], dim=2)
        best.append((iou * likeness * sure[image]).amax(1))
    return {"likeness": digits(torch.stack(best))}


if __name__ == "__main__":
    versions = {"torch": torch.__version__, "numpy": numpy.__version__, "python": sys.version.split()[0]}
    made = {"versions": versions, "segmenter": segmenter(), "regression": regression(), "detections": detections()}
    print(json.dumps(made, separators=(",", ":")))
