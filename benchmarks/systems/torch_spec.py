"""PyTorch on a spec of the model library: `torch_spec.py SPEC DEVICE eager|compile`.

Builds the network that the spec means from PyTorch's own layers, losses and optimizers. A spec with something that is
not translated here ends with a message: then there is nothing to compare with, and the table says so.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import torch
from idle import idle_share
from library import Work, load_work
from torch import nn
from torch.nn import functional
from worker import READ_EVERY, serve

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "softmax": lambda: nn.Softmax(-1),
}


class Network(nn.Module):
    """The layers of a spec, each reading the values it names. Gives the value that each loss judges."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.entries = list(work.spec.layers)
        self.modules_by_name = nn.ModuleDict()
        shapes: dict[str, tuple[int, ...]] = {f.name: f.shape for f in work.spec.inputs}  # type: ignore[misc]
        for entry in self.entries:
            module = _translate(entry.layer, [shapes[name] for name in entry.from_])
            with torch.no_grad():
                example = module.eval()(*(torch.zeros(2, *shapes[name]) for name in entry.from_))
            self.modules_by_name[entry.name] = module.train()
            shapes[entry.name] = tuple(example.shape[1:])

    def forward(self, values: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        values = dict(values)
        for entry in self.entries:
            values[entry.name] = self.modules_by_name[entry.name](*(values[name] for name in entry.from_))
        return values


class Join(nn.Module):
    """Several values as one."""

    def __init__(self, join: Callable[[list[torch.Tensor]], torch.Tensor]) -> None:
        super().__init__()
        self.join = join

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        return self.join(list(values))


class Standardize(nn.Module):
    """Subtracts and divides by constants, as statistics fitted to the data are."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x - self.mean) / self.deviation


def _translate(layer: Any, shapes: list[tuple[int, ...]]) -> nn.Module:
    """The module of a layer; shapes are those of what it reads, without the batch axis."""
    (shape, *_), kind = shapes, layer.kind
    if kind in ("dense", "conv"):
        core = nn.Linear(shape[-1], layer.units, bias=layer.use_bias) if kind == "dense" else _convolution(layer, shape)
        return core if layer.activation is None else nn.Sequential(core, _activation(layer.activation.kind))
    if kind in ACTIVATIONS:
        return _activation(kind)
    made: dict[str, Callable[[], nn.Module]] = {
        "flatten": nn.Flatten,
        "reshape": lambda: nn.Unflatten(1, layer.shape),
        "expand_dims": lambda: Join(lambda values: values[0].unsqueeze(1)),
        "dropout": lambda: nn.Dropout(layer.rate),
        "layer_norm": lambda: nn.LayerNorm(shape[-1]),
        "batch_norm": lambda: nn.BatchNorm2d(shape[0]) if len(shape) == 3 else nn.BatchNorm1d(shape[0]),
        "max_pool": lambda: nn.MaxPool2d(layer.kernel_size, layer.stride),
        "add": lambda: Join(sum_of),
        "normalize": lambda: Standardize(shape[-1]),
    }
    if kind not in made:
        raise SystemExit(f"the layer '{kind}' is not translated to PyTorch here")
    return made[kind]()


def _convolution(layer: Any, shape: tuple[int, ...]) -> nn.Module:
    sizes = (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    return nn.Conv2d(shape[0], layer.filters, *sizes, layer.groups, layer.use_bias)


def sum_of(values: list[torch.Tensor]) -> torch.Tensor:
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total


def _activation(kind: str) -> nn.Module:
    if kind not in ACTIVATIONS:
        raise SystemExit(f"the activation '{kind}' is not translated to PyTorch here")
    return ACTIVATIONS[kind]()


def _objective(work: Work, values: dict[str, torch.Tensor], batch: dict[str, torch.Tensor]) -> torch.Tensor:
    layers = {entry.name: entry for entry in work.spec.layers}
    assert work.spec.training is not None
    terms = []
    for loss in work.spec.training.loss:
        judged = layers.get(loss.from_)
        inner = judged is not None and judged.layer.kind in ("softmax", "sigmoid")
        scores = values[judged.from_[0] if inner and judged is not None else loss.from_]
        target = batch[loss.target] if loss.target in batch else values[loss.target]
        terms.append(loss.weight * _loss(loss.loss.kind, scores, target))
    return torch.stack(terms).sum()


def _loss(kind: str, scores: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    if kind == "categorical_cross_entropy":
        return functional.cross_entropy(scores, target)
    if kind == "binary_cross_entropy":
        return functional.binary_cross_entropy_with_logits(scores.flatten(), target.flatten().float())
    if kind == "squared_error":
        return functional.mse_loss(scores.reshape(target.shape), target)
    raise SystemExit(f"the loss '{kind}' is not translated to PyTorch here")


def _optimizer(kind: str, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    if kind in ("adam", "adamw"):
        return (torch.optim.Adam if kind == "adam" else torch.optim.AdamW)(parameters, lr=1e-3, fused=True)
    if kind in ("sgd", "nesterov"):
        nesterov = kind == "nesterov"
        return torch.optim.SGD(parameters, lr=1e-3, momentum=0.9 if nesterov else 0.0, nesterov=nesterov, fused=True)
    raise SystemExit(f"the optimizer '{kind}' is not translated to PyTorch here")


def main() -> None:
    name, device, mode = sys.argv[1:4]
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        work = load_work(name, Path(folder))
    assert work.spec.training is not None
    network = Network(work).to(device)
    optimizer = _optimizer(work.spec.training.optimizer.optimizer.kind, list(network.parameters()))
    forward: Any = torch.compile(network) if mode == "compile" else network
    host = [{key: torch.from_numpy(value.copy()) for key, value in batch.items()} for batch in work.batches]
    batches = cycle([{key: t.pin_memory() if device == "cuda" else t for key, t in batch.items()} for batch in host])
    count, losses = 0, []

    def step() -> None:
        nonlocal count
        batch = {key: tensor.to(device, non_blocking=True) for key, tensor in next(batches).items()}
        optimizer.zero_grad(set_to_none=True)
        loss = _objective(work, forward(batch), batch)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
        count += 1
        if count % READ_EVERY[device] == 0:
            torch.stack(losses).tolist()
            losses.clear()

    serve(step, warmup=2 * READ_EVERY[device] + 10, idle=lambda steps: idle_share(step, steps, device))


if __name__ == "__main__":
    main()
