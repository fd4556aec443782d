"""A parameter that is another one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from netwright.schema import spec_field

from ..errors import InternalError
from ..ir import Value
from .base import Initializer


@Initializer.registry.register("tied")
@dataclass(frozen=True, kw_only=True)
class Tied(Initializer):
    """No parameter of its own: the one of an earlier layer, such as an output projection that is the embedding,
    transposed: `weight_initializer: {tied: {to: embedding1/weight, transposed: true}}`.

    Press and Wolf, Using the Output Embedding to Improve Language Models, EACL 2017.
    """

    example: ClassVar[str] = """
network:
  - dense: {units: 2, name: encoder}
  - dense: {units: 4, weight_initializer: {tied: {to: encoder/weight, transposed: true}}}
"""
    shorthand: ClassVar[str | None] = "to"
    to: str = spec_field("Name of the parameter, `<layer>/<parameter>`.")
    transposed: bool = spec_field("Use the transpose of a matrix.", default=False)

    def build(self, key: Value, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Value:
        del key, shape, fan_in, fan_out
        raise InternalError("a tied parameter has no values of its own")
