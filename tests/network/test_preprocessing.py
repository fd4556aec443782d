"""Statistics are fitted to the training data, in stages, and travel inside the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from netwright.compiler import Bundle, SpecError, compile_spec, load_spec_text
from netwright.compiler.ir import Array
from netwright.runtime import load_bundle, train
from netwright.runtime.data.columns import ArrayColumns
from netwright.runtime.data.plan import Partitions
from netwright.runtime.errors import UserError
from netwright.runtime.fitting import fit
from netwright.runtime.initial_state import initial_state

SPEC = """
netwright: 1
name: fitted
inputs: {{x: {shape: [2, 3], dtype: {dtype}}}}
network:
{layers}
  - flatten
  - dense: 1
training: {{loss: {{squared_error: {{target: y}}}}, epochs: 1, batch_size: 4}}
"""


def compiled(layers: str, dtype: str = "float32") -> Bundle:
    text = SPEC.replace("{shape: [2, 3], dtype: {dtype}}", "{{shape: [2, 3], dtype: {dtype}}}")
    return compile_spec(load_spec_text(text.format(layers=layers, dtype=dtype), "test.yaml"))


def data(rows: int = 3000, dtype: type = np.float32) -> dict[str, Array]:
    random = np.random.default_rng(0)
    x = (random.normal(size=(rows, 2, 3)) * [1, 10, 100] + [0, 1000, 50]).astype(dtype)
    return {"x": x, "y": np.zeros((rows, 1), np.float32)}


def fitted(bundle: Bundle, folder: Path, columns: dict[str, Array]) -> dict[str, Array]:
    bundle.write(folder)
    loaded = load_bundle(folder)
    return fit(loaded, initial_state(loaded, 0), ArrayColumns(columns))


def test_normalize_fits_mean_and_deviation_of_every_element(tmp_path: Path) -> None:
    columns = data()
    state = fitted(compiled("  - normalize"), tmp_path / "bundle", columns)
    np.testing.assert_allclose(state["normalize1/mean"], columns["x"].mean(0, dtype=np.float64), rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(state["normalize1/deviation"], columns["x"].std(0, dtype=np.float64), rtol=1e-4)


def test_statistics_per_channel_and_of_all(tmp_path: Path) -> None:
    columns = data()
    layers = "  - normalize: {per: channel}\n  - min_max: {per: all}"
    state = fitted(compiled(layers), tmp_path / "bundle", columns)
    x = columns["x"].astype(np.float64)
    mean, deviation = x.mean((0, 1)), x.std((0, 1))
    np.testing.assert_allclose(state["normalize1/mean"], mean, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(state["normalize1/deviation"], deviation, rtol=1e-4)
    normal = (x - mean) / deviation
    np.testing.assert_allclose(state["min_max1/minimum"], normal.min(), rtol=1e-4)
    np.testing.assert_allclose(state["min_max1/maximum"], normal.max(), rtol=1e-4)


def test_later_statistics_come_in_later_stages() -> None:
    bundle = compiled("  - normalize\n  - min_max")
    plan = {step["state"]: step["stage"] for step in bundle.manifest["fitting"]}
    assert plan == {
        "normalize1/mean": 0,
        "normalize1/deviation": 1,
        "min_max1/minimum": 2,
        "min_max1/maximum": 2,
    }


def test_bytes_are_normalized_inside_the_model_after_training(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    columns = {
        "x": random.integers(0, 256, (64, 2, 3), dtype=np.uint8),
        "y": random.normal(size=(64, 1)).astype(np.float32),
    }
    bundle = compiled("  - normalize", dtype="uint8")
    bundle.write(tmp_path / "bundle")
    train(tmp_path / "bundle", tmp_path / "run", partitions=Partitions(ArrayColumns(columns), None, None), device="cpu")
    session = ort.InferenceSession(tmp_path / "run" / "bundle" / "inference.onnx", providers=["CPUExecutionProvider"])
    (got,) = session.run(None, {"x": columns["x"][:5]})
    from safetensors.numpy import load_file

    state = load_file(tmp_path / "run" / "checkpoints" / "last.safetensors")
    x = columns["x"].astype(np.float64)
    features = ((x - x.mean(0)) / x.std(0)).reshape(64, 6)[:5]
    np.testing.assert_allclose(got, features @ state["dense1/weight"] + state["dense1/bias"], rtol=1e-4, atol=1e-5)


def test_given_statistics_need_no_fitting() -> None:
    bundle = compiled("  - normalize: {mean: 1, deviation: [1, 2, 3]}")
    assert bundle.manifest["fitting"] == []
    assert "fit" not in bundle.graphs


def test_a_constant_column_becomes_zero(tmp_path: Path) -> None:
    columns = data(16)
    columns["x"][:, 1, 1] = 7
    bundle = compiled("  - normalize")
    state = fitted(bundle, tmp_path / "bundle", columns)
    assert state["normalize1/deviation"][1, 1] == 0
    session = ort.InferenceSession(tmp_path / "bundle" / "training" / "step.onnx", providers=["CPUExecutionProvider"])
    feeds = {v.name: {**state, **columns}[v.name] for v in session.get_inputs()}
    assert np.isfinite(session.run(["loss"], feeds)[0])


def test_infinite_statistics_are_refused(tmp_path: Path) -> None:
    columns = data(16)
    columns["x"][0, 0, 0] = 3e38
    columns["x"][1, 0, 0] = 3e38
    with pytest.raises(UserError) as error:
        fitted(compiled("  - normalize"), tmp_path / "bundle", columns)
    assert error.value.message == "the statistic 'normalize1/mean' of the training data is not a finite number"
    assert error.value.hint == "the values are too large, or not numbers"


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (
            "  - normalize: {mean: [1, 2]}",
            "network[0].normalize.mean: (2) numbers do not fit examples of the shape (2, 3)",
        ),
        ("  - one_hot: 3", "one_hot needs class numbers, received float32(batch, 2, 3)"),
    ],
)
def test_what_does_not_fit_is_refused(layers: str, expected: str) -> None:
    with pytest.raises(SpecError) as error:
        compiled(layers)
    assert expected in str(error.value)


def test_statistics_need_fixed_sizes() -> None:
    text = "netwright: 1\ninputs: {x: [time, 3]}\nnetwork: [normalize]\n"
    with pytest.raises(SpecError) as error:
        compile_spec(load_spec_text(text, "test.yaml"))
    assert "'normalize1/mean' would have the shape (time, 3), but statistics need fixed sizes" in str(error.value)
    assert "hint: fit them `per: channel` or `per: all`" in str(error.value)
