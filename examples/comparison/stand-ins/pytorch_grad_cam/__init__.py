"""The part of pytorch-grad-cam's interface that the programs use, for a machine on which it cannot be installed."""
import numpy as np
import torch
from torch.nn import functional as F


class GradCAM:
    def __init__(self, model, target_layers):
        self.model, self.layer = model, target_layers[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False

    def __call__(self, input_tensor, targets=None):
        kept = []
        hook = self.layer.register_forward_hook(lambda _, __, output: kept.append(output))
        training, _ = self.model.training, self.model.eval()
        with torch.enable_grad():
            logits = self.model(input_tensor.clone().requires_grad_())
            if targets is None:
                score = logits.max(1).values.sum()
            else:
                score = sum(target(row) for target, row in zip(targets, logits))
            (gradient,) = torch.autograd.grad(score, kept[0])
        hook.remove()
        self.model.train(training)
        maps = F.relu((gradient.mean((2, 3), keepdim=True) * kept[0]).sum(1, keepdim=True))
        maps = F.interpolate(maps, input_tensor.shape[2:], mode="bilinear", align_corners=False)[:, 0].detach()
        low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
        return np.asarray((maps - low) / (high - low + 1e-7))
