"""Reference of CASN's attention consistency: PyTorch in float64, its gradient by autograd.

    python test/reference/reidentification.py > test/fixtures/reidentification.json

Rows are stretched by F.interpolate, pair by pair, where src/losses/attention-consistency.ts has one product of matrices.
"""

import json
import sys

import torch
import torch.nn.functional as F

from networks import numbers, rounded


def rows(maps, threshold):
    out = []
    for a in maps:
        p = a.amax(1)
        if threshold > 0 and p.max() > 0:
            above = (p > threshold * p.max()).nonzero()[:, 0]
            part = p[above.min() : above.max() + 1]
            p = F.interpolate(part[None, None], size=p.shape[0], mode="linear", align_corners=False)[0, 0]
        out.append(p / (p.norm() + 1e-300) if p.max() > 0 else p)
    return torch.stack(out)


cases = []
for threshold in (0.0, 0.3, 0.6):
    first = F.relu(numbers(21, (4, 7, 3)) + 0.1).requires_grad_()
    second = F.relu(numbers(22, (4, 7, 3)) - 0.1).requires_grad_()
    weights = torch.tensor([1.0, 0.5, 0.0, 2.0])
    distances = (rows(first, threshold) - rows(second, threshold)).norm(dim=1)
    loss = (distances * weights).sum() / weights.sum()
    gradients = torch.autograd.grad(loss, (first, second))
    cases.append(
        dict(threshold=threshold, value=float(loss), first=rounded(gradients[0]), second=rounded(gradients[1]))
    )
json.dump(dict(torch=torch.__version__, cases=cases), sys.stdout, separators=(",", ":"))
