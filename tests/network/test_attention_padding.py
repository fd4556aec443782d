"""Attention in a whole network: padding changes nothing, memories may be nothing else, no step sees a later one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.trained_text import Compiled

NETWORK = """
netwright: 1
inputs: {x: [source_time, 4], n: {shape: [], dtype: int64}, y: [time, 4], m: {shape: [], dtype: int64}}
network:
  - positional_encoding: {from: x, name: placed}
  - transformer_encoder: {heads: 2, hidden: 6, lengths: n, name: memory}
  - transformer_decoder:
      {heads: 2, hidden: 6, from: y, lengths: m, memory: memory, memory_lengths: n, name: words, activation: gelu}
  - multi_head_attention: {heads: 2, memory: memory, lengths: n, from: words, name: again}
  - attention: {score: additive, memory: memory, lengths: n, from: again}
  - dense: 3
training:
  loss: {categorical_cross_entropy: {target: tags, lengths: m}}
  optimizer: sgd
  metrics: [accuracy]
"""


@pytest.fixture(scope="module")
def model() -> Compiled:
    return Compiled(NETWORK)


def batch(random: Any, lengths: list[int], targets: list[int]) -> dict[str, Any]:
    rows, time = len(lengths), max(targets)
    return {
        "x": random.normal(size=(rows, max(1, *lengths, 0), 4)).astype(np.float32),
        "n": np.array(lengths),
        "y": random.normal(size=(rows, time, 4)).astype(np.float32),
        "m": np.array(targets),
        "tags": random.integers(0, 3, (rows, time)),
    }


def padded(random: Any, given: dict[str, Any], extra: int) -> dict[str, Any]:
    """The same sequences with more padding, of other numbers."""
    longer = dict(given)
    for name, lengths in (("x", "n"), ("y", "m"), ("tags", "m")):
        rows, time = given[name].shape[:2]
        shape = (rows, time + extra, *given[name].shape[2:])
        noise = random.integers(0, 3, shape) if name == "tags" else random.normal(size=shape) * 1e3
        longer[name] = noise.astype(given[name].dtype)
        for row, length in enumerate(given[lengths]):
            longer[name][row, :length] = given[name][row, :length]
    return longer


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lengths=st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5)), min_size=1, max_size=4),
    extra=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_padding_changes_nothing(model: Compiled, lengths: list[tuple[int, int]], extra: int, seed: int) -> None:
    """Neither how much of it there is nor what stands in it: a memory may even be nothing else (length 0)."""
    random = np.random.default_rng(seed)
    short = batch(random, [source for source, _ in lengths], [target for _, target in lengths])
    long = padded(random, short, extra)
    same: Any = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=3e-6)  # noqa: E731
    (short_out,), (long_out,) = (model("inference", **given).values() for given in (short, long))
    assert np.isfinite(long_out).all()
    for row, (_, length) in enumerate(lengths):
        same(short_out[row, :length], long_out[row, :length])
    sums = [model("evaluate", **given) for given in (short, long)]
    for name in sums[0]:
        same(sums[0][name], sums[1][name])
    found = [model.gradients(**given) for given in (short, long)]
    for name in found[0]:
        same(found[0][name], found[1][name])


def test_a_mask_is_what_the_lengths_say(model: Compiled) -> None:
    text = NETWORK.replace("n: {shape: []", "n: {shape: [source_time]").replace("m: {shape: []", "m: {shape: [time]")
    by_mask = Compiled(text.replace("lengths", "mask"))
    given = batch(np.random.default_rng(0), [3, 1], [2, 4])
    masks = {name: (np.arange(size) < given[name][:, None]).astype(int) for name, size in (("n", 3), ("m", 4))}
    expected = model("inference", **given)["output"]
    np.testing.assert_array_equal(by_mask("inference", **{**given, **masks})["output"], expected)


def test_a_decoder_sees_no_later_step(model: Compiled) -> None:
    random = np.random.default_rng(0)
    given = batch(random, [3, 2], [5, 5])
    changed = given | {"y": given["y"].copy()}
    changed["y"][:, 3:] += random.normal(size=(2, 2, 4)).astype(np.float32)
    before, after = (model("inference", **tensors)["output"] for tensors in (given, changed))
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert (before[:, 3:] != after[:, 3:]).all()


def test_half_precision_masks_without_nan() -> None:
    half = Compiled(NETWORK.replace("  metrics", "  precision: float16\n  metrics"))
    given = batch(np.random.default_rng(0), [3, 0], [2, 4])
    for name, gradient in half.gradients(**given).items():
        assert np.isfinite(gradient).all(), name


def test_dropped_weights_are_drawn_anew_each_step() -> None:
    text = """
    netwright: 1
    inputs: {x: [time, 4]}
    network: [{transformer_decoder: {heads: 2, dropout: 0.5, layers: 2}}]
    training: {loss: squared_error, optimizer: {sgd: {learning_rate: 1e-12}}}
    """
    model = Compiled(text)
    x = np.random.default_rng(0).normal(size=(2, 6, 4)).astype(np.float32)
    losses = [model.step(x=x, target=x) for _ in range(3)]
    assert len(set(losses)) == 3


def test_a_language_model_with_a_tied_head_learns_to_count() -> None:
    """Next number modulo 7; the head is the embedding, transposed, and gets the sum of both gradients."""
    model = Compiled("""
    netwright: 1
    inputs: {words: {shape: [time], dtype: int64}}
    network:
      - embedding: {vocabulary: 7, units: 16}
      - transformer_decoder: {heads: 2, rotary: true, hidden: 32}
      - layer_norm
      - dense: {units: 7, use_bias: false, weight_initializer: {tied: {to: embedding1/weight, transposed: true}}}
    training: {loss: categorical_cross_entropy, optimizer: {adam: {learning_rate: 0.01}}}
    """)
    assert [name for name in model.state if "dense1" in name] == []
    starts = np.random.default_rng(0).integers(0, 7, (16, 1))
    words = (starts + np.arange(9)) % 7
    losses = [model.step(words=words[:, :-1], label=words[:, 1:]) for _ in range(60)]
    assert losses[0] > 1.5
    assert losses[-1] < 0.05


def test_attention_inside_a_cell_is_bahdanaus_decoder() -> None:
    """A cell that reads an encoded sequence with its state; the memory is projected once, not at each step."""
    model = Compiled("""
    netwright: 1
    inputs: {x: [source_time, 3], y: [time, 2], n: {shape: [], dtype: int64}}
    network:
      - gru: {units: 4, from: x, lengths: n, name: encoded}
      - recurrent:
          from: y
          states: {h: 4}
          cell:
            read: {attention: {from: h, memory: encoded, score: additive, units: 5, lengths: n}}
            both: {concat: {from: [input, read, h]}}
            new: {dense: {units: 4, activation: tanh, from: both}}
          next: {h: new}
    training: {loss: squared_error, optimizer: sgd}
    """)
    random = np.random.default_rng(0)
    x, y = (random.normal(size=shape).astype(np.float32) for shape in ((2, 5, 3), (2, 4, 2)))
    n = np.array([5, 2])
    p = {name.rpartition("/")[2]: array for name, array in model.state.items() if "/read/" in name}
    assert {name: array.shape for name, array in p.items()} == {
        "query_weight": (4, 5), "key_weight": (4, 5), "score_weight": (5,),
    }  # fmt: skip
    encoder = Compiled("""
    netwright: 1
    inputs: {x: [source_time, 3], n: {shape: [], dtype: int64}}
    network: [{gru: {units: 4, from: x, lengths: n, name: encoded}}]
    """)
    encoder.state = model.state
    memory = encoder("inference", x=x, n=n)["output"]
    weight, bias = (
        next(a for name, a in model.state.items() if name.endswith(f"new/{of}")) for of in ("weight", "bias")
    )
    h, expected = np.zeros((2, 4), np.float32), []
    for t in range(4):
        scores = np.tanh((h @ p["query_weight"])[:, None] + memory @ p["key_weight"]) @ p["score_weight"]
        scores[1, 2:] = -np.inf
        weights = np.exp(scores - scores.max(1, keepdims=True))
        read = np.einsum("bt,btm->bm", weights / weights.sum(1, keepdims=True), memory)
        h = np.tanh(np.concatenate([y[:, t], read, h], 1) @ weight + bias)
        expected.append(h)
    found = model("inference", x=x, y=y, n=n)["output"]
    np.testing.assert_allclose(found, np.stack(expected, 1), rtol=1e-4, atol=1e-6)
    loop = [node for node in model.bundle.graphs["inference"].nodes() if node.op_type == "Scan"][-1]
    products = [str(node.outputs[0].type) for node in loop.attributes["body"].nodes() if node.op_type == "MatMul"]
    assert products == [
        "float32(batch, 5)",
        "float32(batch, 1, source_time)",
        "float32(batch, 1, 4)",
    ]  # of the state, the scores and the average: that of the memory is taken before the loop
