"""Every loss has PyTorch's value and gradient, also for outputs so large that a naive formula overflows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from netwright.compiler import losses
from netwright.compiler.autodiff import gradients
from netwright.compiler.ir import Array, DType, graph_input, op, symbol
from netwright.compiler.losses import Loss
from support.pytorch import import_torch
from support.running import BATCH, Program, batch_input

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
            "rows": lambda: rows_of_labels(random, *self.shape),
        }
        return output, targets[self.target]()

    def target_shape(self) -> tuple[int, ...]:
        return (*self.shape[:-1], self.shape[-1] // 2) if self.halves else self.shape


def rows_of_labels(random: np.random.Generator, batch: int, time: int, classes: int) -> Array:
    """From none to half as many labels as steps, 0 being the blank and the padding."""
    most = time // 2
    labels = random.integers(1, classes, (batch, most))
    return np.where(np.arange(most) < np.linspace(0, most, batch).astype(int)[:, None], labels, 0)


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


def ctc(
    z: Any, y: Any, blank: int = 0, *, lengths: Any = None, zero_infinity: bool = False, rounded: bool = False
) -> Any:
    """PyTorch has the time first, and the lengths beside the labels; in float32 its gradient is the less exact one."""
    steps = torch.full((len(z),), z.shape[1]) if lengths is None else torch.tensor(lengths)
    labels = (y != blank).sum(1)
    log_probabilities = (z if rounded else z.double()).log_softmax(-1).transpose(0, 1)
    return F.ctc_loss(log_probabilities, y, steps, labels, blank, "none", zero_infinity).to(z.dtype)


Ctc = losses.ConnectionistTemporalClassification
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
    "connectionist_temporal_classification": [
        Case(Ctc(), ctc, (5, 12, 4), scale=1, target="rows"),
        Case(Ctc(), ctc, (6, 20, 11), target="rows"),
        Case(Ctc(), ctc, (6, 20, 11), scale=0, target="rows"),
        Case(Ctc(), ctc, (2, 2, 3), target="rows"),
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
    assert case.loss.target_type(output.type) == target.type or case.target == "rows"
    elements = case.loss.elements(output, target)
    (gradient,) = gradients([op.ReduceMean(elements, keepdims=0)], [output])
    assert gradient is not None
    got, dz = Program([output, target], [elements, gradient])(output_array, target_array)

    z = torch.tensor(output_array, requires_grad=True)
    expected = case.expected(z, torch.tensor(target_array))
    expected.mean().backward()
    np.testing.assert_allclose(got, expected.detach().numpy(), rtol=1e-5, atol=1e-6, strict=True)
    np.testing.assert_allclose(dz, z.grad.numpy(), rtol=1e-5, atol=1e-7, strict=True)


def run_ctc(loss: Loss, z: Array, y: Array, steps: Array) -> tuple[Array, Array]:
    """The loss of each example over its first steps, and the gradient of their sum; only the classes are fixed."""
    assert isinstance(loss, Ctc)
    output = graph_input("z", DType.of(z), (BATCH, symbol("time"), z.shape[2]))
    target, valid = (
        graph_input("y", DType.int64, (BATCH, symbol("labels"))),
        graph_input("valid", DType.boolean, (BATCH, symbol("time"))),
    )
    elements = loss.elements_of_valid(output, target, valid)
    (gradient,) = gradients([op.ReduceSum(elements, keepdims=0)], [output])
    assert gradient is not None
    got, dz = Program([output, target, valid], [elements, gradient])(z, y, np.arange(z.shape[1]) < steps[:, None])
    return got, dz


@pytest.mark.parametrize(("time", "classes", "blank", "scale"), [(9, 5, 4, 1), (30, 11, 10, 3), (120, 28, 0, 3)])
def test_ctc_of_sequences_of_different_lengths(time: int, classes: int, blank: int, scale: float) -> None:
    random = np.random.default_rng(time)
    z = (random.normal(size=(6, time, classes)) * scale).astype(np.float32)
    labels = random.integers(0, classes - 1, (6, time // 4))
    counts, steps = random.integers(0, time // 4 + 1, 6), random.integers(time // 2, time + 1, 6)
    y = np.where(np.arange(time // 4) < counts[:, None], labels + (labels >= blank), blank)
    got, dz = run_ctc(Ctc(blank=blank), z, y, steps)
    exact = torch.tensor(z.astype(np.float64), requires_grad=True)
    expected = ctc(exact, torch.tensor(y), blank, lengths=steps)
    expected.sum().backward()
    np.testing.assert_allclose(got, expected.detach().numpy(), rtol=1e-6)
    np.testing.assert_allclose(dz, exact.grad.numpy(), atol=2e-5)


def test_the_gradient_of_ctc_is_nearer_to_the_exact_one_than_that_of_pytorch() -> None:
    """400 steps whose logits differ by tens: α as a plain logarithm would reach −5000, where floats are 5e-4 apart."""
    random = np.random.default_rng(0)
    z = (random.normal(size=(3, 400, 28)) * 10).astype(np.float32)
    y, steps = random.integers(1, 28, (3, 60)), np.array([400, 300, 350])
    found = []
    for dtype in (torch.float64, torch.float32):
        logits = torch.tensor(z, dtype=dtype, requires_grad=True)
        ctc(logits, torch.tensor(y), lengths=steps, rounded=True).sum().backward()
        found.append(logits.grad.numpy())
    exact, theirs = found
    ours = run_ctc(Ctc(), z, y, steps)[1]
    assert np.abs(ours - exact).max() < 1e-4 < np.abs(theirs - exact).max()


def test_labels_that_do_not_fit_into_the_steps() -> None:
    """Equal neighbours need a blank between them. Infinite, or 0 by choice; as in PyTorch, but the gradient is 0."""
    z = np.random.default_rng(0).normal(size=(3, 3, 4)).astype(np.float32)
    y, steps = np.array([[1, 1], [1, 1], [1, 2]]), np.array([2, 3, 2])
    for zero_infinity in (False, True):
        got, dz = run_ctc(Ctc(zero_infinity=zero_infinity), z, y, steps)
        logits = torch.tensor(z, requires_grad=True)
        expected = ctc(logits, torch.tensor(y), lengths=steps, zero_infinity=zero_infinity)
        expected[1:].sum().backward()
        np.testing.assert_allclose(got, expected.detach().numpy(), rtol=1e-6)
        np.testing.assert_allclose(dz, np.nan_to_num(logits.grad.numpy()), atol=1e-6)
        assert got[0] == (0 if zero_infinity else np.inf)
        assert not dz[0].any()
