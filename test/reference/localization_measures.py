"""PxAP, cubic resizing, rank correlation and ROAD's imputation, computed with scikit-learn, OpenCV, scipy and numpy.

Writes test/fixtures/localization_measures.json.

    python test/reference/localization_measures.py
"""

import json
import pathlib

import cv2
import numpy as np
import scipy
import scipy.sparse
import scipy.sparse.linalg
import sklearn
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score

rng = np.random.default_rng(7)
digits = lambda values: [float(f"{v:.7g}") for v in np.asarray(values, dtype=np.float64).ravel()]

# PxAP: pixels of three images pooled; the values are put into bins of 1/1000 as the benchmark does.
images = []
for _ in range(3):
    values = np.round(rng.random((6, 8)), 4) * 0.9999
    mask = (rng.random((6, 8)) + values > 1.1).astype(int)
    images.append((values, mask))
values = np.concatenate([v.ravel() for v, _ in images])
masks = np.concatenate([m.ravel() for _, m in images])
px_ap = average_precision_score(masks, np.floor(values * 1000))

# Cubic resizing.
small = rng.random((5, 7)).astype(np.float32)
resized = cv2.resize(small, (16, 12), interpolation=cv2.INTER_CUBIC)

# Rank correlation with ties.
a = rng.integers(0, 6, 40)
b = a + rng.integers(0, 5, 40)

# ROAD: the linear system, solved exactly. Neighbours outside the image do not count.
height, width = 7, 9
image = rng.random((height, width, 3))
removed = np.sort(rng.permutation(height * width)[:40])
index = {int(p): i for i, p in enumerate(removed)}
matrix = scipy.sparse.lil_matrix((len(removed), len(removed)))
right = np.zeros((len(removed), 3))
for p, i in index.items():
    y, x = divmod(p, width)
    near = [
        ((y + dy) * width + x + dx, 1 / 6 if dy == 0 or dx == 0 else 1 / 12)
        for dy in (-1, 0, 1)
        for dx in (-1, 0, 1)
        if (dy or dx) and 0 <= y + dy < height and 0 <= x + dx < width
    ]
    total = sum(weight for _, weight in near)
    matrix[i, i] = total
    for q, weight in near:
        if q in index:
            matrix[i, index[q]] -= weight
        else:
            right[i] += weight * image.reshape(-1, 3)[q]
solved = scipy.sparse.linalg.spsolve(matrix.tocsc(), right)
imputed = image.reshape(-1, 3).copy()
imputed[removed] = solved

out = pathlib.Path(__file__).parent.parent / "fixtures" / "localization_measures.json"
fixture = {
    "versions": {
        "opencv": cv2.__version__,
        "scikit-learn": sklearn.__version__,
        "scipy": scipy.__version__,
        "numpy": np.__version__,
    },
    "pixels": {
        "maps": [digits(v) for v, _ in images],
        "masks": [m.ravel().tolist() for _, m in images],
        "pxAp": float(f"{px_ap:.9g}"),
    },
    "cubic": {"from": [5, 7], "to": [12, 16], "values": digits(small), "resized": digits(resized)},
    "ranks": {"a": a.tolist(), "b": b.tolist(), "correlation": float(f"{spearmanr(a, b)[0]:.9g}")},
    "road": {
        "height": height,
        "width": width,
        "image": digits(image),
        "removed": removed.tolist(),
        "imputed": digits(imputed),
    },
}
out.write_text(json.dumps(fixture, separators=(",", ":")) + "\n")
print(out, out.stat().st_size)
