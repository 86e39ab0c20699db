"""Small classifiers in ONNX as PyTorch exports them, their scores, and Grad-CAM maps of the originals, for
test/models/onnx-import.test.ts. Run: python test/reference/onnx_import.py
"""
import json
import pathlib

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

torch.library.register_fake = lambda *args, **kwargs: lambda fn: fn
from timm.models.convnext import ConvNeXt  # noqa: E402
from timm.models.vision_transformer import VisionTransformer  # noqa: E402

folder = pathlib.Path(__file__).parent.parent / "fixtures" / "onnx-files"


def values(name, count):
    phase = sum((i + 1) * ord(c) for i, c in enumerate(name)) % 1000
    x = np.sin(np.arange(count) * 12.9898 + phase) * 43758.5453
    return 2 * (x - np.floor(x)) - 1


class Many(nn.Module):
    """Every kind of window, padding and group; squeeze and excite; a flatten that has to keep PyTorch's order."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1, bias=False)
        self.bn = nn.BatchNorm2d(8)
        self.depthwise = nn.Conv2d(8, 16, 3, 1, 2, dilation=2, groups=8)
        self.grouped = nn.Conv2d(16, 8, 3, 1, 1, groups=4)
        self.squeeze, self.excite = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1)
        self.left, self.right = nn.Conv2d(8, 4, 1), nn.Conv2d(8, 4, 3, 1, (1, 1))
        self.maps = nn.Conv2d(8, 6, 3, 1, 1)
        self.fc1, self.fc2 = nn.Linear(6 * 4 * 3, 10), nn.Linear(10, 4)

    def forward(self, x):
        x = nn.functional.hardswish(self.bn(self.stem(x)))
        x = nn.functional.max_pool2d(x, 3, 2, 1)
        x = nn.functional.relu6(self.depthwise(x))
        x = nn.functional.leaky_relu(self.grouped(x), 0.1)
        scale = torch.sigmoid(self.excite(torch.relu(self.squeeze(x.mean((2, 3), keepdim=True)))))
        x = x * scale + 0.25
        x = torch.cat([self.left(x), nn.functional.softplus(self.right(x))], 1)
        x = nn.functional.avg_pool2d(nn.functional.silu(x), 2, 2, 0) - torch.tensor([0.1, 0, 0, 0, 0, 0, 0, 0.2]).view(1, 8, 1, 1)
        self.kept = torch.relu(self.maps(x))
        return self.fc2(torch.tanh(self.fc1(torch.flatten(self.kept, 1))))


class Resizes(nn.Module):
    """An encoder and a decoder: transposed convolutions, and every way to enlarge and shrink."""

    def __init__(self):
        super().__init__()
        self.down = nn.Conv2d(3, 6, 3, 2, 1)
        self.up = nn.ConvTranspose2d(6, 5, 3, 2, 1, output_padding=1)
        self.wide = nn.ConvTranspose2d(5, 4, (2, 3), (2, 1), bias=False)
        self.fc = nn.Linear(24, 3)

    def forward(self, x):
        f = torch.nn.functional
        x = torch.tanh(self.wide(torch.relu(self.up(torch.relu(self.down(x))))))
        ways = [
            f.interpolate(x, scale_factor=1.5, mode="bilinear", align_corners=False, recompute_scale_factor=False),
            f.interpolate(x, size=(9, 13), mode="bilinear", align_corners=True),
            f.interpolate(x, size=(40, 7), mode="bilinear", align_corners=False),
            f.interpolate(x, scale_factor=2, mode="nearest"),
            f.interpolate(x, size=(11, 5), mode="nearest"),
            f.interpolate(x, size=(17, 31), mode="bicubic", align_corners=False),
        ]
        return self.fc(torch.cat([(way * way).mean((2, 3)) for way in ways], 1))


class Segmenter(nn.Module):
    """Classes of pixels at half the size, enlarged to the image."""

    def __init__(self):
        super().__init__()
        self.maps = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU(), nn.Conv2d(6, 4, 1))

    def forward(self, x):
        return torch.nn.functional.interpolate(self.maps(x), scale_factor=2, mode="bilinear", align_corners=False)


class Unknown(nn.Module):
    def forward(self, x):
        return torch.cumsum(x.mean((2, 3)), 1) + torch.sin(x.amax((2, 3)))


@torch.no_grad()
def fill(model):
    for name, p in model.named_parameters():
        scale = np.sqrt(3 / max(1, p[0].numel())) if p.dim() > 1 else 0.1
        p.copy_(torch.tensor(values(name, p.numel()).reshape(p.shape) * scale + (name.endswith("weight") and p.dim() == 1)))
    for name, b in model.named_buffers():
        if b.dim():
            b.copy_(torch.tensor(values(name, b.numel()) * 0.1 + name.endswith("var")))
    return model.eval()


def export(name, model, size, batch=None):
    image = torch.tensor(values("image", 2 * 3 * size[0] * size[1]).reshape(2, *size, 3).transpose(0, 3, 1, 2).copy(), dtype=torch.float32)
    path = folder / f"{name}.onnx"
    axes = {"input": {0: "batch"}} if batch is None else None
    torch.onnx.export(model, image[: batch or 2], path, opset_version=17, dynamo=False, input_names=["input"], output_names=["scores"], dynamic_axes=axes)
    session = onnxruntime.InferenceSession(path)
    runs = [session.run(None, {"input": one.numpy()})[0] for one in image.split(batch or 2)]
    ops = sorted({n.op_type for n in onnx.load(path).graph.node})
    return image, {"name": name, "size": size, "scores": np.concatenate(runs).tolist(), "operators": ops}


def main():
    folder.mkdir(exist_ok=True)
    many = fill(Many())
    size = (32, 24)
    image, first = export("many", many, size)
    logits = many(image)
    maps = []
    for b in range(2):
        (gradient,) = torch.autograd.grad(logits[b, 1], many.kept, retain_graph=True)
        maps.append(torch.relu((gradient[b].mean((1, 2))[:, None, None] * many.kept[b]).sum(0)).tolist())
    first["gradCam"] = maps
    convnext = fill(ConvNeXt(depths=(1, 1, 1, 1), dims=(8, 8, 16, 16), num_classes=3, patch_size=2))
    vit = fill(VisionTransformer(img_size=24, patch_size=8, embed_dim=32, depth=2, num_heads=2, num_classes=3))
    for block in vit.blocks:
        block.attn.fused_attn = False
    cases = [first, export("convnext", convnext, (32, 32))[1], export("vit", vit, (24, 24), batch=1)[1], export("resizes", fill(Resizes()), (12, 10))[1]]
    export("unknown", Unknown(), (8, 8))
    segmenter = export("segmenter", fill(Segmenter()), (8, 6))[1]
    versions = {"torch": torch.__version__, "onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__}
    (folder / "scores.json").write_text(json.dumps({"versions": versions, "cases": cases, "segmenter": segmenter}) + "\n")


main()
