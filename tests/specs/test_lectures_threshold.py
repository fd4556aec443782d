"""Threshold units: written, learning by the perceptron rule, and unable to; and a formula with its gradients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from netwright.compiler.ir import Array
from netwright.runtime import load_bundle, predict
from netwright.runtime.partitions import bundle_partitions
from support.bundles import Program, Tensors, first_state, next_state
from support.figures import Figures
from support.trained import LIBRARY, Compile, Train


def test_gates_on_minus_one_and_one(compiled: Compile, figures: Figures) -> None:
    found = predict(compiled("threshold_gates"), {"u1": [-1, -1, 1, 1], "u2": [-1, 1, -1, 1]})
    assert found["and"].tolist() == [-1, -1, -1, 1]
    assert found["or"].tolist() == [-1, 1, 1, 1]
    assert found["not_u1"].tolist() == [1, 1, -1, -1]
    figures.add("threshold_gates", "the truth tables of AND, OR and NOT, exactly")


def test_xor_by_two_layers_of_threshold_units(compiled: Compile, figures: Figures) -> None:
    found = predict(compiled("threshold_xor"), {"x": [0, 0, 1, 1], "y": [0, 1, 0, 1]})
    assert found["xor"].tolist() == [0, 1, 1, 0]
    figures.add("threshold_xor", "the truth table of XOR, exactly")


def test_goldberg_expression_and_its_gradients_are_exact(compiled: Compile, figures: Figures) -> None:
    a, b = (grid.ravel().astype(np.float32) for grid in np.meshgrid(np.arange(-9, 10), np.arange(-9, 10)))
    found = predict(compiled("goldberg_expression"), {"a": a, "b": b})
    assert found["y"].tolist() == ((a * b + 1) * (a * b + 2)).tolist()
    assert found["dy_da"].tolist() == (b * (2 * a * b + 3)).tolist()
    assert found["dy_db"].tolist() == (a * (2 * a * b + 3)).tolist()
    figures.add("goldberg_expression", "value and both gradients, exactly")


def rounds(bundle: Path, count: int, seed: int = 0) -> tuple[list[int], list[tuple[float, ...]]]:
    """The perceptron's mistakes in each round over its four rows, and its weights after each."""
    rows = bundle_partitions(load_bundle(bundle), LIBRARY).train.take(slice(None))
    step, state = Program(bundle / "training/step.onnx"), first_state(bundle, seed)
    mistakes, weights = [], []
    for _ in range(count):
        wrong = 0
        for row in range(4):
            batch = {name: column[row : row + 1] for name, column in rows.items()}
            following = next_state(step({**batch, **state}))
            wrong += not np.array_equal(_weights(following), _weights(state))
            state = following
        mistakes.append(wrong)
        weights.append(tuple(_weights(state).tolist()))
    return mistakes, weights


def _weights(state: Tensors) -> Array:
    return np.concatenate([state["unit/weight"].ravel(), state["unit/bias"]])


@pytest.mark.parametrize("seed", range(5))
def test_a_perceptron_learns_and(compiled: Compile, seed: int) -> None:
    mistakes, weights = rounds(compiled("perceptron_and"), 20, seed)
    settled = mistakes.index(0)
    assert not any(mistakes[settled:])
    *w, b = weights[-1]
    assert [np.sign(u1 * w[0] + u2 * w[1] + b) for u1, u2 in ((-1, -1), (-1, 1), (1, -1), (1, 1))] == [-1, -1, -1, 1]


def test_the_perceptron_rule(compiled: Compile) -> None:
    """A mistake adds s·x to the weights and s to the bias; a right answer changes nothing."""
    bundle = compiled("perceptron_and")
    step, state = Program(bundle / "training/step.onnx"), first_state(bundle)
    state["unit/weight"], state["unit/bias"] = np.float32([[0.5], [-2]]), np.float32([0.25])
    wrong = next_state(step({"u": np.float32([[-1, -1]]), "answer": np.float32([[-1]]), **state}))
    assert _weights(wrong).tolist() == [1.5, -1, -0.75]
    right = next_state(step({"u": np.float32([[-1, -1]]), "answer": np.float32([[1]]), **state}))
    assert _weights(right).tolist() == _weights(state).tolist()


def test_training_ends_without_a_mistake(trained: Train, figures: Figures) -> None:
    run = trained("perceptron_and")
    assert run.final("accuracy") == 1.0
    assert run.final("loss") == 0
    u = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]])
    assert run.predict(u=u)["y"][:, 0].tolist() == [-1, -1, -1, 1]
    figures.add("perceptron_and", "all four rows right", run.summary.seconds)


@pytest.mark.parametrize("seed", range(5))
def test_a_perceptron_never_settles_on_xor(compiled: Compile, figures: Figures, seed: int) -> None:
    """A round is a function of the weights it starts with, so weights that come back prove that it goes on for ever."""
    mistakes, weights = rounds(compiled("perceptron_xor"), 60, seed)
    assert all(mistakes)
    again = weights.index(weights[-1])
    assert again < len(weights) - 1, "the weights have not come back yet"
    length = weights.index(weights[again], again + 1) - again
    if seed == 0:
        plural = "" if length == 1 else "s"
        figures.add("perceptron_xor", f"never settles: the weights come back after {length} round{plural}")
