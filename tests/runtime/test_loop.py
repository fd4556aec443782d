"""The step loop and the evaluator against plain `session.run`, which copies everything and cannot alias anything."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from handmade import STATE, make_columns
from netwright.runtime.bundle import Bundle
from netwright.runtime.data.batches import Batches
from netwright.runtime.device import CPU
from netwright.runtime.errors import EnvironmentProblem, UserError
from netwright.runtime.evaluator import Evaluator
from netwright.runtime.initial_state import initial_state
from netwright.runtime.loop import StepLoop
from netwright.runtime.session import open_session
from netwright.runtime.state import DeviceState, first_non_finite

SCALARS = ("loss", "accuracy")


def device_state(bundle: Bundle, advanced: tuple[str, ...] = tuple(STATE)) -> DeviceState:
    return DeviceState(bundle.manifest.state, initial_state(bundle, 5), advanced, CPU)


def plain_steps(bundle: Bundle, batches: list[dict[str, Any]]) -> tuple[list[list[float]], dict[str, Any]]:
    """The contract of the bundle, word for word: `.next` outputs become the state."""
    session = open_session(bundle.graph_file("step"), CPU)
    names = [output.name for output in session.get_outputs()]
    state, scalars = initial_state(bundle, 5), []
    for batch in batches:
        out = dict(zip(names, session.run(names, {**batch, **state}), strict=True))
        state = {name: out[f"{name}.next"] for name in state}
        scalars.append([float(out[name]) for name in SCALARS])
    return scalars, state


@pytest.mark.parametrize("read_every", [1, 3])
def test_ping_pong_gives_what_plain_runs_give(bundle: Bundle, read_every: int) -> None:
    batches = [batch for epoch in range(3) for batch in Batches(make_columns(100, 1), 16, shuffle=True).epoch(epoch)]
    assert {len(batch["label"]) for batch in batches} == {16, 4}
    expected, final = plain_steps(bundle, batches)

    state = device_state(bundle)
    loop = StepLoop(bundle, state, CPU, read_every=read_every)
    results, sizes = [], []
    for batch in batches:
        read = loop.step(batch, len(batch["label"]))
        sizes.append(len(read))
        results += read
    results += loop.read()
    assert set(sizes) == ({1} if read_every == 1 else {0, 3})
    assert loop.read() == []
    assert [[r.loss, r.metrics["accuracy"]] for r in results] == pytest.approx(np.array(expected), rel=1e-6)
    assert [r.rows for r in results] == [len(batch["label"]) for batch in batches]
    for name, value in state.numpy().items():
        np.testing.assert_allclose(value, final[name], rtol=1e-5, atol=1e-7)
    assert int(state.numpy()["step"]) == len(batches)


def test_the_state_before_the_last_step_is_kept(bundle: Bundle) -> None:
    state = device_state(bundle)
    loop = StepLoop(bundle, state, CPU)
    batch = make_columns(16, 1).take(slice(None))
    loop.step(batch, 16)
    after_one = state.numpy()
    loop.step(batch, 16)
    for name, value in state.previous().items():
        np.testing.assert_array_equal(value, after_one[name])
    assert not np.array_equal(state.numpy()["dense1/weight"], after_one["dense1/weight"])


def test_no_output_is_bound_over_its_input(bundle: Bundle) -> None:
    state = device_state(bundle)
    pointers = [{name: value.data_ptr() for name, value in side.items()} for side in state.sides]
    assert not set(pointers[0].values()) & set(pointers[1].values())
    read_only = device_state(bundle, advanced=())
    assert all(read_only.sides[0][name] is read_only.sides[1][name] for name in STATE)


def test_evaluation_sums_over_unequal_batches(bundle: Bundle) -> None:
    columns = make_columns(37, 4)
    state = device_state(bundle)
    evaluator = Evaluator(bundle, state, CPU)
    metrics = evaluator.evaluate(Batches(columns, 16).epoch())
    whole = evaluator.evaluate([columns.take(slice(None))])
    assert metrics["loss"] == pytest.approx(whole["loss"], rel=1e-6)
    assert metrics["accuracy"] == whole["accuracy"]
    assert metrics["confusion"] == whole["confusion"]
    assert np.array(metrics["confusion"]).sum() == 37

    probabilities = open_session(bundle.graph_file("inference"), CPU)  # initial weights there are zeros
    assert probabilities.run(None, {"image": columns.take(slice(None))["image"]})[0].shape == (37, 3)


def test_evaluation_follows_the_state(bundle: Bundle) -> None:
    columns = make_columns(64, 1)
    state = device_state(bundle)
    evaluator, loop = Evaluator(bundle, state, CPU), StepLoop(bundle, state, CPU)
    losses = [evaluator.evaluate(Batches(columns, 64).epoch())["loss"]]
    for _ in range(3):
        loop.step(columns.take(slice(None)), 64)
        losses.append(evaluator.evaluate(Batches(columns, 64).epoch())["loss"])
    assert losses == sorted(losses, reverse=True)
    assert len(set(losses)) == 4


def test_nothing_to_evaluate(bundle: Bundle) -> None:
    with pytest.raises(UserError) as caught:
        Evaluator(bundle, device_state(bundle), CPU).evaluate([])
    assert str(caught.value) == "there are no rows to evaluate"


def test_a_batch_of_the_wrong_dtype(bundle: Bundle) -> None:
    loop = StepLoop(bundle, device_state(bundle), CPU)
    batch = make_columns(16, 1).take(slice(None))
    with pytest.raises(UserError) as caught:
        loop.step({**batch, "image": batch["image"].astype(np.float64)}, 16)
    model = bundle.graph_file("step")
    assert str(caught.value) == (
        f"{model}: ONNX Runtime stopped: Unexpected input data type. "
        "Actual: (tensor(double)) , expected: (tensor(float))"
    )
    assert caught.value.hint == "check the data that were given"


def test_a_bug_is_no_message_for_users(bundle: Bundle) -> None:
    loop = StepLoop(bundle, device_state(bundle), CPU)
    with pytest.raises(KeyError, match="image"):
        loop.step({}, 16)


def test_initial_state_depends_on_the_seed_alone(bundle: Bundle) -> None:
    one, again, other = initial_state(bundle, 1), initial_state(bundle, 1), initial_state(bundle, 2)
    np.testing.assert_array_equal(one["dense1/weight"], again["dense1/weight"])
    assert not np.array_equal(one["dense1/weight"], other["dense1/weight"])


def test_a_seed_that_is_too_large(bundle: Bundle) -> None:
    with pytest.raises(UserError) as caught:
        initial_state(bundle, 2**63)
    assert str(caught.value) == "the seed must fit into 64 bits, received 9223372036854775808"


def test_an_init_graph_that_fails(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def run(self, *arguments: Any) -> None:
            raise RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Failed to allocate memory")

    monkeypatch.setattr("netwright.runtime.initial_state.open_session", lambda *arguments, **named: Broken())
    with pytest.raises(EnvironmentProblem) as caught:
        initial_state(bundle, 0)
    assert str(caught.value) == f"{bundle.graph_file('init')}: not enough memory: Failed to allocate memory"


def test_a_manifest_that_does_not_match_its_init_graph(bundle_folder: Path) -> None:
    from netwright.runtime.bundle import load_bundle

    path = bundle_folder / "manifest.json"
    path.write_text(path.read_text().replace('"shape": [3], "kind"', '"shape": [5], "kind"'))
    bundle = load_bundle(bundle_folder)
    with pytest.raises(UserError) as caught:
        initial_state(bundle, 0)
    assert str(caught.value) == (
        f"{bundle_folder}/training/init.onnx: 'dense1/bias' came out as float32 [3], but the manifest says float32 [5]"
    )


def test_first_non_finite_follows_the_order() -> None:
    values = {"a": np.array([1, 2]), "b": np.array([np.inf]), "c": np.array(np.nan)}
    assert first_non_finite(values, "abc") == "b"
    assert first_non_finite(values, "cba") == "c"
    assert first_non_finite(values, "a") is None
