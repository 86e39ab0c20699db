"""Reference derivatives for test/autodiff: PyTorch in double precision, differentiated two and three times.

    python test/reference/autodiff.py        # writes test/fixtures/autodiff.json and autodiff-networks.json

For each case with inputs x_i and output y, and weights v drawn from a small generator that test/autodiff repeats:
    f = sum v (y + y^2 / 2)         first_i  = df/dx_i
    h = sum_i sum v_i (g + g^2 / 2) second_i = dh/dx_i, g = first_i
    k = sum_i sum w_i second_i      third_i  = dk/dx_i        (some cases)
Layouts are those of TensorFlow.js: images [B,H,W,K], filters [kh,kw,in,out].
"""

import json
import math
import pathlib
import platform

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
FIXTURES = pathlib.Path(__file__).parent.parent / "fixtures"


def draw(shape, seed, low=-1.5, high=1.5, step=0.0):
    """Lehmer generator; `step` rounds to multiples of it, which makes ties. Values are float32."""
    state, values = seed * 7919 + 17, []
    for _ in range(math.prod(shape)):
        state = state * 16807 % 2147483647
        value = low + (high - low) * state / 2147483647
        values.append(round(value / step) * step if step else value)
    return torch.tensor(values, dtype=torch.float32).double().reshape(shape)


CASES = {}


def case(name, function, *shapes, third=False, **options):
    """Registers a case. `shapes` are shapes, or (shape, options of draw) pairs."""
    inputs = []
    for shape in shapes:
        shape, own = shape if isinstance(shape, tuple) else (shape, {})
        inputs.append({"shape": shape, **options, **own})
    CASES[name] = (function, inputs, third)


def to_nchw(x):
    return x.movedim(-1, 1)


def to_nhwc(x):
    return x.movedim(1, -1)


