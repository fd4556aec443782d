"""Every loss has PyTorch's value and gradient, also for outputs so large that a naive formula overflows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from netwright.compiler import losses
from netwright.compiler.autodiff import gradients
from netwright.compiler.ir import Array, op
from netwright.compiler.losses import Loss
from support.pytorch import import_torch
from support.running import Program, batch_input

torch = import_torch()
F = torch.nn.functional


@dataclass(frozen=True)
class Case:
    loss: Loss
    expected: Callable[[Any, Any], Any]
    """(output, target) -> the loss of each element, in torch."""
    shape: tuple[int, ...] = (6, 3)
    scale: float = 3.0
    target: str = "numbers"
    halves: bool = False
    """The target has half as many numbers as the output."""

    def arrays(self) -> tuple[Array, Array]:
        random = np.random.default_rng(3)
        output = (random.normal(size=self.shape) * self.scale).astype(np.float32)
        targets: dict[str, Callable[[], Array]] = {
            "numbers": lambda: random.normal(size=self.target_shape()).astype(np.float32),
            "shares": lambda: random.uniform(0, 1, self.shape).astype(np.float32),
            "binary": lambda: random.integers(0, 2, self.shape).astype(np.float32),
            "signs": lambda: random.choice([-1, 1], self.shape).astype(np.float32),
            "labels": lambda: random.integers(0, self.shape[-1], self.shape[:-1]),
        }
        return output, targets[self.target]()

    def target_shape(self) -> tuple[int, ...]:
        return (*self.shape[:-1], self.shape[-1] // 2) if self.halves else self.shape


def channels_first(output: Any) -> Any:
    """PyTorch has the class axis second."""
    return output.movedim(-1, 1)


def cross_entropy(z: Any, y: Any) -> Any:
    return F.cross_entropy(channels_first(z), y, reduction="none")


def bce(z: Any, y: Any) -> Any:
    return F.binary_cross_entropy_with_logits(z, y, reduction="none")


def perceptron(z: Any, s: Any) -> Any:
    return torch.where(s * z <= 0, -s * z, torch.zeros(()))


def gaussian(z: Any, y: Any) -> Any:
    mean, log_variance = z.chunk(2, -1)
    return F.gaussian_nll_loss(mean, y, log_variance.exp(), eps=1e-30, reduction="none")


CASES = {
    "squared_error": [
        Case(losses.SquaredError(), lambda z, y: F.mse_loss(z, y, reduction="none")),
        Case(losses.SquaredError(), lambda z, y: F.mse_loss(z, y, reduction="none"), shape=(4, 1)),
    ],
    "absolute_error": [Case(losses.AbsoluteError(), lambda z, y: F.l1_loss(z, y, reduction="none"))],
    "huber": [
        Case(losses.Huber(), lambda z, y: F.huber_loss(z, y, reduction="none")),
        Case(losses.Huber(delta=2.5), lambda z, y: F.huber_loss(z, y, delta=2.5, reduction="none"), (2, 3, 4)),
    ],
    "binary_cross_entropy": [
        Case(losses.BinaryCrossEntropy(), bce, target="shares"),
        Case(losses.BinaryCrossEntropy(), bce, (5, 1), target="binary"),
        Case(losses.BinaryCrossEntropy(), bce, scale=100, target="binary"),
        Case(losses.BinaryCrossEntropy(), bce, scale=0, target="binary"),
    ],
    "hinge": [
        Case(losses.Hinge(), lambda z, y: F.relu(1 - y * z), target="signs"),
        Case(losses.Hinge(margin=0.5), lambda z, y: F.relu(0.5 - (2 * y - 1) * z), target="binary"),
    ],
    "perceptron": [
        Case(losses.Perceptron(), perceptron, target="signs"),
        Case(losses.Perceptron(), lambda z, y: perceptron(z, 2 * y - 1), (5, 1), target="binary"),
        Case(losses.Perceptron(), perceptron, scale=0, target="signs"),  # 0 is a mistake, and has a gradient
    ],
    "gaussian_negative_log_likelihood": [
        Case(losses.GaussianNegativeLogLikelihood(), gaussian, (6, 2), halves=True),
        Case(losses.GaussianNegativeLogLikelihood(), gaussian, (2, 4, 6), scale=1, halves=True),
    ],
    "categorical_cross_entropy": [
        Case(losses.CategoricalCrossEntropy(), cross_entropy, target="labels"),
        Case(losses.CategoricalCrossEntropy(), cross_entropy, (2, 4, 5), target="labels"),
        Case(losses.CategoricalCrossEntropy(), cross_entropy, scale=1000, target="labels"),
        Case(
            losses.CategoricalCrossEntropy(label_smoothing=0.1),
            lambda z, y: F.cross_entropy(z, y, label_smoothing=0.1, reduction="none"),
            target="labels",
        ),
        Case(
            losses.CategoricalCrossEntropy(label_smoothing=1),
            lambda z, y: F.cross_entropy(z, y, label_smoothing=1.0, reduction="none"),
            target="labels",
        ),
    ],
    "negative_log_likelihood": [
        Case(
            losses.NegativeLogLikelihood(),
            lambda z, y: F.nll_loss(channels_first(z), y, reduction="none"),
            shape,
            target="labels",
        )
        for shape in [(6, 3), (2, 4, 5)]
    ],
}


def all_cases() -> list[Any]:
    return [pytest.param(case, id=f"{kind}-{i}") for kind in CASES for i, case in enumerate(CASES[kind])]


@pytest.mark.parametrize("kind", list(Loss.registry))
def test_every_loss_has_a_case(kind: str) -> None:
    assert CASES[kind]


@pytest.mark.parametrize("case", all_cases())
def test_elements_and_gradient_of_their_mean_are_those_of_pytorch(case: Case) -> None:
    output_array, target_array = case.arrays()
    output, target = batch_input("output", output_array), batch_input("target", target_array)
    assert case.loss.target_type(output.type) == target.type
    elements = case.loss.elements(output, target)
    (gradient,) = gradients([op.ReduceMean(elements, keepdims=0)], [output])
    assert gradient is not None
    got, dz = Program([output, target], [elements, gradient])(output_array, target_array)

    z = torch.tensor(output_array, requires_grad=True)
    expected = case.expected(z, torch.tensor(target_array))
    expected.mean().backward()
    np.testing.assert_allclose(got, expected.detach().numpy(), rtol=1e-5, atol=1e-6, strict=True)
    np.testing.assert_allclose(dz, z.grad.numpy(), rtol=1e-5, atol=1e-7, strict=True)
