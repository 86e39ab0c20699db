"""Reference of the guided losses that judge answers, signed maps and gradients beside an image: PyTorch in float64.

    python test/reference/cures.py > test/fixtures/cures.json

Counterfactual and sufficiency terms, signed supervision, Rand-R4 and PGD-R4, RBR, MaskTune, and the teacher of TEA; on
given tensors and through whole networks. The gradient of RBR is a third derivative, by PyTorch's backward of a double backward. Numbers
and networks are those of gain.py and right_reasons.py, which the tests repeat.
"""

import json
import sys

import numpy
import torch
import torch.nn.functional as F

from gain import Net, attention, digits, numbers, upsample
from right_reasons import SEVERAL, SINGLE, layers_of, log_probabilities, reduced


# ----------------------------------------------------------------------------------------------- the losses
def probability(logits, classes, link):
    """Of each row's class, written as the papers do."""
    p = F.softmax(logits, 1) if link == "softmax" else torch.sigmoid(logits)
    return p[torch.arange(len(classes)), torch.tensor(classes)]


def counterfactual(logits, classes, link):
    return -torch.log(1 - probability(logits, classes, link))


def sufficiency(logits, classes, link):
    return -torch.log(probability(logits, classes, link))


def signed(maps, irrelevant, norm="l1", pixels="sum"):
    e = irrelevant * maps
    e = e.abs() if norm == "l1" else e**2
    return e.flatten(1).sum(1) if pixels == "sum" else e.flatten(1).mean(1)


def robust(gradients, irrelevant):
    """Gradients are [B,c,H,W], one for each neighbour."""
    sizes = [(irrelevant[:, None] * g).abs().sum((1, 2, 3)) for g in gradients]
    return torch.stack(sizes).amax(0)


def influence(influences, gradients, irrelevant):
    return ((irrelevant[:, None] * influences * gradients) ** 2).sum((1, 2, 3))


def cross_entropies(logits, labels, link):
    if link == "softmax":
        return F.cross_entropy(logits, torch.tensor([one[0] for one in labels]), reduction="none")
    hot = torch.zeros_like(logits)
    for b, ofImage in enumerate(labels):
        hot[b, ofImage] = 1
    return F.binary_cross_entropy_with_logits(logits, hot, reduction="none").mean(1)


def losses():
    z = numbers(81, (4, 5)) * 8
    maps = numbers(82, (3, 6, 5))
    e = (numbers(63, (3, 6, 5)) > 0).double()
    w = torch.tensor([1.0, 0.0, 0.5])
    w4 = torch.tensor([1.0, 0.5, 0.0, 2.0])
    gradients = [numbers(s, (3, 6, 5, 3)).permute(0, 3, 1, 2) for s in (83, 84, 85)]
    classes = [1, 0, 4, 2]
    made = {
        "counterfactual, sigmoid": (z, lambda x: reduced(counterfactual(x, classes, "sigmoid"), None)),
        "counterfactual, softmax, weighted": (z, lambda x: reduced(counterfactual(x, classes, "softmax"), w4)),
        "sufficiency, sigmoid, weighted": (z, lambda x: reduced(sufficiency(x, classes, "sigmoid"), w4)),
        "sufficiency, softmax": (z, lambda x: reduced(sufficiency(x, classes, "softmax"), None)),
        "signed": (maps, lambda x: reduced(signed(x, e), None)),
        "signed, squares, mean over pixels, weighted": (maps, lambda x: reduced(signed(x, e, "l2", "mean"), w)),
        "R4 of three neighbours": (gradients[1], lambda x: reduced(robust([gradients[0], x, gradients[2]], e), None)),
        "R4, weighted, over the batch": (gradients[0], lambda x: reduced(robust([x, gradients[1]], e), w, "batch", 3)),
        "RBR": (gradients[0], lambda x: reduced(influence(x, gradients[1], e), None)),
        "RBR, sum, weighted": (gradients[1], lambda x: reduced(influence(gradients[0], x, e), w, "sum")),
        "cross-entropies, softmax": (z, lambda x: reduced(cross_entropies(x, [[c] for c in classes], "softmax"), w4)),
        "cross-entropies, sigmoid": (
            z, lambda x: reduced(cross_entropies(x, [[0, 3], [], [2], [1, 2, 4]], "sigmoid"), w4),
        ),
    }
    out = {}
    for name, (x, loss) in made.items():
        x = x.clone().requires_grad_()
        value = loss(x)
        (gradient,) = torch.autograd.grad(value, x)
        if gradient.ndim == 4:
            gradient = gradient.permute(0, 2, 3, 1)
        out[name] = {"value": digits(value), "gradient": digits(gradient.flatten())}
    return out


def most_attended():
    maps = numbers(86, (3, 6, 5))
    maps[1] = 0.25
    above = maps.std((1, 2), correction=0, keepdim=True) * 1.2 + maps.mean((1, 2), keepdim=True)
    regions = (maps >= above).double()
    regions[1] = 0
    return {"deviations": 1.2, "regions": [int(v) for v in regions.flatten()]}


