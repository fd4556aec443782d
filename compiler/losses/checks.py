"""What several losses ask of the output they are given."""

from __future__ import annotations

from ..errors import BuildError
from ..ir import DType, TensorType


def require_float(output: TensorType) -> None:
    """Raise BuildError unless the output holds floating-point numbers."""
    if not output.dtype.is_float:
        raise BuildError(f"needs a floating-point output, received {output}")


def number_of_classes(output: TensorType) -> int:
    """The size of the last axis, one number a class. Raises BuildError when the output has no such axis."""
    require_float(output)
    size = output.shape[-1] if len(output.shape) > 1 else None
    if not isinstance(size, int):
        raise BuildError(f"needs an output with a last axis of fixed size, one number a class, received {output}")
    if size < 2:
        raise BuildError(
            f"needs at least two classes on the last axis, received {output}",
            "for one number that says yes or no use `binary_cross_entropy`",
        )
    return size


def label_type(output: TensorType) -> TensorType:
    """The type of integer labels for an output with one number a class on its last axis."""
    number_of_classes(output)
    return TensorType(DType.int64, output.shape[:-1])


def same_type(output: TensorType) -> TensorType:
    """The type of a target that is compared number by number."""
    require_float(output)
    return output
