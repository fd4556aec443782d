"""ONNX models as other makers write them: by hand, and by PyTorch's exporters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from netwright.compiler import Bundle, compile_spec, load_spec_text
from netwright.compiler.ir import Array
from onnx import helper, numpy_helper

from .running import silent_options

FLOAT = onnx.TensorProto.FLOAT


def model_of(
    nodes: Sequence[onnx.NodeProto],
    *,
    opset: int = 21,
    inputs: Mapping[str, Sequence[int | str | None]] | None = None,
    outputs: Sequence[str] = ("y",),
    tensors: Mapping[str, Any] | None = None,
    dtype: int = FLOAT,
    **more: Any,
) -> onnx.ModelProto:
    """A model with the float32 inputs (by default `x`, a batch of 4 numbers), and `tensors` as initializers."""
    inputs = {"x": ("N", 4)} if inputs is None else inputs
    graph = helper.make_graph(
        nodes,
        "made",
        [helper.make_tensor_value_info(name, dtype, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, FLOAT, []) for name in outputs],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in (tensors or {}).items()],
    )
    opsets = more.pop("opset_imports", [helper.make_opsetid("", opset)])
    return helper.make_model(graph, opset_imports=opsets, ir_version=more.pop("ir_version", 8), **more)


def node(op_type: str, inputs: str, output: str = "y", **attributes: Any) -> onnx.NodeProto:
    """`node("Gemm", "x w b", transB=1)`; `_` leaves an input out."""
    names = ["" if name == "_" else name for name in inputs.split()]
    return helper.make_node(op_type, names, output.split(), **attributes)


def spec_text(fields: str = "", *, shape: str = "[4]", training: str = "", more: str = "") -> str:
    """A spec of the network in `model.onnx`, called `net`."""
    return (
        f"netwright: 1\ninputs: {{x: {shape}}}\n"
        f"network:\n  - onnx: {{name: net, file: model.onnx{', ' if fields else ''}{fields}}}\n{more}{training}"
    )


def imported(folder: Path, model: onnx.ModelProto | None, text: str) -> Bundle:
    """The bundle of a spec in `folder`, beside the model. Raises SpecError."""
    if model is not None:
        (folder / "model.onnx").write_bytes(model.SerializeToString())
    return compile_spec(load_spec_text(text, "spec.yaml", base=folder))


def run_model(model: onnx.ModelProto, feeds: Mapping[str, Array]) -> list[Array]:
    """What ONNX Runtime computes."""
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), silent_options(), providers=["CPUExecutionProvider"]
    )
    return list(session.run(None, dict(feeds)))


def classifier() -> onnx.ModelProto:
    """`support/included/classifier.onnx`: 4 numbers, 8 features, the probabilities of 3 classes."""
    tensors = {
        "hidden.weight": np.linspace(-1, 1, 32, dtype=np.float32).reshape(8, 4),
        "hidden.bias": np.linspace(-0.5, 0.5, 8, dtype=np.float32),
        "head.weight": np.linspace(1, -1, 24, dtype=np.float32).reshape(3, 8),
        "head.bias": np.float32([0.1, 0, -0.1]),
    }
    nodes = [
        node("Gemm", "x hidden.weight hidden.bias", "hidden", transB=1),
        node("Relu", "hidden", "features"),
        node("Gemm", "features head.weight head.bias", "logits", transB=1),
        node("Softmax", "logits", "probabilities", axis=-1),
    ]
    return model_of(nodes, opset=17, outputs=["probabilities"], tensors=tensors, producer_name="handmade")
