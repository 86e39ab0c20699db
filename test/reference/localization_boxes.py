"""Boxes of contours and their IoU, computed with OpenCV and numpy as the localization benchmark does.

The protocol is that of Choe et al., CVPR 2020 (wsolevaluation): 8-bit map, binary threshold, cv2.findContours with
RETR_TREE, cv2.contourArea, cv2.boundingRect. Writes test/fixtures/localization_boxes.json.

    python test/reference/localization_boxes.py
"""

import base64
import json
import pathlib

import cv2
import numpy as np

rng = np.random.default_rng(20)


def smooth(height, width, cells):
    small = rng.random((cells, cells)).astype(np.float32)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def rings(height, width):
    y, x = np.mgrid[:height, :width]
    centre = rng.random(2) * [height, width]
    return np.cos(np.hypot(y - centre[0], x - centre[1]) * rng.uniform(0.5, 1.5)) + 0.2 * rng.random((height, width))


def blobs(height, width):
    """Few levels, many ties: plateaus, lines, single pixels, nested rings."""
    return rng.choice([0.0, 0.0, 0.3, 0.6, 1.0], size=(height, width))


def as_bytes(values):
    low, high = values.min(), values.max()
    return ((values - low) / (high - low) * 255).astype(np.uint8)


def contours_of(image, level):
    _, binary = cv2.threshold(image, level, 255, cv2.THRESH_BINARY)
    contours, _ = cv2.findContours(binary, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
    return contours


def rectangle(contour, height, width):
    x, y, w, h = cv2.boundingRect(contour)
    return [x, y, min(x + w, width - 1), min(y + h, height - 1)]


def iou(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0]) + 1
    height = min(a[3], b[3]) - max(a[1], b[1]) + 1
    if width <= 0 or height <= 0:
        return 0.0
    area = lambda box: (box[2] - box[0] + 1) * (box[3] - box[1] + 1)
    return width * height / (area(a) + area(b) - width * height)


maps = []
shapes = [(20, 24, smooth, 4), (24, 20, smooth, 6), (15, 15, rings, None), (9, 11, blobs, None), (16, 13, "noise", None)]
for round_ in range(6):
    for height, width, kind, cells in shapes:
        if kind == "noise":
            values = rng.random((height, width))
        else:
            values = kind(height, width, cells) if cells else kind(height, width)
        image = as_bytes(np.asarray(values, dtype=np.float64))
        truth = []
        for _ in range(2):
            x0, x1 = sorted(rng.integers(0, width, 2).tolist())
            y0, y1 = sorted(rng.integers(0, height, 2).tolist())
            truth.append([x0, y0, x1, y1])
        levels = sorted(set(rng.integers(0, 255, 10).tolist() + [0, 254]))
        cases = []
        for level in levels:
            contours = contours_of(image, level)
            if not contours:
                cases.append({"level": level, "largest": None, "count": 0, "best": 0})
                continue
            boxes = [rectangle(c, height, width) for c in contours]
            largest = rectangle(max(contours, key=cv2.contourArea), height, width)
            cases.append(
                {
                    "level": level,
                    "largest": largest,
                    "count": len(boxes),
                    "sum": np.sum(boxes, axis=0).tolist(),
                    "all": sorted(boxes) if len(boxes) <= 6 else None,
                    "best": round(max(iou(box, t) for box in boxes for t in truth), 9),
                }
            )
        maps.append(
            {
                "height": height,
                "width": width,
                "bytes": base64.b64encode(image.tobytes()).decode(),
                "truth": truth,
                "levels": cases,
            }
        )

out = pathlib.Path(__file__).parent.parent / "fixtures" / "localization_boxes.json"
versions = {"opencv": cv2.__version__, "numpy": np.__version__}
out.write_text(json.dumps({"versions": versions, "maps": maps}, separators=(",", ":")) + "\n")
print(out, out.stat().st_size)
