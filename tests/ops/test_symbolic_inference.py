"""Shapes with symbolic axes: what is inferred is what ONNX Runtime computes at any size, forward and backward."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from netwright.compiler.autodiff import gradients
from netwright.compiler.emit import emit
from netwright.compiler.errors import BuildError
from netwright.compiler.ir import Dim, DType, Graph, Value, apply, constant, graph_input, shape_text, symbol
from netwright.compiler.ir.verify import verify
from netwright.compiler.ops import op
from netwright.compiler.ops.shape_values import shape_value
from netwright.compiler.ops.slicing import FAR

BATCH, TIME = symbol("batch"), symbol("time")
SIZES = {"batch": 3, "time": 6}

Build = Callable[[Value, Value], Value]

# x is (batch, time, 4) and i holds indices from 0 to 3, (batch, time)
CASES: dict[str, tuple[Build, str]] = {
    "reshape, rows": (lambda x, i: op.Reshape(x, [-1, 4]), "(batch*time, 4)"),
    "reshape, keeping two": (lambda x, i: op.Reshape(x, [0, 0, 2, 2]), "(batch, time, 2, 2)"),
    "reshape like a shape": (lambda x, i: op.Reshape(op.Reshape(x, [-1, 4]), op.Shape(x)), "(batch, time, 4)"),
    "reshape to computed sizes": (
        lambda x, i: op.Reshape(x, op.Concat(op.Shape(x, end=1) * op.Shape(x, start=1, end=2), [2, 2], axis=0)),
        "(batch*time, 2, 2)",
    ),
    "flatten": (lambda x, i: op.Flatten(x, axis=2), "(batch*time, 4)"),
    "flatten to rows": (lambda x, i: op.Flatten(x), "(batch, 4*time)"),
    "transpose": (lambda x, i: op.Transpose(x, perm=(1, 2, 0)), "(time, 4, batch)"),
    "transpose, reversed": (lambda x, i: op.Transpose(x), "(4, time, batch)"),
    "unsqueeze": (lambda x, i: op.Unsqueeze(x, [1, -1]), "(batch, 1, time, 4, 1)"),
    "squeeze": (lambda x, i: op.Squeeze(op.Unsqueeze(x, [2]), [-2]), "(batch, time, 4)"),
    "tile": (lambda x, i: op.Tile(x, [1, 2, 3]), "(batch, 2*time, 12)"),
    "expand": (lambda x, i: op.Expand(x, constant([2, 1, 1, 1])), "(2, batch, time, 4)"),
    "expand like a shape": (lambda x, i: op.Expand(op.ReduceSum(x, [1, 2]), op.Shape(x)), "(batch, time, 4)"),
    "slice off the first": (lambda x, i: op.Slice(x, [1], [FAR], [1]), "(batch, time-1, 4)"),
    "slice off the last": (lambda x, i: op.Slice(x, [0], [-1], [1]), "(batch, time-1, 4)"),
    "slice off both ends": (lambda x, i: op.Slice(x, [1], [-2], [-2]), "(batch, time-3, 4)"),
    "slice the first two": (lambda x, i: op.Slice(x, [0], [2], [1]), "(batch, 2, 4)"),
    "slice the last two": (lambda x, i: op.Slice(x, [-2], [FAR], [1]), "(batch, 2, 4)"),
    "slice backward": (lambda x, i: op.Slice(x, [-1], [-FAR - 1], [1], [-1]), "(batch, time, 4)"),
    "slice backward from the last but one": (lambda x, i: op.Slice(x, [-2], [0], [1], [-1]), "(batch, time-2, 4)"),
    "slice every other": (lambda x, i: op.Slice(x, [1], [FAR], [1], [2]), "(batch, (time)//(2), 4)"),
    "slice two axes": (lambda x, i: op.Slice(x, [1, 1], [FAR, 3], [1, 2]), "(batch, time-1, 2)"),
    "slice a fixed axis": (lambda x, i: op.Slice(x, [-3], [FAR], [2], [2]), "(batch, time, 2)"),
    "slice to a measured end": (
        lambda x, i: op.Slice(x, [0], op.Shape(x, start=1, end=2) - constant([2]), [1]),
        "(batch, time-2, 4)",
    ),
    "pad": (lambda x, i: op.Pad(x, [2, 1], None, [1]), "(batch, time+3, 4)"),
    "pad, edge": (lambda x, i: op.Pad(x, [2, 1], None, [1], mode="edge"), "(batch, time+3, 4)"),
    "pad, reflected": (lambda x, i: op.Pad(x, [2, 1], None, [1], mode="reflect"), "(batch, time+3, 4)"),
    "pad, wrapped": (lambda x, i: op.Pad(x, [2, 1], None, [1], mode="wrap"), "(batch, time+3, 4)"),
    "concat": (lambda x, i: op.Concat(x, x * 2, op.Slice(x, [1], [FAR], [1]), axis=1), "(batch, 3*time-1, 4)"),
    "concat features": (lambda x, i: op.Concat(x, x, axis=-1), "(batch, time, 8)"),
    "concat batches": (lambda x, i: op.Concat(x, x * 3, axis=0), "(2*batch, time, 4)"),
    "split features": (lambda x, i: apply("Split", x, [1, 3], axis=2)[1], "(batch, time, 3)"),
    "split time in halves": (
        lambda x, i: apply("Split", op.Concat(x, x, axis=1), axis=1, num_outputs=2)[0],
        "(batch, time, 4)",
    ),
    "split by measured sizes": (
        lambda x, i: apply("Split", x, op.Concat([1], op.Shape(x, start=1, end=2) - constant([1]), axis=0), axis=1)[1],
        "(batch, time-1, 4)",
    ),
    "gather rows": (lambda x, i: op.Gather(op.Reshape(x, [-1, 4]), i), "(batch, time, 4)"),
    "gather rows of a table": (
        lambda x, i: op.Gather(op.ReduceSum(op.Slice(x, [0], [3], [0]), [0, 1], keepdims=0), i),
        "(batch, time)",
    ),
    "gather features": (lambda x, i: op.Gather(x, constant([3, 0, 0]), axis=2), "(batch, time, 3)"),
    "gather the last feature": (lambda x, i: op.Gather(x, constant(-1), axis=-1), "(batch, time)"),
    "gather the first step": (lambda x, i: op.Gather(x, constant(0), axis=1), "(batch, 4)"),
    "gather elements": (lambda x, i: op.GatherElements(x, op.Unsqueeze(i, [2]), axis=2), "(batch, time, 1)"),
    "gather within batches": (lambda x, i: op.GatherND(x, op.Unsqueeze(i, [2]), batch_dims=1), "(batch, time, 4)"),
    "gather pairs": (lambda x, i: op.GatherND(x, constant([[0, 1], [2, 0], [0, 1]])), "(3, 4)"),
    "scatter elements": (
        lambda x, i: op.ScatterElements(x, op.Unsqueeze(i, [2]), op.ReduceSum(x, [2]), axis=2, reduction="add"),
        "(batch, time, 4)",
    ),
    "scatter rows": (
        lambda x, i: op.ScatterND(x, constant([[0], [2]]), op.Slice(x, [0], [2], [0])),
        "(batch, time, 4)",
    ),
    "one-hot": (lambda x, i: x * _one_hot(i), "(batch, time, 4)"),
    "top-k": (lambda x, i: apply("TopK", x, [2])[0], "(batch, time, 2)"),
    "triangle": (lambda x, i: op.Trilu(x, upper=0), "(batch, time, 4)"),
    "range": (
        lambda x, i: x * op.Unsqueeze(op.Cast(op.Range(0, op.Squeeze(op.Shape(x, start=1, end=2)), 1), to=1), [-1]),
        "(batch, time, 4)",
    ),
    "zeros of a shape": (lambda x, i: x + op.ConstantOfShape(op.Shape(x)), "(batch, time, 4)"),
    "ones of a matrix": (lambda x, i: op.EyeLike(op.Reshape(x, [0, -1])) * op.Flatten(x), "(batch, 4*time)"),
    "size": (lambda x, i: x / op.Cast(op.Size(x), to=1), "(batch, time, 4)"),
}


def _one_hot(indices: Value) -> Value:
    return op.OneHot(indices, constant(4), constant(np.array([0, 1], np.float32)))


def inputs() -> tuple[Value, Value]:
    return graph_input("x", DType.float32, (BATCH, TIME, 4)), graph_input("i", DType.int64, (BATCH, TIME))


def feeds(sizes: dict[str, int] = SIZES) -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    shape = (sizes["batch"], sizes["time"])
    return {
        "x": random.normal(size=(*shape, 4)).astype(np.float32),
        "i": random.integers(0, 3, size=shape),
        "dy": random.normal(size=()).astype(np.float32),
    }


def size(dim: Dim, sizes: dict[str, int] = SIZES) -> int:
    names = {**sizes, "(time)//(2)": sizes["time"] // 2}
    if isinstance(dim, int):
        return dim
    return sum(factor * int(np.prod([names[name] for name in monomial])) for monomial, factor in dim.terms)


def with_gradient(build: Build) -> Graph:
    """The case's value y and the gradient of scale·Σ y² by x."""
    x, i = inputs()
    y = build(x, i)
    scale = graph_input("dy", DType.float32, ())
    (gradient,) = gradients([op.ReduceSum(y * y, keepdims=0)], [x], [scale])
    outputs = {"y": y} | ({} if gradient is None else {"gradient": gradient})
    return Graph("case", (x, i, scale), outputs)


