"""A foreign model as values of the IR: the nodes that an output needs, over values that take the place of others."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

import numpy as np

from ..errors import BuildError
from ..ir import OPERATORS, Array, DType, NotDifferentiable, SymbolicDim, Value, constant, find, is_static, product
from ..ir.names import unique_names
from ..ops.shape_values import dims_of
from .forms import KEPT, REPLACED, REWRITTEN, Form, Use, as_it_stands
from .model import ForeignModel, ForeignNode

LARGEST_FOLDED: Final = 4096
"""Elements of a constant that is computed here. What exporters compute with constants are shapes."""


class DeclareParameter(Protocol):
    """Gives the value of a tensor that is state. `name` is that of the initializer, made fit for a name of ours."""

    def __call__(self, name: str, array: Array, *, trainable: bool) -> Value: ...


def build_foreign(model: ForeignModel, feeds: Mapping[str, Value], output: str, parameter: DeclareParameter) -> Value:
    """The value `output` of the model, with the values `feeds` in the places of those they are named after.

    Initializers through which a gradient can flow become parameters: those of float32 with an axis at least and
    finite numbers. Scalars, whole numbers, and what is read as a shape or an axis stay constants.

    Raises BuildError, naming the node and its operator, for what has no record or does not fit.
    """
    return _Builder(model, feeds, parameter).value_of(output)


def needed_inputs(model: ForeignModel, output: str) -> list[str]:
    """The model's inputs that `output` depends on, in the model's order. Raises BuildError for an unknown name."""
    read = {name for node in _needed(model, output, ()) for name in node.inputs} | {output}
    return [given.name for given in model.inputs if given.name in read]


def parameter_names(model: ForeignModel) -> dict[str, str]:
    """Initializer -> its name in the state below the layer's: what a name may not have becomes `_`, numbered if taken.

    All initializers are named, so that a name does not depend on the part of the model that is used.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for initializer in model.initializers:
        stem = re.sub(r"[^A-Za-z0-9_.-]+", "_", initializer).strip("_") or "initializer"
        names[initializer] = next(unique_names(taken, stem))
        taken.add(names[initializer])
    return names


def unsupported(nodes: Iterable[ForeignNode]) -> dict[str, ForeignNode]:
    """The operators among these that cannot be imported, each with the first node that uses it."""
    found: dict[str, ForeignNode] = {}
    for node in nodes:
        record = OPERATORS.get((node.domain, node.op_type))
        known = node.op_type in REPLACED or (record is not None and not record.host_only)
        if node.domain or node.bodies or not node.since or not known:
            found.setdefault(f"{node.domain}.{node.op_type}" if node.domain else node.op_type, node)
    return found


def _needed(model: ForeignModel, output: str, fed: Iterable[str]) -> list[ForeignNode]:
    """The nodes that `output` depends on, up to the values `fed`, inputs before users."""
    made = {name for node in model.nodes for name in node.outputs if name}
    if output not in made:
        near = difflib.get_close_matches(output, made, 1)
        choices = f"did you mean '{near[0]}'?" if near else f"its outputs are {', '.join(model.outputs)}"
        raise BuildError(f"'{model.file}' computes no value called '{output}'", choices, ("output",))
    wanted = {output} - set(fed)
    needed: list[ForeignNode] = []
    for node in reversed(model.nodes):
        if wanted & set(node.outputs):
            needed.append(node)
            wanted |= set(node.inputs) - set(fed)
    return needed[::-1]


