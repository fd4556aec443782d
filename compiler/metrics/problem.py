"""What kind of question an output and its target answer, and the sums that metrics share."""

from __future__ import annotations

from ..errors import BuildError
from ..ir import DType, TensorType, Value, constant, product
from ..ops import op
from ..ops.cast import cast
from ..ops.shape_values import shape_value


def is_categorical(output: TensorType, target: TensorType) -> bool:
    """Whether labels say which number on the output's last axis should be largest."""
    return (
        target.dtype.is_integer
        and target.shape == output.shape[:-1]
        and isinstance(output.shape[-1], int)
        and output.shape[-1] > 1
    )


def check_classes(output: TensorType, target: TensorType) -> None:
    """Raise BuildError unless the target is integer labels, or as many yes/no numbers as the output has."""
    if not (is_categorical(output, target) or (output == target and output.dtype.is_float)):
        raise BuildError(
            f"compares classes, but the output is {output} and the target {target}",
            "it needs integer labels and one output a class, or 0/1 targets in the output's shape",
        )


def check_numbers(output: TensorType, target: TensorType) -> None:
    """Raise BuildError unless output and target are floating-point numbers of one shape."""
    if output != target or not output.dtype.is_float:
        raise BuildError(f"compares numbers one by one, but the output is {output} and the target {target}")


def predicted_and_true(output: Value, target: Value, threshold: float) -> tuple[Value, Value, int]:
    """Predicted class, true class (int64, one shape) and the number of classes."""
    if is_categorical(output.type, target.type):
        classes = output.shape[-1]
        assert isinstance(classes, int)
        return op.ArgMax(output, axis=-1, keepdims=0), target, classes
    return (
        cast(op.Greater(output, threshold), DType.int64),
        cast(op.Greater(target, 0.5), DType.int64),
        2,
    )


def total(value: Value) -> Value:
    """The sum of all numbers, a float32 scalar; booleans count as 0 and 1."""
    number = value if value.dtype.is_float else cast(value, DType.float32)
    return op.ReduceSum(number, keepdims=0)


def count(value: Value) -> Value:
    """How many numbers a value has, as a float32 scalar; a constant once a session fixes the symbolic axes."""
    size = product(value.shape)
    if isinstance(size, int):
        return constant(float(size), DType.float32)
    return op.Squeeze(cast(shape_value((size,), value), DType.float32), [0])
