"""Targets that losses ask for, what they say about outputs that do not fit, and their exact values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from netwright.compiler.autodiff import gradients
from netwright.compiler.errors import BuildError
from netwright.compiler.ir import Array, Dim, DType, TensorType, symbol
from netwright.compiler.losses import Loss
from support.running import BATCH, batch_input, run

LABEL_LOSSES = ["categorical_cross_entropy", "negative_log_likelihood"]
GAUSSIAN = "gaussian_negative_log_likelihood"
CTC = "connectionist_temporal_classification"
NUMBER_LOSSES = [kind for kind in Loss.registry if kind not in (*LABEL_LOSSES, GAUSSIAN, CTC)]


def output(*dims: Dim, dtype: DType = DType.float32) -> TensorType:
    return TensorType(dtype, (BATCH, *dims))


@pytest.mark.parametrize("kind", NUMBER_LOSSES)
def test_number_targets_are_like_the_output(kind: str) -> None:
    loss = Loss.registry.build(kind)
    assert loss.target_type(output(3, 4)) == output(3, 4)
    assert loss.classes(output(3, 4)) is None


@pytest.mark.parametrize("kind", LABEL_LOSSES)
def test_labels_are_integers_without_the_class_axis(kind: str) -> None:
    loss = Loss.registry.build(kind)
    assert loss.target_type(output(symbol("time"), 7)) == output(symbol("time"), dtype=DType.int64)
    assert loss.classes(output(symbol("time"), 7)) == 7


def test_default_targets() -> None:
    targets = {kind: Loss.registry[kind].default_target for kind in Loss.registry}
    assert {kind for kind, name in targets.items() if name == "target"} == {
        *("squared_error", "absolute_error", "huber", GAUSSIAN)
    }
    assert {kind for kind, name in targets.items() if name == "labels"} == {CTC}
    assert set(targets.values()) == {"target", "label", "labels"}


@pytest.mark.parametrize("kind", list(Loss.registry))
def test_integer_outputs_are_refused(kind: str) -> None:
    with pytest.raises(BuildError) as caught:
        Loss.registry.build(kind).target_type(output(3, dtype=DType.int64))
    assert caught.value.message == "needs a floating-point output, received int64(batch, 3)"


@pytest.mark.parametrize("kind", LABEL_LOSSES)
@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        (
            output(1),
            "needs at least two classes on the last axis, received float32(batch, 1)",
            "for one number that says yes or no use `binary_cross_entropy`",
        ),
        (
            output(),
            "needs an output with a last axis of fixed size, one number a class, received float32(batch)",
            None,
        ),
        (
            output(symbol("time")),
            "needs an output with a last axis of fixed size, one number a class, received float32(batch, time)",
            None,
        ),
    ],
)
def test_outputs_without_classes_are_refused(kind: str, given: TensorType, message: str, hint: str | None) -> None:
    with pytest.raises(BuildError) as caught:
        Loss.registry.build(kind).target_type(given)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_means_and_log_variances_stand_side_by_side() -> None:
    loss = Loss.registry.build(GAUSSIAN)
    assert loss.target_type(output(symbol("time"), 6)) == output(symbol("time"), 3)
    assert loss.classes(output(6)) is None
    mean_and_log_variance = np.array([[1.0, np.log(4)]], np.float32)
    expected = 0.5 * (np.log(4) + 3**2 / 4)
    np.testing.assert_allclose(elements(GAUSSIAN, mean_and_log_variance, np.float32([[-2]])), [[expected]], rtol=1e-6)


@pytest.mark.parametrize("given", [output(3), output(), output(symbol("time"))])
def test_an_output_without_pairs_of_mean_and_log_variance_is_refused(given: TensorType) -> None:
    with pytest.raises(BuildError) as caught:
        Loss.registry.build(GAUSSIAN).target_type(given)
    assert caught.value.message == (
        f"needs an output with a last axis of even size, means and then log-variances, received {given}"
    )
    assert caught.value.hint == "join the two with `concat: {from: [mean, log_variance]}`"


def test_rows_of_labels_have_a_length_of_their_own() -> None:
    loss = Loss.registry.build({CTC: {"blank": 6}})
    expected = output(symbol("label_length"), dtype=DType.int64)
    assert loss.target_type(output(symbol("time"), 7)) == loss.target_type(output(20, 7)) == expected
    assert loss.classes(output(20, 7)) == 7


def test_outputs_that_are_no_sequences_of_classes_are_refused() -> None:
    with pytest.raises(BuildError) as caught:
        Loss.registry.build(CTC).target_type(output(7))
    assert caught.value.message == "needs an output of shape (batch, time, classes), received float32(batch, 7)"
    with pytest.raises(BuildError) as caught:
        Loss.registry.build({CTC: {"blank": 7}}).target_type(output(20, 7))
    assert (caught.value.message, caught.value.hint, caught.value.path) == (
        "the blank must be one of the 7 classes, received 7",
        "classes are counted from 0, so the last is 6",
        ("blank",),
    )


def elements(entry: Any, output: Array, target: Array) -> Array:
    z, y = batch_input("z", output), batch_input("y", target)
    return run([Loss.registry.build(entry).elements(z, y)], {z: output, y: target})[0]


def test_values_by_hand() -> None:
    z, y = np.array([[2.0], [-3.0]], np.float32), np.array([[1.0], [1.0]], np.float32)
    assert elements("squared_error", z, y).tolist() == [[1], [16]]
    assert elements("absolute_error", z, y).tolist() == [[1], [4]]
    assert elements({"huber": 2}, z, y).tolist() == [[0.5], [6]]
    assert elements("hinge", z, y).tolist() == [[0], [4]]
    assert elements("hinge", z, -y).tolist() == elements("hinge", z, 0 * y).tolist() == [[3], [0]]
    assert elements("perceptron", z, y).tolist() == [[0], [3]]
    assert elements("perceptron", z, -y).tolist() == elements("perceptron", z, 0 * y).tolist() == [[2], [0]]
    logits, labels = np.log(np.array([[0.5, 0.25, 0.25]], np.float32)), np.array([1])
    np.testing.assert_allclose(elements("categorical_cross_entropy", logits, labels), [np.log(4)], rtol=1e-6)
    np.testing.assert_allclose(elements("negative_log_likelihood", logits, labels), [np.log(4)], rtol=1e-6)
    np.testing.assert_allclose(elements("binary_cross_entropy", 0 * z, y), np.log([[2], [2]]), rtol=1e-6)


def test_confident_and_wrong_is_costly_not_infinite() -> None:
    z = np.array([[1000.0, -1000.0]], np.float32)
    assert elements("categorical_cross_entropy", z, np.array([1])).tolist() == [2000]
    assert elements("categorical_cross_entropy", z, np.array([0])).tolist() == [0]
    assert elements("binary_cross_entropy", z, np.array([[0, 1]], np.float32)).tolist() == [[1000, 1000]]
    assert elements("binary_cross_entropy", z, np.array([[1, 0]], np.float32)).tolist() == [[0, 0]]


def test_huber_has_one_derivative_at_its_edges() -> None:
    z, y = (batch_input(name, np.zeros((5, 1), np.float32)) for name in "zy")
    (dz,) = gradients([Loss.registry.build({"huber": 2}).elements(z, y)], [z], [ones := batch_input("1", y_array(5))])
    assert dz is not None
    numbers = np.array([[-3], [-2], [0], [2], [3]], np.float32)
    (slope,) = run([dz], {z: numbers, y: 0 * numbers, ones: y_array(5)})
    assert slope[[0, 2, 4]].tolist() == [[-2], [0], [2]]
    assert set(np.abs(slope[[1, 3]]).ravel()) <= {2.0}


def y_array(rows: int) -> Array:
    return np.ones((rows, 1), np.float32)
