"""What the operators that rearrange, pick and place elements say to inputs that do not fit, word for word."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from netwright.compiler.errors import BuildError, InternalError
from netwright.compiler.ir import DType, Graph, Value, constant, graph_input, symbol
from netwright.compiler.ops import op
from netwright.compiler.ops.loops import scan
from netwright.compiler.ops.shape_values import dims_of, shape_value

BATCH, TIME = symbol("batch"), symbol("time")
X = graph_input("x", DType.float32, (BATCH, 3, 4))
FIXED = graph_input("fixed", DType.float32, (2, 3))
N = graph_input("n", DType.int64, (2,))
I = graph_input("i", DType.int64, (5,))  # noqa: E741
LENGTH = graph_input("length", DType.int64, ())


def body(*types: tuple[str, DType, tuple[int, ...]], outputs: int = 1) -> Graph:
    values = tuple(graph_input(*each) for each in types)
    return Graph("body", values, {f"o{k}": op.Exp(values[0]) for k in range(outputs)})


STATE, STEP = ("h", DType.float32, (3,)), ("x", DType.float32, (3,))
H = graph_input("h0", DType.float32, (3,))
XS = graph_input("xs", DType.float32, (5, 3))

REFUSALS: dict[str, tuple[Callable[[], object], str]] = {
    "reshape, unknown": (lambda: op.Reshape(X, N), "Reshape: the target shape is not known when compiling"),
    "reshape, two unknown sizes": (
        lambda: op.Reshape(X, [-1, -1]),
        "Reshape: the target (-1, -1) leaves more than one size to be inferred",
    ),
    "reshape, copying too much": (
        lambda: op.Reshape(FIXED, [0, 0, 0]),
        "Reshape: the target (0, 0, 0) copies axis 2, which float32(2, 3) does not have",
    ),
    "reshape, indivisible": (
        lambda: op.Reshape(FIXED, [-1, 4]),
        "Reshape: cannot reshape (2, 3) to (-1, 4): not divisible by 4",
    ),
    "reshape, other size": (
        lambda: op.Reshape(X, [0, 13]),
        "Reshape: cannot reshape (batch, 3, 4) to (batch, 13): 12*batch elements do not make 13*batch",
    ),
    "reshape, zero stands": (
        lambda: op.Reshape(FIXED, [0, 3], allowzero=1),
        "Reshape: cannot reshape (2, 3) to (0, 3): 6 elements do not make 0",
    ),
    "expand, unknown": (lambda: op.Expand(X, N), "Expand: the target shape is not known when compiling"),
    "expand, no broadcast": (
        lambda: op.Expand(FIXED, [4, 3]),
        "Expand: the shapes (2, 3) and (4, 3) do not broadcast",
    ),
    "unsqueeze, unknown": (lambda: op.Unsqueeze(X, N), "Unsqueeze: the axes are not known when compiling"),
    "unsqueeze, twice": (lambda: op.Unsqueeze(FIXED, [0, -4]), "Unsqueeze: the axes (0, -4) repeat an axis"),
    "unsqueeze, out of range": (lambda: op.Unsqueeze(FIXED, [3]), "Unsqueeze: axis 3 is out of range for rank 3"),
    "squeeze, symbolic": (
        lambda: op.Squeeze(X),
        "Squeeze: needs axes for the shape (batch, 3, 4): a symbolic dimension may turn out as 1",
    ),
    "squeeze, not one": (lambda: op.Squeeze(X, [1]), "Squeeze: axis 1 of (batch, 3, 4) is not of size 1"),
    "squeeze, unknown": (lambda: op.Squeeze(X, N), "Squeeze: the axes are not known when compiling"),
    "transpose": (
        lambda: op.Transpose(X, perm=(0, 1, 1)),
        "Transpose: perm (0, 1, 1) is no permutation of the 3 axes of (batch, 3, 4)",
    ),
    "flatten": (lambda: op.Flatten(FIXED, axis=3), "Flatten: axis 3 is out of range for float32(2, 3)"),
    "tile, unknown": (lambda: op.Tile(FIXED, N), "Tile: the repeats are not known when compiling"),
    "tile, rank": (lambda: op.Tile(FIXED, [2]), "Tile: 1 repeats for the 2 axes of float32(2, 3)"),
    "slice, unknown": (lambda: op.Slice(X, N, [1, 2]), "Slice: the positions are not known when compiling"),
    "slice, lengths": (
        lambda: op.Slice(X, [0, 0], [1], [1]),
        "Slice: 2 starts, 1 ends, 1 axes and 2 steps differ",
    ),
    "slice, twice": (lambda: op.Slice(X, [0, 0], [1, 1], [1, -2]), "Slice: the axes (1, -2) repeat an axis"),
    "slice, no step": (lambda: op.Slice(X, [0], [1], [1], [0]), "Slice: a step of 0 goes nowhere"),
    "concat, nothing": (lambda: op.Concat(axis=0), "Concat: needs at least one input"),
    "concat, dtypes": (
        lambda: op.Concat(N, H, axis=0),
        "Concat: the inputs have different dtypes: int64(2), float32(3)",
    ),
    "concat, shapes": (
        lambda: op.Concat(FIXED, graph_input("y", DType.float32, (2, 4)), axis=0),
        "Concat: the shapes (2, 3) and (2, 4) differ in more than axis 0",
    ),
    "concat, axis": (lambda: op.Concat(FIXED, FIXED, axis=2), "Concat: axis 2 is out of range for rank 2"),
    "split, neither": (lambda: op.Split(X, axis=1), "Split: needs either the sizes or num_outputs, and not both"),
    "split, both": (
        lambda: op.Split(X, [1, 2], axis=1, num_outputs=2),
        "Split: needs either the sizes or num_outputs, and not both",
    ),
    "split, unknown": (lambda: op.Split(X, N, axis=1), "Split: the sizes are not known when compiling"),
    "split, sum": (
        lambda: op.Split(X, [1, 1], axis=1),
        "Split: the sizes (1, 1) do not add up to the 3 of axis 1",
    ),
    "split, none": (lambda: op.Split(X, axis=1, num_outputs=0), "Split: num_outputs must be at least 1, received 0"),
    "split, symbolic": (
        lambda: op.Split(X, num_outputs=2),
        "Split: axis 0 of size batch does not divide into 2 equal parts",
    ),
    "split, too many": (
        lambda: op.Split(op.Expand(LENGTH, [6]), num_outputs=5),
        "Split: axis 0 of size 6 is too short for 5 parts of 2",
    ),
    "pad, unknown": (lambda: op.Pad(H, N), "Pad: the widths are not known when compiling"),
    "pad, count": (lambda: op.Pad(FIXED, [1, 1]), "Pad: 2 widths for 2 axes of float32(2, 3); needs two an axis"),
    "pad, mode": (
        lambda: op.Pad(H, [1, 1], mode="mirror"),
        "Pad: the mode must be one of constant, reflect, edge, wrap, received mirror",
    ),
    "pad, value": (
        lambda: op.Pad(H, [1, 1], constant(np.zeros(1, np.float32))),
        "Pad: the fill value must be a float32 scalar, received float32(1)",
    ),
    "pad, reflecting too far": (
        lambda: op.Pad(H, [1, 3], mode="reflect"),
        "Pad: mode reflect adds at most 2 to axis 0 of size 3, received 3",
    ),
    "pad, wrapping too far": (
        lambda: op.Pad(H, [4, 0], mode="wrap"),
        "Pad: mode wrap adds at most 3 to axis 0 of size 3, received 4",
    ),
    "pad, negative": (lambda: op.Pad(H, [0, -1]), "Pad: the width -1 of axis 0 is negative"),
    "gather, floats": (lambda: op.Gather(FIXED, H), "Gather: the indices must be integers, received float32(3)"),
    "gather, out of range": (
        lambda: op.Gather(FIXED, [0, -3]),
        "Gather: the index -3 is out of range for axis 0 of size 2",
    ),
    "gather, axis": (lambda: op.Gather(FIXED, N, axis=2), "Gather: axis 2 is out of range for rank 2"),
    "gather elements, sizes": (
        lambda: op.GatherElements(FIXED, np.zeros((1, 2), np.int64)),
        "GatherElements: the indices int64(1, 2) may differ from float32(2, 3) along axis 0 only",
    ),
    "gather nd, size": (
        lambda: op.GatherND(X, graph_input("i", DType.int64, (2, TIME))),
        "GatherND: the last axis of the indices int64(2, time) must have a fixed size",
    ),
    "gather nd, too many": (
        lambda: op.GatherND(FIXED, np.zeros((2, 3), np.int64)),
        "GatherND: 0 batch axes and indices int64(2, 3) are too many for float32(2, 3)",
    ),
    "gather nd, batches": (
        lambda: op.GatherND(X, np.zeros((2, 1), np.int64), batch_dims=1),
        "GatherND: the shapes (batch, 3, 4) and (2, 1) differ in the first 1 axes",
    ),
    "scatter elements, shapes": (
        lambda: op.ScatterElements(FIXED, np.zeros((1, 3), np.int64), FIXED),
        "ScatterElements: the indices int64(1, 3) and the updates float32(2, 3) must have one shape",
    ),
    "scatter elements, reduction": (
        lambda: op.ScatterElements(FIXED, np.zeros((2, 3), np.int64), FIXED, reduction="mean"),
        "ScatterElements: the reduction must be one of none, add, mul, max, min, received mean",
    ),
    "scatter nd, reduction": (
        lambda: op.ScatterND(FIXED, np.zeros((2, 1), np.int64), FIXED, reduction="mul"),
        "ScatterND: the reduction must be one of none, add, received mul",
    ),
    "scatter nd, indices": (
        lambda: op.ScatterND(FIXED, np.zeros((2, 3), np.int64), FIXED),
        "ScatterND: the last axis of the indices int64(2, 3) must have a fixed size, at most 2",
    ),
    "scatter nd, updates": (
        lambda: op.ScatterND(FIXED, np.zeros((1, 1), np.int64), FIXED),
        "ScatterND: the updates must be float32(1, 3) for float32(2, 3) at int64(1, 1), received float32(2, 3)",
    ),
    "one-hot, depth": (
        lambda: op.OneHot(N, LENGTH, np.array([0, 1], np.float32)),
        "OneHot: the depth is not known when compiling",
    ),
    "one-hot, values": (
        lambda: op.OneHot(N, 3, np.array([0, 1, 2], np.float32)),
        "OneHot: the values must be two, [off, on], received float32(3)",
    ),
    "top-k, unknown": (lambda: op.TopK(FIXED, LENGTH), "TopK: k is not known when compiling"),
    "top-k, too many": (
        lambda: op.TopK(FIXED, [4]),
        "TopK: k must be between 0 and the size 3 of axis 1, received 4",
    ),
    "trilu": (lambda: op.Trilu(H), "Trilu: needs at least two axes, received float32(3)"),
    "constant of shape, unknown": (
        lambda: op.ConstantOfShape(N),
        "ConstantOfShape: the shape is not known when compiling",
    ),
    "constant of shape, value": (
        lambda: op.ConstantOfShape([2], value=np.zeros(2, np.float32)),
        "ConstantOfShape: the value must be one element, received 2",
    ),
    "range, types": (
        lambda: op.Range(LENGTH, np.float32(3), 1),
        "Range: needs three scalars of one dtype, received int64(), float32(), int64()",
    ),
    "range, step": (lambda: op.Range(LENGTH, 5, 0), "Range: a step of 0 goes nowhere"),
    "range, unknown": (lambda: op.Range(0, LENGTH, 1), "Range: the bounds are not known when compiling"),
    "eye": (lambda: op.EyeLike(H), "EyeLike: needs two axes, received float32(3)"),
    "eye, dtype": (lambda: op.EyeLike(FIXED, dtype=99), "EyeLike: there is no element type number 99"),
    "scan, inputs": (
        lambda: op.Scan(H, XS, body=body(STATE), num_scan_inputs=1),
        "Scan: 2 inputs, of which 1 are sequences and 0 captured, do not fit a body with 1 inputs and 1 outputs",
    ),
    "scan, lengths": (
        lambda: op.Scan(H, XS, FIXED, body=body(STATE, STEP, STEP), num_scan_inputs=2),
        "Scan: the sequences have different lengths: (5, 2)",
    ),
    "scan, types": (
        lambda: op.Scan(H, XS, body=body(STATE, ("x", DType.float32, (4,))), num_scan_inputs=1),
        "Scan: the body's input x is float32(4), it receives float32(3)",
    ),
    "scan, state": (
        lambda: op.Scan(
            H,
            XS,
            body=Graph(
                "body",
                (h := graph_input("h", DType.float32, (3,)), graph_input("x", DType.float32, (3,))),
                {"h.next": op.Cast(h, to=11)},
            ),
            num_scan_inputs=1,
        ),
        "Scan: the state float32(3) becomes float64(3) (h.next of the body)",
    ),
    "scan, axes": (
        lambda: op.Scan(H, XS, body=body(STATE, STEP), num_scan_inputs=1, scan_input_axes=(0, 0)),
        "Scan: scan_input_axes has 2 entries for 1 sequences",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(name: str) -> None:
    build, text = REFUSALS[name]
    with pytest.raises(BuildError) as caught:
        build()
    assert str(caught.value) == text


def test_a_hint() -> None:
    with pytest.raises(BuildError) as caught:
        op.Pad(H, [0, -1])
    assert caught.value.hint == "cut off with Slice"


def test_a_symbol_that_cannot_be_measured() -> None:
    with pytest.raises(InternalError) as caught:
        shape_value((TIME * 2,), X, FIXED)
    assert str(caught.value) == (
        "the dimension 2*time needs 'time', which is no axis of <x: float32(batch, 3, 4)>, <fixed: float32(2, 3)>"
    )
    with pytest.raises(InternalError) as caught:
        shape_value((TIME,))
    assert str(caught.value) == "the dimension time needs 'time', which is no axis of nothing"


SHAPE = op.Shape(X)

DIMS: dict[str, tuple[Value, tuple[object, ...] | None]] = {
    "constant": (constant([2, -1]), (2, -1)),
    "scalar": (constant(7), (7,)),
    "shape": (SHAPE, (BATCH, 3, 4)),
    "part of a shape": (op.Shape(X, start=-2), (3, 4)),
    "size": (op.Size(X), (12 * BATCH,)),
    "joined": (op.Concat(SHAPE, [5], axis=0), (BATCH, 3, 4, 5)),
    "picked": (op.Gather(SHAPE, [2, 0]), (4, BATCH)),
    "cut": (op.Slice(SHAPE, [1], [9]), (3, 4)),
    "cut backward": (op.Slice(SHAPE, [-1], [-9], [0], [-1]), (4, 3, BATCH)),
    "added": (op.Shape(X, end=1) + 1, (BATCH + 1,)),
    "subtracted": (SHAPE - 1, (BATCH - 1, 2, 3)),
    "multiplied": (op.Shape(X, end=1) * SHAPE, (BATCH * BATCH, 3 * BATCH, 4 * BATCH)),
    "divided": (SHAPE * 6 / 3, (2 * BATCH, 6, 8)),
    "divided with a rest": (SHAPE / 2, None),
    "all multiplied": (op.ReduceProd(SHAPE), (12 * BATCH,)),
    "reshaped": (op.Squeeze(op.Unsqueeze(op.Identity(SHAPE), [0]), [0]), None),
    "a scalar made a vector": (op.Unsqueeze(op.Gather(SHAPE, 0), [0]), (BATCH,)),
    "converted": (op.Cast(SHAPE, to=6), (BATCH, 3, 4)),
    "an input": (N, None),
    "a sum with an input": (N + 1, None),
    "joined with an input": (op.Concat(N, [1], axis=0), None),
    "picked by an input": (op.Gather(SHAPE, op.Slice(I, [0], [2])), None),
    "cut from an input": (op.Slice(N, [0], [1]), None),
    "a matrix": (constant([[1]]), None),
    "floats": (op.Cast(SHAPE, to=1), None),
    "something else": (op.Abs(SHAPE), None),
}


@pytest.mark.parametrize("name", DIMS)
def test_what_a_tensor_says_about_dimensions(name: str) -> None:
    value, dims = DIMS[name]
    assert dims_of(value) == dims


def test_scan_of_a_state_that_changes_its_type() -> None:
    with pytest.raises(BuildError) as caught:
        scan(lambda states, inputs: ([op.Concat(states[0], inputs[0], axis=0)], []), [H], [XS])
    assert str(caught.value) == "Scan: the state float32(3) becomes float32(6) (state0.next of the body)"
