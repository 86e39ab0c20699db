"""Reference of the explanation maps: PyTorch in float64, double backward through each map.

    python test/reference/gradcam.py > test/fixtures/gradcam.json

A network is a list of layers that the test builds again in tfjs; weights, images and the linear form of the
maps come from a linear congruential generator that the test repeats. The fixture holds the layers and what
was computed here: maps, logits, and the gradient of L = sum(R * M) + sum(M^2) / 2 for every weight.
Tensors are channels-last in the fixture, channels-first in here.
"""

import json
import sys

import torch
import torch.nn.functional as F
from networks import Net, conv, numbers, rounded


def group(pairs):
    """Pairs in groups with each sample once, a repeated pair taken once."""
    groups, place = [], {}
    for sample, cls in pairs:
        if (sample, cls) not in place:
            place[sample, cls] = sum(s == sample for s, _ in place)
    for i in range(max(place.values()) + 1):
        groups.append([pair for pair in place if place[pair] == i])
    return groups


def weights(method, A, g):
    space = list(range(2, A.ndim))
    total = A.sum(space, keepdim=True)
    if method == "grad-cam":
        return g.mean(space, keepdim=True)
    if method in ("grad-cam++", "grad-cam++-normalized"):
        denominator = 2 * g**2 + total * g**3
        safe = torch.where(denominator != 0, denominator, torch.ones_like(denominator))
        alpha = torch.where(denominator != 0, g**2 / safe, torch.zeros_like(g))
        if method == "grad-cam++-normalized":
            alpha = alpha * (g > 0)
            sums = alpha.sum(space, keepdim=True)
            alpha = alpha / torch.where(sums != 0, sums, torch.ones_like(sums))
        return (alpha * F.relu(g)).sum(space, keepdim=True)
    if method == "layer-cam":
        return F.relu(g)
    if method == "hires-cam":
        return g
    if method == "x-grad-cam":
        safe = torch.where(total != 0, total, torch.ones_like(total))
        return (A * g / safe).sum(space, keepdim=True)
    raise ValueError(method)


def compute(case, method, differentiate):
    net = Net(case["layers"], case.get("batchNorm", "inference"), case["seed"])
    x = numbers(7, case["input"])
    A, logits = net.run(x, case["target"])
    gradient_of = {}
    for pairs in group(case["pairs"]):
        score = sum(logits[sample, cls] for sample, cls in pairs)
        (g,) = torch.autograd.grad(score, A, create_graph=True)
        for sample, cls in pairs:
            gradient_of[sample, cls] = g[sample]
    samples = [sample for sample, _ in case["pairs"]]
    g = torch.stack([gradient_of[tuple(pair)] for pair in case["pairs"]])
    if method == "cam":
        kernel = [value for name, kind, value in net.params if name == "out" and kind == "kernel"][0]
        w = torch.stack([kernel[:, cls] for _, cls in case["pairs"]])
        w = w.reshape(*w.shape, *[1] * (A.ndim - 2))
    else:
        w = weights(method, A[samples], g)
    maps = F.relu(((w if differentiate else w.detach()) * A[samples]).sum(1))
    loss = (numbers(9, maps.shape) * maps).sum() + (maps**2).sum() / 2
    values = [value for _, _, value in net.params]
    grads = torch.autograd.grad(loss, values, allow_unused=True)
    return dict(
        method=method,
        differentiateWeights=differentiate,
        maps=rounded(maps),
        logits=rounded(logits),
        grads={
            f"{name}/{kind}": rounded(grad)
            for (name, kind, _), grad in zip(net.params, grads)
            if grad is not None and grad.abs().max() > 1e-9
        },
    )


