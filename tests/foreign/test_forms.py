"""Models of every opset compute what ONNX Runtime computes with them, whatever form their operators had then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from netwright.compiler.foreign.forms import REPLACED, REWRITTEN
from netwright.compiler.ir import OPERATORS, Array
from onnx import helper, numpy_helper
from support.foreign import imported, model_of, node, run_model, spec_text
from support.running import BATCH

W = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)
X = np.random.default_rng(0).uniform(-2, 2, (5, 4)).astype(np.float32)
CUBE = np.random.default_rng(1).uniform(-2, 2, (5, 2, 3, 4)).astype(np.float32)


@dataclass(frozen=True)
class Case:
    """A model in the form that one of `opsets` has, over `x`."""

    nodes: Sequence[onnx.NodeProto]
    opsets: Sequence[int]
    tensors: dict[str, Any] = field(default_factory=dict)
    x: Array = field(default_factory=lambda: X)


def whole(*numbers: int) -> Array:
    return np.array(numbers, np.int64)


CASES = {
    "gemm": Case([node("Gemm", "x w b")], (7, 9, 11, 13, 21, 23), {"w": W, "b": W[0]}),
    "matmul-add-relu": Case(
        [node("MatMul", "x w", "h"), node("Add", "h b", "a"), node("Relu", "a")], (7, 13, 23), {"w": W, "b": W[0]}
    ),
    "squeeze-attribute": Case([node("Unsqueeze", "x", "u", axes=[1]), node("Squeeze", "u", axes=[1])], (7, 11), {}),
    "squeeze-input": Case([node("Unsqueeze", "x a", "u"), node("Squeeze", "u a")], (13, 21, 23), {"a": whole(1)}),
    "sum-attribute": Case([node("ReduceSum", "x", axes=[1], keepdims=1)], (7, 11)),
    "sum-input": Case([node("ReduceSum", "x a", keepdims=0)], (13, 18, 23), {"a": whole(1)}),
    "mean-attribute": Case([node("ReduceMean", "x", axes=[-1])], (11, 13, 17)),
    "mean-input": Case([node("ReduceMean", "x a")], (18, 23), {"a": whole(-1)}),
    "largest-attribute": Case([node("ReduceMax", "x", axes=[2, 3], keepdims=0)], (7, 13), x=CUBE),
    "clip-attributes": Case([node("Clip", "x", min=-0.5, max=1.0)], (7, 10)),
    "clip-one-attribute": Case([node("Clip", "x", min=0.0)], (7, 10)),
    "clip-none": Case([node("Clip", "x")], (7, 11, 13)),
    "clip-inputs": Case([node("Clip", "x _ h")], (11, 13, 23), {"h": np.float32(1)}),
    "slice-attributes": Case([node("Slice", "x", starts=[1], ends=[3], axes=[1])], (7, 9)),
    "slice-without-axes": Case([node("Slice", "x", starts=[0, 1], ends=[2**31 - 1, 3])], (7, 9)),
    "slice-inputs": Case([node("Slice", "x s e a")], (10, 13, 23), {"s": whole(1), "e": whole(3), "a": whole(1)}),
    "pad-attributes": Case([node("Pad", "x", pads=[0, 1, 0, 2], value=0.5)], (7, 10)),
    "pad-inputs": Case([node("Pad", "x p v")], (11, 18, 23), {"p": whole(0, 1, 0, 2), "v": np.float32(0.5)}),
    "split-attribute": Case([node("Split", "x", "a b", axis=1, split=[1, 3]), node("Mul", "a b")], (7, 11)),
    "split-equally": Case([node("Split", "x", "a b", axis=1), node("Sub", "a b")], (7, 11, 13)),
    "split-number": Case([node("Split", "x", "a b", axis=1, num_outputs=2), node("Sub", "a b")], (18, 23)),
    "split-input": Case([node("Split", "x s", "a b", axis=1), node("Mul", "a b")], (13, 23), {"s": whole(1, 3)}),
    "top-k-attribute": Case([node("TopK", "x", "y i", k=2)], (7, 9)),
    "top-k-input": Case([node("TopK", "x k", "y i")], (10, 11, 23), {"k": whole(2)}),
    "softmax-of-the-rest": Case([node("Softmax", "x")], (7, 11), x=CUBE),
    "softmax-of-the-last-two": Case([node("LogSoftmax", "x", axis=2)], (7, 11), x=CUBE),
    "softmax-of-the-last": Case([node("Softmax", "x", axis=3)], (7, 11, 13, 23), x=CUBE),
    "softmax-of-one": Case([node("Softmax", "x", axis=1)], (13, 23), x=CUBE),
    "softmax-default": Case([node("Softmax", "x")], (13, 23), x=CUBE),
    "batch-normalization": Case(
        [node("BatchNormalization", "x s b m v", epsilon=0.1, momentum=0.8)],
        (7, 9, 14, 15, 23),
        {
            "s": np.float32([1.5, -0.5]),
            "b": np.float32([0.25, 1]),
            "m": np.float32([0.5, -0.5]),
            "v": np.float32([2, 0.75]),
        },
        CUBE,
    ),
    "batch-normalization-of-vectors": Case(
        [node("BatchNormalization", "x s b m v")],
        (9, 15),
        {"s": W[:, 0] + 2, "b": W[:, 1], "m": W[:, 2], "v": W[:, 0] ** 2 + 1},
    ),
    "dropout": Case([node("Dropout", "x", "d", ratio=0.5), node("Relu", "d")], (7, 11)),
    "dropout-inputs": Case([node("Dropout", "x r", "d"), node("Relu", "d")], (12, 22), {"r": np.float32(0.5)}),
    "identity": Case([node("Identity", "x", "i"), node("Relu", "i")], (7, 14, 23)),
    "constant-tensor": Case(
        [node("Constant", "", "c", value=numpy_helper.from_array(W)), node("MatMul", "x c")], (7, 11, 21, 23)
    ),
    "constant-float": Case([node("Constant", "", "c", value_float=0.5), node("Mul", "x c")], (12, 13, 23)),
    "constant-floats": Case([node("Constant", "", "c", value_floats=[0.5, 1, 2, 3]), node("Mul", "x c")], (12, 23)),
    "constant-ints": Case([node("Constant", "", "c", value_ints=[-1, 2, 2]), node("Reshape", "x c")], (12, 23)),
    "constant-int": Case([node("Constant", "", "c", value_int=1), node("Gather", "x c", axis=1)], (12, 23)),
    "hard-swish": Case([node("HardSwish", "x")], (14, 22)),
    "mish": Case([node("Mish", "x")], (18, 22)),
    "celu": Case([node("Celu", "x", alpha=0.7)], (12,)),
    "mean": Case([node("Relu", "x", "r"), node("Mean", "x r x")], (8, 13)),
    "flatten": Case([node("Flatten", "x", axis=1)], (7, 9, 13, 21, 23), x=CUBE),
    "gelu": Case([node("Gelu", "x", approximate="tanh")], (20, 23)),
    "layer-normalization": Case([node("LayerNormalization", "x s")], (17, 23), {"s": W[:, 0]}),
    "hard-sigmoid": Case([node("HardSigmoid", "x", alpha=0.3)], (7, 22)),
    "average-pool": Case([node("AveragePool", "x", kernel_shape=[2, 2], strides=[1, 2])], (7, 11, 19, 22), x=CUBE),
    "max-pool": Case([node("MaxPool", "x", kernel_shape=[2, 2], pads=[1, 1, 1, 1])], (7, 8, 12, 22), x=CUBE),
    "conv": Case(
        [node("Conv", "x w b", kernel_shape=[3, 3], pads=[1, 1, 1, 1])],
        (7, 11, 22),
        {"w": np.linspace(-1, 1, 36, dtype=np.float32).reshape(2, 2, 3, 3), "b": W[0, :2]},
        CUBE,
    ),
    "upsample-attribute": Case([node("Upsample", "x", scales=[1.0, 1.0, 2.0, 3.0])], (7,), x=CUBE),
    "upsample-input": Case([node("Upsample", "x s")], (9,), {"s": np.float32([1, 1, 2, 3])}, CUBE),
    "resize-two-inputs": Case([node("Resize", "x s")], (10,), {"s": np.float32([1, 1, 2, 3])}, CUBE),
    "resize-scales": Case(
        [node("Resize", "x r s", coordinate_transformation_mode="asymmetric", nearest_mode="floor")],
        (11, 13, 18, 19),
        {"s": np.float32([1, 1, 2, 3]), "r": np.float32([])},
        CUBE,
    ),
    "resize-half-pixel": Case([node("Resize", "x _ s")], (13, 19), {"s": np.float32([1, 1, 4, 3])}, CUBE),
    "resize-axes": Case([node("Resize", "x _ s", axes=[2, 3])], (18, 19), {"s": np.float32([2, 3])}, CUBE),
    "resize-sizes": Case(
        [
            node("Shape", "x", "shape"),
            node("Slice", "shape b e", "kept"),
            node("Concat", "kept larger", "sizes", axis=0),
            node("Resize", "x _ _ sizes"),
        ],
        (13, 19),
        {"b": whole(0), "e": whole(2), "larger": whole(6, 8)},
        CUBE,
    ),
    "instance-normalization": Case(
        [node("InstanceNormalization", "x s b", epsilon=0.01)],
        (7, 22),
        {"s": np.float32([1.5, -0.5]), "b": np.float32([0.25, 1])},
        CUBE,
    ),
    "group-normalization": Case(
        [node("GroupNormalization", "x s b", num_groups=2)],
        (21, 23),
        {"s": np.float32([1.5, -0.5, 1, 2]), "b": np.float32([0.25, 1, 0, -1])},
        CUBE.reshape(5, 4, 3, 2),
    ),
    "cast": Case([node("Cast", "x", "c", to=7), node("Cast", "c", to=1)], (7, 9, 13, 19, 21, 23)),
    "power": Case([node("Pow", "x p")], (7, 12, 15), {"p": np.float32(2)}),
}


@pytest.mark.parametrize(
    ("case", "opset"),
    [pytest.param(case, opset, id=f"{n}-{opset}") for n, case in CASES.items() for opset in case.opsets],
)
def test_it_computes_what_onnx_runtime_does(case: Case, opset: int, tmp_path: Path) -> None:
    shape = ("N", *case.x.shape[1:])
    model = model_of(case.nodes, opset=opset, inputs={"x": shape}, tensors=case.tensors)
    bundle = imported(tmp_path, model, spec_text("output: y", shape=str(list(shape[1:]))))
    expected = run_model(model, {"x": case.x})[0]
    result = run_model(bundle.models()["inference"], {"x": case.x})[0]
    assert result.shape == expected.shape
    np.testing.assert_allclose(result, expected, rtol=2e-5, atol=2e-6)


def test_every_form_is_tried() -> None:
    """But for the reductions, which share one function."""
    tried = {node.op_type for case in CASES.values() for node in case.nodes}
    assert {*REPLACED, *REWRITTEN} - tried - {name for name in REWRITTEN if name.startswith("Reduce")} == set()


def test_what_becomes_others_names_operators_that_there_are() -> None:
    for name, (_, becomes) in REPLACED.items():
        for other in becomes.split("`")[1::2]:
            assert ("", other) in OPERATORS, name


def test_targets_that_exporters_compute_from_shapes_become_constants(tmp_path: Path) -> None:
    """x.reshape(x.shape[0], -1) as PyTorch exports it, and a division by a size."""
    nodes = [
        node("Shape", "x", "shape"),
        node("Gather", "shape zero", "rows", axis=0),
        node("Unsqueeze", "rows axes", "rows1"),
        node("Concat", "rows1 rest", "target", axis=0),
        node("Reshape", "x target", "flat"),
        node("Gather", "shape one", "channels", axis=0),
        node("Cast", "channels", "count", to=1),
        node("Div", "flat count"),
    ]
    tensors = {"zero": np.int64(0), "one": np.int64(1), "axes": whole(0), "rest": whole(-1)}
    model = model_of(nodes, inputs={"x": ("unk__1", 2, 3, 4)}, tensors=tensors)
    bundle = imported(tmp_path, model, spec_text(shape="[2, 3, 4]"))
    assert [node.op_type for node in bundle.graphs["inference"].nodes() if node.op_type != "Constant"] == [
        "Reshape",
        "Div",
    ]
    (result,) = run_model(bundle.models()["inference"], {"x": CUBE})
    np.testing.assert_allclose(result, CUBE.reshape(5, 24) / 2, rtol=1e-6)


def test_batch_normalization_costs_nothing_at_inference(tmp_path: Path) -> None:
    """It goes into the weights of the convolution before it."""
    nodes = [node("Conv", "x w", "c", kernel_shape=[1, 1]), node("BatchNormalization", "c s b m v")]
    tensors = {name: np.float32([1.5, 0.5, 2]) for name in "sbmv"} | {"w": np.ones((3, 2, 1, 1), np.float32)}
    model = model_of(nodes, inputs={"x": ("N", 2, 3, 4)}, tensors=tensors)
    bundle = imported(tmp_path, model, spec_text(shape="[2, 3, 4]"))
    of_the_batch = [n.op_type for n in bundle.graphs["inference"].nodes() if BATCH in n.outputs[0].shape]
    assert of_the_batch == ["Conv"]
    (result,) = run_model(bundle.models()["inference"], {"x": CUBE})
    np.testing.assert_allclose(result, run_model(model, {"x": CUBE})[0], rtol=1e-5)


def test_functions_of_the_file_are_taken_apart(tmp_path: Path) -> None:
    twice = helper.make_function(
        "local", "Twice", ["a"], ["b"], [node("Add", "a a", "b")], [helper.make_opsetid("", 21)]
    )
    model = model_of(
        [helper.make_node("Twice", ["x"], ["y"], domain="local")],
        opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid("local", 1)],
        functions=[twice],
    )
    (result,) = run_model(imported(tmp_path, model, spec_text()).models()["inference"], {"x": X})
    np.testing.assert_array_equal(result, X + X)
