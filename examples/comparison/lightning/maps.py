"""Grad-CAM that can be differentiated again; pytorch-grad-cam's maps are arrays without a graph."""
import torch
from torch.nn import functional as F


def grad_cam(model, images, labels):
    features = model.features(images)
    if not features.requires_grad:
        features.requires_grad_()
    logits = model.head(features.mean((2, 3)))
    score = logits.gather(1, labels[:, None]).sum()
    (gradient,) = torch.autograd.grad(score, features, create_graph=torch.is_grad_enabled())
    maps = F.relu((gradient.mean((2, 3), keepdim=True) * features).sum(1))
    peak = maps.amax((1, 2), keepdim=True).clamp_min(1e-8)
    return logits, maps / peak
