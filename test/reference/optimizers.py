"""Five updates of torch.optim on a fixed problem. Writes test/fixtures/optimizers.json.

Run: python test/reference/optimizers.py
"""

import json
from pathlib import Path

import torch

CASES = {
    "sgd": (torch.optim.SGD, dict(lr=0.1, momentum=0.0)),
    "sgd momentum": (torch.optim.SGD, dict(lr=0.1, momentum=0.9)),
    "sgd nesterov": (torch.optim.SGD, dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01)),
    "adam": (torch.optim.Adam, dict(lr=0.05, betas=(0.8, 0.99), eps=1e-3, weight_decay=0.02)),
    "adamw": (torch.optim.AdamW, dict(lr=0.05, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1)),
}

start = torch.tensor([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])
bias_start = torch.tensor([0.1, -0.2, 0.3])
x = torch.tensor([[1.0, -2.0], [0.5, 3.0]])

cases = {}
for name, (make, options) in CASES.items():
    kernel = start.clone().requires_grad_()
    bias = bias_start.clone().requires_grad_()
    decay = options.pop("weight_decay", 0.0)
    optimizer = make([dict(params=[kernel], weight_decay=decay), dict(params=[bias], weight_decay=0.0)], **options)
    for _ in range(5):
        optimizer.zero_grad()
        ((x @ kernel + bias) ** 2).mean().backward()
        optimizer.step()
    cases[name] = dict(kernel=kernel.detach().flatten().tolist(), bias=bias.detach().tolist())

out = dict(torch=torch.__version__, kernel=start.flatten().tolist(), bias=bias_start.tolist(), x=x.flatten().tolist(), cases=cases)
Path(__file__).parent.parent.joinpath("fixtures/optimizers.json").write_text(json.dumps(out, indent=1) + "\n")