def session(graph: Graph, options: onnxruntime.SessionOptions | None = None) -> onnxruntime.InferenceSession:
    options = options or onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(emit(graph).SerializeToString(), options, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("name", CASES)
def test_shapes(name: str) -> None:
    build, text = CASES[name]
    assert shape_text(build(*inputs()).shape) == text


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_have_the_inferred_shapes(name: str) -> None:
    graph = with_gradient(CASES[name][0])
    verify(graph)
    run = session(graph)
    fed = {i.name: feeds()[i.name] for i in run.get_inputs()}
    for value, array in zip(graph.outputs.values(), run.run(None, fed), strict=True):
        assert array.shape == tuple(size(dim) for dim in value.shape)


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_those_of_fixed_shapes(name: str) -> None:
    """The same network over integers, whose gradient the contract tests check, gives the same numbers."""
    build = CASES[name][0]
    symbolic = with_gradient(build)
    assert "gradient" in symbolic.outputs
    x, i = graph_input("x", DType.float32, (3, 6, 4)), graph_input("i", DType.int64, (3, 6))
    scale = graph_input("dy", DType.float32, ())
    y = build(x, i)
    (gradient,) = gradients([op.ReduceSum(y * y, keepdims=0)], [x], [scale])
    assert gradient is not None
    fixed = Graph("fixed", (x, i, scale), {"y": y, "gradient": gradient})
    for a, b in zip(session(symbolic).run(None, feeds()), session(fixed).run(None, feeds()), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", sorted(CASES.keys() - {"size"}))  # Size is not folded: rules measure with Shape
def test_shape_arithmetic_folds_when_the_sizes_are_fixed(name: str, tmp_path: Path) -> None:
    """With the axes fixed at load no kernel is left that computes a shape: CUDA would send it to the CPU."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    for axis, count in SIZES.items():
        options.add_free_dimension_override_by_name(axis, count)
    session(with_gradient(CASES[name][0]), options)
    left = {node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node}
    assert not left & {"Shape", "Size", "Range", "ConstantOfShape"}


def test_reshape_to_sizes_that_do_not_fit() -> None:
    x, _ = inputs()
    with pytest.raises(BuildError) as caught:
        op.Reshape(x, [0, -1, 3])
    assert str(caught.value) == "Reshape: cannot reshape (batch, time, 4) to (batch, -1, 3): not divisible by 3*batch"


def test_measured_shapes() -> None:
    x, _ = inputs()
    shorter = op.Slice(x, [1], [FAR], [1])
    flat = op.Reshape(x, [-1, 4])
    measured = {
        "all": shape_value(x.shape, x),
        "static": shape_value((2, 3)),
        "mixed": shape_value((5, BATCH, 7, 8), x),
        "product": shape_value((2 * BATCH * TIME + 1,), x),
        "exact": shape_value((BATCH * TIME,), flat),
        "offset": shape_value((TIME,), shorter),
    }
    results = session(Graph("shapes", (x,), measured)).run(None, {"x": feeds()["x"]})
    assert [result.tolist() for result in results] == [[3, 6, 4], [2, 3], [5, 3, 7, 8], [37], [18], [6]]
