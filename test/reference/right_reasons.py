"""Reference of the guided losses beside GAIN's: PyTorch in float64, on given maps and through whole networks.

    python test/reference/right_reasons.py > test/fixtures/right-reasons.json

RRR's input gradient is differentiated a second time through the whole network by PyTorch's double backward, max
pooling included. The numbers and the networks are those of gain.py, which the tests repeat.
"""

import json
import sys

import numpy
import torch
import torch.nn.functional as F

from gain import Net, attention, conv, digits, nets, normalize, numbers, upsample


# ----------------------------------------------------------------------------------------------- the losses
def reduced(values, weights, images="masked", batch=None):
    """Mean over what has a mask, or over the batch, or the sum."""
    weights = torch.ones_like(values) if weights is None else weights
    total = {"masked": weights.sum(), "batch": batch, "sum": 1}[images]
    return (values * weights).sum() / total


def over_pixels(values, pixels):
    return values.flatten(1).sum(1) if pixels == "sum" else values.flatten(1).mean(1)


def log_probabilities(logits, link):
    if link == "softmax":
        return F.log_softmax(logits, 1).sum()
    return (F.logsigmoid(logits) + F.logsigmoid(-logits)).sum()


def rrr(gradients, irrelevant, pixels="sum"):
    """Gradients are [B,c,H,W]."""
    squares = ((irrelevant[:, None] * gradients) ** 2).sum(1)
    return over_pixels(squares, pixels)


def rrr_g(maps, irrelevant, pixels="sum"):
    return over_pixels((irrelevant * maps) ** 2, pixels)


def hint(maps, relevant, pixels="mean"):
    return over_pixels(F.mse_loss(maps, relevant, reduction="none"), pixels)


def energy(maps, relevant):
    """Written as Model Guidance writes it, map by map; of a dead map 1 is left."""
    values = []
    for a, h in zip(F.relu(maps), relevant):
        values.append(1 - a[h == 1].sum() / a.sum() if a.sum() > 0 else torch.ones(()))
    return torch.stack(values)


def ppce(maps, relevant, floor=1e-6):
    # Not F.binary_cross_entropy, whose slope at exactly 1 is 0 rather than -1.
    return torch.stack([-torch.log(a[h == 1]).mean() for a, h in zip(maps.clamp(min=floor), relevant)])


def l1(maps, relevant):
    return over_pixels(F.l1_loss(maps, relevant, reduction="none"), "mean")


ON_MAPS = {
    # name: the loss of each map, its usual normalisation, whether it takes what must not matter
    "rrrG": (rrr_g, "min-max", True),
    "hint": (hint, "min-max", False),
    "energy": (energy, "none", False),
    "ppce": (ppce, "max", False),
    "l1": (l1, "max", False),
    "rrrStar": (rrr_g, "max", True),
}


# --------------------------------------------------------------------------------------------- given tensors
def losses():
    maps = F.relu(numbers(61, (3, 6, 5)))
    unit = normalize(maps, "max")
    signed = numbers(62, (3, 6, 5))
    dead = maps.clone()
    dead[1] = 0
    h = (numbers(63, (3, 6, 5)) > 0).double()
    w = torch.tensor([1.0, 0.0, 0.5])
    gradients = numbers(64, (3, 6, 5, 3)).permute(0, 3, 1, 2)
    made = {
        "RRR": (gradients, lambda x: reduced(rrr(x, h), None)),
        "RRR, mean over pixels, weighted": (gradients, lambda x: reduced(rrr(x, h, "mean"), w)),
        "RRR, sum over images": (gradients, lambda x: reduced(rrr(x, h), None, "sum")),
        "irrelevant attention": (maps, lambda x: reduced(rrr_g(x, h), None)),
        "irrelevant attention, mean over pixels, weighted": (maps, lambda x: reduced(rrr_g(x, h, "mean"), w)),
        "irrelevant attention, sum over images": (maps, lambda x: reduced(rrr_g(x, h), None, "sum")),
        "energy": (maps, lambda x: reduced(energy(x, h), None)),
        "energy, negative values": (signed, lambda x: reduced(energy(x, h), w)),
        "energy, one dead map": (dead, lambda x: reduced(energy(x, h), None)),
        "pixel cross-entropy": (unit, lambda x: reduced(ppce(x, h), None)),
        "pixel cross-entropy, a high floor, weighted": (unit, lambda x: reduced(ppce(x, h, 0.3), w)),
        "pixel cross-entropy, one dead map": (dead, lambda x: reduced(ppce(x, h), None)),
        "L1": (unit, lambda x: reduced(l1(x, h), None)),
        "L1, weighted, over the batch": (unit, lambda x: reduced(l1(x, h), w, "batch", 3)),
    }
    out = {}
    for name, (x, loss) in made.items():
        x = x.clone().requires_grad_()
        value = loss(x)
        (gradient,) = torch.autograd.grad(value, x)
        if gradient.ndim == 4:
            gradient = gradient.permute(0, 2, 3, 1)
        out[name] = {"value": digits(value), "gradient": digits(gradient.flatten())}
    for link in ("softmax", "sigmoid"):
        z = (numbers(65, (4, 5)) * 8).requires_grad_()
        value = log_probabilities(z, link)
        out[f"log-probabilities, {link}"] = {
            "value": digits(value),
            "gradient": digits(torch.autograd.grad(value, z)[0].flatten()),
        }
    return out


