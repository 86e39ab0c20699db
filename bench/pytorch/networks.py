"""The networks of src/models/backbones that workloads use, as one writes them in PyTorch.

Modules are called like the layers of our networks, so that weights are found by name. Each network has
`features(x)`, up to the target layer, and `head(features)`.
"""
import torch
import torch.nn.functional as F
from torch import nn


class Conv2dSame(nn.Conv2d):
    """A strided convolution with one row of zeros on each side, PyTorch's natural form. With `exact` set it pads
    as TensorFlow does, at the end alone, which costs a copy: for comparing results, not times."""

    exact = False

    def forward(self, x):
        if not Conv2dSame.exact:
            return super().forward(x)
        return F.conv2d(F.pad(x, (0, 1, 0, 1)), self.weight, self.bias, self.stride, 0, 1, self.groups)


class Network(nn.Module):
    def forward(self, x):
        return self.head(self.features(x))


class SmallCnn(Network):
    def __init__(self, channels, classes, size):
        super().__init__()
        widths = [32, 64, 128, 128]
        self.blocks = len(widths)
        for i, (inside, outside) in enumerate(zip([channels, *widths], widths), 1):
            self.add_module(f"conv{i}_1", nn.Conv2d(inside, outside, 3, padding=1))
        self.pool = nn.MaxPool2d(2)
        self.logits = nn.Linear(widths[-1], classes)

    def features(self, x):
        for i in range(1, self.blocks + 1):
            x = F.relu(getattr(self, f"conv{i}_1")(x if i == 1 else self.pool(x)))
        return x

    def head(self, x):
        return self.logits(x.mean((2, 3)))


class SimpleConvNet(Network):
    def __init__(self, channels, classes, size):
        super().__init__()
        side = ((size - 4) // 2 - 4) // 2
        self.conv1 = nn.Conv2d(channels, 20, 5)
        self.conv2 = nn.Conv2d(20, 50, 5)
        self.pool = nn.MaxPool2d(2)
        self.hidden = nn.Linear(50 * side * side, 256)
        self.hidden.flattened = (side, side, 50)
        self.logits = nn.Linear(256, classes)

    def features(self, x):
        return F.relu(self.conv2(self.pool(F.relu(self.conv1(x)))))

    def head(self, x):
        return self.logits(F.relu(self.hidden(self.pool(x).flatten(1))))


class ResNet18(Network):
    def __init__(self, channels, classes, size):
        super().__init__()
        self._conv("conv1", channels, 64, 7, 2)
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.units, inside = [], 64
        for stage, width in enumerate([64, 128, 256, 512], 1):
            for i in (1, 2):
                stride = 2 if stage > 1 and i == 1 else 1
                name = f"block{stage}_{i}"
                self._conv(f"{name}_conv1", inside, width, 3, stride)
                self._conv(f"{name}_conv2", width, width, 3, 1)
                if stride == 2:
                    self._conv(f"{name}_shortcut", inside, width, 1, stride)
                self.units.append((name, stride))
                inside = width
        self.logits = nn.Linear(512, classes)

    def _conv(self, name, inside, outside, size, stride):
        self.add_module(name, nn.Conv2d(inside, outside, size, stride, size // 2, bias=False))
        self.add_module(f"{name}_bn", nn.BatchNorm2d(outside))

    def _run(self, name, x):
        return getattr(self, f"{name}_bn")(getattr(self, name)(x))

    def features(self, x):
        x = self.pool(F.relu(self._run("conv1", x), inplace=True))
        for name, stride in self.units:
            y = self._run(f"{name}_conv2", F.relu(self._run(f"{name}_conv1", x), inplace=True))
            x = F.relu(y + (self._run(f"{name}_shortcut", x) if stride == 2 else x), inplace=True)
        return x

    def head(self, x):
        return self.logits(x.mean((2, 3)))


class MobileNetV1(Network):
    def __init__(self, channels, classes, size):
        super().__init__()
        plan = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
        self.separable, inside = len(plan), 32
        self._conv("conv1", channels, 32, 3, 2, 1)
        for i, (outside, stride) in enumerate(plan, 1):
            self._conv(f"conv_dw_{i}", inside, inside, 3, stride, inside)
            self._conv(f"conv_pw_{i}", inside, outside, 1, 1, 1)
            inside = outside
        self.logits = nn.Linear(1024, classes)

    def _conv(self, name, inside, outside, size, stride, groups):
        kind = Conv2dSame if stride == 2 else nn.Conv2d
        conv = kind(inside, outside, size, stride, size // 2, groups=groups, bias=False)
        self.add_module(name, conv)
        self.add_module(f"{name}_bn", nn.BatchNorm2d(outside, eps=1e-3))

    def _run(self, name, x):
        return F.relu6(getattr(self, f"{name}_bn")(getattr(self, name)(x)), inplace=True)

    def features(self, x):
        x = self._run("conv1", x)
        for i in range(1, self.separable + 1):
            x = self._run(f"conv_pw_{i}", self._run(f"conv_dw_{i}", x))
        return x

    def head(self, x):
        return self.logits(x.mean((2, 3)))


NETWORKS = {
    "small-cnn": SmallCnn,
    "simple-conv-net": SimpleConvNet,
    "resnet18": ResNet18,
    "mobilenet-v1": MobileNetV1,
}
