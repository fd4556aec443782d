"""A file with weights, written part by part, holds the model that is made in one piece."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from netwright.compiler import compile_spec, load_spec_text
from netwright.compiler.bundle import manifest_text
from netwright.compiler.emit import emit, file_parts
from netwright.compiler.errors import InternalError
from netwright.compiler.ir import DType, Graph, graph_input
from netwright.compiler.ops import op

SPEC = """
netwright: 1
inputs: {x: [300]}
network: [{dense: 200}, batch_norm, {dense: 2}]
training: {loss: {categorical_cross_entropy: {target: label}}}
"""


def test_the_file_is_the_model(tmp_path: Path) -> None:
    bundle = compile_spec(load_spec_text(SPEC, "spec.yaml"))
    bundle.write(tmp_path / "bundle")
    written = onnx.load(tmp_path / "bundle" / "inference.onnx")
    expected = bundle.models()["inference"]
    weights = bundle.initial_weights()
    assert len(weights) == 8
    found = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in written.graph.initializer}
    for name, array in weights.items():
        np.testing.assert_array_equal(found[name], array)
    assert _without_order(written) == _without_order(expected)


def test_the_manifest_has_an_entry_a_line(tmp_path: Path) -> None:
    bundle = compile_spec(load_spec_text(SPEC, "spec.yaml"))
    bundle.write(tmp_path / "bundle")
    text = (tmp_path / "bundle" / "manifest.json").read_text(encoding="utf-8")
    assert json.loads(text) == json.loads(json.dumps(bundle.manifest))
    (line,) = [line for line in text.splitlines() if line.startswith('    {"name": "dense1/weight"')]
    assert json.loads(line.rstrip(","))["shape"] == [300, 200]
    assert manifest_text({"empty": {}, "none": None, "numbers": [1, 2]}) == (
        '{\n  "empty": {},\n  "none": null,\n  "numbers": [1, 2]\n}'
    )


def _without_order(model: onnx.ModelProto) -> bytes:
    tensors = sorted(model.graph.initializer, key=lambda tensor: tensor.name)
    copies = [onnx.TensorProto.FromString(tensor.SerializeToString()) for tensor in tensors]
    del model.graph.initializer[:]
    model.graph.initializer.extend(copies)
    return model.SerializeToString(deterministic=True)


@pytest.mark.parametrize("dtype", [DType.float32, DType.float64, DType.int64, DType.boolean, DType.float16])
@pytest.mark.parametrize("shape", [(), (3,), (0, 2), (2, 100)])
def test_weights_of_every_kind(dtype: DType, shape: tuple[int, ...]) -> None:
    weight = graph_input("w", dtype, shape)
    graph = Graph("g", (weight,), {"y": op.Identity(weight)})
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype.numpy)
    whole = b"".join(file_parts(graph, ["w"], {"w": array}.__getitem__, {"key": "value"}))
    assert onnx.load_from_string(whole) == emit(graph, initializers={"w": array}, metadata={"key": "value"})


def test_a_weight_of_another_type() -> None:
    weight = graph_input("w", DType.float32, (3,))
    graph = Graph("g", (weight,), {"y": op.Relu(weight)})
    with pytest.raises(InternalError) as raised:
        list(file_parts(graph, ["w"], lambda name: np.zeros(2, np.float32), {}))
    assert str(raised.value) == "the weight for <w: float32(3)> has the type float32(2,)"
