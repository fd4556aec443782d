"""What several layers ask of their inputs, with one wording for each mistake."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BuildError
from ..ir import Dim, DType, Value, constant, op, shape_text
from ..ops.cast import cast

if TYPE_CHECKING:
    from .base import Layer


def require_float(x: Value) -> None:
    """Raise BuildError unless x holds floating-point numbers."""
    if not x.dtype.is_float:
        raise BuildError(f"needs floating-point numbers, received {x.type}", "declare the input as float32")


def require_batch(x: Value) -> None:
    """Raise BuildError for a single number, which has no axis that could be the batch."""
    if x.rank == 0:
        raise BuildError("needs a batch axis, received a single number", "read a value that depends on an input")


def feature_axis(axis: int, x: Value) -> int:
    """The axis counted from the front, the batch being 0.

    Raises BuildError at the field `axis` for the batch, and for an axis that x does not have.
    """
    if not -x.rank <= axis < x.rank:
        raise BuildError(
            f"the input {shape_text(x.shape)} has no axis {axis}",
            f"axes go from {-x.rank} to {x.rank - 1}; 0 is the batch",
            ("axis",),
        )
    if axis % x.rank == 0:
        raise BuildError(
            f"axis {axis} of {shape_text(x.shape)} is the batch; its examples must not mix",
            "count the axes after the batch from 1, or from the end: -1 is the last",
            ("axis",),
        )
    return axis % x.rank


def static_sizes(dims: Iterable[Dim], x: Value, purpose: str, hint: str | None = None) -> tuple[int, ...]:
    """The dimensions as integers. Raises BuildError when one is symbolic, since `purpose` needs to know it."""
    sizes = []
    for dim in dims:
        if not isinstance(dim, int):
            raise BuildError(f"{purpose} needs a fixed size, but '{dim}' in {shape_text(x.shape)} is symbolic", hint)
        sizes.append(dim)
    return tuple(sizes)


def require_one_of_mask_and_lengths(mask: str | None, lengths: str | None, prefix: str = "") -> None:
    """Raise BuildError where both fields, which have the names `mask` and `lengths` after the prefix, are given."""
    if mask is not None and lengths is not None:
        message = f"'{prefix}mask' and '{prefix}lengths' say the same, so only one can be given"
        raise BuildError(message, path=(f"{prefix}lengths",))


def values_of_fields(layer: Layer, inputs: Sequence[Value]) -> dict[str, Value]:
    """What a layer reads beside its input, by the fields that name it. Raises BuildError for another number."""
    named = [name for name in layer.value_fields if getattr(layer, name) is not None]
    if len(inputs) != 1 + len(named):
        raise BuildError(f"reads {1 + len(named)} values, received {len(inputs)}", "name a value for each field")
    return dict(zip(named, inputs[1:], strict=True))


def valid_steps(field: str, value: Value, x: Value) -> Value:
    """Which steps of x, (batch, time, …), are no padding: booleans (batch, time).

    Given by the field `mask`, a value of that shape that is 0 for padding, or `lengths`, whole numbers (batch).
    Raises BuildError at the field for a value of another type.
    """
    if field == "mask":
        if value.shape != x.shape[:2]:
            raise BuildError(f"a mask of {shape_text(x.shape[:2])} is needed, received {value.type}", path=(field,))
        return cast(value, DType.boolean)
    if value.shape != x.shape[:1] or not value.dtype.is_integer:
        wanted = shape_text(x.shape[:1])
        raise BuildError(f"whole numbers of {wanted} are needed, received {value.type}", path=(field,))
    length = x.shape[1]
    end = constant(np.int64(length)) if isinstance(length, int) else op.Squeeze(op.Shape(x, start=1, end=2), [0])
    steps = op.Range(constant(np.int64(0)), end, constant(np.int64(1)))
    return op.Less(op.Unsqueeze(steps, [0]), op.Unsqueeze(cast(value, DType.int64), [1]))
