"""A convolution in several forms, with the choice among them: for graphs that train, once they are differentiated.

ONNX Runtime computes `Conv` by a product for each image, which is narrow where images are small, and it has its faster
kernels for weights that never change. What the other form cuts out of x is what the weight's gradient cuts out, so that
it is made once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from ..ir import Call, Node, Value, is_static, op, product
from ..ir.choices import choose
from .convolution import kernel_windows
from .gathered import by_image, gathered_patches
from .shapes import reshape
from .windows import WINDOW_ATTRIBUTES, Window, attributes_of, known

MOST_PLACES: Final = 64
"""Positions of an image up to which one product for all images is faster than one for each."""
FEWEST_WEIGHTS: Final = 2**16
"""With fewer numbers in the weight, laying out the images takes longer than the product gains."""


def conv_in_a_form(node: Node, inputs: tuple[Value | None, ...]) -> Value | None:
    """What a `Conv` node computes of these inputs, in another form; None where the operator stays."""
    given = [value for value in inputs if value is not None]
    windows = kernel_windows(Call(node.op_type, inputs, {**dict.fromkeys(WINDOW_ATTRIBUTES), **node.attributes}))
    x, weight = given[:2]
    if node.attribute("group") != 1 or not (is_static(x.shape[1:]) and is_static(weight.shape)):
        return None

    def gathered(*operands: Value) -> Value:
        return by_gathered_patches(windows, *operands)

    def operator(*operands: Value) -> Value:
        return op.Conv(*operands, **node.attributes)

    forms: dict[str, Callable[..., Value]] = {"Conv": operator, "gathered patches": gathered}
    rest = ", ".join(f"{name} {list(numbers)}" for name, numbers in attributes_of(windows).items())
    subject = f"output of convolution: x {x.type}, weight {weight.type}, {rest}{', bias' if len(given) > 2 else ''}"
    form = default_form(windows, x, weight)
    value = choose(subject, forms, form, *given)
    return None if value.node is not None and value.node.op_type == "Conv" else value


def default_form(windows: Sequence[Window], x: Value, weight: Value) -> str:
    """The form that was fastest for such shapes: docs/adr/0013-convolution.md has the measurements."""
    few = known(product(_counts(windows, x))) <= MOST_PLACES
    return "gathered patches" if few and known(product(weight.shape)) >= FEWEST_WEIGHTS else "Conv"


def by_gathered_patches(windows: Sequence[Window], x: Value, weight: Value, bias: Value | None = None) -> Value:
    """One product for all images: the weight by what the windows see."""
    counts = _counts(windows, x)
    filters, columns = known(weight.shape[0]), product(weight.shape[1:])
    patches = gathered_patches(x, windows, counts)
    rows = reshape(patches, (columns, product(counts) * x.shape[0]), patches)
    flat = reshape(weight, (filters, columns))
    y = op.MatMul(flat, rows) if bias is None else op.Gemm(flat, rows, reshape(bias, (filters, 1)))
    return by_image(reshape(y, (filters, product(counts), x.shape[0]), patches), counts)


def _counts(windows: Sequence[Window], x: Value) -> tuple[int, ...]:
    return tuple(known(window.positions(length)) for window, length in zip(windows, x.shape[2:], strict=True))
