"""Reference of src/gradcam/relevance: layer-wise relevance propagation from the papers, by PyTorch in float64.

    python test/reference/relevance.py > test/fixtures/relevance.json

Every linear layer is written out as the matrix that it is (its answers to the unit images, batch norm behind it folded in),
so that the rules are those of the papers on contributions a_j w_jk, one by one, without any gradient: Bach et al. 2015
(epsilon, alpha-beta), Montavon et al. 2017 (w-square, z-box) and 2019 (gamma). The derivative of Σ v R with respect to all
weights is PyTorch's. Networks and numbers are those of networks.py; tensors are channels-last in the fixture.
"""

import json
import sys

import torch
import torch.nn.functional as F

from networks import ACTIVATIONS, Net, conv, first, last, numbers, rounded

PAIRS = [[1, 2], [0, 1], [1, 0]]
EPSILON = 0.02


def stab(z):
    return z + EPSILON * torch.where(z >= 0, 1.0, -1.0)


def by_rule(rule, a, w, b, R):
    """a [J], w [J,K], b [K] or None, R [K] -> [J], from the contributions c_jk."""
    b = torch.zeros(w.shape[1]) if b is None else b
    c = a[:, None] * w
    name, value = rule
    if name == "epsilon":
        return (c / stab(c.sum(0) + b) * R).sum(1)
    if name == "gamma":
        c, b = c + value * c.clamp_min(0), b + value * b.clamp_min(0)
        return (c / stab(c.sum(0) + b) * R).sum(1)
    if name == "alpha-beta":
        up, down = c.clamp_min(0), c.clamp_max(0)
        total = value * up / stab(up.sum(0) + b.clamp_min(0))
        if value != 1:
            total = total - (value - 1) * down / stab(down.sum(0) + b.clamp_max(0))
        return (total * R).sum(1)
    if name == "z-box":
        low, high = value
        c = c - low * w.clamp_min(0) - high * w.clamp_max(0)
        return (c / stab(c.sum(0)) * R).sum(1)
    if name == "w-square":
        return (w**2 / stab((w**2).sum(0)) * R).sum(1)
    if name == "flat":
        connected = (w != 0).double()
        return (connected / stab(connected.sum(0)) * R).sum(1)
    raise ValueError(name)


