"""Trained weights in `inference.onnx`."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from netwright.runtime.bundle import Bundle
from netwright.runtime.errors import UserError
from netwright.runtime.export import export_weights
from onnx import numpy_helper


def test_only_the_weights_change(bundle: Bundle) -> None:
    model = bundle.graph_file("inference")
    before = onnx.load(model)
    weight = np.arange(12, dtype=np.float32).reshape(4, 3)
    export_weights(model, {"dense1/weight": weight, "elsewhere": np.zeros(2, np.float32)})
    after = onnx.load(model)
    for old, new in zip(before.graph.initializer, after.graph.initializer, strict=True):
        if new.name == "dense1/weight":
            np.testing.assert_array_equal(numpy_helper.to_array(new), weight)
            new.CopyFrom(old)
    assert after == before


def test_nothing_to_export_leaves_the_model_alone(bundle: Bundle) -> None:
    model = bundle.graph_file("inference")
    before = onnx.load(model)
    export_weights(model, {})
    assert onnx.load(model) == before


def test_a_model_without_the_weights(bundle: Bundle) -> None:
    model = bundle.graph_file("inference")
    with pytest.raises(UserError) as caught:
        export_weights(model, {"other": np.zeros(1, np.float32)})
    assert str(caught.value) == f"{model}: the model holds none of the trained weights"
    assert caught.value.hint == "compile the spec again"


def test_another_shape(bundle: Bundle) -> None:
    model = bundle.graph_file("inference")
    with pytest.raises(UserError) as caught:
        export_weights(model, {"dense1/weight": np.zeros((2, 3), np.float32)})
    assert str(caught.value) == f"{model}: 'dense1/weight' has the shape [4, 3], but [2, 3] was trained"


def test_no_model(tmp_path: Path) -> None:
    model = tmp_path / "inference.onnx"
    model.write_bytes(b"no model")
    with pytest.raises(UserError) as caught:
        export_weights(model, {"dense1/weight": np.zeros(1, np.float32)})
    assert str(caught.value).startswith(f"{model}: not a model that can be read: ")