def padding(sizes, filters, strides, pad, dilations):
    """(before, after) for each spatial axis, as TensorFlow lays it out."""
    if isinstance(pad, list):
        return [tuple(p) for p in pad]
    if isinstance(pad, int):
        return [(pad, pad)] * len(sizes)
    if pad == "valid":
        return [(0, 0)] * len(sizes)
    result = []
    for n, f, s, d in zip(sizes, filters, strides, dilations):
        total = max((math.ceil(n / s) - 1) * s + (f - 1) * d + 1 - n, 0)
        result.append((total // 2, total - total // 2))
    return result


def pad_spatial(x, pads, value=0.0):
    flat = [side for pair in reversed(pads) for side in pair]
    return F.pad(x, flat, value=value)


def as_list(value, rank):
    return list(value) if isinstance(value, (list, tuple)) else [value] * rank


def pool(kind, window, stride, pad, rank=2):
    window, stride = as_list(window, rank), as_list(stride, rank)

    def run(x):
        x = to_nchw(x)
        pads = padding(x.shape[2:], window, stride, pad, [1] * rank)
        if kind == "max":
            maximum = F.max_pool2d if rank == 2 else F.max_pool3d
            return to_nhwc(maximum(pad_spatial(x, pads, -1e30), window, stride))
        average = F.avg_pool2d if rank == 2 else F.avg_pool3d
        share = average(pad_spatial(torch.ones_like(x), pads), window, stride)
        return to_nhwc(average(pad_spatial(x, pads), window, stride) / share)

    return run


def conv(rank=2, stride=1, pad="same", dilation=1):
    stride, dilation = as_list(stride, rank), as_list(dilation, rank)
    function = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}[rank]

    def run(x, filter):
        x, w = to_nchw(x), filter.movedim(-1, 0).movedim(-1, 1)
        pads = padding(x.shape[2:], w.shape[2:], stride, pad, dilation)
        return to_nhwc(function(pad_spatial(x, pads), w, stride=stride, dilation=dilation))

    return run


def depthwise(stride=1, pad="same", dilation=1):
    stride, dilation = as_list(stride, 2), as_list(dilation, 2)

    def run(x, filter):
        kh, kw, channels, multiplier = filter.shape
        w = filter.permute(2, 3, 0, 1).reshape(channels * multiplier, 1, kh, kw)
        x = to_nchw(x)
        pads = padding(x.shape[2:], [kh, kw], stride, pad, dilation)
        return to_nhwc(F.conv2d(pad_spatial(x, pads), w, stride=stride, dilation=dilation, groups=channels))

    return run


def conv_transpose(output, stride, pad, rank=2):
    """The adjoint of the convolution that maps `output` (spatial sizes) to the input; filter [.., out, in]."""
    stride = as_list(stride, rank)
    function = F.conv_transpose2d if rank == 2 else F.conv_transpose3d

    def run(x, filter):
        w = filter.movedim(-1, 0).movedim(-1, 1)
        pads = padding(output, w.shape[2:], stride, pad, [1] * rank)
        full = function(to_nchw(x), w, stride=stride)
        missing = [n + b + a - m for n, (b, a), m in zip(output, pads, full.shape[2:])]
        full = pad_spatial(full, [(0, m) for m in missing])
        index = (slice(None), slice(None), *(slice(b, b + n) for n, (b, _) in zip(output, pads)))
        return to_nhwc(full[index])

    return run


def batch_norm(x, mean, variance, offset, scale):
    return (x - mean) / torch.sqrt(variance + 1e-3) * scale + offset


def batch_norm_training(x, offset, scale):
    axes = list(range(x.dim() - 1))
    return batch_norm(x, x.mean(axes), x.var(axes, unbiased=False), offset, scale)


def layer_norm(x, gamma, beta):
    return F.layer_norm(x, x.shape[-1:], gamma, beta, eps=1e-3)


def lrn(x, radius=1, bias=1.0, alpha=0.7, beta=0.6):
    squares = F.pad(x**2, (radius, radius))
    window = sum(squares[..., i : i + x.shape[-1]] for i in range(2 * radius + 1))
    return x * (bias + alpha * window) ** -beta


def resize_legacy(height, width, nearest):
    """TensorFlow 1 sampling without half-pixel centres: source = target * from / to."""

    def matrix(n, m):
        result = torch.zeros(m, n)
        for i in range(m):
            s = i * n / m
            left = min(int(s), n - 1)
            weight = 0.0 if nearest else s - left
            result[i, left] += 1 - weight
            result[i, min(left + 1, n - 1)] += weight
        return result

    return lambda x: torch.einsum("bhwk,Hh,Ww->bHWk", x, matrix(x.shape[1], height), matrix(x.shape[2], width))


def resize(height, width, **options):
    return lambda x: to_nhwc(F.interpolate(to_nchw(x), (height, width), **options))


def activation(name):
    return {
        "elu": F.elu, "relu": F.relu, "relu6": F.relu6, "sigmoid": torch.sigmoid, "linear": lambda x: x,
        "leakyrelu": lambda x: F.leaky_relu(x, 0.2),
    }[name]


def softmax_cross_entropy(logits):
    labels = F.one_hot(torch.tensor([1, 0, 3]), 4).double()
    return -(labels * F.log_softmax(logits, -1)).sum(-1)


V = [3, 4]  # the shape of elementwise cases
I = [2, 5, 5, 2]  # images
POSITIVE = {"low": 0.2, "high": 2.5}

# --- elementwise ------------------------------------------------------------------------------------------------
case("relu", F.relu, V)
case("relu6", F.relu6, V, low=-4, high=9)
case("elu", F.elu, V, third=True)
case("selu", F.selu, V, third=True)
case("leakyRelu", lambda x: F.leaky_relu(x, 0.3), V)
case("prelu", lambda x, a: torch.where(x > 0, x, a * x), V, [4], third=True)
case("exp", torch.exp, V, third=True)
case("expm1", torch.expm1, V)
case("log", torch.log, V, **POSITIVE)
case("log1p", torch.log1p, V, **POSITIVE)
case("sqrt", torch.sqrt, V, **POSITIVE)
case("rsqrt", torch.rsqrt, V, **POSITIVE)
case("square", torch.square, V)
case("abs", torch.abs, V)
case("reciprocal", torch.reciprocal, V, **POSITIVE)
case("pow", torch.pow, (V, POSITIVE), [4], third=True)
case("sigmoid", torch.sigmoid, V, third=True)
case("logSigmoid", F.logsigmoid, V)
case("tanh", torch.tanh, V, third=True)
case("softplus", F.softplus, V, third=True)
case("erf", torch.erf, V)
case("swish", F.silu, V, third=True)
case("mish", F.mish, V)
case("gelu", F.gelu, V, third=True)
case("gelu tanh", lambda x: F.gelu(x, approximate="tanh"), V)
case("softsign", F.softsign, V)
case("hardSigmoid", lambda x: torch.clamp(0.2 * x + 0.5, 0, 1), V, low=-4, high=4)
case("thresholdedRelu", lambda x: x * (x > 0.4), V)
case("clipByValue", lambda x: torch.clamp(x, -0.5, 0.8), V)
case("where on a comparison", lambda x, y: torch.where(x > y, x * x, x * y), V, V)
case("floor, sign, step as factors", lambda x: x * (torch.floor(x) + torch.sign(x) + (x > 0)), V)
case("layers.masking", lambda x: x * (x != 0).any(-1, keepdim=True), [2, 3, 2], step=0.75)
case("maximum", torch.maximum, V, [4])
case("minimum", torch.minimum, [4], V)
case("add, sub, mul, div", lambda x, y: (x + y) * (x - y) / (y * y + 1), V, [4])
case("squaredDifference", lambda x, y: (x - y) ** 2, V, V)

# --- reductions and the softmax family ----------------------------------------------------------------------------
case("softmax", lambda x: F.softmax(x, -1), V, third=True)
case("logSoftmax", lambda x: F.log_softmax(x, -1), V, third=True)
case("logSumExp", lambda x: torch.logsumexp(x, 1), V)
case("losses.softmaxCrossEntropy", softmax_cross_entropy, V, third=True)
case("losses.sigmoidCrossEntropy", lambda x: F.softplus(x) - x * torch.sigmoid(torch.arange(12.0).reshape(V)), V)
case("sum", lambda x: x.sum(1), V)
case("mean", lambda x: x.mean((1, 2)), I)
case("max", lambda x: x.amax((1, 2)), I)
case("max: ties", lambda x: x.amax((1, 2)), [2, 3, 3, 2], step=0.75)
case("min: ties", lambda x: x.amin((1, 2)), [2, 3, 3, 2], step=0.75)
case("min", lambda x: x.amin(-1), V)
case("moments", lambda x: torch.stack([x.mean((0, 1, 2)), x.var((0, 1, 2), unbiased=False)]), I)

# --- pooling ------------------------------------------------------------------------------------------------------
POOLS = {
    "2x2, stride 2, valid": (2, 2, "valid"),
    "2x2, stride 2, same": (2, 2, "same"),
    "3x3, stride 2, same": (3, 2, "same"),
    "3x3, stride 1, same": (3, 1, "same"),
    "2x3, stride 1x2, valid": ([2, 3], [1, 2], "valid"),
    "3x3, stride 2, pad 1": (3, 2, 1),
    "2x2, stride 3, valid": (2, 3, "valid"),
    "3x2, stride 2, explicit pad": ([3, 2], 2, [[0, 1], [1, 0]]),
}
for label, arguments in POOLS.items():
    case(f"maxPool: {label}", pool("max", *arguments), I, third=label == "3x3, stride 2, same")
    case(f"avgPool: {label}", pool("avg", *arguments), I, third=label == "3x3, stride 2, same")
case("maxPool: 2x2, stride 2, ties", pool("max", 2, 2, "valid"), [2, 4, 4, 2], step=0.75)
case("maxPool: 3x3, stride 2, ties", pool("max", 3, 2, "same"), I, step=0.75)
S3 = [1, 3, 4, 4, 2]
case("maxPool3d: 2x2x2, stride 2, valid", pool("max", 2, 2, "valid", 3), S3)
case("maxPool3d: 3x3x3, stride 2, same", pool("max", 3, 2, "same", 3), S3)
case("avgPool3d: 2x2x2, stride 2, valid", pool("avg", 2, 2, "valid", 3), S3)
case("avgPool3d: 3x3x3, stride 2, same", pool("avg", 3, 2, "same", 3), S3)
case("layers.globalAveragePooling2d", lambda x: x.mean((1, 2)), I)
case("layers.globalMaxPooling2d", lambda x: x.amax((1, 2)), I)
case("layers.globalMaxPooling2d: ties", lambda x: x.amax((1, 2)), [2, 3, 3, 2], step=0.75)
case("layers.averagePooling2d", pool("avg", 2, 2, "same"), I)
case("layers.maxPooling1d", lambda x: to_nhwc(F.max_pool1d(to_nchw(x), 2, 2)), [2, 6, 2])

# --- convolutions -------------------------------------------------------------------------------------------------
case("conv2d: 3x3, stride 1, same", conv(), I, [3, 3, 2, 2], third=True)
case("conv2d: 3x3, stride 2, valid", conv(2, 2, "valid"), I, [3, 3, 2, 2])
case("conv2d: 3x3, stride 2, pad 1", conv(2, 2, 1), I, [3, 3, 2, 2])
case("conv2d: 3x2, stride 2x1, same", conv(2, [2, 1]), I, [3, 2, 2, 2])
case("conv2d: 3x3, stride 2, explicit pad", conv(2, 2, [[0, 1], [1, 0]]), I, [3, 3, 2, 2])
case("conv2d: 3x3, dilation 2, same", conv(2, 1, "same", 2), I, [3, 3, 2, 2], third=True)
case("conv2d: 2x3, dilation 2x1, valid", conv(2, 1, "valid", [2, 1]), I, [2, 3, 2, 2])
case("conv1d: 3, stride 2, same", conv(1, 2), [2, 6, 2], [3, 2, 2])
case("conv1d: 3, dilation 2, valid", conv(1, 1, "valid", 2), [2, 6, 2], [3, 2, 2])
case("conv3d: 2x2x2, stride 1, same", conv(3), S3, [2, 2, 2, 2, 2])
case("conv3d: 3x3x3, stride 2, same", conv(3, 2), S3, [3, 3, 3, 2, 1])
case("conv2dTranspose: 3x3, stride 2, same", conv_transpose([6, 6], 2, "same"), [1, 3, 3, 2], [3, 3, 2, 2], third=True)
case("conv2dTranspose: 3x3, stride 1, valid", conv_transpose([5, 5], 1, "valid"), [1, 3, 3, 2], [3, 3, 2, 2])
case("conv3dTranspose: 2x2x2, stride 2, same", conv_transpose([4, 4, 4], 2, "same", 3), [1, 2, 2, 2, 2], [2, 2, 2, 2, 2])
case("depthwiseConv2d: 3x3, stride 1, same", depthwise(), I, [3, 3, 2, 2], third=True)
case("depthwiseConv2d: 3x3, stride 2, valid", depthwise(2, "valid"), I, [3, 3, 2, 1])
case("depthwiseConv2d: 3x3, stride 2, pad 1", depthwise(2, 1), I, [3, 3, 2, 1])
case("depthwiseConv2d: 3x3, dilation 2, same", depthwise(1, "same", 2), I, [3, 3, 2, 1])
case(
    "separableConv2d: 3x3, stride 1, same",
    lambda x, d, p: conv()(depthwise()(x, d), p), [1, 4, 4, 2], [3, 3, 2, 2], [1, 1, 4, 2],
)
for name in ("linear", "relu", "relu6", "elu", "sigmoid", "leakyrelu"):
    case(
        f"fused.conv2d: with bias, {name}",
        lambda x, w, b, name=name: activation(name)(conv()(x, w) + b), [1, 4, 4, 2], [3, 3, 2, 2], [2],
    )
case("fused.conv2d: without bias, stride 2", conv(2, 2), I, [3, 3, 2, 2])
case("fused.conv2d: with bias, dilation 2", lambda x, w, b: conv(2, 1, "same", 2)(x, w) + b, I, [3, 3, 2, 2], [2])
case(
    "fused.conv2d: with bias, prelu",
    lambda x, w, b, a: (lambda y: torch.where(y > 0, y, a * y))(conv()(x, w) + b),
    [1, 4, 4, 2], [3, 3, 2, 2], [2], [2],
)
case("fused.depthwiseConv2d: with bias, relu", lambda x, w, b: F.relu(depthwise()(x, w) + b), I, [3, 3, 2, 1], [2])
case("matMul", torch.matmul, [3, 4], [4, 2], third=True)
case("matMul: both transposed", lambda a, b: a.T @ b.T, [4, 3], [2, 4])
case("matMul: batched", torch.matmul, [2, 3, 4], [2, 4, 2])
case("matMul: batch broadcast", torch.matmul, [2, 3, 4], [1, 4, 2])
case("fused.matMul: with bias, sigmoid", lambda a, b, c: torch.sigmoid(a @ b + c), [3, 4], [4, 2], [2])
case("fused.matMul: transposed, with bias", lambda a, b, c: a.T @ b.T + c, [4, 3], [2, 4], [2])

# --- normalization ------------------------------------------------------------------------------------------------
N = [2, 3, 3, 2]
case("batchNorm", batch_norm, N, [2], ([2], POSITIVE), [2], [2], third=True)
case("batchNorm: without scale and offset", lambda x: (x - 0.1) / math.sqrt(1.3 + 1e-3), N)
case("layers.batchNormalization: training", batch_norm_training, N, [2], [2])
case("layers.batchNormalization: inference", lambda x, b, s: x / math.sqrt(1 + 1e-3) * s + b, N, [2], [2])
case("layers.layerNormalization", layer_norm, [3, 6], [6], [6])
case("localResponseNormalization", lrn, [1, 2, 2, 5], third=True)

# --- resizing and moving --------------------------------------------------------------------------------------------
R = [2, 3, 4, 2]
case("resizeBilinear: half-pixel centres", resize(7, 6, mode="bilinear", align_corners=False), R)
case("resizeBilinear: half-pixel centres, smaller", resize(2, 3, mode="bilinear", align_corners=False), R)
case("resizeBilinear: aligned corners", resize(7, 6, mode="bilinear", align_corners=True), R)
case("resizeBilinear", resize_legacy(7, 6, False), R)
case("resizeNearestNeighbor: twice", resize(6, 8, mode="nearest"), R)
case("resizeNearestNeighbor", resize_legacy(7, 6, True), R)
case("resizeNearestNeighbor: half-pixel centres", resize(7, 6, mode="nearest-exact"), R)
case("layers.upSampling2d: bilinear", resize_legacy(6, 8, False), R)
case("upsampleBilinear", lambda x: F.interpolate(x[:, None], (7, 6), mode="bilinear", align_corners=False)[:, 0], [2, 3, 4], third=True)
case("pad, slice", lambda x: F.pad(x, (0, 0, 1, 2, 1, 0))[:, 0:4, 2:6], [2, 4, 4, 2])
case("concat, split, stack", lambda x, y: torch.stack([torch.cat([x, y], 1)[:, 2:6], torch.cat([y, x], 1)[:, 1:5]]), V, V)
case("gather", lambda x: x[:, [2, 0, 2]], V)
case("transpose, reshape, tile, reverse", lambda x: torch.flip(x.permute(1, 0, 2).reshape(3, 4).repeat(2, 1), [1]), [2, 3, 2])
case("cumsum", lambda x: torch.cumsum(x, 1), V)


def derivatives(function, inputs, third):
    x = [draw(o["shape"], i + 1, *(o.get(k, d) for k, d in (("low", -1.5), ("high", 1.5), ("step", 0.0))))
         .requires_grad_() for i, o in enumerate(inputs)]
    y = function(*x)
    f = (draw(y.shape, 101) * (y + y * y / 2)).sum()
    first = torch.autograd.grad(f, x, create_graph=True)
    h = sum((draw(g.shape, 201 + i) * (g + g * g / 2)).sum() for i, g in enumerate(first))
    second = torch.autograd.grad(h, x, create_graph=True)
    result = {"first": first, "second": second}
    if third:
        k = sum((draw(s.shape, 301 + i) * s).sum() for i, s in enumerate(second))
        result["third"] = torch.autograd.grad(k, x)
    return {order: [rounded(g) for g in gradients] for order, gradients in result.items()}


def rounded(tensor):
    return [float(f"{value:.7g}") for value in tensor.detach().flatten().tolist()]


# --- whole networks: features up to a target layer A, then a head down to a score -----------------------------------
def mobile_features(image, p):
    return F.elu(conv(2, 1)(image, p[0]) + p[1])


def mobile_head(a, p):
    x = pool("max", 3, 2, "same")(a)
    x = F.relu6(4 * batch_norm_training(depthwise()(x, p[2]), p[3], p[4]))
    x = torch.tanh(conv(2, 1, "same", 2)(x, p[5]) + p[6])
    x = pool("avg", 3, 2, "same")(x)
    x = torch.sigmoid(x.flatten(1) @ p[7] + p[8])
    return F.softmax(x @ p[9] + p[10], -1)


def classic_features(image, p):
    x = pool("max", 2, 2, "valid")(F.relu(conv(2, 1)(image, p[0]) + p[1]))
    return F.relu(conv(2, 1)(x, p[2]) + p[3])


def classic_head(a, p):
    x = pool("max", 2, 2, "valid")(a)
    x = F.leaky_relu(conv(2, 1, "valid")(F.silu(x), p[4]) + p[5], 0.1)
    x = batch_norm(x, p[6], torch.exp(p[7]), p[8], p[9])
    x = torch.cat([F.gelu(x).amax((1, 2)), F.softplus(x).mean((1, 2))], -1)
    return F.log_softmax(x @ p[10] + p[11], -1)


NETWORKS = {
    "mobile": (
        mobile_features, mobile_head,
        [[3, 3, 3, 4], [4], [3, 3, 4, 1], [4], [4], [3, 3, 4, 3], [3], [12, 5], [5], [5, 3], [3]],
    ),
    "classic": (
        classic_features, classic_head,
        [[3, 3, 3, 4], [4], [3, 3, 4, 6], [6], [2, 2, 6, 4], [4], [4], [4], [4], [4], [8, 3], [3]],
    ),
}


def network_gradients(features, head, shapes):
    """d/dparameters of sum v G^2 + sum M^2, with G = d score/dA and M the Grad-CAM map of each image."""
    parameters = [draw(shape, i + 1, -0.7, 0.7).requires_grad_() for i, shape in enumerate(shapes)]
    a = features(draw([2, 8, 8, 3], 100), parameters)
    score = (head(a, parameters) * torch.tensor([[0.0, 30.0, 0.0], [30.0, 0.0, 0.0]])).sum()
    (g,) = torch.autograd.grad(score, a, create_graph=True)
    maps = F.relu((g.mean((1, 2), keepdim=True) * a).sum(-1))
    loss = (draw(g.shape, 201) * g * g).sum() + (maps * maps).sum()
    gradients = torch.autograd.grad(loss, parameters, materialize_grads=True)
    return {"parameters": shapes, "score": score.item(), "loss": loss.item(), "gradients": [rounded(x) for x in gradients]}


VERSIONS = {"python": platform.python_version(), "torch": torch.__version__}


def write(name, content):
    path = FIXTURES / name
    path.write_text(json.dumps({"versions": VERSIONS, **content}, separators=(",", ":")) + "\n")
    print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    write(
        "autodiff.json",
        {"cases": {name: {"inputs": inputs, **derivatives(f, inputs, third)} for name, (f, inputs, third) in CASES.items()}},
    )
    write("autodiff-networks.json", {"networks": {name: network_gradients(*parts) for name, parts in NETWORKS.items()}})
