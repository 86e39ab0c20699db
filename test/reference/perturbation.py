"""Reference of occlusion, RISE and LIME: PyTorch in float64, scikit-image's SLIC, numpy's least squares.

    python test/reference/perturbation.py > test/fixtures/perturbation.json

Weights, images, masks and samples come from a linear congruential generator that the test repeats. The linear fit is
computed another way than in the project: every candidate by `lstsq` on the weighted rows, the ridge regression by the
normal equations with an intercept of its own.
"""

import json
import sys

import numpy
import skimage
import torch
import torch.nn.functional as F
from skimage.segmentation import slic

torch.set_default_dtype(torch.float64)


def numbers(seed, shape):
    """Uniform in [-0.5, 0.5), row-major."""
    state, values = seed, []
    for _ in range(int(numpy.prod(shape))):
        state = (state * 1664525 + 1013904223) % 2**32
        values.append(state / 2**32 - 0.5)
    return numpy.array(values).reshape(shape)


def rounded(values):
    return [float(f"{value:.7g}") for value in numpy.asarray(values).flatten().tolist()]


# A network: convolution, ReLU, max pooling, dense, softmax.

SEED, INPUT, CLASSES = 300, [2, 12, 10, 3], 3
SEEDS = iter(range(SEED + 7919, 10**9, 7919))
kernel = torch.tensor(numbers(next(SEEDS), [3, 3, 3, 4]) * numpy.sqrt(12 / 27))
bias = torch.tensor(numbers(next(SEEDS), [4]) * 0.5)
dense = torch.tensor(numbers(next(SEEDS), [6 * 5 * 4, CLASSES]) * numpy.sqrt(12 / 120))
offset = torch.tensor(numbers(next(SEEDS), [CLASSES]) * 0.5)


def scores(images):
    x = torch.tensor(images).movedim(-1, 1)
    x = F.max_pool2d(F.relu(F.conv2d(x, kernel.movedim((-1, -2), (0, 1)), bias, padding=1)), 2)
    return torch.softmax(x.movedim(1, -1).flatten(1) @ dense + offset, 1).numpy()


images = numbers(7, INPUT)
PAIRS = [[1, 2], [0, 1], [1, 0]]


def occlusion(image, label, patch, stride, fill):
    height, width, _ = image.shape
    color = image.mean((0, 1)) if fill is None else fill
    total, count = numpy.zeros((height, width)), numpy.zeros((height, width))
    rows = sorted({min(y, height - patch[0]) for y in range(0, height, stride[0])})
    columns = sorted({min(x, width - patch[1]) for x in range(0, width, stride[1])})
    for y in rows:
        for x in columns:
            covered = image.copy()
            covered[y : y + patch[0], x : x + patch[1]] = color
            loss = scores(image[None])[0, label] - scores(covered[None])[0, label]
            total[y : y + patch[0], x : x + patch[1]] += loss
            count[y : y + patch[0], x : x + patch[1]] += 1
    return total / count


def occlusion_case(patch, stride, fill):
    maps = [occlusion(images[s], c, patch, stride, fill) for s, c in PAIRS]
    return dict(patch=patch, stride=stride, fill=fill, maps=rounded(maps))


# Masks of RISE.


