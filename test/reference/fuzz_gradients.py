"""The reference of `FUZZ_PYTHON=python npm run fuzz -- gradients`: PyTorch in double precision, differentiated twice.

Reads one network as a line of JSON (test/fuzz/gradients.ts says what it holds), answers with the gradients of its loss
with respect to every parameter. Layouts are those of TensorFlow.js: images [B,H,W,K], filters [kh,kw,in,out].
"""

import json
import sys

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)

ACTIVATIONS = {
    "linear": lambda x: x,
    "relu": F.relu,
    "elu": F.elu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": F.softplus,
    "swish": F.silu,
    "gelu": F.gelu,
    "relu6": F.relu6,
    "leakyRelu": lambda x: F.leaky_relu(x, 0.2),
}


def padded(x, size, stride, pad, dilation=1, value=0.0):
    """An image [B,K,H,W] with TensorFlow's padding written out."""
    if pad == "valid":
        return x
    sides = []
    for length in (x.shape[3], x.shape[2]):
        total = max((-(-length // stride) - 1) * stride + (size - 1) * dilation + 1 - length, 0)
        sides += [total // 2, total - total // 2]
    return F.pad(x, sides, value=value)


def run_layer(layer, x, own):
    kind = layer["kind"]
    if kind == "activation":
        return ACTIVATIONS[layer["name"]](x)
    if kind == "batchNorm":
        mean = x.mean((0, 2, 3), keepdim=True)
        variance = ((x - mean) ** 2).mean((0, 2, 3), keepdim=True)
        offset, scale = (p.reshape(1, -1, 1, 1) for p in own)
        return (x - mean) / torch.sqrt(variance + 1e-2) * scale + offset
    if kind == "residual":
        return x + F.relu(F.conv2d(padded(x, 3, 1, "same"), own[0].permute(3, 2, 0, 1), own[1]))
    size, stride, pad = layer["size"], layer["stride"], layer["pad"]
    if kind == "conv":
        dilation = layer["dilation"]
        filters = own[0].permute(3, 2, 0, 1)
        return F.conv2d(padded(x, size, stride, pad, dilation), filters, own[1], stride, dilation=dilation)
    if kind == "depthwise":
        filters = own[0].permute(2, 3, 0, 1)
        return F.conv2d(padded(x, size, stride, pad), filters, None, stride, groups=x.shape[1])
    if kind == "maxPool":
        return F.max_pool2d(padded(x, size, stride, pad, value=-1e30), size, stride)
    counts = F.avg_pool2d(padded(torch.ones_like(x), size, stride, pad), size, stride)
    return F.avg_pool2d(padded(x, size, stride, pad), size, stride) / counts


def run_layers(layers, x, parameters):
    for layer in layers:
        own, parameters = parameters[: layer["weights"]], parameters[layer["weights"] :]
        x = run_layer(layer, x, own)
    return x


def gradients(network):
    def tensor(numbers):
        return torch.tensor(numbers["values"]).reshape(numbers["shape"])

    image = tensor(network["image"]).movedim(-1, 1)
    parameters = [tensor(p).requires_grad_() for p in network["parameters"]]
    below, above = network["layers"][: network["target"]], network["layers"][network["target"] :]
    split = sum(layer["weights"] for layer in below)
    a = run_layers(below, image, parameters[:split])
    y = run_layers(above, a, parameters[split:-2])
    pooling = network["pooling"]
    if pooling == "flat":
        pooled = y.movedim(1, -1).flatten(1)
    else:
        pooled = y.amax((2, 3)) if pooling == "max" else y.mean((2, 3))
    logits = pooled @ parameters[-2] + parameters[-1]
    score = logits[torch.arange(len(logits)), network["classes"]].sum()
    (slope,) = torch.autograd.grad(score, a, create_graph=True)
    cam = F.relu((slope.mean((2, 3), keepdim=True) * a).sum(1))
    weights = torch.sin(torch.arange(cam.numel()) * 7 + 1.0)
    loss = (weights * (cam + cam**2 / 2).flatten()).sum() + 0.1 * score
    found = torch.autograd.grad(loss, parameters, allow_unused=True)
    return [(g if g is not None else torch.zeros_like(p)).flatten().tolist() for g, p in zip(found, parameters)]


for line in sys.stdin:
    print(json.dumps(gradients(json.loads(line))), flush=True)
