"""Reference of the distillation terms: PyTorch in float64, on given maps and through two whole networks.

    python test/reference/distillation.py > test/fixtures/distillation.json

The numbers and the networks are those of gain.py, which the tests repeat.
"""

import json
import sys

import numpy
import torch
import torch.nn.functional as F

from gain import Net, attention, conv, digits, nets, numbers


# ------------------------------------------------------------------------------------------------- the terms
def area(source, target):
    """[target, source]: share of each source pixel in each of `target` equal stretches."""
    edges = numpy.arange(source + 1)
    matrix = numpy.zeros((target, source))
    for i in range(target):
        low, high = i * source / target, (i + 1) * source / target
        matrix[i] = numpy.clip(numpy.minimum(edges[1:], high) - numpy.maximum(edges[:-1], low), 0, None) * target / source
    return torch.tensor(matrix)


def to_grid(maps, h, w):
    fewer = min(h, maps.shape[1]), min(w, maps.shape[2])
    maps = area(maps.shape[1], fewer[0]) @ maps @ area(maps.shape[2], fewer[1]).T
    return F.interpolate(maps[:, None], size=(h, w), mode="bilinear", align_corners=False)[:, 0]


def unit(maps):
    return F.normalize(maps.flatten(1), dim=1, eps=1e-10)


def weighted(values, weights):
    return values.mean() if weights is None else (values * weights).sum() / weights.sum()


def soft_targets(s, t, temperature, link="softmax"):
    if link == "softmax":
        return temperature**2 * F.kl_div(
            F.log_softmax(s / temperature, 1), F.log_softmax(t / temperature, 1), log_target=True, reduction="batchmean"
        )
    p = torch.sigmoid(t / temperature)
    cross = F.binary_cross_entropy_with_logits(s / temperature, p)
    entropy = F.binary_cross_entropy(p, p)
    return temperature**2 * (cross - entropy)


def explanation_distance(s, t, pixels="sum", weights=None):
    squares = ((s - to_grid(t, *s.shape[1:])) ** 2).flatten(1)
    return weighted(squares.sum(1) if pixels == "sum" else squares.mean(1), weights)


def explanation_similarity(s, t, weights=None):
    t = to_grid(t, *s.shape[1:])
    return weighted(1 - F.cosine_similarity(s.flatten(1), t.flatten(1)), weights)


def attention_l1(s, t, weights=None):
    return weighted((unit(s) - unit(to_grid(t, *s.shape[1:]))).abs().sum(1), weights)


def attention_transfer(s, t, form="norm"):
    """Activations are [B,K,h,w] here."""
    q = lambda a: (a**2).sum(1)
    apart = unit(q(s)) - unit(to_grid(q(t), *s.shape[2:]))
    return apart.norm(dim=1).mean() if form == "norm" else (apart**2).mean()


def class_attention_transfer(s, t, cells=2):
    """Class activation maps [B,C,h,w]."""
    pool = lambda m: unit(area(m.shape[2], cells) @ m.flatten(0, 1) @ area(m.shape[3], cells).T)
    return F.mse_loss(pool(s), pool(t))


# --------------------------------------------------------------------------------------------- given tensors
def terms():
    s, t = numbers(41, (4, 5)) * 8, numbers(42, (4, 5)) * 8
    maps = F.relu(numbers(43, (3, 6, 5)))
    finer, coarser = F.relu(numbers(44, (3, 9, 10))), F.relu(numbers(45, (3, 4, 3)))
    dead = maps.clone()
    dead[1] = 0
    w = torch.tensor([1.0, 0.0, 0.5])
    a, b = numbers(46, (2, 6, 6, 4)).permute(0, 3, 1, 2), numbers(47, (2, 4, 4, 7)).permute(0, 3, 1, 2)
    c, d = numbers(48, (2, 5, 5, 3)).permute(0, 3, 1, 2), numbers(49, (2, 8, 8, 3)).permute(0, 3, 1, 2)
    made = {
        "soft targets at 4": (s, lambda x: soft_targets(x, t, 4)),
        "soft targets at 1": (s, lambda x: soft_targets(x, t, 1)),
        "soft targets, sigmoid": (s, lambda x: soft_targets(x, t, 2, "sigmoid")),
        "distance to finer maps": (maps, lambda x: explanation_distance(x, finer)),
        "distance to coarser maps, mean, weighted": (maps, lambda x: explanation_distance(x, coarser, "mean", w)),
        "similarity to finer maps": (maps, lambda x: explanation_similarity(x, finer)),
        "similarity to coarser maps, weighted": (maps, lambda x: explanation_similarity(x, coarser, w)),
        "similarity with one dead map": (dead, lambda x: explanation_similarity(x, finer)),
        "L1 to finer maps": (maps, lambda x: attention_l1(x, finer)),
        "L1 to coarser maps, weighted": (maps, lambda x: attention_l1(x, coarser, w)),
        "attention transfer": (a, lambda x: attention_transfer(x, b)),
        "attention transfer, mean square": (a, lambda x: attention_transfer(x, b, "mean-square")),
        "attention transfer to the larger": (b, lambda x: attention_transfer(x, a)),
        "class attention transfer": (c, lambda x: class_attention_transfer(x, d)),
        "class attention transfer, 3 cells": (d, lambda x: class_attention_transfer(x, c, 3)),
    }
    out = {}
    for name, (x, term) in made.items():
        x = x.clone().requires_grad_()
        value = term(x)
        (gradient,) = torch.autograd.grad(value, x)
        if gradient.ndim == 4:
            gradient = gradient.permute(0, 2, 3, 1)
        out[name] = {"value": digits(value), "gradient": digits(gradient.flatten())}
    return out


