"""Connectionist temporal classification in a whole network: padding, evaluation, both targets, long sequences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from netwright.compiler import compile_spec
from netwright.compiler.spec.model import load_text
from netwright.runtime import UserError, best_path
from support.trained_text import Compiled

SPEC = """
    netwright: 1
    inputs: {x: [time, 3], n: {shape: [], dtype: int64}}
    network:
      - gru: {units: 5, bidirectional: true, lengths: n, from: x}
      - dense: {units: 4, name: letters}
    training:
      loss: {connectionist_temporal_classification: {lengths: n, label_lengths: count, blank: 3, zero_infinity: true}}
      optimizer: {adam: {learning_rate: 0.05}}
      metrics: [{label_error_rate: {blank: 3}}, {exact_labels: {blank: 3}}]
    """
Batch = dict[str, Any]


@pytest.fixture(scope="module")
def model() -> Compiled:
    return Compiled(SPEC)


def batch_of(random: np.random.Generator, steps: list[int], most: int) -> Batch:
    return {
        "x": random.normal(size=(len(steps), max(steps), 3)).astype(np.float32),
        "n": np.array(steps),
        "labels": random.integers(0, 3, (len(steps), most)),
        "count": random.integers(0, most + 1, len(steps)),
    }


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.integers(2, 8), min_size=1, max_size=4),
    extra=st.integers(1, 4),
    more=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_padding_changes_nothing(model: Compiled, steps: list[int], extra: int, more: int, seed: int) -> None:
    """Neither of the steps nor of the labels, for loss, metrics and gradients, and whatever stands in it."""
    random = np.random.default_rng(seed)
    short = batch_of(random, steps, most=3)
    long = dict(short)
    long["x"] = np.concatenate([short["x"], random.normal(size=(len(steps), extra, 3)).astype(np.float32)], 1)
    long["labels"] = np.concatenate([short["labels"], random.integers(0, 4, (len(steps), more))], 1)
    for row, (length, count) in enumerate(zip(steps, short["count"], strict=True)):
        long["x"][row, length:] = random.normal(size=long["x"][row, length:].shape) * 5
        long["labels"][row, count:] = random.integers(0, 4, long["labels"].shape[1] - count)
    sums, same = model("evaluate", **short), model("evaluate", **long)
    for name, number in sums.items():
        np.testing.assert_allclose(same[name], number, rtol=1e-4, atol=2e-6, err_msg=name)
    assert sums["loss.weight"] == sums["exact_labels.weight"] == len(steps)
    assert sums["label_error_rate.weight"] == short["count"].sum()
    gradients = model.gradients(**long)
    for name, gradient in model.gradients(**short).items():
        np.testing.assert_allclose(gradients[name], gradient, rtol=1e-3, atol=2e-6, err_msg=name)


def test_evaluation_does_not_depend_on_the_batches(model: Compiled) -> None:
    batch = batch_of(np.random.default_rng(1), [8, 5, 8, 6, 8], most=3)
    whole = model("evaluate", **batch)
    parts = [model("evaluate", **{n: v[rows] for n, v in batch.items()}) for rows in (slice(0, 2), slice(2, 5))]
    for name, number in whole.items():
        assert sum(float(part[name]) for part in parts) == pytest.approx(float(number), rel=1e-5)


def test_a_mask_leaves_steps_out_anywhere() -> None:
    """The steps that are left count as if they stood side by side."""
    text = SPEC.replace("lengths: n, label", "mask: m, label").replace("n: {shape: [], dtype: int64}", "m: [time]")
    masked = Compiled(
        text.replace("lengths: n, from: x", "from: x").replace(
            "gru: {units: 5, bidirectional: true", "dense: {units: 10"
        )
    )
    x = np.random.default_rng(0).normal(size=(1, 6, 3)).astype(np.float32)
    kept = np.array([[1, 0, 1, 1, 0, 1]], np.float32)
    given = {"labels": np.array([[0, 1]]), "count": np.array([2])}
    left_out = masked("evaluate", x=x, m=kept, **given)
    without = masked("evaluate", x=x[:, kept[0] > 0], m=np.ones((1, 4), np.float32), **given)
    assert left_out["loss.sum"] == pytest.approx(float(without["loss.sum"]), rel=1e-6)


def test_it_learns_where_labels_are() -> None:
    """Each letter is a short burst somewhere; 60 steps are enough to read what was never seen aligned."""
    random = np.random.default_rng(0)
    labels = np.where(np.arange(2) < random.integers(1, 3, 64)[:, None], random.integers(0, 3, (64, 2)), 3)
    x = random.normal(size=(64, 8, 3)).astype(np.float32) * 0.1
    for row, place in np.ndindex(64, 2):
        if labels[row, place] < 3:
            x[row, 4 * place + random.integers(0, 3), labels[row, place]] += 2
    model = Compiled(SPEC)
    batch = {"x": x, "n": np.full(64, 8), "labels": labels, "count": (labels < 3).sum(1)}
    losses = [model.step(**batch) for _ in range(60)]
    sums = model("evaluate", **batch)
    assert losses[0] > 3
    assert sums["exact_labels.sum"] >= 60
    read = best_path(model("inference", x=x, n=batch["n"])["output"], lengths=batch["n"], blank=3)
    exact = [list(row) == [n for n in wanted if n < 3] for row, wanted in zip(read, labels, strict=True)]
    assert sum(exact) == sums["exact_labels.sum"]


def test_both_targets_agree(model: Compiled) -> None:
    batch = batch_of(np.random.default_rng(2), [8, 7], most=2)
    expected = model("evaluate", **batch)
    for name, number in Compiled(SPEC, target="ort")("evaluate", **batch).items():
        assert float(number) == pytest.approx(float(expected[name]), rel=1e-6)


def test_the_manifest_lists_labels_and_their_lengths() -> None:
    manifest = compile_spec(load_text(SPEC.replace("\n    ", "\n"))).manifest
    assert [(t["name"], t["dtype"], t["shape"], t.get("classes")) for t in manifest["targets"]] == [
        ("labels", "int64", ["label_length"], 4),
        ("count", "int64", [], None),
    ]


def test_best_path_takes_repetitions_together_and_leaves_blanks_out() -> None:
    path = np.array([[0, 1, 1, 0, 1, 2, 2, 0], [2, 2, 2, 1, 1, 0, 1, 1]])
    output = np.eye(3)[path]
    assert [row.tolist() for row in best_path(output)] == [[1, 1, 2], [2, 1, 1]]
    assert [row.tolist() for row in best_path(output, lengths=[3, 6])] == [[1], [2, 1]]
    assert [row.tolist() for row in best_path(output, blank=2)] == [[0, 1, 0, 1, 0], [1, 0, 1]]


def test_best_path_refuses_what_is_no_output() -> None:
    with pytest.raises(UserError) as caught:
        best_path(np.zeros((3, 4)))
    assert caught.value.message == "the output must have the shape (batch, time, classes), received (3, 4)"
    with pytest.raises(UserError) as caught:
        best_path(np.zeros((3, 4, 2)), lengths=[4, 4])
    assert caught.value.message == "a length for each of 3 examples is needed, received the shape (2,)"
