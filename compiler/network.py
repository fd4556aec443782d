"""A spec's network as IR: inputs, layers in order, outputs. One function, built once a graph."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from . import random
from .errors import BuildError, Diagnostic, Origin, SpecError
from .initializers import Initializer
from .ir import DType, Shape, Value, graph_input, scope, shape_text, symbol
from .layers import Layer
from .spec.model import LayerEntry, Spec
from .state import State
from .variables import Variables

BATCH = symbol("batch")


@dataclass
class Forward:
    """What came of building the network once: every value by name, in order."""

    features: dict[str, Value]
    values: dict[str, Value]
    last: str
    outputs: dict[str, Value]
    statistics: dict[str, Value] = field(default_factory=dict)
    """State name -> its value after this step."""


@dataclass
class _Context:
    """A `LayerContext` for one layer."""

    entry: LayerEntry
    variables: Variables
    training: bool
    random_counter: Value | None
    statistics: dict[str, Value]

    def parameter(
        self,
        name: str,
        shape: tuple[int, ...],
        initializer: Initializer,
        *,
        fan_in: int = 1,
        fan_out: int = 1,
        regularized: bool = False,
        dtype: DType = DType.float32,
    ) -> Value:
        return self.variables.declare(
            State(
                f"{self.entry.name}/{name}",
                shape,
                "parameter",
                initializer,
                dtype=dtype,
                regularized=regularized,
                fan_in=fan_in,
                fan_out=fan_out,
                origin=self.entry.origin,
            )
        )

    def statistic(self, name: str, shape: tuple[int, ...], initializer: Initializer) -> Value:
        full = f"{self.entry.name}/{name}"
        return self.variables.declare(
            State(full, shape, "statistic", initializer, trainable=False, origin=self.entry.origin)
        )

    def update_statistic(self, name: str, value: Value) -> None:
        if self.training:
            self.statistics[f"{self.entry.name}/{name}"] = value

    def random_key(self, purpose: str = "") -> Value:
        assert self.random_counter is not None  # layers ask only while training
        return random.key(self.random_counter, stream(f"{self.entry.name}:{purpose}"))


def stream(name: str) -> int:
    """The random stream of a name: the same whatever else the network contains."""
    return zlib.crc32(name.encode())


def build_forward(spec: Spec, variables: Variables, *, random_counter: Value | None = None) -> Forward:
    """Build the network of `spec`; it trains when a `random_counter` is given.

    Raises SpecError with every layer that does not fit its inputs; layers fed by a broken one are passed over.
    """
    features = {item.name: graph_input(item.name, DType(item.dtype), (BATCH, *item.dims)) for item in spec.inputs}
    forward = Forward(features, dict(features), last=list(features)[-1], outputs={})
    builder = _Builder(forward, variables, random_counter)
    builder.chain(spec.network, forward.last)
    forward.last = spec.network[-1].name
    for output in spec.outputs:
        if output.reference is not None:
            builder.output(output.name, output.reference)
        else:
            builder.chain(output.layers, forward.last)
            builder.output(output.name, output.layers[-1].name)
    if builder.diagnostics:
        raise SpecError(builder.diagnostics)
    return forward


class _Builder:
    def __init__(self, forward: Forward, variables: Variables, random_counter: Value | None) -> None:
        self.forward = forward
        self.variables = variables
        self.random_counter = random_counter
        self.diagnostics: list[Diagnostic] = []
        self.fed_by: dict[str, str] = {}  # layer name -> the name of its first input, for the shape trail

    def chain(self, entries: Sequence[LayerEntry], before: str) -> None:
        """Layers one after the other, the first fed by `before` unless it says otherwise."""
        for previous, entry in pairwise([None, *entries]):
            assert entry is not None
            default = before if previous is None else previous.name
            sources = entry.from_ or (default,)
            self.fed_by[entry.name] = sources[0]
            inputs = [self.forward.values.get(name) for name in sources]
            given = [value for value in inputs if value is not None]
            if len(given) < len(inputs):
                continue  # a source failed and was reported
            value = self.layer(entry, given)
            if value is not None:
                self.forward.values[entry.name] = value

    def layer(self, entry: LayerEntry, inputs: Sequence[Value]) -> Value | None:
        training = self.random_counter is not None
        context = _Context(entry, self.variables, training, self.random_counter, self.forward.statistics)
        try:
            _check_arity(entry.layer, len(inputs))
            with scope(entry.name, entry.origin):
                return entry.layer.build(context, *inputs)
        except BuildError as error:
            self.diagnostics.append(self.diagnose(entry, error))
            return None

    def output(self, name: str, reference: str) -> None:
        if reference in self.forward.values:  # otherwise its layer failed and was reported
            self.forward.outputs[name] = self.forward.values[reference]

    def diagnose(self, entry: LayerEntry, error: BuildError) -> Diagnostic:
        origin = entry.origin_of(error.path)
        return Diagnostic(origin, f"{error.message}\n  shapes: {self.trail(entry)}", error.hint)

    def trail(self, entry: LayerEntry) -> str:
        """`image (batch, 8, 8) → flatten1 (batch, 64) → dense1`, back to the input."""
        steps = [entry.name]
        name = self.fed_by[entry.name]
        while True:
            steps.append(f"{name} {shape_text(self.forward.values[name].shape)}")
            if name not in self.fed_by:
                return " → ".join(reversed(steps))
            name = self.fed_by[name]


def _check_arity(layer: Layer, count: int) -> None:
    least, most = layer.arity
    if count < least:
        raise BuildError(f"needs at least {least} inputs, received {count}", "list them in `from: [a, b]`")
    if most is not None and count > most:
        raise BuildError(f"takes {most} input{'s' if most != 1 else ''}, received {count}", "combine them with `concat`")


def require(value: Value | None, origin: Origin, message: str) -> Value:
    """The value, or a SpecError at `origin` when there is none."""
    if value is None:
        raise SpecError([Diagnostic(origin, message)])
    return value


def shape_without_batch(value: Value) -> Shape:
    return value.shape[1:] if value.shape[:1] == (BATCH,) else value.shape
