"""Counts multiply-adds of torchvision's networks by what their layers are given: test/fixtures/multiply-adds.json.

    python test/reference/multiply_adds.py

Of convolutions, transposed ones included, and of linear layers; one image, 1000 classes.
"""

import json
from pathlib import Path

import torch
from torch import nn

# torchvision's own operators are not needed here, and need not fit the version of torch.
torch.library.register_fake = lambda *args, **kwargs: lambda fn: fn
import torchvision  # noqa: E402


def count(network: nn.Module, size: int) -> int:
    total = 0

    def on_conv(layer, inputs, output):
        nonlocal total
        # Each output sees the window over the channels of its group.
        window = layer.in_channels // layer.groups * layer.kernel_size[0] * layer.kernel_size[1]
        total += output.numel() * window

    def on_transposed(layer, inputs, output):
        nonlocal total
        # Each input is spread over the window of all outputs of its group.
        window = layer.out_channels // layer.groups * layer.kernel_size[0] * layer.kernel_size[1]
        total += inputs[0].numel() * window

    def on_linear(layer, inputs, output):
        nonlocal total
        total += output.numel() * layer.in_features

    for layer in network.modules():
        if isinstance(layer, nn.ConvTranspose2d):
            layer.register_forward_hook(on_transposed)
        elif isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(on_conv)
        elif isinstance(layer, nn.Linear):
            layer.register_forward_hook(on_linear)
    with torch.no_grad():
        network.eval()(torch.zeros(1, 3, size, size))
    return total


decoder = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ConvTranspose2d(8, 4, 4, stride=2, padding=1))
networks = {
    "resnet18": torchvision.models.resnet18(),
    "resnet50": torchvision.models.resnet50(),
    "mobilenet-v2": torchvision.models.mobilenet_v2(),
}
fixture = {
    "versions": {"torch": torch.__version__, "torchvision": torchvision.__version__},
    "at224": {name: count(network, 224) for name, network in networks.items()},
    "decoderAt32": count(decoder, 32),
}
path = Path(__file__).parent.parent / "fixtures" / "multiply-adds.json"
path.write_text(json.dumps(fixture, indent=2) + "\n")
print(path.read_text())
