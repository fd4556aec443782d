"""The same numbers in another shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from netwright.schema import spec_field

from ..errors import BuildError
from ..ir import Dim, Value, divide_exactly, product, shape_text
from ..ops.shapes import reshape
from .base import Layer, LayerContext
from .checks import require_batch


@Layer.registry.register("reshape")
@dataclass(frozen=True, kw_only=True)
class Reshape(Layer):
    """The same numbers in the same order, in the shape (batch, *shape).

    One size may be -1: it becomes what is left. `reshape: [8, 8, 1]`, `reshape: [-1, 16]`.
    """

    example: ClassVar[str] = "reshape: [-1, 2]"
    shorthand: ClassVar[str | None] = "shape"
    shape: tuple[int, ...] = spec_field(
        "Sizes of the axes after the batch; one may be -1.",
        schema={"type": "array", "items": {"type": "integer", "minimum": -1}},
    )

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        del context
        (x,) = inputs
        require_batch(x)
        return reshape(x, (x.shape[0], *self._resolved(x)))

    def _resolved(self, x: Value) -> tuple[Dim, ...]:
        """The shape with its -1 replaced."""
        if self.shape.count(-1) > 1:
            raise BuildError(f"only one size may be -1, received {list(self.shape)}", path=("shape",))
        if 0 in self.shape:
            raise BuildError(f"a size is a positive number or -1, received {list(self.shape)}", path=("shape",))
        have = product(x.shape[1:])
        known = product(size for size in self.shape if size != -1)
        rest = divide_exactly(have, known)
        if rest is None or (-1 not in self.shape and rest != 1):
            raise BuildError(
                f"cannot give {shape_text(x.shape)} the shape {list(self.shape)}: "
                f"{have} numbers an example {'are no multiple of' if -1 in self.shape else 'do not make'} {known}",
                path=("shape",),
            )
        return tuple(rest if size == -1 else size for size in self.shape)
