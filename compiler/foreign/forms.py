"""How operators were written in older opsets, and those that have no record because simpler ones make them.

Records have the form of opset 21. What was an attribute before became an input since; a function here takes one use of
an operator in any form and gives its outputs. Operators that are not here have had one form since opset 7.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ..errors import BuildError
from ..ir import SymbolicDim, Value, constant, divide_exactly, find, op, product
from ..ir.operator import apply_record
from ..ops.resizing import repeated
from ..ops.shape_values import dims_of
from ..ops.shapes import reshape
from .model import ForeignNode


@dataclass(frozen=True)
class Use:
    """One use of an operator: its node, and the values that it reads."""

    node: ForeignNode
    inputs: tuple[Value | None, ...]

    @property
    def attributes(self) -> Mapping[str, Any]:
        return self.node.attributes

    def __getitem__(self, index: int) -> Value:
        value = self.optional(index)
        if value is None:
            raise BuildError(f"the input {index + 1} is missing")
        return value

    def optional(self, index: int) -> Value | None:
        return self.inputs[index] if index < len(self.inputs) else None


Form = Callable[[Use], Sequence[Value]]


def as_it_stands(use: Use) -> Sequence[Value]:
    """The operator of the record, with the same inputs and attributes."""
    return record(use, use.inputs, use.attributes)


def record(use: Use, inputs: Sequence[Value | None], attributes: Mapping[str, Any]) -> Sequence[Value]:
    """The node's operator over these inputs. An attribute that the record does not have must not change anything."""
    operator = find(use.node.op_type)
    foreign = [name for name in attributes if name not in operator.attributes]
    for name in foreign:
        if name not in use.node.usual:
            raise BuildError(f"the attribute {name} = {attributes[name]!r} is not supported")
    known = {name: value for name, value in attributes.items() if name not in foreign}
    return apply_record(operator, tuple(inputs), known)


def _without(use: Use, *names: str) -> dict[str, Any]:
    return {name: value for name, value in use.attributes.items() if name not in names}


def _whole(numbers: Any) -> Value:
    return constant(np.array(numbers, dtype=np.int64))


def _axes(use: Use) -> Sequence[Value]:
    """Axes were an attribute: of Squeeze, Unsqueeze and ReduceSum before opset 13, of other reductions before 18."""
    if "axes" not in use.attributes:
        return as_it_stands(use)
    return record(use, (use[0], _whole(use.attributes["axes"])), _without(use, "axes"))


def _clip(use: Use) -> Sequence[Value]:
    """The bounds were attributes before opset 11."""
    bounds = [use.attributes.get(name) if name not in use.node.usual else None for name in ("min", "max")]
    if not {"min", "max"} & set(use.attributes):
        return as_it_stands(use)
    x = use[0]
    given = [None if bound is None else constant(bound, x.dtype) for bound in bounds]
    return record(use, (x, *given), _without(use, "min", "max"))


def _slice(use: Use) -> Sequence[Value]:
    """Everything was an attribute before opset 10."""
    if "starts" not in use.attributes:
        return as_it_stands(use)
    names = [name for name in ("starts", "ends", "axes") if name in use.attributes]
    return record(use, (use[0], *(_whole(use.attributes[name]) for name in names)), _without(use, *names))


def _pad(use: Use) -> Sequence[Value]:
    """Sizes and value were attributes before opset 11."""
    if "pads" not in use.attributes:
        return as_it_stands(use)
    value = constant(use.attributes.get("value", 0.0), use[0].dtype)
    return record(use, (use[0], _whole(use.attributes["pads"]), value), _without(use, "pads", "value"))


def _split(use: Use) -> Sequence[Value]:
    """Sizes were an attribute before opset 13; without any, the number of outputs is one since opset 18."""
    if "split" in use.attributes:
        return record(use, (use[0], _whole(use.attributes["split"])), _without(use, "split"))
    if use.optional(1) is None and "num_outputs" not in use.attributes:
        return record(use, use.inputs, {**use.attributes, "num_outputs": len(use.node.outputs)})
    return as_it_stands(use)


def _top_k(use: Use) -> Sequence[Value]:
    """k was an attribute before opset 10."""
    if "k" not in use.attributes:
        return as_it_stands(use)
    return record(use, (use[0], _whole([use.attributes["k"]])), _without(use, "k"))


