"""Values and nodes. A graph is whatever is reachable from its outputs: nothing is ever appended to a list.

A node is immutable and is made after its inputs, so serial numbers are a topological order, and a value that nobody
reads is in no graph. New nodes take the scope (layer name, place in the YAML) that is current when they are made.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..errors import InternalError, Origin
from .dims import Shape, is_static, shape_text
from .dtype import DType

if TYPE_CHECKING:
    from .graph import Graph

Array: TypeAlias = np.ndarray[Any, Any]
Attribute: TypeAlias = "int | float | str | tuple[int, ...] | tuple[float, ...] | tuple[str, ...] | Array | Graph"
Operand: TypeAlias = "Value | int | float | bool | Array | tuple[int, ...] | list[int] | None"

_serials = itertools.count()


@dataclass(frozen=True)
class TensorType:
    """Element type and shape of a value."""

    dtype: DType
    shape: Shape

    def __str__(self) -> str:
        return f"{self.dtype}{shape_text(self.shape)}"


@dataclass(frozen=True)
class Scope:
    """What is being built: a layer's name (a prefix for names of values) and its place in the spec."""

    name: str = ""
    origin: Origin | None = None


_NOWHERE = Scope()
_scope: ContextVar[Scope] = ContextVar("scope", default=_NOWHERE)


@contextlib.contextmanager
def scope(name: str, origin: Origin | None = None) -> Iterator[None]:
    """Name the values made inside after `name`; nested scopes join with `/` and inherit the origin."""
    outer = _scope.get()
    inner = Scope(f"{outer.name}/{name}" if outer.name else name, origin or outer.origin)
    token = _scope.set(inner)
    try:
        yield
    finally:
        _scope.reset(token)


def current_scope() -> Scope:
    return _scope.get()


class Value:
    """A tensor in a graph: the output of a node, or an input when `node` is None. Compared by identity.

    Arithmetic operators make ONNX nodes (`a + b` is `Add`); numbers become constants of the value's dtype.
    """

    __slots__ = ("index", "name", "node", "origin", "serial", "type")

    def __init__(self, type_: TensorType, name: str, node: Node | None = None, index: int = 0) -> None:
        self.type = type_
        self.name = name
        self.node = node
        self.index = index
        self.origin = _scope.get().origin if node is None else node.origin
        self.serial = next(_serials)

    @property
    def dtype(self) -> DType:
        return self.type.dtype

    @property
    def shape(self) -> Shape:
        return self.type.shape

    @property
    def rank(self) -> int:
        return len(self.type.shape)

    @property
    def constant(self) -> Array | None:
        """The array of a `Constant` node's value, else None."""
        if self.node is None or self.node.op_type != "Constant":
            return None
        array = self.node.attributes["value"]
        assert isinstance(array, np.ndarray)
        return array

    def __repr__(self) -> str:
        return f"<{self.name}: {self.type}>"

    def __add__(self, other: Operand) -> Value:
        return _binary("Add", self, other)

    def __radd__(self, other: Operand) -> Value:
        return _binary("Add", other, self)

    def __sub__(self, other: Operand) -> Value:
        return _binary("Sub", self, other)

    def __rsub__(self, other: Operand) -> Value:
        return _binary("Sub", other, self)

    def __mul__(self, other: Operand) -> Value:
        return _binary("Mul", self, other)

    def __rmul__(self, other: Operand) -> Value:
        return _binary("Mul", other, self)

    def __truediv__(self, other: Operand) -> Value:
        return _binary("Div", self, other)

    def __rtruediv__(self, other: Operand) -> Value:
        return _binary("Div", other, self)

    def __pow__(self, other: Operand) -> Value:
        return _binary("Pow", self, other)

    def __matmul__(self, other: Operand) -> Value:
        return _binary("MatMul", self, other)

    def __neg__(self) -> Value:
        return _binary("Neg", self)


class Node:
    """One application of an operator. `attributes` holds every attribute, defaults filled in.

    given_inputs: the inputs without the optional ones that are left out.
    inferred: whether the operator's own inference made its types, so that nobody need infer them again.
    """

    __slots__ = (
        "attributes",
        "domain",
        "given_inputs",
        "inferred",
        "inputs",
        "op_type",
        "origin",
        "outputs",
        "scope",
        "serial",
    )

    def __init__(
        self,
        op_type: str,
        domain: str,
        inputs: tuple[Value | None, ...],
        attributes: Mapping[str, Attribute],
        output_types: tuple[TensorType, ...],
        name: str | None = None,
        *,
        inferred: bool = False,
    ) -> None:
        where = _scope.get()
        self.op_type = op_type
        self.domain = domain
        self.inputs = inputs
        self.given_inputs = tuple([value for value in inputs if value is not None])
        self.attributes = dict(attributes)
        self.inferred = inferred
        self.scope = where.name
        self.origin = where.origin
        self.serial = next(_serials)
        stem = name or (f"{where.name}/{op_type}" if where.name else op_type)
        self.outputs = tuple([Value(type_, stem, self, index) for index, type_ in enumerate(output_types)])

    def attribute(self, name: str) -> Any:
        return self.attributes[name]

    def optional_attribute(self, name: str) -> Any:
        return self.attributes.get(name)

    def __repr__(self) -> str:
        return f"<{self.op_type} {', '.join(repr(v) for v in self.inputs)}>"


def graph_input(name: str, dtype: DType, shape: Shape) -> Value:
    """A new graph input."""
    return Value(TensorType(dtype, shape), name)


def constant(data: Any, dtype: DType | None = None, name: str | None = None) -> Value:
    """A constant. Python integers become int64 and floats float32 unless a dtype is given."""
    array = np.asarray(data, dtype=dtype.numpy if dtype else None)
    if dtype is None and array.dtype == np.float64 and not isinstance(data, (np.ndarray, np.generic)):
        array = array.astype(np.float32)
    array = np.ascontiguousarray(array).reshape(array.shape)
    array.flags.writeable = False
    types = (TensorType(DType.of(array), array.shape),)
    node = Node("Constant", "", (), {"value": array}, types, name, inferred=True)
    return node.outputs[0]


def lift(operands: tuple[Operand, ...]) -> tuple[Value | None, ...]:
    """Turn numbers into constants: scalars take the dtype of the first non-boolean value, integer lists are int64."""
    dtypes = [x.dtype for x in operands if isinstance(x, Value)]
    numeric = next((d for d in dtypes if d is not DType.boolean), dtypes[0] if dtypes else None)
    lifted: list[Value | None] = []
    for x in operands:
        if x is None or isinstance(x, Value):
            lifted.append(x)
        elif isinstance(x, (list, tuple)):
            lifted.append(constant(np.asarray(x, dtype=np.int64)))
        elif isinstance(x, (np.ndarray, np.generic)):
            lifted.append(constant(x))
        elif numeric is None:
            raise InternalError(f"no value to take a dtype from for the number {x!r}")
        else:
            lifted.append(constant(x, numeric))
    return tuple(lifted)


def _binary(op_type: str, *operands: Operand) -> Value:
    from .operator import apply  # operator.py defines what a node may be; value.py only what it is

    return apply(op_type, *operands)[0]


def static_shape(value: Value) -> tuple[int, ...]:
    """The shape of a value all of whose dimensions are integers; anything else is an internal error."""
    if not is_static(value.shape):
        raise InternalError(f"{value!r} has symbolic dimensions where a fixed shape is needed")
    return tuple(dim for dim in value.shape if isinstance(dim, int))
