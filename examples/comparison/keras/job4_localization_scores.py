import sys

import keras
import numpy as np
import tensorflow as tf
from maps import grad_cam, with_features
from photos import splits
from skimage.measure import label as components
from skimage.measure import regionprops


def box_of(mask):
    regions = regionprops(components(mask))
    return max(regions, key=lambda region: region.area).bbox if regions else (0, 0, 0, 0)


def iou(a, b):
    height, width = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(height, 0) * max(width, 0)
    area = lambda box: (box[2] - box[0]) * (box[3] - box[1])
    return both / (area(a) + area(b) - both)


model = with_features(keras.saving.load_model(sys.argv[1] if len(sys.argv) > 1 else "plain.keras"))
_, val, test = splits()


def measured(images, labels, masks):
    maps = tf.image.resize(grad_cam(model, images, labels)[1][..., None], masks.shape[1:3])
    return maps[..., 0].numpy(), masks[..., 0] > 0.5


def ious(maps, truths, threshold):
    return np.array([iou(box_of(m >= threshold), box_of(t)) for m, t in zip(maps, truths)])


maps, truths = measured(*val)
best = max(np.arange(0.05, 1, 0.05), key=lambda threshold: (ious(maps, truths, threshold) >= 0.5).mean())
maps, truths = measured(*test)
pointing = np.mean([truth.flat[heat.argmax()] for heat, truth in zip(maps, truths)])
energy = np.mean([(heat * truth).sum() / max(heat.sum(), 1e-8) for heat, truth in zip(maps, truths)])
print(f"threshold {best:.2f}, CorLoc {(ious(maps, truths, best) >= 0.5).mean():.3f}")
print(f"pointing {pointing:.3f}, energy on the object {energy:.3f}")
