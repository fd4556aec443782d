"""PyTorch on the MLP: `torch_mlp.py BATCH THREADS eager|compile|products`.

`products` times the matrix products of a step alone, into given buffers: the physical limit of this work.
"""

from __future__ import annotations

import sys
from itertools import cycle, pairwise

import torch
from torch import nn
from worker import serve


def main() -> None:
    rows, threads, mode = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    if mode == "products":
        serve_products(rows)
        return
    network = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
    objective = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    forward = torch.compile(network) if mode == "compile" else network
    batches = cycle([(torch.rand(rows, 784), torch.randint(0, 10, (rows,))) for _ in range(8)])

    def step() -> None:
        image, label = next(batches)
        optimizer.zero_grad(set_to_none=True)
        loss = objective(forward(image), label)
        loss.backward()
        optimizer.step()
        loss.item()

    serve(step)


def serve_products(rows: int) -> None:
    sizes = [784, 512, 512, 10]
    products = []
    for layer, (inputs, outputs) in enumerate(pairwise(sizes)):
        x, w, dy = torch.rand(rows, inputs), torch.rand(inputs, outputs), torch.rand(rows, outputs)
        products.append((x, w, torch.empty(rows, outputs)))  # forward
        products.append((x.t(), dy, torch.empty(inputs, outputs)))  # weight gradient
        if layer:
            products.append((dy, w.t(), torch.empty(rows, inputs)))  # input gradient

    def step() -> None:
        for a, b, out in products:
            torch.mm(a, b, out=out)

    serve(step)


if __name__ == "__main__":
    main()
