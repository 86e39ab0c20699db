"""Networks with random weights for the references: a list of layers that the tests build again in tfjs
(`test/gradcam/reference-network.ts`), weights and images from a linear congruential generator that they repeat.
"""

import numpy
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)


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
POOLS = {
    ("max", 2): F.max_pool2d,
    ("avg", 2): F.avg_pool2d,
    ("max", 3): F.max_pool3d,
    ("avg", 3): F.avg_pool3d,
}


def first(x):
    """Channels-last to channels-first."""
    return x.movedim(-1, 1)


def last(x):
    return x.movedim(1, -1)


class Net:
    """A graph of layers; parameters in the layout and the order of a Keras model."""

    def __init__(self, layers, mode, seed):
        self.layers, self.mode, self.params = layers, mode, []
        self.seed = seed

    def param(self, shape, scale, offset=0.0):
        self.seed += 7919
        value = (numbers(self.seed, shape) * scale + offset).requires_grad_()
        return value

    def layer(self, layer, xs):
        x, op = xs[0], layer["op"]
        rank = x.ndim - 2
        if op in ("conv", "depthwise"):
            k = [layer.get("kernel", 3)] * rank
            fan_in = numpy.prod(k) * (x.shape[1] if op == "conv" else 1)
            out = layer["filters"] if op == "conv" else 1
            kernel = self.param([*k, x.shape[1], out], float(numpy.sqrt(12 / fan_in)))
            bias = self.param([out if op == "conv" else x.shape[1]], 0.5)
            self.params += [(layer["name"], "kernel", kernel), (layer["name"], "bias", bias)]
            weight = kernel.movedim((-1, -2), (0, 1)) if op == "conv" else kernel.movedim((-2, -1), (0, 1))
            conv = F.conv3d if rank == 3 else F.conv2d
            y = conv(x, weight, bias, padding=k[0] // 2, groups=1 if op == "conv" else x.shape[1])
        elif op == "dense":
            kernel = self.param([x.shape[1], layer["units"]], float(numpy.sqrt(12 / x.shape[1])))
            bias = self.param([layer["units"]], 0.5)
            self.params += [(layer["name"], "kernel", kernel), (layer["name"], "bias", bias)]
            y = x @ kernel + bias
        elif op == "bn":
            channels = x.shape[1]
            gamma, beta = self.param([channels], 1, 1), self.param([channels], 1)
            mean, variance = self.param([channels], 0.6).detach(), self.param([channels], 1, 1).detach()
            self.params += [(layer["name"], "gamma", gamma), (layer["name"], "beta", beta)]
            axes = [0, *range(2, x.ndim)]
            if self.mode == "batch":
                mean, variance = x.mean(axes), x.var(axes, correction=0)
            spread = [1, -1, *[1] * rank]
            y = (x - mean.reshape(spread)) / (variance.reshape(spread) + 1e-3).sqrt()
            y = y * gamma.reshape(spread) + beta.reshape(spread)
        elif op == "pool":
            y = POOLS[layer["kind"], rank](x, layer.get("size", 2), layer.get("stride", 2))
        elif op == "gap":
            y = x.mean(list(range(2, x.ndim)))
        elif op == "flatten":
            y = last(x).flatten(1)
        elif op == "add":
            y = xs[0] + xs[1]
        elif op == "concat":
            y = torch.cat(xs, 1)
        else:
            y = x
        return ACTIVATIONS[layer.get("activation", "linear")](y)

    def run(self, x, target):
        values, previous, activations = {"x": first(x)}, "x", None
        for layer in self.layers:
            values[layer["name"]] = self.layer(layer, [values[name] for name in layer.get("in", [previous])])
            previous = layer["name"]
            if previous == target:
                activations = values[previous]
        return activations, values[previous]


def rounded(tensor):
    return [float(f"{value:.7g}") for value in tensor.detach().flatten().tolist()]


def conv(name, filters, activation="linear", **more):
    return dict(name=name, op="conv", filters=filters, activation=activation, **more)