def rise_mask(seed, cells, size, shift):
    grid = (numbers(seed, [cells, cells]) < 0).astype(float)
    cell = [-(-length // cells) for length in size]
    large = [(cells + 1) * length for length in cell]
    up = F.interpolate(torch.tensor(grid)[None, None], size=large, mode="bilinear", align_corners=False)[0, 0]
    y, x = [int(share * length) for share, length in zip(shift, cell)]
    return dict(
        seed=seed, cells=cells, size=size, shift=shift, mask=rounded(up[y : y + size[0], x : x + size[1]])
    )


# Superpixels.


def picture(height, width, channels):
    """Smooth patches of colour with some grain, in whole numbers."""
    y, x, c = numpy.mgrid[:height, :width, :channels]
    waves = numpy.sin(x * (0.21 + 0.07 * c) + c) + numpy.cos(y * (0.17 - 0.03 * c)) * 1.3
    steps = 60 * ((x // 13 + y // 11 + c) % 3)
    return numpy.clip(60 + 25 * waves + steps + 30 * numbers(5, (height, width, channels)), 0, 255).astype(int)


def slic_case(height, width, channels, segments, compactness):
    image = picture(height, width, channels)
    labels = slic(
        image / 255,
        n_segments=segments,
        compactness=compactness,
        start_label=0,
        channel_axis=-1,
    )
    return dict(
        size=[height, width],
        segments=segments,
        compactness=compactness,
        image=image.flatten().tolist(),
        labels=labels.flatten().tolist(),
    )


# The sparse linear fit of LIME.


def fit_case(samples, parts, features, ridge, width):
    z = (numbers(31, [samples, parts]) < 0).astype(float)
    z[0] = 1
    effect = numbers(37, [parts]) * (numpy.arange(parts) % 3 == 0)
    y = 1 / (1 + numpy.exp(-6 * (z @ effect))) + 0.2 * z[:, 1] * z[:, 2] + 0.05 * numbers(41, [samples])
    cosine = 1 - z.sum(1) / numpy.sqrt(numpy.maximum(z.sum(1), 1) * parts)
    weights = numpy.sqrt(numpy.exp(-(cosine**2) / width**2))

    root = numpy.sqrt(weights)[:, None]
    design = lambda columns: numpy.hstack([z[:, columns], numpy.ones((samples, 1))]) * root

    def error(columns):
        solution = numpy.linalg.lstsq(design(columns), y * root[:, 0], rcond=None)[0]
        return ((design(columns) @ solution - y * root[:, 0]) ** 2).sum()

    selected = []
    for _ in range(features):
        rest = [j for j in range(parts) if j not in selected]
        selected.append(min(rest, key=lambda j: error([*selected, j])))
    rows = design(selected)
    penalty = numpy.diag([*[ridge] * features, 0])
    solution = numpy.linalg.solve(rows.T @ rows + penalty, rows.T @ (y * root[:, 0]))
    residual = ((rows @ solution - y * root[:, 0]) ** 2).sum()
    mean = (weights * y).sum() / weights.sum()
    coefficients = numpy.zeros(parts)
    coefficients[selected] = solution[:-1]
    return dict(
        samples=samples,
        parts=parts,
        features=features,
        ridge=ridge,
        width=width,
        y=rounded(y),
        weights=rounded(weights),
        selected=selected,
        coefficients=rounded(coefficients),
        intercept=rounded(solution[-1:])[0],
        r2=rounded([1 - residual / (weights * (y - mean) ** 2).sum()])[0],
    )


json.dump(
    dict(
        versions=dict(torch=torch.__version__, numpy=numpy.__version__, skimage=skimage.__version__),
        network=dict(
            seed=SEED,
            input=INPUT,
            pairs=PAIRS,
            layers=[
                dict(name="c", op="conv", filters=4, activation="relu"),
                dict(name="p", op="pool", kind="max"),
                dict(name="f", op="flatten"),
                dict(name="out", op="dense", units=CLASSES, activation="softmax"),
            ],
            scores=rounded(scores(images)),
            occlusion=[
                occlusion_case([4, 3], [2, 2], None),
                occlusion_case([5, 5], [5, 5], [0.5, 0, -0.5]),
            ],
        ),
        masks=[
            rise_mask(51, 3, [10, 14], [0.0, 0.99]),
            rise_mask(52, 4, [12, 9], [0.6, 0.4]),
        ],
        superpixels=[
            slic_case(40, 56, 3, 20, 10),
            slic_case(60, 39, 3, 30, 25),
            slic_case(16, 90, 1, 6, 0.3),
        ],
        fits=[fit_case(200, 12, 4, 1, 0.25), fit_case(60, 8, 8, 0.1, 0.5)],
    ),
    sys.stdout,
    separators=(",", ":"),
)
