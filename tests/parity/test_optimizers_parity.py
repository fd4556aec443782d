"""Every optimizer equals PyTorch's for 20 updates, to 1e-5 relative, also when the rate changes between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from netwright.compiler import optimizers
from netwright.compiler.autodiff import gradients
from netwright.compiler.ir import Array
from netwright.compiler.ops import op
from netwright.compiler.optimizers import Optimizer, ProximalOptimizer
from support.pytorch import import_torch
from support.running import Program, batch_input, fixed_input

torch = import_torch()
F = torch.nn.functional

UPDATES = 20
SHAPE = (7, 5)


@dataclass(frozen=True)
class Case:
    optimizer: Optimizer
    expected: Callable[[list[Any]], Any]
    """Makes torch's optimizer; the rate is set by the test before each update."""
    rate: float = 0.01
    l1: float = 0.0
    """For optimizers that handle the penalty themselves."""
    gradients: str = "random"

    def gradient(self, number: int) -> Array:
        random = np.random.default_rng(number if self.gradients == "random" else 0)
        scale = {"random": 1.0, "constant": 1.0, "tiny": 1e-6, "zero": 0.0}[self.gradients]
        return (random.normal(size=SHAPE) * scale).astype(np.float32)


def sgd(**settings: Any) -> Callable[[list[Any]], Any]:
    return lambda parameters: torch.optim.SGD(parameters, **settings)


class TorchProximalGradient(torch.optim.SGD):  # type: ignore[misc, name-defined]
    """PyTorch has none: its own SGD step, then its own soft threshold, then FISTA's look ahead."""

    def __init__(self, parameters: list[Any], l1: float, accelerated: bool = False) -> None:
        super().__init__(parameters)
        self.l1, self.accelerated = l1, accelerated
        self.previous = torch.zeros_like(parameters[0])
        self.number = 0

    def step(self) -> None:
        (group,) = self.param_groups
        (parameter,) = group["params"]
        super().step()
        self.number += 1
        with torch.no_grad():
            point = F.softshrink(parameter, group["lr"] * self.l1)
            ahead = (self.number - 1) / (self.number + 3) if self.accelerated else 0.0
            parameter.copy_(point + ahead * (point - self.previous))
            self.previous = point


CASES = {
    "sgd": [
        Case(optimizers.SGD(), sgd()),
        Case(optimizers.SGD(weight_decay=0.1), sgd(weight_decay=0.1)),
        Case(optimizers.SGD(momentum=0.8), sgd(momentum=0.8)),
        Case(
            optimizers.SGD(momentum=0.8, nesterov=True, weight_decay=0.1),
            sgd(momentum=0.8, nesterov=True, weight_decay=0.1),
        ),
    ],
    "proximal_gradient": [
        Case(optimizers.ProximalGradient(), sgd()),
        Case(optimizers.ProximalGradient(), lambda p: TorchProximalGradient(p, 2.0), l1=2.0, gradients="constant"),
        Case(optimizers.ProximalGradient(accelerated=True), lambda p: TorchProximalGradient(p, 2.0, True), 0.1, l1=2.0),
        Case(optimizers.ProximalGradient(accelerated=True), lambda p: TorchProximalGradient(p, 0.0, True)),
    ],
    "momentum": [Case(optimizers.Momentum(), sgd(momentum=0.9))],
    "nesterov": [Case(optimizers.Nesterov(momentum=0.7), sgd(momentum=0.7, nesterov=True))],
    "adagrad": [
        Case(optimizers.Adagrad(), torch.optim.Adagrad),
        Case(optimizers.Adagrad(), torch.optim.Adagrad, gradients="zero"),
        Case(
            optimizers.Adagrad(initial_accumulator=0.1, epsilon=1e-3),
            lambda p: torch.optim.Adagrad(p, initial_accumulator_value=0.1, eps=1e-3),
        ),
    ],
    "adadelta": [
        Case(optimizers.Adadelta(), torch.optim.Adadelta, rate=1.0),
        Case(optimizers.Adadelta(), torch.optim.Adadelta, rate=1.0, gradients="tiny"),
        Case(optimizers.Adadelta(rho=0.5, epsilon=1e-4), lambda p: torch.optim.Adadelta(p, rho=0.5, eps=1e-4)),
    ],
    "rmsprop": [
        Case(optimizers.RMSProp(), torch.optim.RMSprop),
        Case(optimizers.RMSProp(rho=0.9), lambda p: torch.optim.RMSprop(p, alpha=0.9), gradients="tiny"),
        Case(optimizers.RMSProp(momentum=0.9), lambda p: torch.optim.RMSprop(p, momentum=0.9)),
        Case(
            optimizers.RMSProp(centered=True, momentum=0.5, epsilon=1e-4),
            lambda p: torch.optim.RMSprop(p, centered=True, momentum=0.5, eps=1e-4),
        ),
    ],
    "adam": [
        Case(optimizers.Adam(), torch.optim.Adam),
        Case(optimizers.Adam(), torch.optim.Adam, gradients="tiny"),
        Case(optimizers.Adam(), torch.optim.Adam, gradients="zero"),
        Case(
            optimizers.Adam(beta1=0.0, beta2=0.9, epsilon=1e-3),
            lambda p: torch.optim.Adam(p, betas=(0.0, 0.9), eps=1e-3),
        ),
    ],
    "adamw": [
        Case(optimizers.AdamW(), torch.optim.AdamW),
        Case(optimizers.AdamW(weight_decay=0.5), lambda p: torch.optim.AdamW(p, weight_decay=0.5)),
        Case(optimizers.AdamW(weight_decay=0), lambda p: torch.optim.AdamW(p, weight_decay=0)),
    ],
}


