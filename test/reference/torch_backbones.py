"""Logits of torchvision's and timm's networks, for test/models/torch-models.test.ts.

The weights are not stored: both sides fill each tensor by a formula of its name, so equal logits mean equal networks,
names and orders of axes. Run: python test/reference/torch_backbones.py > test/fixtures/torch-backbones.json
"""
import collections
import json
import os
import pathlib
import pickle
import sys

import numpy as np
import torch
from torch import nn

# torchvision's own operators are not needed here, and need not fit the version of torch.
torch.library.register_fake = lambda *args, **kwargs: lambda fn: fn
import safetensors.torch  # noqa: E402
import timm  # noqa: E402
import torchvision  # noqa: E402
from timm.models.convnext import ConvNeXt as TimmConvNeXt  # noqa: E402
from timm.models.vision_transformer import VisionTransformer as TimmViT  # noqa: E402
from torchvision import models  # noqa: E402

CLASSES = 7


def values(name, count):
    """Uniform-looking values in (-1, 1)."""
    phase = sum((i + 1) * ord(c) for i, c in enumerate(name)) % 1000
    x = np.sin(np.arange(count) * 12.9898 + phase) * 43758.5453
    return 2 * (x - np.floor(x)) - 1


def filled(name, shape):
    count = int(np.prod(shape)) if len(shape) else 1
    drawn = values(name, count)
    if name.endswith(("running_var",)):
        drawn = 1 + 0.2 * drawn
    elif name.endswith(("gamma", "layer_scale")):
        drawn = 0.5 + 0.1 * drawn
    elif name.endswith((".weight", "in_proj_weight")) and len(shape) >= 2:
        drawn = drawn * np.sqrt(6 / (count / shape[0]))
    elif name.endswith(".weight"):
        drawn = 1 + 0.1 * drawn
    else:
        drawn = 0.1 * drawn
    return torch.tensor(drawn.reshape(shape), dtype=torch.float32)


@torch.no_grad()
def case(title, model, size):
    tensors = {k: v for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}
    model.load_state_dict({k: filled(k, list(v.shape)) for k, v in tensors.items()}, strict=False)
    image = values("image", size * size * 3).reshape(1, size, size, 3).transpose(0, 3, 1, 2)
    logits = model.double().eval()(torch.tensor(image))
    return {
        "title": title,
        "size": size,
        "tensors": [[k, list(v.shape)] for k, v in tensors.items()],
        "logits": [float(f"{v:.7g}") for v in logits[0].tolist()],
    }


class NarrowVgg(nn.Module):
    """torchvision's VGG with fewer channels: its own layers, its own names."""

    def __init__(self, layout, batch_norm):
        super().__init__()
        self.features = models.vgg.make_layers(layout, batch_norm=batch_norm)
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        width = layout[-2]
        self.classifier = nn.Sequential(
            nn.Linear(width * 49, 20), nn.ReLU(), nn.Dropout(), nn.Linear(20, 24), nn.ReLU(), nn.Dropout(), nn.Linear(24, CLASSES)
        )

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


def narrow(layout):
    return [n if n == "M" else max(4, n // 16) for n in layout]


def cases():
    layouts = models.vgg.cfgs
    convnext = [models.convnext.CNBlockConfig(24, 48, 2), models.convnext.CNBlockConfig(48, 96, 1), models.convnext.CNBlockConfig(96, 192, 2), models.convnext.CNBlockConfig(192, None, 1)]
    tv, create = models, timm.create_model
    return [
        case("torchvision resnet18", tv.resnet18(num_classes=CLASSES), 64),
        case("timm resnet34", create("resnet34", num_classes=CLASSES), 48),
        case("torchvision resnet50", tv.resnet50(num_classes=CLASSES), 48),
        case("torchvision vgg11, a sixteenth as wide", NarrowVgg(narrow(layouts["A"]), False), 224),
        case("torchvision vgg16_bn, a sixteenth as wide", NarrowVgg(narrow(layouts["D"]), True), 224),
        case("timm mobilenetv1_100", create("mobilenetv1_100", num_classes=CLASSES), 64),
        case("torchvision mobilenet_v2", tv.mobilenet_v2(num_classes=CLASSES), 64),
        case("timm mobilenetv2_050", create("mobilenetv2_050", num_classes=CLASSES), 64),
        case("torchvision mobilenet_v3_small", tv.mobilenet_v3_small(num_classes=CLASSES), 64),
        case("torchvision mobilenet_v3_large", tv.mobilenet_v3_large(num_classes=CLASSES), 64),
        case("timm mobilenetv3_small_100", create("mobilenetv3_small_100", num_classes=CLASSES), 64),
        case("torchvision efficientnet_b0", tv.efficientnet_b0(num_classes=CLASSES), 64),
        case("timm efficientnet_b1", create("efficientnet_b1", num_classes=CLASSES), 64),
        case("torchvision convnext, a quarter as wide", tv.ConvNeXt(convnext, num_classes=CLASSES), 64),
        case("timm convnext, a quarter as wide", TimmConvNeXt(depths=(2, 1, 2, 1), dims=(24, 48, 96, 192), num_classes=CLASSES), 64),
        case("timm vit, two blocks", TimmViT(img_size=48, patch_size=16, embed_dim=192, depth=2, num_heads=3, num_classes=CLASSES), 48),
        case("timm dinov2, two blocks", TimmViT(img_size=42, patch_size=14, embed_dim=128, depth=2, num_heads=2, init_values=1e-5, num_classes=CLASSES), 42),
        case("timm dinov2 with registers, two blocks", TimmViT(img_size=42, patch_size=14, embed_dim=128, depth=2, num_heads=2, init_values=1e-5, reg_tokens=4, no_embed_class=True, num_classes=CLASSES), 42),
        case("torchvision vit, two blocks", tv.VisionTransformer(48, 16, 2, 3, 192, 768, num_classes=CLASSES), 48),
    ]


class Evil:
    def __reduce__(self):
        return (os.system, ("touch /tmp/this-must-not-be-there",))


def files():
    """Small files of torch.save and safetensors: odd strides, half precision, a parameter, a hostile one."""
    folder = pathlib.Path(__file__).parent.parent / "fixtures" / "torch-files"
    folder.mkdir(exist_ok=True)
    conv = torch.tensor(values("conv", 24).reshape(2, 3, 2, 2), dtype=torch.float32)
    dense = torch.tensor(values("dense", 6).reshape(2, 3), dtype=torch.float32)
    state = collections.OrderedDict(
        {
            "net.conv.weight": nn.Parameter(conv),
            "net.conv.bias": torch.tensor([0.5, -0.25]),
            "net.dense.weight": dense.T.contiguous().T,
            "net.half": torch.tensor([1.5, -2.25, 65504.0, 6e-8]).half(),
            "net.bfloat": torch.tensor([1.5, -2.25, 1e30]).bfloat16(),
            "net.count": torch.tensor(3),
        }
    )
    torch.save({"epoch": 3, "state_dict": state}, folder / "wrapped.pth")
    safetensors.torch.save_file({k: v.detach().contiguous() for k, v in state.items()}, folder / "small.safetensors", {"format": "pt"})
    torch.save({"state_dict": state, "evil": Evil()}, folder / "hostile.pth", pickle_protocol=2)
    torch.save(state, folder / "old.pth", _use_new_zipfile_serialization=False)


files()
versions = {"torch": torch.__version__, "torchvision": torchvision.__version__, "timm": timm.__version__}
json.dump({"versions": versions, "classes": CLASSES, "cases": cases()}, sys.stdout, separators=(",", ":"))
