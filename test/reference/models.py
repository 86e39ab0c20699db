"""Parameter counts and logits of torchvision's networks, for test/models/reference.test.ts.

The weights are not stored: both sides fill them with the same formula of (layer name, index), so equal logits
mean an equal architecture. Run: python test/reference/models.py > test/fixtures/models.json
"""
import json
import re
import sys

import numpy as np
import torch
from torch import nn

# torchvision's own operators are not needed here, and need not fit the version of torch.
torch.library.register_fake = lambda *args, **kwargs: lambda fn: fn
import torchvision  # noqa: E402
from torchvision import models  # noqa: E402


class Unit(nn.Module):
    """Pre-activated residual unit of a Wide ResNet."""

    def __init__(self, inside, outside, stride):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inside)
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.shortcut = None
        if inside != outside:
            self.shortcut = nn.Conv2d(inside, outside, 1, stride, bias=False)

    def forward(self, x):
        ready = torch.relu(self.bn1(x))
        y = self.conv2(torch.relu(self.bn2(self.conv1(ready))))
        return y + (x if self.shortcut is None else self.shortcut(ready))


class WideResNet(nn.Module):
    def __init__(self, depth, width, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        inside, groups = 16, []
        for group in range(3):
            units = []
            for i in range((depth - 4) // 6):
                outside = 16 * width * 2**group
                units.append(Unit(inside, outside, 2 if group > 0 and i == 0 else 1))
                inside = outside
            groups.append(nn.Sequential(*units))
        self.blocks = nn.Sequential(*groups)
        self.final_bn = nn.BatchNorm2d(inside)
        self.fc = nn.Linear(inside, classes)

    def forward(self, x):
        x = torch.relu(self.final_bn(self.blocks(self.conv1(x))))
        return self.fc(x.mean((2, 3)))


class VggPooled(nn.Module):
    """The features of VGG under global average pooling; without the biases that a batch norm makes idle."""

    def __init__(self, features, width, classes):
        super().__init__()
        for conv, after in zip(features, features[1:]):
            if isinstance(after, nn.BatchNorm2d):
                conv.register_parameter("bias", None)
        self.features = features
        self.classifier = nn.Linear(width, classes)

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


def resnet_names(name):
    name = re.sub(r"layer(\d)\.(\d)\.", lambda m: f"block{m[1]}_{int(m[2]) + 1}_", name)
    name = name.replace("downsample.0", "shortcut").replace("downsample.1", "shortcut_bn")
    name = re.sub(r"bn(\d)$", r"conv\1_bn", name)
    return "logits" if name == "fc" else name


def wide_resnet_names(name):
    name = re.sub(r"blocks\.(\d)\.(\d)\.", lambda m: f"block{int(m[1]) + 1}_{int(m[2]) + 1}_", name)
    return "logits" if name == "fc" else name


def vgg_names(features):
    names, block, i = {"classifier": "logits"}, 1, 1
    for k, layer in enumerate(features):
        if isinstance(layer, nn.Conv2d):
            names[f"features.{k}"] = f"conv{block}_{i}"
            i += 1
        elif isinstance(layer, nn.BatchNorm2d):
            names[f"features.{k}"] = f"conv{block}_{i - 1}_bn"
        elif isinstance(layer, nn.MaxPool2d):
            block, i = block + 1, 1
    return names.__getitem__


def mobilenet_v2_names(model):
    names = {"classifier.1": "logits", "features.0.0": "conv1", "features.0.1": "conv1_bn"}
    names |= {"features.18.0": "conv_last", "features.18.1": "conv_last_bn"}
    k = 1
    for stage, repeats in enumerate([1, 2, 3, 4, 3, 3, 1]):
        for i in range(repeats):
            parts = ["depthwise", "project"] if stage == 0 else ["expand", "depthwise", "project"]
            for j, part in enumerate(parts):
                ours, theirs = f"block{stage + 1}_{i + 1}_{part}", f"features.{k}.conv.{j}"
                if part == "project":
                    names[theirs], names[f"features.{k}.conv.{j + 1}"] = ours, f"{ours}_bn"
                else:
                    names[f"{theirs}.0"], names[f"{theirs}.1"] = ours, f"{ours}_bn"
            k += 1
    return names.__getitem__


def values(name, count):
    """Uniform-looking values in (-1, 1)."""
    phase = sum((i + 1) * ord(c) for i, c in enumerate(name)) % 1000
    x = np.sin(np.arange(count) * 12.9898 + phase) * 43758.5453
    return 2 * (x - np.floor(x)) - 1


@torch.no_grad()
def fill(model, rename):
    for path, layer in model.named_modules():
        if isinstance(layer, nn.Conv2d):
            o, i, h, w = layer.weight.shape
            depthwise = layer.groups > 1
            shape = (h, w, o, i) if depthwise else (h, w, i, o)
            kernel = values(f"{rename(path)}/kernel", layer.weight.numel()).reshape(shape)
            kernel = kernel.transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
            layer.weight.copy_(torch.tensor(kernel * np.sqrt(6 / (i * h * w))))
        elif isinstance(layer, nn.Linear):
            o, i = layer.weight.shape
            kernel = values(f"{rename(path)}/kernel", o * i).reshape(i, o).T
            layer.weight.copy_(torch.tensor(kernel * np.sqrt(6 / i)))
        elif isinstance(layer, nn.BatchNorm2d):
            n, name = layer.num_features, rename(path)
            layer.weight.copy_(torch.tensor(1 + 0.1 * values(f"{name}/gamma", n)))
            layer.running_mean.copy_(torch.tensor(0.1 * values(f"{name}/moving_mean", n)))
            layer.running_var.copy_(torch.tensor(1 + 0.2 * values(f"{name}/moving_variance", n)))
        if getattr(layer, "bias", None) is not None:
            kind = "beta" if isinstance(layer, nn.BatchNorm2d) else "bias"
            layer.bias.copy_(torch.tensor(0.1 * values(f"{rename(path)}/{kind}", layer.bias.numel())))


def case(name, options, size, model, rename):
    fill(model, rename)
    image = values("image", size * size * 3).reshape(1, size, size, 3).transpose(0, 3, 1, 2)
    with torch.no_grad():
        logits = model.double().eval()(torch.tensor(image))
    return {
        "name": name,
        "options": options,
        "size": size,
        "trainableParameters": sum(p.numel() for p in model.parameters()),
        "logits": [float(f"{v:.7g}") for v in logits[0].tolist()],
    }


def main():
    classes = 7
    layout = [16, "M", 32, "M", 64, 64, "M", 128, 128, "M", 128, 128, "M"]
    vgg11 = VggPooled(models.vgg.make_layers(layout), 128, classes)
    vgg11_bn = VggPooled(models.vgg.make_layers(layout, batch_norm=True), 128, classes)
    resnet18, resnet50 = models.resnet18(num_classes=classes), models.resnet50(num_classes=classes)
    mobilenet = models.mobilenet_v2(num_classes=classes)
    narrow = models.mobilenet_v2(num_classes=classes, width_mult=0.35)
    wide = WideResNet(16, 2, classes)
    cases = [
        case("vgg11", {"baseWidth": 16}, 32, vgg11, vgg_names(vgg11.features)),
        case("vgg11", {"baseWidth": 16, "norm": "batch"}, 32, vgg11_bn, vgg_names(vgg11_bn.features)),
        case("resnet18", {}, 32, resnet18, resnet_names),
        case("resnet50", {}, 32, resnet50, resnet_names),
        case("mobilenet-v2", {}, 64, mobilenet, mobilenet_v2_names(mobilenet)),
        case("mobilenet-v2", {"alpha": 0.35}, 48, narrow, mobilenet_v2_names(narrow)),
        case("wide-resnet", {"depth": 16, "width": 2}, 16, wide, wide_resnet_names),
    ]
    count = lambda module: sum(p.numel() for p in module.parameters())  # noqa: E731
    vgg16 = models.vgg16(init_weights=False)
    published = {
        "features": {
            "vgg11": count(models.vgg11().features),
            "vgg16": count(vgg16.features),
            "vgg16 with batch norm": count(VggPooled(models.vgg16_bn(init_weights=False).features, 1, 1).features),
        },
        "wholeNetwork": {
            "resnet18, 1000 classes": count(models.resnet18()),
            "resnet50, 1000 classes": count(models.resnet50()),
            "mobilenet_v2, 1000 classes": count(models.mobilenet_v2()),
        },
    }
    versions = {"torch": torch.__version__, "torchvision": torchvision.__version__}
    json.dump({"versions": versions, "classes": classes, "cases": cases, "parameters": published}, sys.stdout, indent=1)


main()