# ------------------------------------------------------------------------------------------ through a network
def blocks(pairs):
    masks = torch.zeros(len(pairs), 12, 12)
    for m in range(len(pairs)):
        masks[m, 2 * m + 1 : 2 * m + 5, 3 : 7 + m] = 1
    return masks


def network(title, term, net, labels, seed, mask_pairs, **options):
    """Gradient of one term with respect to all weights."""
    model = Net([dict(layer) for layer in layers_of(net)], seed)
    cut = 1 + [layer.get("name") for layer in model.layers].index("target")
    images = (numbers(7, (3, 12, 12, 3)).permute(0, 3, 1, 2) + 0.5).requires_grad_()
    link = "softmax" if labels is SINGLE else "sigmoid"
    run = lambda x: model.run(x, "inference")
    marks = options.get("marks", "matters")
    masks = blocks(mask_pairs)
    relevant = masks if marks == "matters" else 1 - masks
    sizes = torch.tensor([1 / sum(q[0] == p[0] for q in mask_pairs) for p in mask_pairs])
    irrelevant, masked = torch.zeros(3, 12, 12), torch.zeros(3)
    for b in {p[0] for p in mask_pairs}:
        union = masks[[m for m, p in enumerate(mask_pairs) if p[0] == b]].amax(0)
        irrelevant[b] = 1 - union if marks == "matters" else union
        masked[b] = 1
    rows, classes = [p[0] for p in mask_pairs], [p[1] for p in mask_pairs]

    def slope(x, create_graph):
        x = x if x.requires_grad else x.detach().requires_grad_()
        loss = cross_entropies(run(x), labels, link).sum()
        return torch.autograd.grad(loss, x, create_graph=create_graph)[0]

    def filled(fill):
        if fill == "mean":
            return images.mean((2, 3), keepdim=True)[rows]
        return images[[options["others"][p] for p in range(len(rows))]] if fill == "others" else torch.zeros(())

    if term == "erase":
        holes = relevant[:, None]
        answers = run(images[rows] * (1 - holes) + filled(options.get("fill", "mean")) * holes)
        value = reduced(counterfactual(answers, classes, link), sizes)
    elif term == "keep":
        holes = 1 - relevant[:, None]
        answers = run(images[rows] * (1 - holes) + filled(options.get("ground", "others")) * holes)
        value = reduced(sufficiency(answers, classes, link), sizes)
    elif term == "signed":
        features = model.run(images, "inference", stop=cut)
        logits = model.run(features, "inference", start=cut)
        maps, off, weights = [], [], []
        judged = options.get("classes", range(logits.shape[1]))
        pairs = []
        for b, present in enumerate(labels):
            of_image = [(b, c) for c in judged if (b, c) in mask_pairs or (c not in present and options.get("absent", True))]
            pairs += of_image
            weights += [1 / max(1, len(of_image))] * len(of_image)
        for b, c in pairs:
            (g,) = torch.autograd.grad(logits[b, c], features, create_graph=True)
            maps.append((g[b].mean((1, 2))[:, None, None] * features[b]).sum(0))
            h = relevant[mask_pairs.index((b, c))] if (b, c) in mask_pairs else torch.zeros(12, 12)
            off.append(1 - F.adaptive_avg_pool2d(h[None], maps[0].shape)[0])
        values = signed(torch.stack(maps), torch.stack(off), options.get("norm", "l1"), options.get("pixels", "sum"))
        value = reduced(values, torch.tensor(weights))
    elif term == "neighbours":
        noise = [numbers(s, (3, 12, 12, 3)).permute(0, 3, 1, 2) * 0.2 * irrelevant[:, None] for s in (87, 88)]
        value = reduced(robust([slope(images.detach() + n, True) for n in noise], irrelevant), masked)
    elif term == "pgdR4":
        x0, epsilon = images.detach(), options["epsilon"]
        x = x0
        for _ in range(options["steps"]):
            step = x + epsilon * slope(x, False).sign() * irrelevant[:, None]
            x = (x0 + (step - x0).clamp(-epsilon, epsilon)).clamp(x0.min(), x0.max())
        value = reduced(robust([slope(x, True)], irrelevant), masked)
    elif term == "rbr":
        logits = run(images)
        weights = model.trainable()
        loss = cross_entropies(logits, labels, link).mean()
        ofWeights = torch.autograd.grad(loss, weights, create_graph=True)
        (u,) = torch.autograd.grad(sum(g.sum() for g in ofWeights), images, create_graph=True)
        (g,) = torch.autograd.grad(log_probabilities(logits, link), images, create_graph=True)
        value = reduced(influence(u, g, irrelevant), masked, options.get("images", "masked"), 3)
    elif term == "maskTune":
        features = model.run(images, "inference", stop=cut)
        logits = model.run(features, "inference", start=cut)
        pairs = [(b, c) for b, ofImage in enumerate(labels) for c in ofImage]
        maps = upsample(attention(model, features, logits, pairs, "grad-cam", True), 12).detach()
        regions = torch.zeros(3, 12, 12)
        for (b, _), one in zip(pairs, maps):
            region = (one >= one.mean() + options.get("deviations", 2) * one.std(correction=0)).double()
            regions[b] = torch.maximum(regions[b], region * (one.std() > 0))
        assert regions.sum() > 0, f"{title}: nothing is attended"
        value = cross_entropies(run(images.detach() * (1 - regions[:, None])), labels, link).mean()

    gradients = torch.autograd.grad(value, model.trainable(), allow_unused=True)
    return {
        "title": title,
        "term": term,
        "layers": [{k: v for k, v in layer.items() if k != "first"} for layer in layers_of(net)],
        "seed": seed,
        "labels": labels,
        "link": link,
        "maskPairs": mask_pairs,
        "options": {k: v for k, v in options.items() if k != "others"},
        "value": digits(value),
        "gradients": [digits(torch.zeros_like(w) if g is None else g) for w, g in zip(model.trainable(), gradients)],
    }


