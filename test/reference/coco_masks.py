"""Writes test/fixtures/coco_masks.json: masks of COCO segmentations, by pycocotools and by numpy.

Run with a Python that has numpy and pycocotools:  python test/reference/coco_masks.py
"""

import base64
import json
import pathlib
from importlib.metadata import version

import numpy as np
from pycocotools import mask as coco

random = np.random.default_rng(1)


def packed(mask):
    """Bits of a [height, width] mask, row by row."""
    return base64.b64encode(np.packbits(mask.astype(bool).reshape(-1)).tobytes()).decode()


def by_centres(polygon, height, width):
    """Even-odd rule at the centres of the pixels, by counting edges to the right of each centre."""
    points = np.reshape(polygon, (-1, 2))
    x, y = np.arange(width)[None, :] + 0.5, np.arange(height)[:, None] + 0.5
    inside = np.zeros((height, width), bool)
    for (x1, y1), (x2, y2) in zip(points, np.roll(points, -1, axis=0)):
        if y1 == y2:
            continue
        crosses = (y1 <= y) != (y2 <= y)
        inside ^= crosses & (x < x1 + (y - y1) / (y2 - y1) * (x2 - x1))
    return inside


cases = []
for corners in [3, 4, 5, 8, 13, 30]:
    height, width = (int(n) for n in random.integers(20, 70, 2))
    angles = np.sort(random.uniform(0, 2 * np.pi, corners))
    radius = random.uniform(0.3, 0.6, corners)
    x = width * (0.5 + radius * np.cos(angles))
    y = height * (0.5 + radius * np.sin(angles))
    polygon = np.round(np.stack([x, y], 1).reshape(-1), 2).tolist()
    rle = coco.merge(coco.frPyObjects([polygon], height, width))
    mask = coco.decode(rle)
    flat = mask.reshape(-1, order="F")
    ends = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate([[0], ends, [flat.size]])).tolist()
    cases.append({
        "size": [height, width],
        "polygon": polygon,
        "compressed": rle["counts"].decode(),
        "runs": [0, *runs] if flat[0] else runs,
        "coco": packed(mask),
        "centres": packed(by_centres(polygon, height, width)),
    })

# Noise has short runs, whose differences are small and negative; wide stripes have runs of several characters.
noise = (random.random((23, 31)) < 0.5).astype(np.uint8)
stripes = np.repeat(np.array([[1, 0, 1, 0, 0, 1]], np.uint8), 40, axis=1).repeat(300, axis=0)
for mask in [noise, stripes]:
    rle = coco.encode(np.asfortranarray(mask))
    flat = mask.reshape(-1, order="F")
    ends = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate([[0], ends, [flat.size]])).tolist()
    cases.append({
        "size": list(mask.shape),
        "compressed": rle["counts"].decode(),
        "runs": [0, *runs] if flat[0] else runs,
        "coco": packed(mask),
    })

target = pathlib.Path(__file__).parent.parent / "fixtures" / "coco_masks.json"
versions = {name: version(name) for name in ["numpy", "pycocotools"]}
target.write_text(json.dumps({"versions": versions, "cases": cases}))
print(target, target.stat().st_size)
