"""A foreign model as values of the IR: the nodes that an output needs, over values that take the place of others."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

import numpy as np

from ..errors import BuildError, InternalError
from ..ir import OPERATORS, Array, DType, NotDifferentiable, SymbolicDim, Value, constant, find, is_static, product
from ..ir.names import unique_names
from ..ops.shape_values import dims_of
from .forms import KEPT, REPLACED, REWRITTEN, SETTINGS, Form, Use, as_it_stands
from .model import ForeignModel, ForeignNode

LARGEST_FOLDED: Final = 4096
"""Elements of a constant that is computed here. What exporters compute with constants are shapes."""


class DeclareParameter(Protocol):
    """Gives the value of a tensor that is state. `name` is that of the initializer, made fit for a name of ours."""

    def __call__(self, name: str, array: Array, *, trainable: bool) -> Value: ...


def build_foreign(model: ForeignModel, feeds: Mapping[str, Value], output: str, parameter: DeclareParameter) -> Value:
    """The value `output` of the model, with the values `feeds` in the places of those they are named after.

    Which initializers become parameters `weights` says; the others stay constants.

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
    for initializer in stored_tensors(model):
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
            found.setdefault(node.operator, node)
    return found


def _needed(model: ForeignModel, output: str, fed: Iterable[str]) -> list[ForeignNode]:
    """The nodes that `output` depends on, up to the values `fed`, inputs before users."""
    stored = stored_tensors(model)
    made = {name for node in model.nodes for name in node.outputs if name and name not in stored}
    if output not in made:
        near = difflib.get_close_matches(output, made, 1)
        choices = f"did you mean '{near[0]}'?" if near else f"its outputs are {', '.join(model.outputs)}"
        raise BuildError(f"'{model.file}' computes no value called '{output}'", choices, ("output",))
    given = stored.keys() | set(fed)
    wanted = {output} - given
    needed: list[ForeignNode] = []
    for node in reversed(model.nodes):
        if wanted & set(node.outputs):
            needed.append(node)
            wanted |= set(node.inputs) - given
    return needed[::-1]


