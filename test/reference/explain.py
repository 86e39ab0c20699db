"""Reference of src/explain: class maps without gradients, and the methods of pixel space, by PyTorch in float64.

    python test/reference/explain.py > test/fixtures/explain.json

The networks are those of networks.py: random weights, max pooling, heads that are not global pooling and one dense layer.
Everything is written from the papers, with autograd for derivatives: softmax Grad-CAM++ differentiates p_c three times
along each activation; the deconvolution network is also built by hand, with unpooling and transposed filters, and compared.
Tensors are channels-last in the fixture, channels-first in here.
"""

import json
import sys

import networks
import numpy
import torch
import torch.nn.functional as F
from networks import Net, conv, first, last, numbers, rounded

PAIRS = [[1, 2], [0, 1], [1, 0]]
STEPS = 6


def rule_of(rule, ceiling=float("inf")):
    """A ReLU that goes back by a rule."""

    class Rectifier(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.clamp(0, ceiling)

        @staticmethod
        def backward(ctx, r):
            (x,) = ctx.saved_tensors
            active = (x > 0) & (x < ceiling)
            return {"guided": r.clamp_min(0) * active, "deconvolution": r.clamp_min(0)}[rule]

    return Rectifier.apply


def with_rule(rule, fn):
    plain = dict(networks.ACTIVATIONS)
    if rule != "gradient":
        networks.ACTIVATIONS.update(relu=rule_of(rule), relu6=rule_of(rule, 6))
    try:
        return fn()
    finally:
        networks.ACTIVATIONS.update(plain)


def winners(x, size, stride):
    """Of each window of a max pooling: the position, in x flattened, of its first largest value."""
    rank = x.ndim - 1
    windows, places = x, torch.arange(x.numel()).reshape(x.shape)
    for axis in range(1, rank + 1):
        windows, places = windows.unfold(axis, size, stride), places.unfold(axis, size, stride)
    windows = windows.reshape(*windows.shape[: rank + 1], -1)
    places = places.reshape(*windows.shape)
    return places.gather(-1, windows.argmax(-1, keepdim=True))[..., 0]


def deep_lift(case, sample, cls, baseline):
    """Multipliers layer by layer, from the definition; x and x' are followed side by side."""
    spec, values, linear = case.spec, {}, {}
    for name, x in (("x", case.images[sample : sample + 1]), ("start", baseline[None])):
        net = Net(spec["layers"], "inference", spec["seed"])
        values[name], previous = {"x": first(x)}, "x"
        for layer in spec["layers"]:
            sources = [values[name][s] for s in layer.get("in", [previous])]
            fresh = [one.detach().requires_grad_() for one in sources]
            before = net.layer({**layer, "activation": "linear"}, fresh)
            linear[name, layer["name"]] = (layer.get("in", [previous]), fresh, before)
            values[name][layer["name"]] = networks.ACTIVATIONS[layer.get("activation", "linear")](before).detach()
            previous = layer["name"]
    logits = values["x"][spec["layers"][-1]["name"]]
    m = {spec["layers"][-1]["name"]: F.one_hot(torch.tensor([cls]), logits.shape[1]).double()}
    for layer in reversed(spec["layers"]):
        up = m.pop(layer["name"])
        names, fresh, before = linear["x", layer["name"]]
        _, fresh0, before0 = linear["start", layer["name"]]
        if layer.get("activation", "linear") != "linear":
            delta = (before - before0).detach()
            y, y0 = values["x"][layer["name"]], values["start"][layer["name"]]
            if not (delta.abs() > 1e-6).all():
                raise ValueError("a difference near 0: choose another seed")
            up = up * (y - y0) / delta
        if layer["op"] == "pool":
            size, stride = layer.get("size", 2), layer.get("stride", 2)
            x, x0 = fresh[0].detach()[0], fresh0[0].detach()[0]
            y, y0 = before.detach()[0], before0.detach()[0]
            larger = torch.maximum(y, y0)
            shared = torch.zeros(x.numel())
            shared = shared.index_add(0, winners(x, size, stride).flatten(), (up[0] * (larger - y0)).flatten())
            shared = shared.index_add(0, winners(x0, size, stride).flatten(), (up[0] * (y - larger)).flatten())
            delta = x - x0
            # An inactive unit has no difference: its slope takes the place of the quotient.
            slope = torch.zeros(x.numel()).index_add(0, winners(x, size, stride).flatten(), up[0].flatten())
            ratio = torch.where(delta.abs() > 1e-10, shared.reshape(x.shape) / torch.where(delta == 0, 1, delta), slope.reshape(x.shape))
            backs = [ratio[None]]
        else:
            backs = torch.autograd.grad(before, fresh, up)
        for name, back in zip(names, backs):
            m[name] = m[name] + back if name in m else back
    return last(m["x"] * (values["x"]["x"] - values["start"]["x"]))[0]


class Case:
    def __init__(self, spec):
        self.spec = spec
        self.images = spec.get("scale", 1) * numbers(7, spec["input"])

    def run(self, x, target=None):
        return Net(self.spec["layers"], "inference", self.spec["seed"]).run(x, target or self.spec["target"])

    def head(self, activations, sample):
        """Logits of one image with the target layer's answer replaced."""
        net = Net(self.spec["layers"], "inference", self.spec["seed"])
        plain, names = net.layer, iter([layer["name"] for layer in self.spec["layers"]])

        def layer(spec, xs):
            value = plain(spec, xs)
            return activations if next(names) == self.spec["target"] else value

        net.layer = layer
        return net.run(self.images[sample : sample + 1], self.spec["target"])[1][0]

    def pixels(self, rule, at=None):
        images = self.images if at is None else at

        def gradient():
            out = []
            for sample, cls in PAIRS:
                x = images.clone().requires_grad_()
                (g,) = torch.autograd.grad(self.run(x)[1][sample, cls], x)
                out.append(g[sample])
            return torch.stack(out)

        return with_rule(rule, gradient)

    def integrated(self, baseline):
        way = self.images - baseline
        total = sum(self.pixels("gradient", baseline + (k + 0.5) / STEPS * way) for k in range(STEPS)) / STEPS
        return total * torch.stack([way[sample] for sample, _ in PAIRS])

    def gradient_of_target(self, target):
        A, logits = self.run(self.images, target)
        g = [torch.autograd.grad(logits[s, c], A, retain_graph=True)[0][s] for s, c in PAIRS]
        return torch.stack([A[s] for s, _ in PAIRS]).detach(), torch.stack(g)

    def map(self, method, target=None):
        A, g = self.gradient_of_target(target or self.spec["target"])
        space = list(range(2, A.ndim))
        if method == "counterfactual":
            return F.relu(((-g).mean(space, keepdim=True) * A).sum(1))
        w = {
            "grad-cam": lambda: g.mean(space, keepdim=True),
            "layer-cam": lambda: F.relu(g),
            "hires-cam": lambda: g,
            "x-grad-cam": lambda: (A / A.sum(space, keepdim=True).clamp_min(1e-30) * g).sum(space, keepdim=True),
            "grad-cam++": lambda: plus_plus(A, g),
        }[method]()
        return F.relu((w * A).sum(1))

    def score_cam(self):
        A = self.run(self.images)[0].detach()
        out = []
        for sample, cls in PAIRS:
            space = list(range(1, A.ndim - 1))
            up = upsample(A[sample], self.images.shape[1:-1])
            low, high = up.amin(space, keepdim=True), up.amax(space, keepdim=True)
            extent = high - low
            masks = torch.where(extent > 0, (up - low) / torch.where(extent > 0, extent, 1), 0)
            masked = self.images[sample] * masks[..., None]
            black = self.run(torch.zeros_like(self.images[:1]))[1][0, cls]
            increase = torch.stack([self.run(m[None])[1][0, cls] for m in masked]) - black
            out.append(F.relu((increase.softmax(0).reshape(-1, *[1] * len(space)) * A[sample]).sum(0)))
        return torch.stack(out).detach()

    def ablation_cam(self):
        A, logits = self.run(self.images)
        out = []
        for sample, cls in PAIRS:
            whole, w = logits[sample, cls], []
            for k in range(A.shape[1]):
                ablated = A[sample : sample + 1].clone()
                ablated[:, k] = 0
                w.append((whole - self.head(ablated, sample)[cls]) / whole.abs())
            w = torch.stack(w).reshape(-1, *[1] * (A.ndim - 2))
            out.append(F.relu((w * A[sample]).sum(0)))
        return torch.stack(out).detach()

    def softmax_plus_plus(self):
        """Derivatives of p_c along each single activation, p = softmax of scores that are linear near A."""
        A, logits = self.run(self.images)
        out = []
        for sample, cls in PAIRS:
            slopes = torch.stack(
                [torch.autograd.grad(logits[sample, k], A, retain_graph=True)[0][sample] for k in range(3)]
            )
            t = torch.zeros(slopes.shape[1:], requires_grad=True)
            scores = logits[sample].detach().reshape(-1, *[1] * (slopes.ndim - 1)) + slopes * t
            p = scores.softmax(0)[cls]
            d1 = torch.autograd.grad(p.sum(), t, create_graph=True)[0]
            d2 = torch.autograd.grad(d1.sum(), t, create_graph=True)[0]
            d3 = torch.autograd.grad(d2.sum(), t)[0]
            space = list(range(1, A.ndim - 1))
            denominator = 2 * d2 + A[sample].sum(space, keepdim=True) * d3
            safe = torch.where(denominator != 0, denominator, 1)
            alpha = torch.where(denominator != 0, d2 / safe, 0)
            w = (alpha * F.relu(d1)).sum(space, keepdim=True) / p.flatten()[0]
            out.append(F.relu((w * A[sample]).sum(0)))
        return torch.stack(out).detach()

    def deep_lift(self, baseline):
        found = torch.stack([deep_lift(self, sample, cls, baseline) for sample, cls in PAIRS])
        start = self.run(baseline[None])[1][0]
        whole = self.run(self.images)[1]
        for row, (sample, cls) in zip(found, PAIRS):
            torch.testing.assert_close(row.sum(), whole[sample, cls] - start[cls])
        return found.detach()

    def eigen_cam(self, center):
        """By numpy's decomposition; the sign is that of the features' sum."""
        A = last(self.run(self.images)[0]).detach()
        out = []
        for sample, _ in PAIRS:
            flat = A[sample].reshape(-1, A.shape[-1]).numpy()
            centred = flat - flat.mean(0) if center else flat
            direction = numpy.linalg.svd(centred)[2][0]
            sign = -1 if (flat @ direction).sum() < 0 else 1
            out.append(torch.tensor(numpy.maximum(0, centred @ direction * sign)).reshape(A.shape[1:-1]))
        return torch.stack(out)

    def map_of(self, score):
        """Grad-CAM of any score of a pair's logits."""
        A, logits = self.run(self.images)
        out = []
        for sample, cls in PAIRS:
            (g,) = torch.autograd.grad(score(logits[sample], cls), A, retain_graph=True)
            w = g[sample].mean(list(range(1, g.ndim - 1)), keepdim=True)
            out.append(F.relu((w * A[sample]).sum(0)))
        return torch.stack(out).detach()

    def finer_cam(self):
        def score(s, cls):
            order = (s - s[cls]).abs().argsort()[1:4].tolist()
            p = s.softmax(0)
            return sum(p[d] * (s[cls] - s[d]) for d in order) / (sum(p[d] for d in order) + 1e-9)

        return self.map_of(score)

    def shapley_cam(self):
        A, logits = self.run(self.images)
        out = []
        for sample, cls in PAIRS:
            y = logits[sample, cls] - F.cross_entropy(logits[sample : sample + 1], torch.tensor([cls]))
            (g,) = torch.autograd.grad(y, A, create_graph=True)
            (hvp,) = torch.autograd.grad(g, A, grad_outputs=A.detach(), retain_graph=True)
            w = (g - 0.5 * hvp)[sample].mean(list(range(1, g.ndim - 1)), keepdim=True)
            out.append(F.relu((w * A[sample]).sum(0)))
        return torch.stack(out).detach()

    def factorization(self):
        """Ten multiplicative updates from numbers of the generator."""
        A = last(self.run(self.images)[0]).detach()
        a = A.reshape(-1, A.shape[-1])
        w, h = numbers(41, [a.shape[0], 2]) + 1, numbers(43, [2, a.shape[1]]) + 1
        for _ in range(10):
            h = h * (w.T @ a) / (w.T @ w @ h).clamp_min(1e-12)
            w = w * (a @ h.T) / (w @ (h @ h.T)).clamp_min(1e-12)
        return torch.cat([w.flatten(), h.flatten()])

    def fused(self, targets):
        extent = max((self.run(self.images, t)[0].shape[2:] for t in targets), key=lambda s: s.numel())
        total = None
        for i, target in enumerate(targets):
            m = self.map("layer-cam", target)
            m = m / m.amax(list(range(1, m.ndim)), keepdim=True)
            m = upsample(m if i == len(targets) - 1 else torch.tanh(2 * m), extent)
            total = m if total is None else torch.maximum(total, m)
        return total

    def unit(self, layer, channel, rule):
        """A channel's mean over space as the explained score."""

        def gradient():
            x = self.images.clone().requires_grad_()
            values, _ = self.run(x, layer)
            return torch.autograd.grad(values[:, channel].flatten(1).mean(1).sum(), x)[0]

        return with_rule(rule, gradient)


def plus_plus(A, g):
    space = list(range(2, A.ndim))
    denominator = 2 * g**2 + A.sum(space, keepdim=True) * g**3
    alpha = torch.where(denominator != 0, g**2 / torch.where(denominator != 0, denominator, 1), 0)
    return (alpha * F.relu(g)).sum(space, keepdim=True)


def upsample(maps, size):
    mode = "bilinear" if len(size) == 2 else "trilinear"
    return F.interpolate(maps[:, None], size=tuple(size), mode=mode, align_corners=False)[:, 0]


def check_deconvolution(spec):
    """The network of Zeiler & Fergus by hand: unpooling with switches, rectification, transposed filters."""
    case = Case(spec)
    net = Net(spec["layers"], "inference", spec["seed"])
    net.run(case.images, spec["target"])
    weights = {f"{name}/{kind}": value.detach() for name, kind, value in net.params}
    found = case.pixels("deconvolution")
    for row, (sample, cls) in enumerate(PAIRS):
        x, switches, below = first(case.images[sample : sample + 1]), {}, {}
        for layer in spec["layers"]:
            below[layer["name"]] = x.shape
            if layer["op"] == "pool":
                x, switches[layer["name"]] = F.max_pool2d(x, 2, 2, return_indices=True)
            else:
                x = net.layer(layer, [x]) if layer["op"] in ("flatten",) else forward(layer, x, weights)
        r = F.one_hot(torch.tensor([cls]), x.shape[1]).double()
        for layer in reversed(spec["layers"]):
            if layer.get("activation") == "relu":
                r = F.relu(r)
            if layer["op"] == "dense":
                r = r @ weights[f"{layer['name']}/kernel"].T
            elif layer["op"] == "flatten":
                n, channels, h, w = below[layer["name"]]
                r = first(r.reshape(n, h, w, channels))
            elif layer["op"] == "pool":
                r = F.max_unpool2d(r, switches[layer["name"]], 2, 2, output_size=below[layer["name"]])
            else:
                filters = weights[f"{layer['name']}/kernel"].movedim((-1, -2), (0, 1))
                r = F.conv_transpose2d(r, filters, padding=1)
        torch.testing.assert_close(last(r)[0], found[row])


def forward(layer, x, weights):
    kernel, bias = weights[f"{layer['name']}/kernel"], weights[f"{layer['name']}/bias"]
    if layer["op"] == "dense":
        y = x @ kernel + bias
    else:
        run = F.conv3d if x.ndim == 5 else F.conv2d
        y = run(x, kernel.movedim((-1, -2), (0, 1)), bias, padding=1)
    return F.relu(y) if layer.get("activation") == "relu" else y


OUT = dict(name="out", op="dense", units=3)
FLAT = dict(name="flat", op="flatten")
HIDDEN = dict(name="h", op="dense", units=5, activation="relu")


def pool(name, **more):
    return dict(name=name, op="pool", kind="max", **more)


CHAIN = [conv("c1", 3, "relu"), pool("p1"), conv("c2", 4, "relu"), pool("p2"), FLAT, HIDDEN, OUT]
CASES = {
    "max pooling, hidden dense layer": dict(target="c2", early="c1", seed=113, layers=CHAIN),
    "batch norm, ReLU in layers of their own, overlapping pooling, skip connection": dict(
        target="a2",
        early="a1",
        seed=306,
        layers=[
            conv("c1", 3),
            dict(name="b1", op="bn"),
            dict(name="a1", op="act", activation="relu"),
            pool("p1", size=3, stride=1),
            conv("c2", 3),
            {"name": "sum", "op": "add", "in": ["c2", "p1"]},
            dict(name="a2", op="act", activation="relu"),
            {"name": "cat", "op": "concat", "in": ["a2", "p1"]},
            pool("p2"),
            FLAT,
            OUT,
        ],
    ),
    "nested model, depthwise relu6, tanh": dict(
        target="backbone/c2",
        early="c0",
        seed=505,
        scale=8,
        layers=[
            conv("c0", 2, "relu6"),
            dict(name="d", op="depthwise", activation="relu6"),
            conv("backbone/c1", 3, "tanh"),
            conv("backbone/c2", 3, "relu"),
            pool("backbone/p"),
            FLAT,
            HIDDEN,
            OUT,
        ],
    ),
    "volumes": dict(
        target="c2",
        early="c1",
        input=[2, 4, 4, 4, 1],
        seed=737,
        layers=[conv("c1", 2, "relu"), pool("p1"), conv("c2", 3, "relu"), FLAT, HIDDEN, OUT],
    ),
}

check_deconvolution(dict(input=[2, 4, 8, 2]) | CASES["max pooling, hidden dense layer"])

cases = []
for title, spec in CASES.items():
    spec = dict(input=[2, 4, 8, 2]) | spec
    case = Case(spec)
    baseline = 0.25 * numbers(31, spec["input"][1:])
    pixels = {rule: case.pixels(rule) for rule in ("gradient", "guided", "deconvolution")}
    size = spec["input"][1:-1]
    maps = {
        name: case.map(name)
        for name in ("grad-cam", "grad-cam++", "layer-cam", "hires-cam", "x-grad-cam", "counterfactual")
    }
    results = dict(
        **{name: value for name, value in maps.items()},
        **pixels,
        **{f"guided-{name}": pixels["guided"] * upsample(maps[name], size)[..., None] for name in ("grad-cam", "grad-cam++")},
        **{
            "integrated-gradients": case.integrated(baseline),
            "score-cam": case.score_cam(),
            "ablation-cam": case.ablation_cam(),
            "grad-cam++-softmax": case.softmax_plus_plus(),
            "eigen-cam": case.eigen_cam(False),
            "eigen-cam, centred": case.eigen_cam(True),
            "finer-cam": case.finer_cam(),
            "shapley-cam": case.shapley_cam(),
            "factorization": case.factorization(),
            "fused": case.fused([spec["early"], spec["target"]]),
            "unit-deconvolution": case.unit(spec["target"], 1, "deconvolution"),
        },
    )
    results["deep-lift"] = case.deep_lift(baseline)
    for name, value in results.items():
        if not value.abs().max() > 1e-6:
            raise ValueError(f"{title}: {name} is dead, choose another seed")
    cases.append(dict(title=title, pairs=PAIRS, steps=STEPS, **spec, results={k: rounded(v) for k, v in results.items()}))

json.dump(dict(torch=torch.__version__, cases=cases), sys.stdout, separators=(",", ":"))