PAIRS = [[1, 2], [0, 1], [1, 0], [1, 1], [0, 1]]
OUT = [dict(name="out", op="dense", units=3)]
GAP, FLAT = dict(name="gap", op="gap"), dict(name="flat", op="flatten")
BOTH = ["grad-cam", "grad-cam++"]
ALL = [*BOTH, "grad-cam++-normalized", "layer-cam", "hires-cam", "x-grad-cam"]
BN = [
    conv("c1", 2),
    dict(name="b1", op="bn"),
    dict(name="a1", op="act", activation="relu"),
    conv("c2", 3),
    dict(name="b2", op="bn"),
    dict(name="a2", op="act", activation="relu"),
    GAP,
]
CASES = {
    "max pooling, flatten": dict(
        target="c2",
        methods=ALL,
        layers=[conv("c1", 2, "relu"), conv("c2", 3, "relu"), dict(name="p", op="pool", kind="max"), FLAT],
    ),
    "overlapping max pooling before its ReLU": dict(
        target="c2",
        methods=BOTH,
        layers=[
            conv("c1", 2, "relu"),
            conv("c2", 3),
            dict(name="p", op="pool", kind="max", size=3, stride=1),
            dict(name="a", op="act", activation="relu"),
            FLAT,
        ],
    ),
    "average pooling, hidden dense layer": dict(
        target="c2",
        methods=ALL,
        layers=[
            conv("c1", 2, "relu"),
            conv("c2", 3, "relu"),
            dict(name="p", op="pool", kind="avg"),
            FLAT,
            dict(name="h", op="dense", units=4, activation="tanh"),
        ],
    ),
    "batch norm by moving averages": dict(target="c2", methods=BOTH, layers=BN),
    "batch norm by the batch": dict(target="c2", methods=BOTH, batchNorm="batch", layers=BN),
    "depthwise, relu6": dict(
        target="c2",
        methods=BOTH,
        layers=[
            conv("c1", 2, "relu"),
            conv("c2", 3, "relu"),
            dict(name="d", op="depthwise", activation="relu6"),
            GAP,
        ],
    ),
    "sigmoid": dict(
        target="c2",
        methods=BOTH,
        layers=[conv("c1", 2, "relu"), conv("c2", 3, "relu"), conv("c3", 2, "sigmoid"), GAP],
    ),
    "tanh and elu": dict(
        target="c2",
        methods=BOTH,
        layers=[
            conv("c1", 2, "relu"),
            conv("c2", 3, "relu"),
            conv("c3", 2, "tanh", kernel=1),
            conv("c4", 2, "elu"),
            dict(name="p", op="pool", kind="max"),
            FLAT,
        ],
    ),
    "skip connections around the target": dict(
        target="c2",
        methods=BOTH,
        layers=[
            conv("c1", 3, "relu"),
            conv("c2", 3, "relu"),
            {"name": "sum", "op": "add", "in": ["c1", "c2"], "activation": "linear"},
            dict(name="a", op="act", activation="tanh"),
            {"name": "cat", "op": "concat", "in": ["a", "c1"]},
            dict(name="p", op="pool", kind="avg"),
            FLAT,
        ],
    ),
    "nested model": dict(
        target="backbone/c2",
        methods=BOTH,
        layers=[
            conv("c0", 2, "relu"),
            conv("backbone/c1", 2, "relu"),
            conv("backbone/c2", 3, "relu"),
            dict(name="backbone/p", op="pool", kind="max"),
            FLAT,
        ],
    ),
    "volumes": dict(
        target="c2",
        methods=ALL,
        input=[3, 2, 4, 4, 1],
        seed=6,
        layers=[
            conv("c1", 1, "relu"),
            conv("c2", 2, "relu"),
            dict(name="p", op="pool", kind="max"),
            FLAT,
        ],
    ),
    "volumes, average pooling": dict(
        target="c1",
        methods=["grad-cam++"],
        input=[3, 2, 4, 4, 1],
        layers=[conv("c1", 2, "relu"), dict(name="p", op="pool", kind="avg"), FLAT],
    ),
    "global average pooling": dict(
        target="c2",
        methods=["cam", "grad-cam", "grad-cam++-normalized"],
        layers=[conv("c1", 2, "relu"), conv("c2", 3, "relu"), GAP],
    ),
}

cases = []
for title, case in CASES.items():
    case = dict(title=title, pairs=PAIRS) | dict(input=[3, 4, 4, 2], seed=100) | case
    case["layers"] = [*case["layers"], *OUT]
    methods = case.pop("methods")
    case["results"] = [compute(case, m, d) for m in methods for d in (True, False)]
    cases.append(case)



def normalize(maps, mode):
    space = list(range(1, maps.ndim))
    if mode == "l2":
        return maps / (maps**2).sum(space, keepdim=True).sqrt()
    low = maps.amin(space, keepdim=True) if mode == "min-max" else 0
    return (maps - low) / (maps.amax(space, keepdim=True) - low)


def normalization(mode):
    """amin and amax share their gradient among ties; here 0 (min) and the largest value occur twice."""
    maps = F.relu(numbers(21, [3, 4, 3]))
    maps[0, 0, 0] = maps[0, 3, 2] = 0.75
    maps = maps.requires_grad_()
    normal = normalize(maps, mode)
    (grad,) = torch.autograd.grad((numbers(9, maps.shape) * normal**2).sum(), maps, create_graph=True)
    (second,) = torch.autograd.grad((grad**2).sum(), maps)
    return dict(mode=mode, maps=rounded(normal), grad=rounded(grad), second=rounded(second))


volume = numbers(23, [2, 2, 3, 2])
upsampled = F.interpolate(volume[:, None], size=(3, 5, 4), mode="trilinear", align_corners=False)[:, 0]
extra = dict(
    normalization=[normalization(mode) for mode in ("min-max", "max", "l2")], trilinear=rounded(upsampled)
)
json.dump(dict(torch=torch.__version__, cases=cases, **extra), sys.stdout, separators=(",", ":"))
