"""PyTorch: `torch_step.py NETWORK BATCH THREADS eager|compile|products [cpu|cuda]`.

`products` times the matrix products of the MLP's step alone, into given buffers: the physical limit of that work.
"""

from __future__ import annotations

import sys
from itertools import cycle, pairwise

import numpy as np
import torch
from idle import idle_share
from networks import NETWORKS, module
from torch import nn
from worker import READ_EVERY, serve


def main() -> None:
    network, rows, threads, mode = NETWORKS[sys.argv[1]], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    if mode == "products":
        serve_products(rows)
        return
    device = sys.argv[5] if len(sys.argv) > 5 else "cpu"
    net = module(network.name).to(device)
    objective = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
    forward = torch.compile(net) if mode == "compile" else net
    random = np.random.default_rng(0)
    arrays = [list(network.batch(random, rows).values()) for _ in range(8)]
    tensors = [tuple(map(torch.from_numpy, pair)) for pair in arrays]
    batches = cycle([tuple(t.pin_memory() for t in pair) if device == "cuda" else pair for pair in tensors])
    losses: list[torch.Tensor] = []

    def step() -> None:
        image, label = (tensor.to(device, non_blocking=True) for tensor in next(batches))
        optimizer.zero_grad(set_to_none=True)
        loss = objective(forward(image).flatten(0, -2), label.flatten())
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
        if len(losses) == READ_EVERY[device]:
            torch.stack(losses).tolist()
            losses.clear()

    warmup = 2 * READ_EVERY[device] + 10
    serve(step, warmup=warmup, idle=lambda steps: idle_share(step, steps, device))


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
