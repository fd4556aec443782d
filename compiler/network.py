"""A spec's network as IR: inputs, layers in order, outputs. One function, built once a graph."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from . import random
from .errors import BuildError, Diagnostic, SpecError
from .foreign import ForeignModel
from .initializers import Initializer, Ones, Tied, Zeros
from .ir import DType, Shape, Value, graph_input, is_static, reachable, scope, shape_text, symbol
from .layers import Layer, Shared
from .layers.base import Statistic
from .spec.model import InputSpec, Spec
from .spec.settings import LayerEntry
from .state import State
from .trail import Trail
from .variables import Variables

BATCH = symbol("batch")


@dataclass(frozen=True)
class Fitting:
    """A statistic of a value over axes and all training examples."""

    statistic: Statistic
    of: Value
    axes: tuple[int, ...]


@dataclass
class Forward:
    """What came of building the network once: every value by name, in order."""

    features: dict[str, Value]
    values: dict[str, Value]
    outputs: dict[str, Value]
    statistics: dict[str, Value] = field(default_factory=dict)
    """State name -> its value after this step."""
    fittings: dict[str, Fitting] = field(default_factory=dict)
    """Fitted state -> what it is a statistic of."""
    limits: dict[str, int] = field(default_factory=dict)
    """Feature name -> n, where a layer that reads it allows only 0 … n − 1 (rows of an embedding)."""
    prepared: dict[str, Value] = field(default_factory=dict)
    """Layer name -> what a host-only layer makes of the features."""
    trail: Trail = field(default_factory=Trail)
    """How every value came about, for messages."""


@dataclass
class _Context:
    """A `LayerContext` for one layer."""

    entry: LayerEntry
    variables: Variables
    random_counter: Value | None
    statistics: dict[str, Value]
    fittings: dict[str, Fitting]
    vocabularies: Mapping[str, Sequence[str]]
    base: Path | None

    @property
    def training(self) -> bool:
        return self.random_counter is not None

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
        trainable: bool = True,
    ) -> Value:
        full = f"{self.entry.name}/{name}"
        if isinstance(initializer, Tied):
            return self.variables.tied(full, shape, initializer)
        return self.variables.declare(
            State(
                full,
                shape,
                "parameter",
                initializer,
                dtype=dtype,
                trainable=trainable,
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

    def fitted(self, name: str, statistic: Statistic, of: Value, axes: tuple[int, ...]) -> Value:
        full = f"{self.entry.name}/{name}"
        kept = tuple(dim for axis, dim in enumerate(of.shape) if axis not in axes)
        if not is_static(kept):
            raise BuildError(
                f"'{full}' would have the shape {shape_text(kept)}, but statistics need fixed sizes",
                "fit them `per: channel` or `per: all`",
            )
        shape = tuple(dim for dim in kept if isinstance(dim, int))
        start = Ones() if statistic in ("root_mean", "maximum") else Zeros()
        value = self.variables.declare(State(full, shape, "fitted", start, trainable=False, origin=self.entry.origin))
        if full not in self.fittings:  # a layer applied again uses what was fitted to its first input
            self._require_known_before_training(full, of)
            self.fittings[full] = Fitting(statistic, of, axes)
        return value

    def _require_known_before_training(self, name: str, of: Value) -> None:
        """A statistic is fitted once, before the first step: so nothing that training changes may be part of it."""
        read = {value for node in reachable([of]) for value in node.given_inputs}
        for state in self.variables.of_kind("parameter", "statistic").values():
            if self.variables.values[state.name] in read:
                raise BuildError(
                    f"'{name}' is fitted before training, but its values depend on '{state.name}', "
                    "which training changes",
                    "put the layer before the layers that learn, or give its numbers",
                )

    def vocabulary(self) -> tuple[str, ...]:
        words = self.vocabularies.get(self.entry.name)
        if words is None:
            raise BuildError(
                f"the vocabulary of '{self.entry.name}' is fitted to the training texts, which are not at hand",
                "make the data available, or write `vocabulary: [...]`",
            )
        return tuple(words)

    def foreign(self, file: str) -> ForeignModel:
        known = self.variables.foreign
        if file not in known:
            from .emit import read_model

            if self.base is None:
                raise BuildError(f"'{file}' cannot be found: this spec is not in a file", path=("file",))
            known[file] = read_model(self.base / file, file)
        return known[file]

    def random_key(self, purpose: str = "") -> Value:
        assert self.random_counter is not None  # layers ask only while training
        return random.key(self.random_counter, stream(f"{self.entry.name}:{purpose}"))


def stream(name: str) -> int:
    """The random stream of a name: the same whatever else the network contains."""
    return zlib.crc32(name.encode())


def build_forward(
    spec: Spec,
    variables: Variables,
    *,
    random_counter: Value | None = None,
    vocabularies: Mapping[str, Sequence[str]] = MappingProxyType({}),
    prepared: bool = False,
) -> Forward:
    """Build the network of `spec`; it trains when a `random_counter` is given.

    `vocabularies` are the fitted words by layer. With `prepared` the outputs of host-only layers are features, instead
    of the text they are made of.

    Raises SpecError with every layer that does not fit its inputs; layers fed by a broken one are passed over.
    """
    features = {item.name: graph_input(item.name, DType(item.dtype), _shape(item.shape)) for item in spec.inputs}
    forward = Forward(features, dict(features), outputs={})
    builder = _Builder(spec, forward, variables, random_counter, vocabularies, prepared)
    for item in spec.inputs:
        forward.trail.note(item.name, item.origin, (), features[item.name].type)
    for item in spec.inputs:
        builder.preprocess(item)
    for entry in spec.network + tuple(layer for output in spec.outputs for layer in output.layers):
        builder.layer(entry)
    if builder.diagnostics:
        raise SpecError(builder.diagnostics)
    if prepared:
        forward.features = {name: value for name, value in features.items() if value.dtype is not DType.string}
        forward.features |= {name: forward.values[name] for name in forward.prepared}
    forward.outputs = {output.name: forward.values[output.from_] for output in spec.outputs}
    return forward


def note_limit(forward: Forward, name: str, limit: int | None) -> None:
    """Remember what a layer or loss allows in a feature it reads; of several limits the smallest holds."""
    smallest = least(limit, forward.limits.get(name))
    if smallest is not None and name in forward.features:
        forward.limits[name] = smallest


def least(a: int | None, b: int | None) -> int | None:
    """The smaller bound; None is no bound."""
    return b if a is None else a if b is None else min(a, b)


def without_batch(shape: Shape) -> Shape:
    """The shape of one example; a value without a batch axis keeps its own."""
    return shape[1:] if shape[:1] == (BATCH,) else shape


def _shape(dims: Sequence[int | str]) -> Shape:
    return (BATCH, *(symbol(dim) if isinstance(dim, str) else dim for dim in dims))


class _Builder:
    def __init__(
        self,
        spec: Spec,
        forward: Forward,
        variables: Variables,
        random_counter: Value | None,
        vocabularies: Mapping[str, Sequence[str]],
        prepared: bool,
    ) -> None:
        self.vocabularies = vocabularies
        self.prepared = prepared
        self.spec = spec
        self.forward = forward
        self.variables = variables
        self.random_counter = random_counter
        self.diagnostics: list[Diagnostic] = []
        self.entries: dict[str, LayerEntry] = {}  # layer name -> the entry that owns its parameters

    def preprocess(self, item: InputSpec) -> None:
        """Let the name of an input mean what its preprocessing makes of it."""
        for entry in item.preprocess:
            self.layer(entry)
        if item.preprocess:
            made = self.forward.values.get(item.preprocess[-1].name)
            if made is None:  # reported; what reads the input is passed over
                del self.forward.values[item.name]
            else:
                self.forward.values[item.name] = made
                self.forward.trail.rename(item.name, item.preprocess[-1].name)

    def layer(self, entry: LayerEntry) -> None:
        """Add one layer, unless a layer it reads failed (and was reported)."""
        inputs = [self.forward.values[name] for name in entry.from_ if name in self.forward.values]
        owner = self.owner(entry)
        if len(inputs) < len(entry.from_) or owner is None:
            return
        try:
            context = _Context(
                owner,
                self.variables,
                self.random_counter,
                self.forward.statistics,
                self.forward.fittings,
                self.vocabularies,
                self.spec.base,
            )
            _check_arity(owner.layer, len(inputs))
            with scope(entry.name, entry.origin):
                value = owner.layer.build(context, *inputs)
            _check_text(owner.layer, inputs)
            self.forward.values[entry.name] = self.prepare(entry.name, value) if owner.layer.host_only else value
            self.entries[entry.name] = owner
            self.forward.trail.note(entry.name, entry.origin, entry.from_, value.type)
            for name in entry.from_:
                note_limit(self.forward, name, owner.layer.index_limit)
        except BuildError as error:
            origin = self.spec.origin_of(entry.path + error.path)
            trail = self.forward.trail
            other = [] if error.state is None else [error.state.rpartition("/")[0]]
            shapes = trail.to(trail.step(entry.name, entry.origin, entry.from_), also=other)
            self.diagnostics.append(Diagnostic(origin, error.message, error.hint, shapes))

    def prepare(self, name: str, value: Value) -> Value:
        """Note what a host-only layer makes; where it is prepared, an input stands for it."""
        self.forward.prepared[name] = value
        return graph_input(name, value.dtype, value.shape) if self.prepared else value

    def owner(self, entry: LayerEntry) -> LayerEntry | None:
        """The entry whose parameters the layer uses: itself, or the earlier layer that a shared one names.

        The spec's checks have found that layer; None means that it failed to build, and was reported.
        """
        return self.entries.get(entry.layer.layer) if isinstance(entry.layer, Shared) else entry


def _check_text(layer: Layer, inputs: Sequence[Value]) -> None:
    """Graphs that train have no text, so no layer may read it but one whose output stands for it there."""
    for value in inputs:
        if value.dtype is DType.string and not layer.host_only:
            raise BuildError(f"needs numbers, received {value.type}", "make counts of the text with `bag_of_words`")


def _check_arity(layer: Layer, count: int) -> None:
    least, most = layer.arity
    if count < least:
        raise BuildError(f"needs at least {least} inputs, received {count}", "list them in `from: [a, b]`")
    if most is not None and count > most:
        plural = "" if most == 1 else "s"
        raise BuildError(f"takes {most} input{plural}, received {count}", "combine them with `concat`")
