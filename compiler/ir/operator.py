"""What an operator is: one record with its inference, derivative, evaluation and samples.

The records themselves live in `compiler/ops/`; a node can only be made through `apply`, which infers its type, so
every graph is typed as it is built. Names, attributes and semantics are those of ONNX opset 21.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from ..errors import BuildError, InternalError
from .value import Array, Attribute, Node, Operand, TensorType, Value, lift

OPSET: Final = 21


@dataclass(frozen=True)
class Call:
    """What inference sees: the operator's name, its inputs (None where an optional one is left out) and attributes."""

    op_type: str
    inputs: tuple[Value | None, ...]
    attributes: Mapping[str, Any]

    def __getitem__(self, index: int) -> Value:
        value = self.inputs[index] if index < len(self.inputs) else None
        if value is None:
            raise InternalError(f"{self.op_type} needs input {index}")
        return value

    def optional(self, index: int) -> Value | None:
        return self.inputs[index] if index < len(self.inputs) else None

    def constant(self, index: int) -> Array | None:
        """The input's array when it is a constant."""
        value = self.optional(index)
        return None if value is None else value.constant

    def attribute(self, name: str) -> Any:
        return self.attributes[name]

    def error(self, message: str, hint: str | None = None) -> BuildError:
        return BuildError(f"{self.op_type}: {message}", hint)


@dataclass(frozen=True)
class Derivative:
    """What a gradient rule sees: the node and the gradient of the loss by its output(s).

    `d.dy` is that gradient, `d.y` the output, `d.x` (or `d.a`) the first input, `d.b` the second, `d.i` the index
    of the input asked for. A rule returns the gradient by that input, in any shape that broadcasting made of it:
    the driver sums over the broadcast axes.
    """

    node: Node
    dys: tuple[Value | None, ...]
    i: int

    @property
    def dy(self) -> Value:
        dy = self.dys[0]
        assert dy is not None
        return dy

    @property
    def y(self) -> Value:
        return self.node.outputs[0]

    @property
    def x(self) -> Value:
        return self[0]

    a = x

    @property
    def b(self) -> Value:
        return self[1]

    @property
    def inputs(self) -> tuple[Value | None, ...]:
        return self.node.inputs

    def __getitem__(self, index: int) -> Value:
        value = self.node.inputs[index]
        assert value is not None
        return value

    def optional(self, index: int) -> Value | None:
        return self.node.inputs[index] if index < len(self.node.inputs) else None

    def attribute(self, name: str) -> Any:
        return self.node.attributes.get(name)


Rule = Callable[[Derivative], "Value | None"]

Differentiate = Callable[[Sequence[Value], Sequence[Value], Sequence[Value]], "list[Value | None]"]
"""(outputs, what to differentiate by, the gradient of each output) -> the gradient by each, as `autodiff.gradients`."""


@dataclass(frozen=True)
class Backward:
    """What a rule for all inputs of a node at once sees: for operators that hold a graph, whose body must be
    differentiated once and not once an input.

    wanted         for each input, whether its gradient is asked for; the rule returns None for the others
    differentiate  the driver, for the body
    """

    node: Node
    dys: tuple[Value | None, ...]
    wanted: tuple[bool, ...]
    differentiate: Differentiate


JointRule = Callable[[Backward], "Sequence[Value | None]"]


class NotDifferentiable:
    """Marks an input without a derivative: an index, a shape, a condition, or a step function's argument.

    The derivative is then absent, as it is zero almost everywhere. With `stops=False` it is not zero but no rule
    is known: asking for it is an error.
    """

    def __init__(self, why: str, *, stops: bool = True) -> None:
        self.why = why
        self.stops = stops


class Required:
    """Marks an attribute without a default."""


REQUIRED: Final = Required()


@dataclass(frozen=True)
class Sample:
    """One case for the contract tests.

    `inputs` are arrays (float inputs in float64 or float32; the tests cast). `differentiable` says which inputs to
    check by finite differences, all float ones unless given; keep them away from kinks. `second_order` asks for the
    derivative of the derivative as well.
    """

    inputs: tuple[Array | None, ...]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    name: str = ""
    differentiable: tuple[int, ...] | None = None
    second_order: bool = True
    outputs: int = 1