# ------------------------------------------------------------------------------------------------- WR
def wrong_reasons():
    """Both passes of the XIL benchmark's measure, on attributions of any sign, one of them dead."""
    attributions, masks = numbers(71, (6, 7, 5)), (numbers(72, (6, 7, 5)) > 0.2).double()
    attributions[3] = -attributions[3].abs()
    a = F.relu(attributions).flatten(1)
    a = a - a.min(1, keepdim=True)[0]
    kept = a.sum(1) > 0
    a, m = a[kept] / a[kept].max(1, keepdim=True)[0], masks.flatten(1)[kept]
    threshold = a.mean(1).mean()
    return {"threshold": digits(threshold), "shares": digits((m * (a > threshold)).sum(1) / m.sum(1))}


# ----------------------------------------------------------------------------------------- through a network
POOL, GAP = {"kind": "maxPool"}, {"kind": "globalPool"}
XIL = [
    conv(4, size=5), POOL, conv(5, size=5, name="target"), POOL,
    {"kind": "flatten"}, {"kind": "dense", "units": 8, "activation": "relu"}, {"kind": "dense", "units": 3},
]
SINGLE, SEVERAL = [[1], [0], [2]], [[0, 2], [1], [0, 1, 2]]


def layers_of(net):
    return XIL if net == "as in the XIL benchmark" else nets(3)[net]


