"""Prediction in batches, and features that do not fit."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.runtime.bundle import Bundle
from netwright.runtime.device import CPU
from netwright.runtime.errors import UserError
from netwright.runtime.export import export_weights
from netwright.runtime.predictor import Predictor, predict


@pytest.mark.parametrize("rows", [1, 15, 16, 17, 33])
def test_every_row_is_predicted(bundle: Bundle, rows: int) -> None:
    random = np.random.default_rng(0)
    weight = random.normal(size=(4, 3)).astype(np.float32)
    export_weights(bundle.graph_file("inference"), {"dense1/weight": weight})
    image = random.normal(size=(rows, 4)).astype(np.float32)
    outputs = predict(bundle.folder, {"image": image}, batch_size=16)
    exponentials = np.exp(image @ weight)
    expected = exponentials / exponentials.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(outputs["probabilities"], expected, rtol=1e-5)


def test_features_are_converted(bundle: Bundle) -> None:
    assert predict(bundle.folder, {"image": [[1, 2, 3, 4]]})["probabilities"].dtype == np.float32


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "missing": ({}, "the feature 'image' is missing"),
    "unknown": ({"picture": [[0.0] * 4]}, "unknown feature 'picture'"),
    "scalar": ({"image": 3.0}, "feature 'image': must have one row per example, received a single value"),
    "no rows": ({"image": np.zeros((0, 4), np.float32)}, "the features have no rows"),
    "shape": ({"image": [[0.0] * 5]}, "feature 'image': each row has the shape [5], but 'image' needs [4]"),
}


@pytest.mark.parametrize("case", BAD)
def test_features_that_do_not_fit(bundle: Bundle, case: str) -> None:
    features, message = BAD[case]
    with pytest.raises(UserError) as caught:
        predict(bundle.folder, features)
    assert str(caught.value) == message


def test_hints_name_the_features(bundle: Bundle) -> None:
    with pytest.raises(UserError) as caught:
        predict(bundle.folder, {})
    assert caught.value.hint == "the model takes 'image'"


def test_lengths_that_differ(bundle_folder: Path) -> None:
    from netwright.runtime.bundle import load_bundle

    path = bundle_folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["features"].insert(0, {"name": "other", "dtype": "float32", "shape": [], "column": None})
    port = {"name": "other", "dtype": "float32", "shape": ["batch"], "role": "feature"}
    manifest["graphs"]["inference"]["inputs"].append(port)
    path.write_text(json.dumps(manifest))
    with pytest.raises(UserError) as caught:
        Predictor(load_bundle(bundle_folder), CPU).predict({"image": np.zeros((2, 4)), "other": np.zeros(3)})
    assert str(caught.value) == "the features differ in their number of rows: 'other' has 3, 'image' has 2"


def test_a_batch_size_of_nothing(bundle: Bundle) -> None:
    with pytest.raises(UserError) as caught:
        Predictor(bundle, CPU, batch_size=0)
    assert str(caught.value) == "batch_size must be a positive integer, received 0"


def test_a_model_that_fails(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def run(self, *arguments: Any) -> None:
            raise RuntimeError("[ONNXRuntimeError] : 1 : FAIL : no luck")

    monkeypatch.setattr("netwright.runtime.predictor.open_session", lambda *arguments, **named: Broken())
    with pytest.raises(UserError) as caught:
        predict(bundle.folder, {"image": [[0.0] * 4]})
    assert str(caught.value) == f"{bundle.graph_file('inference')}: ONNX Runtime stopped: no luck"
