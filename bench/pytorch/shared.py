"""Loads what all sides share: the weights of a tfjs layers-model, and the images."""
import json
from pathlib import Path

import numpy as np
import torch
from networks import NETWORKS
from torch import nn

# How the network runs: "" is eager, "channels-last" its memory format, "compile" torch.compile.
VARIANT = ""


def load_network(settings, folder):
    """The network with our weights, the images [B,channels,H,W], and the labels 0, 1, 2, … of the images."""
    height, width, channels = settings["image"]
    network = NETWORKS[settings["network"]](channels, settings["classes"], height)
    fill(network, read_weights(Path(folder) / "model"))
    if VARIANT == "channels-last":
        network = network.to(memory_format=torch.channels_last)
    pixels = np.fromfile(Path(folder) / "images.bin", "<f4").reshape(-1, height, width, channels)
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous().to(torch.get_default_device())
    if VARIANT == "channels-last":
        images = images.contiguous(memory_format=torch.channels_last)
    if VARIANT == "compile":
        for part in ("features", "head"):
            setattr(network, part, torch.compile(getattr(network, part)))
    return network, images, torch.arange(len(images)) % settings["classes"]


def read_weights(folder):
    """Name to array, of all weights of a tfjs layers-model."""
    manifest = json.loads((folder / "model.json").read_text())["weightsManifest"]
    data, weights, offset = (folder / "weights.bin").read_bytes(), {}, 0
    for spec in manifest[0]["weights"]:
        count = int(np.prod(spec["shape"]))
        array = np.frombuffer(data, "<f4", count, offset)
        weights[spec["name"]] = torch.from_numpy(array.reshape(spec["shape"]).copy())
        offset += 4 * count
    return weights


@torch.no_grad()
def fill(network, weights):
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            if module.groups > 1:
                module.weight.copy_(weights[f"{name}/depthwise_kernel"].permute(2, 3, 0, 1))
            else:
                module.weight.copy_(weights[f"{name}/kernel"].permute(3, 2, 0, 1))
        elif isinstance(module, nn.Linear):
            kernel = weights[f"{name}/kernel"]
            if hasattr(module, "flattened"):  # ours flattens with the channels last
                kernel = kernel.reshape(*module.flattened, -1).permute(2, 0, 1, 3).flatten(0, 2)
            module.weight.copy_(kernel.T)
        elif isinstance(module, nn.BatchNorm2d):
            module.weight.copy_(weights[f"{name}/gamma"])
            module.running_mean.copy_(weights[f"{name}/moving_mean"])
            module.running_var.copy_(weights[f"{name}/moving_variance"])
        if getattr(module, "bias", None) is not None:
            module.bias.copy_(weights[f"{name}/{'beta' if isinstance(module, nn.BatchNorm2d) else 'bias'}"])