def all_cases() -> list[Any]:
    return [pytest.param(case, id=f"{kind}-{i}") for kind in CASES for i, case in enumerate(CASES[kind])]


@pytest.mark.parametrize("kind", list(Optimizer.registry))
def test_every_optimizer_has_a_case(kind: str) -> None:
    assert CASES[kind]


def program(optimizer: Optimizer, l1: float) -> Program:
    """(parameter, gradient, rate, step, slots…) -> (parameter, slots…)."""
    parameter, gradient = (fixed_input(name, np.zeros(SHAPE, np.float32)) for name in ("parameter", "gradient"))
    rate, step = (fixed_input(name, np.float32(0)) for name in ("rate", "step"))
    slots = {name: fixed_input(name, np.zeros(SHAPE, np.float32)) for name in optimizer.slots()}
    if isinstance(optimizer, ProximalOptimizer) and l1:
        following, next_slots = optimizer.proximal_update(parameter, gradient, slots, rate, step, l1=l1)
    else:
        following, next_slots = optimizer.update(parameter, gradient, slots, rate, step)
    assert list(next_slots) == list(slots)
    return Program([parameter, gradient, rate, step, *slots.values()], [following, *next_slots.values()])


@pytest.mark.parametrize("case", all_cases())
def test_twenty_updates_are_those_of_pytorch(case: Case) -> None:
    update = program(case.optimizer, case.l1)
    start = np.random.default_rng(99).normal(size=SHAPE).astype(np.float32)
    parameter = start
    slots = [np.full(SHAPE, value, np.float32) for value in case.optimizer.slots().values()]
    reference = torch.tensor(parameter, requires_grad=True)
    optimizer = case.expected([reference])
    for number in range(1, UPDATES + 1):
        gradient = case.gradient(number)
        rate = case.rate / (1 + number // 10)
        parameter, *slots = update(parameter, gradient, np.float32(rate), np.float32(number), *slots)
        reference.grad = torch.tensor(gradient)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        expected = reference.detach().numpy()
        assert parameter.dtype == expected.dtype
        assert distance(parameter, expected) <= 1e-6 * distance(expected, 0)
        # The way gone is compared as well, so that a small rate hides nothing; the parameter's own rounding is allowed.
        assert distance(parameter, expected) <= 1e-5 * distance(expected, start) + 1e-7 * distance(expected, 0)


ROWS, WORDS = 300, 40


def table_program(optimizer: Optimizer, l1: float) -> Program:
    """(words, gradient of their rows, parameter, rate, step, slots…) -> (parameter, slots…)."""
    words, dy = batch_input("words", np.zeros(WORDS, np.int64)), batch_input("dy", np.zeros((WORDS, 5), np.float32))
    parameter = fixed_input("parameter", np.zeros((ROWS, 5), np.float32))
    rate, step = (fixed_input(name, np.float32(0)) for name in ("rate", "step"))
    slots = {name: fixed_input(name, np.zeros((ROWS, 5), np.float32)) for name in optimizer.slots()}
    (gradient,) = gradients([op.Gather(parameter, words)], [parameter], [dy])
    assert gradient is not None
    if isinstance(optimizer, ProximalOptimizer) and l1:
        following, next_slots = optimizer.proximal_update(parameter, gradient, slots, rate, step, l1=l1)
    else:
        following, next_slots = optimizer.update(parameter, gradient, slots, rate, step)
    return Program([words, dy, parameter, rate, step, *slots.values()], [following, *next_slots.values()])


@pytest.mark.parametrize("case", all_cases())
def test_twenty_updates_of_the_rows_that_occur_are_those_of_pytorch(case: Case) -> None:
    """Rows of an embedding, some of them several times in a batch, some never."""
    update = table_program(case.optimizer, case.l1)
    random = np.random.default_rng(99)
    start = parameter = random.normal(size=(ROWS, 5)).astype(np.float32)
    slots = [np.full((ROWS, 5), value, np.float32) for value in case.optimizer.slots().values()]
    reference = torch.tensor(parameter, requires_grad=True)
    optimizer = case.expected([reference])
    for group in optimizer.param_groups:
        group["lr"] = case.rate
    for number in range(1, UPDATES + 1):
        words = random.integers(0, ROWS // 4, WORDS)
        dy = random.normal(size=(WORDS, 5)).astype(np.float32)
        parameter, *slots = update(words, dy, parameter, np.float32(case.rate), np.float32(number), *slots)
        reference.grad = torch.zeros(ROWS, 5).index_add(0, torch.tensor(words), torch.tensor(dy))
        optimizer.step()
        expected = reference.detach().numpy()
        assert distance(parameter, expected) <= 1e-6 * distance(expected, 0)
        assert distance(parameter, expected) <= 1e-5 * distance(expected, start) + 1e-7 * distance(expected, 0)


def distance(a: Any, b: Any) -> float:
    return float(np.linalg.norm(np.asarray(a, np.float64) - np.asarray(b, np.float64)))