def network(title, term, net, labels, seed, mask_pairs, **options):
    """Gradient of one term with respect to all weights, of images of which some labels have masks."""
    model = Net([dict(layer) for layer in layers_of(net)], seed)
    cut = 1 + [layer.get("name") for layer in model.layers].index("target")
    images = (numbers(7, (3, 12, 12, 3)).permute(0, 3, 1, 2) + 0.5).requires_grad_()
    first = "batch" if options.get("training") else "inference"
    features = model.run(images, first, stop=cut)
    logits = model.run(features, first, start=cut)
    link = "softmax" if labels is SINGLE else "sigmoid"

    # One block of a dozen or so pixels for each masked pair, as confounders are.
    masks = torch.zeros(len(mask_pairs), 12, 12)
    for m in range(len(mask_pairs)):
        masks[m, 2 * m + 1 : 2 * m + 5, 3 : 7 + m] = 1
    marks = options.get("marks", "matters")
    sizes = torch.tensor([1 / sum(q[0] == p[0] for q in mask_pairs) for p in mask_pairs])
    images_reduction = options.get("images", "masked")

    if term == "rrr":
        (gradients,) = torch.autograd.grad(log_probabilities(logits, link), images, create_graph=True)
        irrelevant, weights = torch.zeros(3, 12, 12), torch.zeros(3)
        for b in {p[0] for p in mask_pairs}:
            union = masks[[m for m, p in enumerate(mask_pairs) if p[0] == b]].amax(0)
            irrelevant[b] = 1 - union if marks == "matters" else union
            weights[b] = 1
        values = rrr(gradients, irrelevant, options.get("pixels", "sum"))
        value = reduced(values, weights, images_reduction, 3)
    else:
        of_map, usual, wants_irrelevant = ON_MAPS[term]
        signed = options.get("relu") is False
        differentiate = options.get("differentiateWeights", True)
        if signed:
            maps = []
            for b, c in mask_pairs:
                (g,) = torch.autograd.grad(logits[b, c], features, create_graph=True)
                w = g[b].mean((1, 2)) if differentiate else g[b].mean((1, 2)).detach()
                maps.append((w[:, None, None] * features[b]).sum(0))
            maps = torch.stack(maps)
        else:
            maps = attention(model, features, logits, mask_pairs, options.get("method", "grad-cam"), differentiate)
        assert maps.detach().amax((1, 2)).min() > 0, f"{title}: a dead map"
        relevant = masks if marks == "matters" else 1 - masks
        if options.get("resolution") == "map":
            relevant = F.adaptive_avg_pool2d(relevant[:, None], maps.shape[1:])[:, 0]
        else:
            maps = upsample(maps, 12)
        maps = normalize(maps, options.get("normalization", usual))
        more = {"pixels": options["pixels"]} if "pixels" in options else {}
        values = of_map(maps, 1 - relevant if wants_irrelevant else relevant, **more)
        value = reduced(values, sizes, images_reduction, 3)

    gradients = torch.autograd.grad(value, model.trainable(), allow_unused=True)
    return {
        "title": title,
        "term": term,
        "layers": [{k: v for k, v in layer.items() if k != "first"} for layer in layers_of(net)],
        "seed": seed,
        "labels": labels,
        "link": link,
        "maskPairs": mask_pairs,
        "options": options,
        "value": digits(value),
        "gradients": [digits(torch.zeros_like(w) if g is None else g) for w, g in zip(model.trainable(), gradients)],
    }


def networks():
    xil, pooled, deep = "as in the XIL benchmark", "max pooling and tanh", "a 3x3 map"
    two, three = [(0, 1), (2, 2)], [(0, 2), (2, 1), (2, 0)]
    confounder = {"marks": "must-not-matter"}
    return [
        network("RRR through two max poolings and relus", "rrr", xil, SINGLE, 1, two, **confounder),
        network("RRR through max pooling and tanh, what matters, mean", "rrr", pooled, SINGLE, 2, two, pixels="mean"),
        network("RRR under a sigmoid, several masks of an image", "rrr", "average pooling and sigmoid", SEVERAL, 2, three),
        network("RRR, several confounders of an image, summed", "rrr", pooled, SEVERAL, 3, three, images="sum", **confounder),
        network("RRR, batch statistics", "rrr", "batch norm and elu", SINGLE, 4, two, training=True, **confounder),
        network("RRR-G", "rrrG", xil, SINGLE, 5, two, **confounder),
        network("RRR-G, constant weights", "rrrG", xil, SINGLE, 5, two, differentiateWeights=False, **confounder),
        network(
            "RRR-G as in the XIL benchmark", "rrrG", xil, SINGLE, 5, two,
            differentiateWeights=False, relu=False, resolution="map", images="sum", **confounder,
        ),
        network("HINT", "hint", pooled, SINGLE, 6, two),
        network("HINT, constant weights", "hint", pooled, SINGLE, 6, two, differentiateWeights=False),
        network("HINT at the map's size, over the batch", "hint", deep, SEVERAL, 7, three, resolution="map", images="batch"),
        network("Energy", "energy", deep, SEVERAL, 7, three),
        network("Energy of a confounder, Grad-CAM++", "energy", xil, SINGLE, 5, two, method="grad-cam++", **confounder),
        network("PPCE", "ppce", deep, SINGLE, 1, two),
        network("L1", "l1", pooled, SINGLE, 6, two),
        network("RRR*", "rrrStar", deep, SEVERAL, 7, three, images="sum"),
    ]


if __name__ == "__main__":
    versions = {"torch": torch.__version__, "numpy": numpy.__version__, "python": sys.version.split()[0]}
    made = {"versions": versions, "losses": losses(), "wrongReasons": wrong_reasons(), "networks": networks()}
    print(json.dumps(made, separators=(",", ":")))
