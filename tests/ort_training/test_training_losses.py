"""Fifty steps through the training API give the losses of the stock backend."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from expressible import Expressible, all_expressible, every_expressible
from netwright.formats.ort_checkpoint import decode_checkpoint
from netwright.runtime.bundle import load_bundle
from netwright.runtime.ort_training.engine import open_engine
from netwright.runtime.ort_training.process import TrainingProcess
from netwright.runtime.session import SessionSettings
from support.bundles import Program, first_state, next_state, take_batches

STEPS = 50
ONE_THREAD = SessionSettings(threads=1)


def test_the_library_is_found() -> None:
    assert {"digits_mlp", "mnist_mlp", "linear_regression", "spam_filter"} <= {case.name for case in all_expressible()}


@every_expressible
def test_losses_are_those_of_the_stock_backend(case: Expressible, process: TrainingProcess, tmp_path: Path) -> None:
    case.write(tmp_path / "stock", "portable")
    case.write(tmp_path / "api", "ort-training")
    batches = take_batches(tmp_path / "stock", STEPS)
    rows = [len(next(iter(batch.values()))) for batch in batches]

    step, state = Program(tmp_path / "stock/training/step.onnx"), first_state(tmp_path / "stock")
    stock = []
    for batch in batches:
        outputs = step({**batch, **state})
        state = next_state(outputs)
        stock.append({n: float(v) for n, v in outputs.items() if not n.endswith(".next")})

    first = first_state(tmp_path / "api")
    engine = open_engine(load_bundle(tmp_path / "api"), first, process, ONE_THREAD)
    api = [engine.loop.step(batch, count)[0] for batch, count in zip(batches, rows, strict=True)]

    np.testing.assert_allclose([r.loss for r in api], [r.pop("loss") for r in stock], rtol=1e-4, atol=1e-7)
    for mine, theirs in zip(api, stock, strict=True):
        assert mine.metrics.keys() == theirs.keys()
    trained = engine.state.numpy()
    assert trained["step"] == STEPS
    assert trained["random_counter"] == state["random_counter"]
    changed = [name for name, value in first.items() if not np.array_equal(value, trained[name])]
    assert set(changed) >= {"step", "random_counter"}
    for name in set(state) & set(trained):
        np.testing.assert_allclose(trained[name], state[name], rtol=1e-2, atol=1e-3, err_msg=name)


@every_expressible
def test_the_checkpoint_holds_the_first_state(case: Expressible, training_python: str, tmp_path: Path) -> None:
    bundle = case.write(tmp_path / "api", "ort-training")
    checkpoint = decode_checkpoint((tmp_path / "api/checkpoint").read_bytes())
    first = first_state(tmp_path / "api")
    held = {**checkpoint.trained, **checkpoint.frozen}
    kinds = ("parameter", "statistic", "fitted")
    assert held.keys() == {entry["name"] for entry in bundle.manifest["state"] if entry["kind"] in kinds}
    for name, array in held.items():
        np.testing.assert_allclose(array, first[name], rtol=1e-6, atol=1e-7, err_msg=name)
    if "random_counter" in checkpoint.properties:
        assert checkpoint.properties["random_counter"] == first["random_counter"]