def networks():
    xil, pooled, deep = "as in the XIL benchmark", "max pooling and tanh", "a 3x3 map"
    two, three = [(0, 1), (2, 2)], [(0, 2), (2, 1), (2, 0)]
    confounder = {"marks": "must-not-matter"}
    return [
        network("erase, softmax, the mean pixel", "erase", xil, SINGLE, 5, two),
        network("erase, sigmoid, black, several labels", "erase", deep, SEVERAL, 7, three, fill="zero"),
        network("erase all but a confounder", "erase", xil, SINGLE, 5, two, **confounder),
        # Classes 0 and 2 are in images 0 and 2, class 1 in 1 and 2: one other image is left for each.
        network("keep on the one image without the class", "keep", deep, SEVERAL, 7, three, others=[1, 0, 1]),
        network("keep on the mean pixel", "keep", pooled, SINGLE, 6, two, ground="mean"),
        network("signed, all classes", "signed", xil, SINGLE, 5, two),
        network("signed, one class, squares, several labels", "signed", deep, SEVERAL, 7, three, norm="l2", classes=[2]),
        network("signed, present classes alone, mean", "signed", pooled, SINGLE, 6, two, absent=False, pixels="mean"),
        network("R4 of given neighbours", "neighbours", xil, SINGLE, 1, two, **confounder),
        network("PGD-R4", "pgdR4", xil, SINGLE, 1, two, epsilon=0.05, steps=3, **confounder),
        network("PGD-R4, sigmoid, tanh", "pgdR4", pooled, SEVERAL, 2, three, epsilon=0.1, steps=2),
        network("RBR through max poolings and relus", "rbr", xil, SINGLE, 1, two, **confounder),
        network("RBR, tanh, sigmoid, summed", "rbr", pooled, SEVERAL, 2, three, images="sum"),
        network("MaskTune", "maskTune", xil, SINGLE, 5, two),
        network("MaskTune, several labels, one deviation", "maskTune", deep, SEVERAL, 7, three, deviations=1),
    ]


# ------------------------------------------------------------------------ a teacher that sees the object alone
def tea():
    """Maps and answers of a teacher on H ⊙ I, of the images with masks."""
    student = Net([dict(layer) for layer in layers_of("max pooling and tanh")], 6)
    teacher = Net([dict(layer) for layer in layers_of("as in the XIL benchmark")], 5)
    images = numbers(7, (3, 12, 12, 3)).permute(0, 3, 1, 2) + 0.5
    masks, rows = blocks([0, 2]), [0, 2]
    pairs = [(0, 1), (2, 2)]

    def answers(model, x):
        cut = 1 + [layer.get("name") for layer in model.layers].index("target")
        features = model.run(x.clone().requires_grad_(), "inference", stop=cut)
        return features, model.run(features, "inference", start=cut)

    seen = images.clone()
    seen[rows] = seen[rows] * masks[:, None]
    features, logits = answers(student, images)
    teacherFeatures, teacherLogits = answers(teacher, seen)
    own = attention(student, features, logits, pairs, "grad-cam", True)
    others = attention(teacher, teacherFeatures, teacherLogits, pairs, "grad-cam", True).detach()
    assert own.shape == others.shape
    distance = ((own - others) ** 2).sum((1, 2)).mean()
    p, q = F.log_softmax(teacherLogits[rows].detach() / 2, 1), F.log_softmax(logits[rows] / 2, 1)
    divergence = 4 * (p.exp() * (p - q)).sum(1).mean()
    out = {}
    for name, value in {"explanation": distance, "softTargets": divergence}.items():
        gradients = torch.autograd.grad(value, student.trainable(), allow_unused=True, retain_graph=True)
        out[name] = {
            "value": digits(value),
            "gradients": [digits(torch.zeros_like(w) if g is None else g) for w, g in zip(student.trainable(), gradients)],
        }
    return {
        "student": {"layers": layers_of("max pooling and tanh"), "seed": 6},
        "teacher": {"layers": layers_of("as in the XIL benchmark"), "seed": 5},
        "terms": out,
    }


if __name__ == "__main__":
    versions = {"torch": torch.__version__, "numpy": numpy.__version__, "python": sys.version.split()[0]}
    made = {"versions": versions, "losses": losses(), "mostAttended": most_attended(), "networks": networks(), "tea": tea()}
    print(json.dumps(made, separators=(",", ":")))