def _softmax(use: Use) -> Sequence[Value]:
    """Before opset 13 all axes from `axis` on, which was 1 unless given, were one."""
    if use.node.since >= 13:
        return as_it_stands(use)
    x = use[0]
    axis = use.attributes.get("axis", 1)
    if axis in (-1, x.rank - 1):
        return record(use, (x,), {"axis": -1})
    (y,) = record(use, (op.Flatten(x, axis=axis),), {"axis": 1})
    return [reshape(y, x.shape, x)]


def _resize(use: Use) -> Sequence[Value]:
    """Repeats elements: nearest neighbours at whole scales. Scales were an attribute, then the second input."""
    x, given = use[0], use.attributes
    if given.get("mode", "nearest") != "nearest":
        raise BuildError(f"the mode {given['mode']} is not supported, only the repetition of elements is")
    repeats_only = use.node.since < 11 or (
        given.get("coordinate_transformation_mode", "half_pixel"),
        given.get("nearest_mode", "round_prefer_floor"),
    ) in (("asymmetric", "floor"), ("half_pixel", "round_prefer_floor"), ("half_pixel", "round_prefer_ceil"))
    scales = _scales(use, x)
    if not repeats_only or scales is None or any(scale < 1 for scale in scales) or scales[:2] != (1, 1):
        raise BuildError("only the repetition of elements, by whole numbers, of axes after the second is supported")
    return [repeated(x, scales[2:])]


def _scales(use: Use, x: Value) -> tuple[int, ...] | None:
    """How often elements are repeated along each axis; None when that is no whole number."""
    axes = use.attributes.get("axes", tuple(range(x.rank)))
    given = use.attributes.get("scales")
    if given is None:
        array = None if (value := use.optional(2 if use.node.since >= 11 else 1)) is None else value.constant
        given = None if array is None or not array.size else array.tolist()
    if given is None and use.optional(3) is not None:
        sizes = dims_of(use[3]) or ()
        given = [divide_exactly(size, x.shape[axis]) for size, axis in zip(sizes, axes, strict=False)]
    if given is None or len(given) != len(axes):
        return None
    scales = [1] * x.rank
    for axis, scale in zip(axes, given, strict=True):
        if not isinstance(scale, (int, float)) or scale != int(scale):
            return None
        scales[axis] = int(scale)
    return tuple(scales)


def _reshape(use: Use) -> Sequence[Value]:
    """Exporters compute the target from the input's shape. Where one size at most is unknown, a constant says it."""
    (y,) = as_it_stands(use)
    unknown = sum(isinstance(dim, SymbolicDim) for dim in y.shape)
    return [reshape(use[0], y.shape) if unknown <= 1 and 0 not in y.shape else y]


def _constant(use: Use) -> Sequence[Value]:
    for name, value in use.attributes.items():
        if name == "value":
            return [constant(value)]
        if name in ("value_int", "value_ints"):
            return [_whole(value)]
        if name in ("value_float", "value_floats"):
            return [constant(np.array(value, dtype=np.float32))]
    raise BuildError("a constant that is neither a tensor nor made of numbers is not supported")


def _identity(use: Use) -> Sequence[Value]:
    return [use[0]]


def _dropout(use: Use) -> Sequence[Value]:
    """As in inference: nothing is dropped. The layer `dropout` is the one that acts in training."""
    mode = use.optional(2)
    if mode is not None and (mode.constant is None or bool(mode.constant)):
        raise BuildError("it was exported for training", "export the model in inference mode (`model.eval()`)")
    return [use[0]]


def _batch_normalization(use: Use) -> Sequence[Value]:
    """y = x·a + b with a = scale/√(variance + ε), b = bias − mean·a, from the running statistics.

    Written so that a and b, which no example changes, go into the weights of a layer before it (`passes.scaling`).
    """
    if use.attributes.get("training_mode", 0):
        raise BuildError("it was exported for training", "export the model in inference mode (`model.eval()`)")
    if not use.attributes.get("spatial", 1):
        raise BuildError("statistics for each element (spatial = 0) are not supported")
    x, scale, bias, mean, variance = (use[index] for index in range(5))
    factor = scale / op.Sqrt(variance + use.attributes.get("epsilon", 1e-5))
    offset = bias - mean * factor
    channels = (*scale.shape, *(1 for _ in x.shape[2:]))
    return [x * reshape(factor, channels) + reshape(offset, channels)]