class Walk:
    def __init__(self, spec, mode="inference"):
        self.spec = spec
        self.images = spec["scale"] * (numbers(7, spec["input"]) + spec["shift"])
        self.net = Net(spec["layers"], mode, spec["seed"])
        self.values, self.params_of = {"x": first(self.images)}, {}
        previous = "x"
        for layer in spec["layers"]:
            before = len(self.net.params)
            seed = self.net.seed
            sources = layer.get("in", [previous])
            self.values[layer["name"]] = self.net.layer(layer, [self.values[s] for s in sources])
            self.params_of[layer["name"]] = [value for _, _, value in self.net.params[before:]]
            layer["sources"], layer["drawn"] = sources, seed
            previous = layer["name"]
        self.logits = self.values[previous]

    def matrix(self, layer, shape):
        """The layer's weights [J,K] and bias [K] for inputs of a shape, without activation."""
        size = torch.Size(shape).numel()
        eye = torch.eye(size).reshape(size, *shape)
        op, params = layer["op"], self.params_of[layer["name"]]
        if op == "dense":
            kernel, bias = params
            return kernel, bias
        kernel, bias = params
        rank = len(shape) - 1
        groups = 1 if op == "conv" else shape[0]
        weight = kernel.movedim((-1, -2), (0, 1)) if op == "conv" else kernel.movedim((-2, -1), (0, 1))
        run = F.conv3d if rank == 3 else F.conv2d
        answers = run(eye, weight, padding=layer.get("kernel", 3) // 2, groups=groups)
        spread = bias.reshape(-1, *[1] * rank).expand(answers.shape[1:])
        return answers.flatten(1), spread.flatten()

    def norm_of(self, layer):
        """Batch norm as scale and shift: what Net.layer computes, read off at 0 and 1."""
        gamma, beta = self.params_of[layer["name"]]
        channels = gamma.shape[0]
        seed = layer["drawn"] + 2 * 7919
        mean = numbers(seed + 7919, [channels]) * 0.6
        variance = numbers(seed + 2 * 7919, [channels]) + 1
        if self.net.mode == "batch":
            x = self.values[layer["sources"][0]]
            axes = [0, *range(2, x.ndim)]
            mean, variance = x.mean(axes), x.var(axes, correction=0)
        scale = gamma / (variance + 1e-3).sqrt()
        return scale, beta - mean * scale

    def relevance(self, composite, sample, cls):
        layers = self.spec["layers"]
        last_name = layers[-1]["name"]
        one = torch.zeros_like(self.logits[sample])
        one[cls] = 1
        R = {last_name: one * self.logits[sample]}
        fold = {}
        for layer in reversed(layers):
            above = R.pop(layer["name"], None)
            if above is None:
                continue
            sources = layer["sources"]
            xs = [self.values[s][sample] for s in sources]
            x, op = xs[0], layer["op"]
            if op in ("conv", "dense", "depthwise"):
                w, b = self.matrix(layer, x.shape)
                if layer["name"] in fold:
                    scale, shift = fold[layer["name"]]
                    places = w.shape[1] // scale.shape[0]
                    w, b = w * scale.repeat_interleave(places), b * scale.repeat_interleave(places) + shift.repeat_interleave(places)
                rule = composite("dense" if op == "dense" else "convolution", sources[0] == "x")
                shares = [by_rule(rule, x.flatten(), w, b, above.flatten()).reshape(x.shape)]
            elif op == "bn":
                before = next(one for one in layers if one["name"] == sources[0])
                readers = [one for one in layers if sources[0] in one["sources"]]
                scale, shift = self.norm_of(layer)
                if before["op"] in ("conv", "depthwise") and before.get("activation", "linear") == "linear" and len(readers) == 1:
                    fold[sources[0]] = (scale, shift)
                    shares = [above]
                else:
                    spread = [-1, *[1] * (x.ndim - 1)]
                    c = x * scale.reshape(spread)
                    shares = [c / stab(c + shift.reshape(spread)) * above]
            elif op == "pool":
                shares = [self.pool_share(layer, x, above)]
            elif op == "gap":
                space = list(range(1, x.ndim))
                n = x[0].numel()
                c = x / n
                shares = [c * (above / stab(c.sum(space))).reshape(-1, *[1] * len(space))]
            elif op == "flatten":
                shares = [above.reshape(*x.shape[1:], x.shape[0]).movedim(-1, 0)]
            elif op == "add":
                shares = [one / stab(sum(xs)) * above for one in xs]
            elif op == "concat":
                shares = list(above.split([one.shape[0] for one in xs]))
            else:
                shares = [above]
            for source, share in zip(sources, shares):
                R[source] = R[source] + share if source in R else share
        return last(R["x"][None])[0]

    def pool_share(self, layer, x, above):
        """Window by window: all to the first of the largest, or in proportion."""
        size, stride = layer.get("size", 2), layer.get("stride", 2)
        rank = x.ndim - 1
        patches = x
        for axis in range(1, rank + 1):
            patches = patches.unfold(axis, size, stride)
        windows = patches.reshape(*patches.shape[: rank + 1], -1)
        if layer["kind"] == "max":
            share = F.one_hot(windows.argmax(-1), windows.shape[-1]).double()
        else:
            c = windows / windows.shape[-1]
            share = c / stab(c.sum(-1, keepdim=True))
        given = share * above[..., None]
        # Back to the pixels, by the positions of each window.
        positions = torch.arange(x.numel()).reshape(x.shape)
        for axis in range(1, rank + 1):
            positions = positions.unfold(axis, size, stride)
        flat = torch.zeros(x.numel()).index_add(0, positions.reshape(-1), given.reshape(-1))
        return flat.reshape(x.shape)


RANGE = [-1.0, 1.5]
COMPOSITES = {
    "epsilon-box": lambda kind, is_first: ("z-box", RANGE) if is_first else ("epsilon", None),
    "epsilon": lambda kind, is_first: ("epsilon", None),
    "z-plus": lambda kind, is_first: ("alpha-beta", 1),
    "gamma": lambda kind, is_first: ("gamma", 0.3),
    "epsilon-alpha2-beta1": lambda kind, is_first: ("epsilon", None) if kind == "dense" else ("alpha-beta", 2),
    "epsilon-gamma-box": lambda kind, is_first: ("z-box", RANGE)
    if is_first
    else ("epsilon", None)
    if kind == "dense"
    else ("gamma", 0.3),
    "epsilon-plus-flat": lambda kind, is_first: ("flat", None)
    if is_first
    else ("epsilon", None)
    if kind == "dense"
    else ("alpha-beta", 1),
    "w-square": lambda kind, is_first: ("w-square", None),
}


def isnet(R, masks):
    """The heatmap loss of ISNet as its authors' paper writes it: activation, cross-entropy, clamps. R [P,...,c]."""
    decay, E, C1, C2, w2 = 0.8, 1.5, 0.5, 2.0, 3.0
    losses = []
    for r, m in zip(R, masks):
        spread = m[..., None].expand(r.shape)
        size = r.abs()
        mean = (size * spread).sum() / spread.sum()
        background = (size / mean * (1 - spread)).movedim(-1, 0).flatten(1)
        weights = decay ** torch.arange(background.shape[1], dtype=torch.float64)
        pooled = (background.sort(1, descending=True).values * weights).sum(1) / weights.sum()
        activated = pooled / (pooled + E)
        first = -torch.log(1 - activated).mean()
        F_ = (size * spread).sum()
        low = (F_ / C1).clamp(max=1) - 1
        high = (F_ / C1).clamp(min=C2 / C1) - C2 / C1
        losses.append(first + w2 * (low**2 + high**2))
    return torch.stack(losses)


def pool(name, kind="max", **more):
    return dict(name=name, op="pool", kind=kind, **more)


OUT = dict(name="out", op="dense", units=3)
FLAT = dict(name="flat", op="flatten")
HIDDEN = dict(name="h", op="dense", units=5, activation="relu")
NORMED = [
    conv("c1", 3),
    dict(name="b1", op="bn"),
    dict(name="a1", op="act", activation="relu"),
    pool("p1", "avg", size=3, stride=1),
    dict(name="b2", op="bn"),
    conv("c2", 3),
    {"name": "sum", "op": "add", "in": ["c2", "b2"]},
    dict(name="a2", op="act", activation="relu"),
    {"name": "cat", "op": "concat", "in": ["a2", "p1"]},
    dict(name="gap", op="gap"),
    OUT,
]
CASES = {
    "max pooling, hidden dense layer": dict(
        seed=113, layers=[conv("c1", 3, "relu"), pool("p1"), conv("c2", 4, "relu"), pool("p2"), FLAT, HIDDEN, OUT]
    ),
    "batch norm, skip connection, overlapping average pooling": dict(seed=306, layers=NORMED),
    "the same by the statistics of the batch": dict(seed=306, layers=NORMED, batchNorm="batch"),
    "depthwise relu6, tanh: negative values inside": dict(
        seed=505,
        layers=[
            conv("c0", 2, "relu6"),
            dict(name="d", op="depthwise", activation="relu6"),
            conv("c1", 3, "tanh"),
            conv("c2", 3, "relu"),
            pool("p"),
            FLAT,
            OUT,
        ],
    ),
    "volumes": dict(
        input=[2, 2, 4, 4, 1],
        seed=737,
        layers=[conv("c1", 2, "relu"), pool("p1"), conv("c2", 3, "relu"), FLAT, HIDDEN, OUT],
    ),
}

cases = []
for title, spec in CASES.items():
    spec = dict(input=[2, 4, 6, 2], scale=1.0, shift=0.3) | spec
    results = {}
    names = COMPOSITES if "batchNorm" not in spec else ["epsilon-box", "epsilon-gamma-box"]
    for name in names:
        walk = Walk(json.loads(json.dumps(spec)), spec.get("batchNorm", "inference"))
        R = torch.stack([walk.relevance(COMPOSITES[name], *pair) for pair in PAIRS])
        loss = (R * numbers(99, R.shape)).sum()
        masks = (numbers(55, R.shape[:-1]) > 0).double()
        judged = isnet(R, masks)
        params = [value for _, _, value in walk.net.params]
        grads = torch.autograd.grad(loss, params, allow_unused=True, retain_graph=True)
        (of_isnet,) = torch.autograd.grad(judged.mean(), R, retain_graph=True)
        through = torch.autograd.grad(judged.mean(), params, allow_unused=True)
        if not R.abs().max() > 1e-4:
            raise ValueError(f"{title}: {name} is dead, choose another seed")
        results[name] = dict(
            relevance=rounded(R),
            **(
                dict(
                    isnet=rounded(judged),
                    isnetGradient=rounded(of_isnet),
                    isnetGrads=rounded(torch.cat([torch.zeros(v.numel()) if g is None else g.flatten() for v, g in zip(params, through)])),
                )
                if name == "epsilon-box"
                else {}
            ),
            grads={
                f"{layer}/{kind}": rounded(torch.zeros_like(value) if g is None else g)
                for (layer, kind, value), g in zip(walk.net.params, grads)
            },
        )
    cases.append(dict(title=title, pairs=PAIRS, target="", **spec, results=results))

json.dump(
    dict(torch=torch.__version__, epsilon=EPSILON, gamma=0.3, range=RANGE, cases=cases),
    sys.stdout,
    separators=(",", ":"),
)