class _Builder:
    def __init__(self, model: ForeignModel, feeds: Mapping[str, Value], parameter: DeclareParameter) -> None:
        self.model = model
        self.parameter = parameter
        self.stored = stored_tensors(model)
        self.names = parameter_names(model)
        self.values: dict[str, Value] = dict(feeds)
        self.kept: dict[str, Value] = {}
        """Stored tensors as statistics. Exporters merge equal tensors, so one may be a weight elsewhere."""

    def value_of(self, output: str) -> Value:
        needed = _needed(self.model, output, self.values)
        self._refuse_unknown(needed)
        learned = weights(needed, self.stored)
        for node in needed:
            inputs = [self._input(node, index, name, learned) for index, name in enumerate(node.inputs)]
            outputs = self._outputs(node, tuple(inputs))
            self.values.update({name: value for name, value in zip(node.outputs, outputs, strict=False) if name})
        return self.values[output]

    def _refuse_unknown(self, nodes: Sequence[ForeignNode]) -> None:
        unknown = unsupported(nodes)
        if not unknown:
            return
        listed = ", ".join(f"{operator} ({node.title})" for operator, node in unknown.items())
        plural = "s" if len(unknown) > 1 else ""
        raise BuildError(
            f"'{self.model.file}' uses {'operators' if plural else 'an operator'} without a record: {listed}",
            "`output: NAME` takes the network up to a value before the node" + plural,
            ("file",),
        )

    def _input(self, node: ForeignNode, index: int, name: str, learned: set[str]) -> Value | None:
        """What a node reads: a value made before, or a tensor of the file at its first use."""
        if not name:
            return None
        if name not in self.values and name not in self.stored:
            raise BuildError(
                f"the input '{name}' of '{self.model.file}' is given no value",
                "name a value for each input in `from`, in the order of `inputs`",
            )
        if name in self.stored and index in KEPT.get(node.op_type, ()):
            if name not in self.kept:
                apart = next(unique_names(set(self.names.values()), f"{self.names[name]}.statistic"))
                called = apart if name in learned else self.names[name]
                self.kept[name] = self._parameter(name, called, trainable=False)
            return self.kept[name]
        if name not in self.values:
            trained = name in learned
            self.values[name] = (
                self._parameter(name, self.names[name], trainable=True) if trained else constant(self.stored[name])
            )
        return self.values[name]

    def _parameter(self, name: str, called: str, *, trainable: bool) -> Value:
        array = self.stored[name]
        if DType.of(array) is not DType.float32:
            raise BuildError(
                f"the initializer '{name}' of '{self.model.file}' is {DType.of(array)}; parameters are float32",
                "export the model in float32",
                ("file",),
            )
        return self.parameter(called, array, trainable=trainable)

    def _outputs(self, node: ForeignNode, inputs: tuple[Value | None, ...]) -> Sequence[Value]:
        form: Form = (
            REPLACED[node.op_type][0] if node.op_type in REPLACED else REWRITTEN.get(node.op_type, as_it_stands)
        )
        try:
            outputs = [_known(value) for value in form(Use(node, inputs))]
        except BuildError as error:
            message = error.message.removeprefix(f"{node.op_type}: ")
            raise self._misfit(node, message, error.hint) from None
        except (ArithmeticError, AssertionError, InternalError, LookupError, TypeError, ValueError) as error:
            # Records are made for what layers ask of them; a file may ask for anything.
            raise self._misfit(node, f"its inputs or attributes do not fit: {error}") from error
        if any(node.outputs[len(outputs) :]):
            raise self._misfit(node, f"its output '{node.outputs[len(outputs)]}' is not supported")
        return outputs

    def _misfit(self, node: ForeignNode, message: str, hint: str | None = None) -> BuildError:
        return BuildError(f"{node.title} ({node.operator}) of '{self.model.file}': {message}", hint, ("file",))


def stored_tensors(model: ForeignModel) -> dict[str, Array]:
    """The initializers, with the vectors that are an `Identity` of one as tensors of their own.

    PyTorch's exporter merges tensors of equal numbers so, and keeps the names: a network that was not trained would
    share its normalizations' scales, which its author never did. What has more axes is shared on purpose.
    """
    stored = dict(model.initializers)
    for node in model.nodes:
        if node.op_type == "Identity" and node.inputs[0] in stored and stored[node.inputs[0]].ndim == 1:
            stored[node.outputs[0]] = stored[node.inputs[0]]
    return stored


FORMULAS: Final = frozenset(["Div", "Max", "Min", "Mod", "Pow", "Sub", "Where"])
"""Operators whose stored operands are numbers of a formula (a mean, a scale, a mask), and no weights."""


def weights(nodes: Iterable[ForeignNode], stored: Mapping[str, Array]) -> set[str]:
    """The stored tensors that are weights: of floating-point numbers, all finite, with an axis at least, and read where
    a gradient flows, by an operator other than those of formulas. A single number that is multiplied is none."""
    found: set[str] = set()
    for node in nodes:
        for index, name in enumerate(node.inputs):
            array = stored.get(name)
            if array is None or not array.ndim or not DType.of(array).is_float or name in found:
                continue
            of_formula = node.op_type in FORMULAS or (node.op_type == "Mul" and array.size == 1)
            if not of_formula and _has_gradient(node, index) and np.isfinite(array).all():
                found.add(name)
    return found


def _has_gradient(node: ForeignNode, index: int) -> bool:
    if node.op_type in REPLACED:
        return index not in (*KEPT.get(node.op_type, ()), *SETTINGS.get(node.op_type, ()))
    return not isinstance(find(node.op_type).gradient(index), NotDifferentiable)


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