@dataclass(frozen=True)
class Operator:
    """An operator's record.

    infer      types of the outputs from a `Call`; raises `Call.error` for inputs that do not fit
    gradients  one rule (or NotDifferentiable) an input; the last one serves all further inputs of a variadic operator
    vjp        instead of those, one rule that returns the gradients by all inputs
    evaluate   numpy function of (arrays…, **attributes), used by constant folding and for initial weights
    samples    cases for the contract tests; at least one
    attributes names with defaults (None: absent unless given), REQUIRED for those without
    host_only  ONNX Runtime has it on the CPU alone: it may stand in `inference` and `prepare`, not where training is
    optional_outputs  how many of the last outputs are left out of the model where nobody reads them
    """

    name: str
    infer: Callable[[Call], Sequence[TensorType]]
    samples: Callable[[], Sequence[Sample]]
    gradients: tuple[Rule | NotDifferentiable, ...] = ()
    vjp: JointRule | None = None
    evaluate: Callable[..., Any] | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    domain: str = ""
    host_only: bool = False
    optional_outputs: int = 0

    def gradient(self, index: int) -> Rule | NotDifferentiable:
        """The rule of one input. An operator with a rule for all of them has none."""
        return self.gradients[min(index, len(self.gradients) - 1)]


OPERATORS: dict[tuple[str, str], Operator] = {}


def register(operator: Operator) -> Operator:
    """Add a record. One without a rule or an explicit NotDifferentiable for its inputs is refused."""
    key = (operator.domain, operator.name)
    if key in OPERATORS:
        raise InternalError(f"operator {operator.name} is registered twice")
    if not operator.gradients and operator.vjp is None:
        raise InternalError(f"operator {operator.name} has neither a gradient rule nor NotDifferentiable")
    OPERATORS[key] = operator
    return operator


def find(op_type: str, domain: str = "") -> Operator:
    operator = OPERATORS.get((domain, op_type))
    if operator is None:
        raise InternalError(f"no record for the operator {domain + '.' if domain else ''}{op_type}")
    return operator


def apply(op_type: str, *operands: Operand, domain: str = "", **attributes: Attribute | None) -> tuple[Value, ...]:
    """Make a node and return its outputs. Attributes not given take ONNX's defaults.

    Raises BuildError when the inputs do not fit the operator.
    """
    return apply_record(find(op_type, domain), lift(operands), attributes)


def apply_record(
    operator: Operator, inputs: tuple[Value | None, ...], attributes: Mapping[str, Attribute | None]
) -> tuple[Value, ...]:
    unknown = set(attributes) - set(operator.attributes)
    if unknown:
        raise InternalError(f"{operator.name} has no attribute {sorted(unknown)}")
    full = {**operator.attributes, **attributes}
    missing = [name for name, value in full.items() if value is REQUIRED]
    if missing:
        raise InternalError(f"{operator.name} needs the attribute {missing}")
    given = {name: _canonical(value) for name, value in full.items() if value is not None}
    while inputs and inputs[-1] is None:
        inputs = inputs[:-1]
    types = operator.infer(Call(operator.name, inputs, {**dict.fromkeys(operator.attributes), **given}))
    return Node(operator.name, operator.domain, inputs, given, tuple(types), inferred=True).outputs


def _canonical(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, float):
        return float(np.float32(value))  # what ONNX stores, so that folding and derivatives use the same number
    return value


class OperatorNamespace:
    """`op.Softmax(x, axis=1)`: every single-output operator as a function, by its ONNX name."""

    def __getattr__(self, name: str) -> Callable[..., Value]:
        def call(*operands: Operand, **attributes: Attribute | None) -> Value:
            outputs = apply_record(find(name), lift(operands), attributes)
            if len(outputs) != 1:
                raise InternalError(f"{name} has {len(outputs)} outputs; use apply()")
            return outputs[0]

        return call


op: Final = OperatorNamespace()