class _Builder:
    def __init__(self, model: ForeignModel, feeds: Mapping[str, Value], parameter: DeclareParameter) -> None:
        self.model = model
        self.parameter = parameter
        self.names = parameter_names(model)
        self.values: dict[str, Value] = dict(feeds)

    def value_of(self, output: str) -> Value:
        needed = _needed(self.model, output, self.values)
        self._refuse_unknown(needed)
        learned, kept = _read_by_gradient(needed)
        for node in needed:
            for name in node.inputs:
                if name and name not in self.values:
                    self.values[name] = self._initial(name, learned=name in learned, kept=name in kept)
            outputs = self._outputs(node)
            self.values.update({name: value for name, value in zip(node.outputs, outputs, strict=False) if name})
        return self.values[output]

    def _refuse_unknown(self, nodes: Sequence[ForeignNode]) -> None:
        unknown = unsupported(nodes)
        if not unknown:
            return
        listed = ", ".join(f"{operator} (node '{n.name or n.outputs[0]}')" for operator, n in unknown.items())
        plural = "s" if len(unknown) > 1 else ""
        raise BuildError(
            f"'{self.model.file}' uses {'operators' if plural else 'an operator'} without a record: {listed}",
            "`output: NAME` takes the network up to a value before the node" + plural,
            ("file",),
        )

    def _initial(self, name: str, *, learned: bool, kept: bool) -> Value:
        """The value of an initializer."""
        array = self.model.initializers.get(name)
        if array is None:
            raise BuildError(
                f"the input '{name}' of '{self.model.file}' is given no value",
                "name a value for each input in `from`, in the order of `inputs`",
            )
        dtype = DType.of(array)
        if not (learned or kept) or not dtype.is_float or not array.ndim or not np.isfinite(array).all():
            return constant(array)
        if dtype is not DType.float32:
            raise BuildError(
                f"the initializer '{name}' of '{self.model.file}' is {dtype}; parameters are float32",
                "export the model in float32",
                ("file",),
            )
        return self.parameter(self.names[name], array, trainable=learned)

    def _outputs(self, node: ForeignNode) -> Sequence[Value]:
        inputs = tuple(self.values[name] if name else None for name in node.inputs)
        form: Form = REPLACED[node.op_type][0] if node.op_type in REPLACED else REWRITTEN.get(node.op_type, as_it_stands)
        try:
            outputs = [_known(value) for value in form(Use(node, inputs))]
        except BuildError as error:
            message = error.message.removeprefix(f"{node.op_type}: ")
            raise BuildError(f"{node.label} of '{self.model.file}': {message}", error.hint, ("file",)) from None
        if any(node.outputs[len(outputs) :]):
            extra = node.outputs[len(outputs)]
            raise BuildError(f"{node.label} of '{self.model.file}': its output '{extra}' is not supported", None, ("file",))
        return outputs


def _read_by_gradient(nodes: Iterable[ForeignNode]) -> tuple[set[str], set[str]]:
    """Names of the values that a gradient can flow into, and of those that are statistics."""
    learned: set[str] = set()
    kept: set[str] = set()
    for node in nodes:
        for index, name in enumerate(node.inputs):
            if index in KEPT.get(node.op_type, ()):
                kept.add(name)
            elif node.op_type in REPLACED or not isinstance(find(node.op_type).gradient(index), NotDifferentiable):
                learned.add(name)
    return learned, kept


def _known(value: Value) -> Value:
    """A constant for a small value that is known when compiling: shapes above all, and what is computed with them."""
    node = value.node
    if node is None or value.constant is not None:
        return value
    dims = dims_of(value)
    if dims is not None and is_static(dims):
        return constant(np.array(dims, dtype=np.int64).reshape(value.shape), value.dtype)
    arrays = [None if given is None else given.constant for given in node.inputs]
    record = find(node.op_type, node.domain)
    known = all(given is None or array is not None for given, array in zip(node.inputs, arrays, strict=True))
    size = product(value.shape)
    if not known or record.evaluate is None or isinstance(size, SymbolicDim) or size > LARGEST_FOLDED:
        return value
    with np.errstate(all="ignore"):  # infinities and NaN are legal constants
        results = record.evaluate(*arrays, **node.attributes)
    result = results[value.index] if isinstance(results, tuple) else results
    return constant(np.asarray(result), value.dtype)
