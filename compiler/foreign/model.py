"""A foreign ONNX model as plain data: what the reader of files makes and the rest of the compiler works with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..ir import Array, Attribute, DType

OPSETS = (7, 23)
"""The oldest and the newest version of ONNX's operators that are read."""


@dataclass(frozen=True)
class ForeignNode:
    """A node as the file has it. Inputs and outputs are names of values, '' where an optional one is left out."""

    op_type: str
    domain: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]
    usual: frozenset[str]
    """The attributes that say what ONNX's schema says for them anyway."""
    since: int
    """The opset in which the operator got the form that the model uses; 0 for an operator ONNX does not have."""
    bodies: tuple[str, ...] = ()
    """Names of attributes that are graphs."""

    @property
    def operator(self) -> str:
        """Its name with the domain, if it is none of ONNX's own."""
        return f"{self.domain}.{self.op_type}" if self.domain else self.op_type

    @property
    def title(self) -> str:
        """`node 'conv1'`, by its first output where it has no name."""
        return f"node '{self.name or ''.join(self.outputs[:1])}'"


@dataclass(frozen=True)
class ForeignInput:
    """An input: `shape` holds sizes and names of symbolic axes; None stands for an axis without a name."""

    name: str
    dtype: DType
    shape: tuple[int | str | None, ...]


@dataclass(frozen=True)
class ForeignModel:
    """A valid model in one graph. `nodes` come after what they read."""

    file: str
    """The path as the spec has it, for messages."""
    sha256: str
    """Of the file, and of the files that hold its tensors."""
    producer: str
    opset: int
    inputs: tuple[ForeignInput, ...]
    outputs: tuple[str, ...]
    initializers: Mapping[str, Array]
    nodes: tuple[ForeignNode, ...]
