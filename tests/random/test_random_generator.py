"""The generator's exact numbers: the same in every evaluator, at every batch size, and forever."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from netwright.compiler import random
from netwright.compiler.errors import BuildError, InternalError
from netwright.compiler.ir import DType, Graph, Value, constant, graph_input, symbol
from netwright.compiler.passes.constant_folding import fold_constants
from random_reference import reference_bits, reference_key, run, run_reference, session, squares
from scipy import stats

COUNTER = graph_input("counter", DType.int64, ())
BATCH, TIME = symbol("batch"), symbol("time")
FEEDS = {"counter": np.array(123456789, dtype=np.int64)}

# From the description in exact arithmetic (random_reference, and scipy in float64), not from the code under test.
GOLDEN: dict[str, Any] = {
    "start": -5810902572054264729,
    "key": 3759668470592618015,
    "bits": [
        [5934544614882125825, 16124770485646691865, 10035696141479420067],
        [6946459669202713061, 15662893291093370205, 15594124872774755535],
    ],
    "mask": [[1.3333333333333333, 0.0, 1.3333333333333333], [1.3333333333333333, 0.0, 0.0]],
    "uniform": [
        ["0x1.496ef20000000p-1", "0x1.01ca740000000p-2", "0x1.d2e82c0000000p-1"],
        ["0x1.819b200000000p-1", "0x1.3511ca0000000p-2", "0x1.3cb44e0000000p-2"],
    ],
    "normal": [[-0.39440244, -0.29796256, 0.07533564], [-0.59502242, -0.73409683, 0.20407571]],
    "truncated": [[0.86716543, -0.3058672, -1.5158183], [1.07778156, -0.36929555, -0.37886138]],
}


def graph(**outputs: Value) -> Graph:
    return Graph("random", (COUNTER,), outputs)


def everything(shape: tuple[int, ...]) -> Graph:
    key = random.key(COUNTER, 7)
    return graph(
        start=random.start(COUNTER),
        key=key,
        bits=random.bits(key, shape),
        mask=random.dropout_mask(key, shape, 0.25),
        uniform=random.uniform(key, shape),
        symmetric=random.uniform(key, shape, -0.5, 0.5),
        normal=random.normal(key, shape),
        truncated=random.truncated_normal(key, shape),
    )


def test_golden_values() -> None:
    """Weights and masks of every saved run depend on these: a change needs a new language version."""
    found = run(everything((2, 3)), FEEDS)
    assert found["start"].tolist() == GOLDEN["start"]
    assert found["key"].tolist() == GOLDEN["key"]
    assert found["bits"].tolist() == GOLDEN["bits"]
    assert found["mask"].tolist() == np.float32(GOLDEN["mask"]).tolist()
    assert [[float(x).hex() for x in row] for row in found["uniform"]] == GOLDEN["uniform"]
    np.testing.assert_allclose(found["normal"], GOLDEN["normal"], rtol=1e-6)
    np.testing.assert_allclose(found["truncated"], GOLDEN["truncated"], rtol=1e-6)


@pytest.mark.parametrize("counter", [0, 1, -1, 2**63 - 1, -(2**63), 42])
def test_keys_and_bits_are_those_of_the_description(counter: int) -> None:
    found = run(everything((5, 7)), {"counter": np.array(counter, dtype=np.int64)})
    key = reference_key(counter, 7)
    assert int(found["key"]) == key
    np.testing.assert_array_equal(found["bits"], reference_bits(key, (5, 7)))


@pytest.mark.parametrize("shape", [(), (1,), (9,), (1, 4), (6, 1), (3, 2, 4), (2, 3, 2, 2)])
def test_every_evaluator_agrees(shape: tuple[int, ...]) -> None:
    """ONNX Runtime with and without its optimizer, and ONNX's reference: integers and uniform floats bit for bit."""
    built = everything(shape)
    runtime, plain, reference = run(built, FEEDS), run(built, FEEDS, optimize=False), run_reference(built, FEEDS)
    for name in ("start", "key", "bits", "mask", "uniform", "symmetric"):
        assert runtime[name].shape == (() if name in ("start", "key") else shape)
        np.testing.assert_array_equal(plain[name], runtime[name])
        np.testing.assert_array_equal(reference[name], runtime[name])
    for name in ("normal", "truncated"):  # logarithm and cosine differ in the last place
        np.testing.assert_allclose(plain[name], runtime[name], rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(reference[name], runtime[name], rtol=1e-5, atol=1e-6)


def test_the_compilers_own_evaluation_agrees() -> None:
    """Constant folding runs the operators' numpy evaluation; over a constant counter it computes everything."""
    key = random.key(constant(np.int64(123456789)), 7)
    unfolded = Graph("folded", (), {"bits": random.bits(key, (4, 5)), "uniform": random.uniform(key, (4, 5))})
    folded, _ = fold_constants(unfolded)
    expected = run(everything((4, 5)), FEEDS)
    for name, value in folded.outputs.items():
        np.testing.assert_array_equal(value.constant, expected[name])


def test_later_axes_are_flattened_into_one_table() -> None:
    found = run(graph(bits=random.bits(random.key(COUNTER, 7), (3, 2, 4))), FEEDS)["bits"]
    np.testing.assert_array_equal(found.reshape(3, 8), reference_bits(reference_key(123456789, 7), (3, 8)))


def test_a_partial_batch_or_a_short_sequence_gets_the_same_numbers() -> None:
    x = graph_input("x", DType.float32, (BATCH, TIME, 4))
    built = Graph("random", (COUNTER, x), {"mask": random.dropout_mask(random.key(COUNTER, 1), x, 0.5)})
    compiled = session(built)

    def mask(batch: int, time: int) -> Any:
        return compiled.run(None, {**FEEDS, "x": np.zeros((batch, time, 4), np.float32)})[0]

    full = mask(6, 5)
    assert full.shape == (6, 5, 4)
    assert set(np.unique(full)) == {0, 2}
    np.testing.assert_array_equal(mask(3, 5), full[:3])
    np.testing.assert_array_equal(mask(6, 2), full[:, :2])


def test_a_symbolic_batch_gets_the_numbers_of_a_fixed_one() -> None:
    x = graph_input("x", DType.float32, (BATCH, 4, 3))
    symbolic = Graph("random", (COUNTER, x), {"bits": random.bits(random.key(COUNTER, 1), x)})
    found = run(symbolic, {**FEEDS, "x": np.zeros((5, 4, 3), np.float32)})["bits"]
    fixed = run(graph(bits=random.bits(random.key(COUNTER, 1), (5, 4, 3))), FEEDS)["bits"]
    np.testing.assert_array_equal(found, fixed)


def test_streams_counters_and_purposes_differ() -> None:
    keys = {f"{counter} {stream}": reference_key(counter, stream) for counter in range(200) for stream in range(20)}
    assert len(set(keys.values())) == len(keys)
    assert all(key % 2 for key in keys.values())
    starts = [squares(seed, 1) for seed in range(1000)]
    assert len(set(starts)) == len(starts)


def test_uniform_numbers_stay_inside_their_interval_at_the_extremes() -> None:
    """The key runs over the integers whose conversion rounds hardest; an extent of () uses it as it is."""
    key = graph_input("key", DType.uint64, ())
    outputs = {
        "unit": random.uniform(key, ()),
        "signed": random.uniform(key, (), -1.0, 1.0),
        "third": random.uniform(key, (), -1 / 3, 1 / 3),
        "glorot": random.uniform(key, (), -0.0613, 0.0613),
        "normal": random.normal(key, ()),
        "truncated": random.truncated_normal(key, ()),
    }
    compiled = session(Graph("extremes", (key,), outputs))
    for near in (0, 2**63, 2**64):
        for offset in (*range(-99, 100, 2), *(sign * (2**k + 1) for k in range(1, 62) for sign in (-1, 1))):
            found = compiled.run(list(outputs), {"key": np.array((near + offset) % 2**64, dtype=np.uint64)})
            unit, signed, third, glorot, normal, truncated = (float(x) for x in found)
            assert 0 < unit < 1
            assert -1 < signed < 1
            assert abs(third) < 1 / 3
            assert abs(glorot) < 0.0613
            assert abs(normal) < 9.5
            assert abs(truncated) <= 2


@pytest.mark.parametrize("probability", [0.0, 1e-3, 0.1, 0.5, 0.9, 1.0])
def test_bernoulli_is_true_as_often_as_it_should_be(probability: float) -> None:
    found = run(graph(mask=random.bernoulli(random.key(COUNTER, 3), (400, 1000), probability)), FEEDS)["mask"]
    assert found.dtype == np.bool_
    assert stats.binomtest(int(found.sum()), found.size, probability).pvalue > 1e-3


def test_dropout_keeps_the_mean_and_can_drop_everything() -> None:
    key = random.key(COUNTER, 3)
    found = run(graph(a=random.dropout_mask(key, (500, 600), 0.2), b=random.dropout_mask(key, (3, 4), 1.0)), FEEDS)
    assert found["a"].dtype == np.float32
    assert set(np.unique(found["a"])) == {np.float32(0), np.float32(1.25)}
    assert found["a"].mean() == pytest.approx(1, abs=4 * 0.5 / np.sqrt(found["a"].size))
    assert not found["b"].any()


def test_what_is_refused() -> None:
    key = random.key(COUNTER, 3)
    with pytest.raises(BuildError, match=r"^a probability lies between 0 and 1, received 1\.5$"):
        random.bernoulli(key, (2,), 1.5)
    with pytest.raises(BuildError, match=r"^a dropout rate lies between 0 and 1, received -0\.1$"):
        random.dropout_mask(key, (2,), -0.1)
    with pytest.raises(
        InternalError, match=r"^random numbers of shape \(batch, 3\) need a value to take the sizes of$"
    ):
        random.bits(key, (BATCH, 3))  # type: ignore[arg-type]