def _instance_normalization(use: Use) -> Sequence[Value]:
    """y = (x − mean)/√(variance + ε)·scale + bias, over the axes after the second."""
    x = use[0]
    channels = (x.shape[1], *(1 for _ in x.shape[2:]))
    normalized = _normalized(x, tuple(range(2, x.rank)), use)
    return [normalized * reshape(use[1], channels) + reshape(use[2], channels)]


def _group_normalization(use: Use) -> Sequence[Value]:
    """The same over groups of channels, each with its own scale and bias; ONNX withdrew the form of opset 18."""
    x, groups = use[0], use.attributes["num_groups"]
    size = divide_exactly(product(x.shape[1:]), groups)
    if size is None or divide_exactly(x.shape[1], groups) is None:
        raise BuildError(f"{x.shape[1]} channels do not make {groups} groups")
    normalized = _normalized(reshape(x, (x.shape[0], groups, size), x), (2,), use)
    channels = (x.shape[1], *(1 for _ in x.shape[2:]))
    return [reshape(normalized, x.shape, x) * reshape(use[1], channels) + reshape(use[2], channels)]


def _normalized(x: Value, axes: tuple[int, ...], use: Use) -> Value:
    """x with mean 0 and (biased) variance 1 over the axes."""
    centered = x - op.ReduceMean(x, axes, keepdims=1)
    variance = op.ReduceMean(centered * centered, axes, keepdims=1)
    return centered / op.Sqrt(variance + use.attributes.get("epsilon", 1e-5))


def _mean(use: Use) -> Sequence[Value]:
    return [op.Sum(*use.inputs) / float(len(use.inputs))]


def _hard_swish(use: Use) -> Sequence[Value]:
    """x · HardSigmoid(x), with α = 1/6 and β = 1/2."""
    return [use[0] * op.HardSigmoid(use[0], alpha=1 / 6, beta=0.5)]


def _mish(use: Use) -> Sequence[Value]:
    """x · tanh(softplus(x))."""
    return [use[0] * op.Tanh(op.Softplus(use[0]))]


def _celu(use: Use) -> Sequence[Value]:
    """max(0, x) + min(0, α·(exp(x/α) − 1)), which is an Elu of x/α times α."""
    alpha = use.attributes.get("alpha", 1.0)
    return [op.Elu(use[0] / alpha) * alpha]


_REDUCTIONS: Final = (
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
)

REWRITTEN: Final[dict[str, Form]] = {
    "Clip": _clip,
    "LogSoftmax": _softmax,
    "Pad": _pad,
    "Reshape": _reshape,
    "Resize": _resize,
    "Slice": _slice,
    "Softmax": _softmax,
    "Split": _split,
    "Squeeze": _axes,
    "TopK": _top_k,
    "Unsqueeze": _axes,
    **dict.fromkeys(_REDUCTIONS, _axes),
}
"""Operators with a record whose older forms differ from it."""

REPLACED: Final[dict[str, tuple[Form, str]]] = {
    "BatchNormalization": (_batch_normalization, "arithmetic with the running statistics, which stay as they are"),
    "Celu": (_celu, "`Elu`, `Div` and `Mul`"),
    "Constant": (_constant, "a constant"),
    "Dropout": (_dropout, "its input, as in inference"),
    "GroupNormalization": (_group_normalization, "arithmetic with the statistics of each example"),
    "HardSwish": (_hard_swish, "`HardSigmoid` and `Mul`"),
    "Identity": (_identity, "its input"),
    "InstanceNormalization": (_instance_normalization, "arithmetic with the statistics of each example"),
    "Mean": (_mean, "`Sum` and `Div`"),
    "Mish": (_mish, "`Softplus`, `Tanh` and `Mul`"),
    "Upsample": (_resize, "`Resize`"),
}
"""Operators that become others, and what they become."""

SETTINGS: Final[dict[str, tuple[int, ...]]] = {"Dropout": (1, 2), "Upsample": (1,)}
"""Inputs of replaced operators that are no tensors to learn."""

KEPT: Final[dict[str, tuple[int, ...]]] = {"BatchNormalization": (3, 4)}
"""Inputs that hold statistics: state, but nothing that training changes."""