# ------------------------------------------------------------------------------------------------ two networks
STUDENT, TEACHER = "a 3x3 map", "max pooling and tanh"
LABELS = [1, 0, 2]


def layers_of(net):
    """A network of gain.py by name, or one whose map is read by global pooling and one dense layer, as CAT-KD needs."""
    if net in nets(3):
        return nets(3)[net]
    pools = [{"kind": "maxPool"}] * {"gap, 6x6": 1, "gap, 3x3": 2}[net]
    return [conv(4), *pools, conv(5, name="target"), {"kind": "globalPool"}, {"kind": "dense", "units": 3}]


def cut(net):
    return 1 + [layer.get("name") for layer in net.layers].index("target")


def answers(net, images, pairs, method, differentiate=True):
    features = net.run(images, "inference", stop=cut(net))
    logits = net.run(features, "inference", start=cut(net))
    return features, logits, attention(net, features, logits, pairs, method, differentiate)


def network(title, student, teacher, seeds, term, method="grad-cam", differentiate=True):
    """Gradient of one term with respect to all the student's weights, the teacher being constant."""
    images = numbers(7, (3, 12, 12, 3)).permute(0, 3, 1, 2) + 0.5
    s = Net([dict(layer) for layer in layers_of(student)], seeds[0])
    t = Net([dict(layer) for layer in layers_of(teacher)], seeds[1])
    pairs = list(enumerate(LABELS))
    t_features, t_logits, t_maps = (v.detach() for v in answers(t, images, pairs, method))
    s_features, s_logits, s_maps = answers(s, images, pairs, method, differentiate)
    if term == "explanationSimilarity":
        top = list(enumerate(t_logits.argmax(1).tolist()))
        t_maps = answers(t, images, top, method)[2].detach()
        s_maps = answers(s, images, top, method, differentiate)[2]
    value = {
        "softTargets": lambda: soft_targets(s_logits, t_logits, 4),
        "explanationDistance": lambda: explanation_distance(s_maps, t_maps),
        "explanationSimilarity": lambda: explanation_similarity(s_maps, t_maps),
        "attentionL1": lambda: attention_l1(s_maps, t_maps),
        "attentionTransfer": lambda: attention_transfer(s_features, t_features),
        "classAttentionTransfer": lambda: class_attention_transfer(
            torch.einsum("bkhw,kc->bchw", s_features, s.weights[-2]), torch.einsum("bkhw,kc->bchw", t_features, t.weights[-2])
        ),
    }[term]()
    gradients = torch.autograd.grad(value, s.trainable(), allow_unused=True)
    layers = lambda name: [{k: v for k, v in layer.items() if k != "first"} for layer in layers_of(name)]
    if term.startswith("explanation") or term == "attentionL1":
        dead = min(m.detach().amax((1, 2)).min() for m in (s_maps, t_maps))
        assert dead > 0, f"{title}: a dead map"
    return {
        "title": title,
        "term": term,
        "method": method,
        "differentiateWeights": differentiate,
        "student": {"layers": layers(student), "seed": seeds[0]},
        "teacher": {"layers": layers(teacher), "seed": seeds[1]},
        "teacherTop": t_logits.argmax(1).tolist(),
        "value": digits(value),
        "gradients": [digits(torch.zeros_like(w) if g is None else g) for w, g in zip(s.trainable(), gradients)],
    }


def networks():
    pair = (STUDENT, TEACHER, (1, 1))
    return [
        network("soft targets", *pair, "softTargets"),
        network("maps of Grad-CAM", *pair, "explanationDistance"),
        network("maps of Grad-CAM++", *pair, "explanationDistance", "grad-cam++"),
        network("maps with constant weights", *pair, "explanationDistance", differentiate=False),
        network("cosine of Grad-CAM", *pair, "explanationSimilarity"),
        network("cosine of Grad-CAM++", *pair, "explanationSimilarity", "grad-cam++"),
        network("L1 of Grad-CAM", *pair, "attentionL1"),
        network("activations", *pair, "attentionTransfer"),
        network("class activation maps", "gap, 6x6", "gap, 3x3", (4, 5), "classAttentionTransfer"),
        network("a finer student", TEACHER, STUDENT, (1, 1), "explanationDistance"),
    ]


if __name__ == "__main__":
    versions = {"torch": torch.__version__, "numpy": numpy.__version__, "python": sys.version.split()[0]}
    print(json.dumps({"versions": versions, "terms": terms(), "networks": networks()}, separators=(",", ":")))
