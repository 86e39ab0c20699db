"""Reference of the guided loss: PyTorch in float64, double backward through the attention map.

    python test/reference/gain.py > test/fixtures/gain.json

Weights and images come from a linear congruential generator that the tests repeat, so that the fixture
holds only what was computed here: the loss terms and the gradient of the total for every weight.
"""

import json
import sys

import numpy
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)


# ------------------------------------------------------------------ numbers that both languages can make
def numbers(seed, shape):
    """Uniform in [-0.5, 0.5), row-major."""
    state, values = seed, []
    for _ in range(int(numpy.prod(shape))):
        state = (state * 1664525 + 1013904223) % 2**32
        values.append(state / 2**32 - 0.5)
    return torch.tensor(values).reshape(shape)


ACTIVATIONS = {
    "linear": lambda x: x,
    "relu": F.relu,
    "relu6": F.relu6,
    "elu": F.elu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}


class Net:
    """A sequential net; parameters in the layout and the order of a Keras model."""

    def __init__(self, layers, seed, channels=3, size=12):
        self.layers, self.weights, self.target = layers, [], None
        count = 0

        def draw(shape, scale, shift=0.0):
            nonlocal count
            count += 1
            value = numbers(seed * 1000 + count, shape) * scale + shift
            self.weights.append(value.requires_grad_())

        for layer in layers:
            kind = layer["kind"]
            layer["first"] = len(self.weights)
            if kind == "conv":
                k = layer["size"]
                draw((k, k, channels, layer["filters"]), 4 / (k * k * channels) ** 0.5)
                draw((layer["filters"],), 0.4)
                channels = layer["filters"]
            elif kind == "depthwise":
                k = layer["size"]
                draw((k, k, channels, 1), 1.5)
                draw((channels,), 0.4)
            elif kind == "batchNorm":
                draw((channels,), 0.6, 1.0)
                draw((channels,), 0.6)
                draw((channels,), 0.5)  # moving mean
                draw((channels,), 0.8, 1.0)  # moving variance
            elif kind in ("maxPool", "avgPool"):
                size //= 2
            elif kind == "flatten":
                channels *= size * size
            elif kind == "dense":
                draw((channels, layer["units"]), 6 / channels**0.5)
                draw((layer["units"],), 0.4)
                channels = layer["units"]

    def trainable(self):
        statistics = set()
        for layer in self.layers:
            if layer["kind"] == "batchNorm":
                statistics |= {layer["first"] + 2, layer["first"] + 3}
        return [w for i, w in enumerate(self.weights) if i not in statistics]

    def run(self, x, batch_norm, frozen=False, start=0, stop=None):
        for layer in self.layers[start:stop]:
            kind, i = layer["kind"], layer["first"]
            w = [v.detach() if frozen else v for v in self.weights[i : i + 4]]
            if kind == "conv":
                x = F.conv2d(x, w[0].permute(3, 2, 0, 1), w[1], padding=layer["size"] // 2)
            elif kind == "depthwise":
                x = F.conv2d(x, w[0].permute(2, 3, 0, 1), w[1], padding=layer["size"] // 2, groups=x.shape[1])
            elif kind == "batchNorm":
                if batch_norm == "update":
                    for j, value in ((2, x.mean((0, 2, 3))), (3, x.var((0, 2, 3), unbiased=False))):
                        self.weights[i + j] = (0.99 * w[j] + 0.01 * value).detach()
                if batch_norm != "inference":
                    x = F.batch_norm(x, None, None, w[0], w[1], training=True, eps=1e-3)
                else:
                    x = F.batch_norm(x, w[2].detach(), w[3].detach(), w[0], w[1], training=False, eps=1e-3)
            elif kind == "maxPool":
                x = F.max_pool2d(x, 2)
            elif kind == "avgPool":
                x = F.avg_pool2d(x, 2)
            elif kind == "globalPool":
                x = x.mean((2, 3))
            elif kind == "flatten":
                x = x.permute(0, 2, 3, 1).flatten(1)
            elif kind == "dense":
                x = x @ w[0] + w[1]
            x = ACTIVATIONS[layer.get("activation", "linear")](x)
        return x


# ------------------------------------------------------------------------------------------- the streams
def map_weights(method, features, gradient):
    if method == "grad-cam":
        return gradient.mean((1, 2))
    if method == "grad-cam++":
        total = features.sum((1, 2), keepdim=True)
        denominator = 2 * gradient**2 + total * gradient**3
        alive = (gradient != 0) & (denominator != 0)
        alpha = torch.where(alive, gradient**2 / torch.where(alive, denominator, 1.0), 0.0)
        return (alpha * F.relu(gradient)).sum((1, 2))
    raise ValueError(method)


def attention(net, features, logits, pairs, method, differentiate):
    maps = []
    for sample, label in pairs:
        (gradient,) = torch.autograd.grad(logits[sample, label], features, create_graph=True)
        weights = map_weights(method, features[sample], gradient[sample])
        if not differentiate:
            weights = weights.detach()
        maps.append(F.relu((weights[:, None, None] * features[sample]).sum(0)))
    return torch.stack(maps)


def normalize(maps, how):
    """A dead map, without any contrast, stays zero."""
    if how == "none":
        return maps
    high = maps.amax((1, 2), keepdim=True)
    low = maps.amin((1, 2), keepdim=True) if how == "min-max" else torch.zeros_like(high)
    dead = high == low
    return torch.where(dead, 0.0, (maps - low) / torch.where(dead, 1.0, high - low))


def upsample(maps, size):
    return F.interpolate(maps[:, None], size=(size, size), mode="bilinear", align_corners=False)[:, 0]


def gaussian(size, sigma):
    i = torch.arange(float(size))
    k = torch.exp(-((i[:, None] - i[None, :]) ** 2) / (2 * sigma**2))
    return k / k.sum(1, keepdim=True)


def hole(fill, images):
    if fill["kind"] == "zero":
        return torch.zeros_like(images)
    if fill["kind"] == "mean":
        if "pixel" in fill:
            return torch.tensor(fill["pixel"])[None, :, None, None].expand_as(images)
        return images.mean((2, 3), keepdim=True).expand_as(images)
    if fill["kind"] == "blur":
        g = gaussian(images.shape[2], fill["sigma"])
        return torch.einsum("ij,bcjk,lk->bcil", g, images, g)
    raise ValueError(fill)


def classification(link, logits, labels):
    if link == "softmax":
        return F.cross_entropy(logits, labels.argmax(1))
    return F.multilabel_soft_margin_loss(logits, labels)


def images_of(case):
    return numbers(case["imageSeed"], (case["batch"], 12, 12, 3)).permute(0, 3, 1, 2) + 0.5


def masks_of(case):
    size = case.get("maskSize", 12)
    return (numbers(case["imageSeed"] + 1, (len(case["maskPairs"]), size, size)) > 0).double()


def loss(case):
    o = case["options"]
    net = Net(case["layers"], case["seed"])
    cut = 1 + [layer.get("name") for layer in net.layers].index("target")
    images = images_of(case)
    labels = torch.zeros(case["batch"], case["classes"])
    pairs = [(b, c) for b, row in enumerate(case["labels"]) for c in row]
    for b, c in pairs:
        labels[b, c] = 1

    first = "update" if o.get("training") else "inference"
    features = net.run(images, first, stop=cut)
    logits = net.run(features, first, start=cut)
    out = {"classification": classification(o["link"], logits, labels)}
    total = o["weights"]["classification"] * out["classification"]

    maps = attention(net, features, logits, pairs, o["method"], o.get("differentiateWeights", True))
    how = o.get("normalization", "min-max")
    per_image = torch.tensor([1 / len(case["labels"][b]) for b, _ in pairs])
    alive = (maps.amax((1, 2)) > maps.amin((1, 2))).double()
    out["deadShare"] = 1 - alive.mean()

    if o["weights"]["mining"] > 0:
        visible = maps.detach() if o.get("miningGradient") == "parameters" else maps
        soft = o.get("softMask", {"sigma": 0.5, "omega": 10})
        t = torch.sigmoid(soft["omega"] * (normalize(upsample(visible, 12), how) - soft["sigma"]))[:, None]
        index = [b for b, _ in pairs]
        fill = hole(o.get("fill", {"kind": "zero"}), images)
        masked = images[index] * (1 - t) + fill[index] * t
        second = o.get("secondPassBatchNorm", "batch") if o.get("training") else "inference"
        again = net.run(masked, second, frozen=o.get("miningGradient") == "mask")
        if o.get("miningScore") == "logit":
            scores = again
        else:
            scores = torch.softmax(again, 1) if o["link"] == "softmax" else torch.sigmoid(again)
        scores = scores[range(len(pairs)), [c for _, c in pairs]]
        out["mining"] = (scores * per_image * alive).sum() / per_image.sum()
        total = total + o["weights"]["mining"] * out["mining"]

    if o["weights"]["supervision"] > 0:
        s = o.get("supervision", {})
        truth = masks_of(case)
        masked_pairs = [tuple(p) for p in case["maskPairs"]]
        sizes = [sum(q[0] == p[0] for q in masked_pairs) for p in masked_pairs]
        chosen = maps[[pairs.index(p) for p in masked_pairs]]
        if s.get("resolution", "mask") == "map":
            truth = F.adaptive_avg_pool2d(truth[:, None], chosen.shape[1:])[:, 0]
        else:
            chosen = upsample(chosen, truth.shape[1])
        if s.get("map", "normalized") == "normalized":
            chosen = normalize(chosen, how)
        squares = (chosen - truth) ** 2
        distance = squares.sum((1, 2)) if s.get("pixels") == "sum" else squares.mean((1, 2))
        weights = torch.tensor([1 / n for n in sizes])
        divisor = weights.sum() if s.get("images", "masked") == "masked" else case["batch"]
        out["supervision"] = (distance * weights).sum() / divisor
        total = total + o["weights"]["supervision"] * out["supervision"]

    out["total"] = total
    gradients = torch.autograd.grad(total, net.trainable(), allow_unused=True)
    return {
        **{name: digits(value) for name, value in out.items()},
        "gradients": [
            digits(torch.zeros_like(w) if g is None else g) for w, g in zip(net.trainable(), gradients)
        ],
    }


def digits(tensor):
    rounded = [float(f"{v:.7g}") for v in tensor.detach().flatten().tolist()]
    return rounded[0] if tensor.ndim == 0 else rounded


# --------------------------------------------------------------------------------------------- the cases
def conv(filters, activation="relu", size=3, **more):
    return {"kind": "conv", "filters": filters, "size": size, "activation": activation, **more}


def nets(classes):
    pool, mean, gap = {"kind": "maxPool"}, {"kind": "avgPool"}, {"kind": "globalPool"}
    norm = {"kind": "batchNorm"}
    dense = {"kind": "dense", "units": classes}
    return {
        "max pooling and tanh": [conv(4), pool, conv(5, name="target"), pool, conv(4, "tanh"), gap, dense],
        "average pooling and sigmoid": [
            conv(4), mean, conv(4, "tanh", name="target"), mean, conv(5, "sigmoid"), {"kind": "flatten"}, dense,
        ],
        "batch norm and elu": [
            conv(4), norm, pool, conv(4, "linear", name="target"), norm, conv(4, "elu"), gap, dense,
        ],
        "batch norm before the target": [
            conv(4, "linear"), norm, pool, conv(4, "linear"), {**norm, "activation": "relu", "name": "target"},
            conv(4, "elu"), gap, dense,
        ],
        "depthwise convolution and relu6": [
            conv(5, "elu"), pool, conv(4, name="target"),
            {"kind": "depthwise", "size": 3, "activation": "relu6"}, conv(5, "sigmoid", 1), pool,
            {"kind": "flatten"}, dense,
        ],
        "a 3x3 map": [conv(4), pool, conv(4), pool, conv(5, name="target"), conv(4, "tanh"), gap, dense],
    }


SINGLE = [[1], [0], [2]]
SEVERAL = [[0, 2], [1], [0, 1, 2]]


def case(title, net, labels, seed=1, image_seed=7, mask_pairs=None, mask_size=12, **options):
    weights = {"classification": 1, "mining": 1, "supervision": 0 if mask_pairs is None else 10}
    weights |= options.pop("weights", {})
    link = options.pop("link", "softmax" if labels is SINGLE else "sigmoid")
    made = {
        "title": title,
        "seed": seed,
        "imageSeed": image_seed,
        "batch": len(labels),
        "classes": 3,
        "layers": [dict(layer) for layer in nets(3)[net]],
        "labels": labels,
        "options": {"method": "grad-cam", "link": link, "weights": weights, **options},
    }
    if mask_pairs is not None:
        made |= {"maskPairs": mask_pairs, "maskSize": mask_size}
    return made


PLUS = {"method": "grad-cam++"}
CASES = [
    case("max pooling and tanh, grad-cam, one label per image", "max pooling and tanh", SINGLE, seed=12),
    case("max pooling and tanh, grad-cam++, several labels", "max pooling and tanh", SEVERAL, seed=2, **PLUS),
    case("average pooling and sigmoid, grad-cam, several labels", "average pooling and sigmoid", SEVERAL, seed=2),
    case("average pooling and sigmoid, grad-cam++", "average pooling and sigmoid", SINGLE, seed=2, **PLUS),
    case("batch norm and elu, grad-cam, moving averages", "batch norm and elu", SEVERAL, seed=16),
    case("batch norm and elu, grad-cam++, moving averages", "batch norm and elu", SINGLE, seed=16, **PLUS),
    case(
        "batch statistics in both passes, grad-cam", "batch norm before the target", SEVERAL, seed=54,
        training=True,
    ),
    case(
        "batch statistics, second pass with moving averages", "batch norm before the target", SINGLE, seed=54,
        training=True, secondPassBatchNorm="inference",
    ),
    case("depthwise and relu6, grad-cam", "depthwise convolution and relu6", SEVERAL, seed=6),
    case("depthwise and relu6, grad-cam++", "depthwise convolution and relu6", SINGLE, seed=7, **PLUS),
    case(
        "masks for some pairs", "a 3x3 map", SEVERAL, seed=2, mask_pairs=[[0, 2], [2, 1], [2, 0]],
    ),
    case(
        "masks without mining, at the map's size, summed over the whole batch", "max pooling and tanh",
        SEVERAL, seed=3, mask_pairs=[[0, 0], [1, 1]], weights={"mining": 0},
        supervision={"resolution": "map", "pixels": "sum", "images": "batch"},
    ),
    case(
        "masks larger than the image, grad-cam++", "depthwise convolution and relu6", SINGLE, seed=1,
        mask_pairs=[[1, 0]], mask_size=18, **PLUS,
    ),
    case(
        "raw maps against masks", "a 3x3 map", SINGLE, seed=3, mask_pairs=[[0, 1], [1, 0], [2, 2]],
        supervision={"map": "raw"}, weights={"supervision": 2},
    ),
    case("constant map weights", "max pooling and tanh", SEVERAL, seed=1, differentiateWeights=False),
    case("constant map weights, grad-cam++", "a 3x3 map", SINGLE, seed=1, differentiateWeights=False, **PLUS),
    case("mining through the mask only", "max pooling and tanh", SEVERAL, seed=3, miningGradient="mask"),
    case(
        "mining through the mask only, batch statistics, grad-cam++", "batch norm before the target", SEVERAL,
        seed=58, miningGradient="mask", training=True, **PLUS,
    ),
    case("mining through the parameters only", "a 3x3 map", SEVERAL, seed=2, miningGradient="parameters"),
    case("a given pixel in the hole", "a 3x3 map", SINGLE, seed=11, fill={"kind": "mean", "pixel": [0.3, 0.5, 0.7]}),
    case("the image's mean in the hole", "a 3x3 map", SEVERAL, seed=17, fill={"kind": "mean"}),
    case("a blurred hole", "max pooling and tanh", SEVERAL, seed=3, fill={"kind": "blur", "sigma": 2}),
    case("the logit is mined, map over its maximum", "a 3x3 map", SEVERAL, seed=51, miningScore="logit", normalization="max"),
    case(
        "raw map under the soft mask", "max pooling and tanh", SINGLE, seed=30, normalization="none",
        softMask={"sigma": 0.2, "omega": 4}, weights={"mining": 0.7, "classification": 0.3},
    ),
    case("one dead map", "average pooling and sigmoid", SEVERAL, seed=3, mask_pairs=[[0, 0], [2, 2]]),
]


# ------------------------------------------------------------------------------------ the loss functions
def losses():
    logits = (numbers(31, (4, 5)) * 8).requires_grad_()
    index = torch.tensor([1, 4, 0, 2])
    hot = (numbers(32, (4, 5)) > 0.1).double()
    weight = numbers(33, (5,)) + 1
    positive = numbers(34, (5,)) + 1.5
    made = {
        "softmax": F.cross_entropy(logits, index),
        "softmax, smoothed and weighted": F.cross_entropy(logits, index, weight=weight, label_smoothing=0.1),
        "softmax, several labels": F.cross_entropy(logits, hot / hot.sum(1, keepdim=True)),
        "sigmoid": F.multilabel_soft_margin_loss(logits, hot),
        "sigmoid, class weights": F.multilabel_soft_margin_loss(logits, hot, weight=weight),
        "sigmoid, positive weights": F.binary_cross_entropy_with_logits(logits, hot, pos_weight=positive),
        "sigmoid, smoothed": F.binary_cross_entropy_with_logits(logits, hot * 0.8 + 0.1),
    }
    return {
        name: {"value": digits(v), "gradient": digits(torch.autograd.grad(v, logits)[0])}
        for name, v in made.items()
    }


if __name__ == "__main__":
    cases = []
    for made in CASES:
        result = loss(made)
        for layer in made["layers"]:
            layer.pop("first", None)
        cases.append({**made, "expected": result})
    versions = {"torch": torch.__version__, "numpy": numpy.__version__, "python": sys.version.split()[0]}
    print(json.dumps({"versions": versions, "losses": losses(), "cases": cases}, separators=(",", ":")))
