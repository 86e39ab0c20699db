"""The tasks of bench/tasks in PyTorch eager: the same work, written as one writes it there."""
from contextlib import contextmanager
from unittest.mock import patch

import torch
import torch.nn.functional as F
from networks import Conv2dSame
from shared import load_network
from torch import nn


def training_step(settings, folder):
    """Loss, gradient, and an update by SGD with momentum. The first step is exact in its padding."""
    network, images, labels = load_network(settings, folder)
    network.train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    loss_of = gain_loss if settings["objective"] == "gain" else plain_loss
    Conv2dSame.exact = True

    def step():
        optimizer.zero_grad()
        loss = loss_of(network, images, labels)
        loss.backward()
        optimizer.step()
        Conv2dSame.exact = False
        return loss.item()

    return step


def plain_loss(network, images, labels):
    return F.cross_entropy(network(images), labels)


def gain_loss(network, images, labels):
    """Classification and attention mining (GAIN, Eq 1 to 6); the map's weights are differentiated too."""
    features = network.features(images)
    logits = network.head(features)
    maps = grad_cam(features, logits, labels, create_graph=True)
    attention = F.interpolate(maps, size=images.shape[2:], mode="bilinear", align_corners=False)
    low, high = attention.amin((2, 3), keepdim=True), attention.amax((2, 3), keepdim=True)
    extent = high - low
    alive = (extent.detach() > 1e-10).to(extent.dtype)
    attention = (attention - low) / extent.clamp_min(1e-10)
    mask = torch.sigmoid(10 * (attention - 0.5))
    with batch_statistics_only(network):
        masked_logits = network(images - mask * images)
    kept = masked_logits.softmax(1).gather(1, labels[:, None])[:, 0]
    return F.cross_entropy(logits, labels) + (kept * alive[:, 0, 0, 0]).mean()


def grad_cam(features, logits, labels, create_graph=False):
    score = logits.gather(1, labels[:, None]).sum()
    (gradient,) = torch.autograd.grad(score, features, create_graph=create_graph)
    return F.relu((gradient.mean((2, 3), keepdim=True) * features).sum(1, keepdim=True))


@contextmanager
def batch_statistics_only(network):
    """The pass over masked images leaves the moving averages of batch norm alone."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.track_running_stats = False
    yield
    for norm in norms:
        norm.track_running_stats = True


def grad_cam_plus_plus(features, logits, labels):
    score = logits.gather(1, labels[:, None]).sum()
    (gradient,) = torch.autograd.grad(score, features)
    positive = F.relu(gradient)
    alpha = (positive > 0) / (2 + positive * features.sum((2, 3), keepdim=True))
    return F.relu(((alpha * positive).sum((2, 3), keepdim=True) * features).sum(1, keepdim=True))


class GuidedReLU(torch.autograd.Function):
    """Goes back where both the input and what comes back are positive."""

    @staticmethod
    def forward(ctx, x):
        y = x.clamp_min(0)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, gradient):
        (y,) = ctx.saved_tensors
        return gradient.clamp_min(0) * (y > 0)


def guided_backpropagation(settings, folder):
    """Forward pass, and back to the pixels with every ReLU of the network guided."""
    network, images, labels = load_network(settings, folder)
    network.eval().requires_grad_(False)

    def step():
        pixels = images.clone().requires_grad_()
        with patch.object(F, "relu", lambda x, inplace=False: GuidedReLU.apply(x)):
            score = network(pixels).gather(1, labels[:, None]).sum()
        (gradient,) = torch.autograd.grad(score, pixels)
        return gradient.abs().mean().item()

    return step


def explanation_maps(settings, folder):
    """Forward pass, class maps, upsampling. No graph is kept before the target layer: maps alone do not need it."""
    network, images, labels = load_network(settings, folder)
    network.eval()
    map_of = {"grad-cam": grad_cam, "grad-cam++": grad_cam_plus_plus}[settings.get("method", "grad-cam")]

    def step():
        with torch.no_grad():
            features = network.features(images)
        features.requires_grad_()
        logits = network.head(features)
        maps = map_of(features, logits, labels).detach()
        return F.interpolate(maps, size=images.shape[2:], mode="bilinear", align_corners=False).mean().item()

    return step


TASKS = {
    "training-step": training_step,
    "explanation-maps": explanation_maps,
    "guided-backpropagation": guided_backpropagation,
}
