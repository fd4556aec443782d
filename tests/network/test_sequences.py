"""Sequences in a whole network: padding that changes nothing, states that go from batch to batch, dropout in time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from netwright.compiler import compile_spec
from netwright.compiler.errors import SpecError
from netwright.compiler.spec.model import load_text
from support.trained_text import Compiled

MASKED = """
    netwright: 1
    inputs: {x: [time, 3], n: {shape: [], dtype: int64}}
    network:
      - lstm: {units: 4, bidirectional: true, peepholes: true, lengths: n, from: x}
      - gru: {units: 3, lengths: n, name: states}
      - rnn: {units: 3, jordan: 2, lengths: n, return: last, name: final}
      - dense: {units: 3, from: states, name: words}
    outputs: {words: words, final: final}
    training:
      loss:
        - categorical_cross_entropy: {from: words, target: tags, lengths: n}
        - squared_error: {from: final, target: y}
      optimizer: sgd
      metrics: [{accuracy: {target: tags}}]
    """


@pytest.fixture(scope="module")
def masked() -> Compiled:
    return Compiled(MASKED)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lengths=st.lists(st.integers(1, 6), min_size=1, max_size=4), extra=st.integers(1, 5), seed=st.integers(0, 99))
def test_padding_changes_nothing(masked: Compiled, lengths: list[int], extra: int, seed: int) -> None:
    """Neither how much of it there is, nor what stands in it, for outputs, loss, metrics and gradients."""
    random = np.random.default_rng(seed)
    count, time = len(lengths), max(lengths)
    batch = {
        "x": random.normal(size=(count, time, 3)).astype(np.float32),
        "n": np.array(lengths),
        "tags": random.integers(0, 3, (count, time)),
        "y": random.normal(size=(count, 2)).astype(np.float32),
    }
    longer = batch | {
        "x": np.concatenate([batch["x"], random.normal(size=(count, extra, 3)).astype(np.float32)], 1),
        "tags": np.concatenate([batch["tags"], random.integers(0, 3, (count, extra))], 1),
    }
    for row, length in enumerate(lengths):
        longer["x"][row, length:] = random.normal(size=(time + extra - length, 3)) * 5
        longer["tags"][row, length:] = random.integers(0, 3, time + extra - length)
    same: Any = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-6)  # noqa: E731
    short_out, long_out = (masked("inference", x=b["x"], n=b["n"]) for b in (batch, longer))
    same(short_out["final"], long_out["final"])
    for row, length in enumerate(lengths):
        same(short_out["words"][row, :length], long_out["words"][row, :length])
    short_sums, long_sums = masked("evaluate", **batch), masked("evaluate", **longer)
    for name in short_sums:
        same(short_sums[name], long_sums[name])
    assert short_sums["accuracy.weight"] == sum(lengths)
    short_gradients, long_gradients = masked.gradients(**batch), masked.gradients(**longer)
    for name in short_gradients:
        same(short_gradients[name], long_gradients[name])


def test_a_mask_is_what_the_lengths_say() -> None:
    text = MASKED.replace("n: {shape: [], dtype: int64}", "n: {shape: [time], dtype: uint8}").replace("lengths", "mask")
    by_mask, by_lengths = Compiled(text), Compiled(MASKED)
    x = np.random.default_rng(0).normal(size=(2, 4, 3)).astype(np.float32)
    mask = np.array([[1, 1, 0, 0], [1, 1, 1, 1]], np.uint8)
    expected = by_lengths("inference", x=x, n=np.array([2, 4]))
    for name, array in by_mask("inference", x=x, n=mask).items():
        np.testing.assert_array_equal(array, expected[name])


def test_a_stateful_layer_goes_on_where_the_batch_before_ended() -> None:
    """Two halves of a sequence, one after the other, give the outputs of the whole; a smaller batch leaves the rest."""
    text = """
    netwright: 1
    inputs: {x: [time, 2]}
    network: [{lstm: {units: 3, stateful: STATEFUL, name: cell}}, {gru: {units: 2, stateful: STATEFUL}}]
    training: {loss: squared_error, optimizer: {sgd: {learning_rate: 1e-12}}, batch_size: 4}
    """
    carried, plain = Compiled(text.replace("STATEFUL", "true")), Compiled(text.replace("STATEFUL", "false"))
    assert carried.state["cell/state"].shape == (4, 6)
    assert not carried.state["cell/state"].any()
    kinds = {entry["name"]: entry["kind"] for entry in carried.bundle.manifest["state"]}
    assert (kinds["cell/state"], kinds["gru1/state"]) == ("carried", "carried")
    assert "cell/state" not in {v.name for v in carried.bundle.graphs["inference"].inputs}
    random = np.random.default_rng(0)
    x, target = random.normal(size=(4, 6, 2)).astype(np.float32), random.normal(size=(4, 6, 2)).astype(np.float32)
    whole = plain.step(x=x, target=target)
    halves = [carried.step(x=x[:, part], target=target[:, part]) for part in (slice(0, 3), slice(3, 6))]
    assert np.mean(halves) == pytest.approx(whole, rel=1e-5)
    before = carried.state["cell/state"]
    carried.step(x=x[:1], target=target[:1])
    np.testing.assert_array_equal(carried.state["cell/state"][1:], before[1:])
    assert (carried.state["cell/state"][:1] != before[:1]).all()
    again = carried("gradients", x=x, target=target)
    assert again["cell/state.next"].shape == (4, 6)


def test_recurrent_dropout_has_one_mask_for_all_steps() -> None:
    """With identity weights and no input, what is dropped once is dropped at each step."""
    model = Compiled(
        """
    netwright: 1
    inputs: {x: [time, 8]}
    network: [{rnn: {units: 8, activation: identity, recurrent_dropout: 0.5, use_bias: true, name: r}}]
    training: {loss: squared_error, optimizer: {sgd: {learning_rate: 1.0}}}
    """.replace(", use_bias: true", "")
    )
    model.state["r/weight"] = np.eye(8, dtype=np.float32)
    model.state["r/recurrent_weight"] = np.eye(8, dtype=np.float32)
    x = np.zeros((1, 4, 8), np.float32)
    x[:, 0] = 1.0
    np.testing.assert_array_equal(model("inference", x=x)["output"], np.ones((1, 4, 8)))
    target = np.zeros((1, 4, 8), np.float32)
    loss = float(model("step", x=x, target=target)["loss"])
    kept = [k for k in range(9) if loss == pytest.approx(((8 - k) + k * (1 + 4 + 16 + 64)) / 32)]
    assert len(kept) == 1
    assert 0 < kept[0] < 8


def test_an_encoder_hands_its_state_on() -> None:
    model = Compiled("""
    netwright: 1
    inputs: {a: [time, 2], b: [steps, 3]}
    network:
      - lstm: {units: 4, from: a, return: state, name: encoder}
      - lstm: {units: 4, from: b, initial_from: encoder}
      - dense: 1
    training: {loss: squared_error}
    """)
    random = np.random.default_rng(0)
    a, b = (random.normal(size=shape).astype(np.float32) for shape in ((2, 5, 2), (2, 3, 3)))
    found = model.gradients(a=a, b=b, target=np.ones((2, 3, 1), np.float32))
    assert all(np.abs(found[f"encoder/{name}"]).sum() > 0 for name in ("weight", "recurrent_weight", "bias"))


def test_a_learned_first_state_learns() -> None:
    model = Compiled("""
    netwright: 1
    inputs: {x: [time, 2]}
    network: [{gru: {units: 3, initial: learned, return: last}}]
    training: {loss: squared_error, optimizer: {sgd: {learning_rate: 0.5}}}
    """)
    assert model.state["gru1/initial_state"].tolist() == [0, 0, 0]
    model.step(x=np.ones((2, 3, 2), np.float32), target=np.ones((2, 3), np.float32))
    assert (model.state["gru1/initial_state"] != 0).all()


def refused(
    network: str, inputs: str = "{x: [time, 3], n: {shape: [], dtype: int64}}", loss: str = "squared_error"
) -> str:
    text = f"netwright: 1\ninputs: {inputs}\nnetwork: {network}\ntraining: {{loss: {loss}}}\n"
    with pytest.raises(SpecError) as caught:
        Compiled(text)
    (diagnostic,) = caught.value.diagnostics
    return f"{diagnostic.origin.path}: {diagnostic.message.splitlines()[0]} ({diagnostic.hint})"


@pytest.mark.parametrize(
    ("network", "inputs", "message"),
    [
        (
            "[{lstm: {units: 2, stateful: true, initial: learned}}]",
            "{x: [time, 3]}",
            "network[0].lstm.stateful: a stateful layer starts from the state before it, so it takes no 'initial' or "
            "'initial_from' (None)",
        ),
        (
            "[{lstm: {units: 2, initial: learned, initial_from: s, from: x}}]",
            "{x: [time, 3], s: [4]}",
            "network[0].lstm.initial_from: the state starts from 'initial' or from 'initial_from', not both (None)",
        ),
        (
            "[{lstm: {units: 2, mask: n, lengths: n, from: x}}]",
            "{x: [time, 3], n: [time]}",
            "network[0].lstm.lengths: 'mask' and 'lengths' say the same, so only one can be given (None)",
        ),
        (
            "[{gru: {units: 2, from: [x, y]}}]",
            "{x: [time, 3], y: [time, 3]}",
            "network[0].gru: reads 1 values, received 2 (name a value for each field)",
        ),
        (
            "[{gru: 2}]",
            "{x: [3]}",
            "network[0].gru: needs a sequence of shape (batch, time, features), received (batch, 3) (for numbers of "
            "whole words put an `embedding` before it)",
        ),
        (
            "[{gru: {units: 2, initial_from: s, from: x}}]",
            "{x: [time, 3], s: [4]}",
            "network[0].gru.initial_from: the state has the shape (batch, 2), 'initial_from' gives float32(batch, 4) "
            "(None)",
        ),
        (
            "[{gru: {units: 2, mask: n, from: x}}]",
            "{x: [time, 3], n: [5]}",
            "network[0].gru.mask: a mask of (batch, time) is needed, received float32(batch, 5) (None)",
        ),
        (
            "[{gru: {units: 2, lengths: n, from: x}}]",
            "{x: [time, 3], n: [time]}",
            "network[0].gru.lengths: whole numbers of (batch) are needed, received float32(batch, time) (None)",
        ),
        (
            "[{rnn: {units: 2, output_activation: tanh}}]",
            "{x: [time, 3]}",
            "network[0].rnn.output_activation: 'output_activation' is for a Jordan network (give 'jordan' too)",
        ),
        (
            "[{gru: {units: 3, stateful: true, name: g}}, {shared: g}]",
            "{x: [time, 3]}",
            "network[1].shared: a stateful layer cannot be shared: it has one state (give each use a layer of its own)",
        ),
    ],
)
def test_what_a_recurrent_layer_refuses(network: str, inputs: str, message: str) -> None:
    assert refused(network, inputs) == message


@pytest.mark.parametrize(
    ("network", "loss", "message"),
    [
        (
            "[{gru: {units: 2, from: x, return: last}}]",
            "{squared_error: {lengths: n}}",
            "training.loss.squared_error.lengths: 'gru1' is no sequence, so it has no steps to leave out (remove "
            "'lengths')",
        ),
        (
            "[{gru: {units: 2, from: x}}]",
            "{squared_error: {lengths: n, mask: n}}",
            "training.loss.squared_error.lengths: 'mask' and 'lengths' say the same, so only one can be given (None)",
        ),
        (
            "[{gru: {units: 2, from: x}}]",
            "{squared_error: {lengths: n}}, metrics: [mae]",
            "training.metrics[0]: 'mae' cannot leave out the steps that the loss does not count (use "
            "`accuracy` or `top_k`)",
        ),
    ],
)
def test_what_a_masked_loss_refuses(network: str, loss: str, message: str) -> None:
    assert refused(network, loss=loss) == message


def test_the_training_api_of_onnx_runtime_carries_no_state() -> None:
    text = "netwright: 1\ninputs: {x: [time, 2]}\nnetwork: [{gru: {units: 2, stateful: true}}]\n"
    with pytest.raises(SpecError) as caught:
        compile_spec(load_text(text + "training: {loss: squared_error}\n"), target="ort-training")
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.message == "ONNX Runtime's training API carries no state from batch to batch"
    assert diagnostic.hint == "the targets portable and ort do"
    assert diagnostic.origin.path == "network[0].gru"
