"""A spec's network as IR: inputs, layers in order, outputs. One function, built once a graph."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from . import random
from .errors import BuildError, Diagnostic, SpecError
from .ir import DType, Shape, Value, counts_examples, graph_input, scope, symbol
from .layer_context import BATCH, Carrying, CellContext, Context, Fitting
from .layers import Layer, Shared
from .layers.time_distributed import Steps
from .mixup import Mixing, draw
from .ops import constant, op
from .ops.shape_values import shape_value
from .spec.model import InputSpec, Spec
from .spec.settings import LayerEntry, Mixup
from .trail import Trail
from .variables import Variables

LARGEST_EXAMPLE: Final = 2**31 - 1
"""Numbers; sizes made of such inputs fit 64 bits."""


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
    mixing: Mixing | None = None
    """How examples are mixed with one another."""
    trail: Trail = field(default_factory=Trail)
    """How every value came about, for messages."""


def _require_countable(inputs: Sequence[InputSpec]) -> None:
    """Raises SpecError with every input of which one example has more numbers than sizes are calculated with."""
    problems = []
    for item in inputs:
        count = math.prod(size for size in item.shape if isinstance(size, int))
        if count > LARGEST_EXAMPLE:
            sizes = " × ".join(map(str, item.shape))
            message = f"{sizes} are more than {LARGEST_EXAMPLE:,} numbers an example"
            problems.append(Diagnostic(item.origin, message, "give each axis its size, once"))
    if problems:
        raise SpecError(problems)


def build_forward(
    spec: Spec,
    variables: Variables,
    *,
    random_counter: Value | None = None,
    vocabularies: Mapping[str, Sequence[str]] = MappingProxyType({}),
    prepared: bool = False,
    carrying: Carrying | None = None,
) -> Forward:
    """Build the network of `spec`; it trains when a `random_counter` is given.

    `vocabularies` are the fitted words by layer. With `prepared` the outputs of host-only layers are features, instead
    of the text they are made of, and inputs that are drawn are random numbers: new ones in each step, and without a
    `random_counter` always the same. `carrying` says how recurrent layers get their states; by default each starts
    anew.

    Raises SpecError with every layer that does not fit its inputs; layers fed by a broken one are passed over.
    """
    carrying = Carrying() if carrying is None else carrying
    features = {
        item.name: graph_input(item.name, DType(item.dtype), _shape(item, carrying))
        for item in spec.inputs
        if not (item.drawn and prepared)
    }
    _require_countable(spec.inputs)
    drawn = _draw(spec.inputs, features, random_counter) if prepared else {}
    forward = Forward(features, {**features, **drawn}, outputs={})
    builder = _Builder(spec, forward, variables, random_counter, vocabularies, prepared, carrying)
    for item in spec.inputs:
        forward.trail.note(item.name, item.origin, (), forward.values[item.name].type)
    for item in spec.inputs:
        builder.preprocess(item)
    if spec.training is not None and spec.training.mixup is not None:
        builder.mix(spec.training.mixup)
    for entry in spec.network + tuple(layer for output in spec.outputs for layer in output.layers):
        builder.layer(entry)
    if builder.diagnostics:
        raise SpecError(builder.diagnostics)
    if prepared:
        forward.features = {name: value for name, value in features.items() if value.dtype is not DType.string}
        forward.features |= {name: forward.values[name] for name in forward.prepared}
    forward.outputs = {output.name: forward.values[output.from_] for output in spec.outputs}
    return forward


def _draw(inputs: Sequence[InputSpec], features: Mapping[str, Value], random_counter: Value | None) -> dict[str, Value]:
    """The inputs that are drawn, each from a stream of its own, one row for each of a batch of the data."""
    counter = constant(0, DType.int64) if random_counter is None else random_counter
    drawn = {}
    for item in inputs:
        if item.drawn is None:
            continue
        sized = next(value for value in features.values() if value.dtype is not DType.string)  # the checks saw to it
        with scope(item.name, item.origin):
            extent = op.Expand(constant(0.0), shape_value(_shape(item, Carrying()), sized))
            key = random.key(counter, random.stream_of(f"{item.name}:drawn"))
            uniform = item.drawn == "uniform"
            drawn[item.name] = random.uniform(key, extent, -1.0, 1.0) if uniform else random.normal(key, extent)
    return drawn


def note_limit(forward: Forward, name: str, limit: int | None) -> None:
    """Remember what a layer or loss allows in a feature it reads; of several limits the smallest holds."""
    smallest = least(limit, forward.limits.get(name))
    if smallest is not None and name in forward.features:
        forward.limits[name] = smallest


def least(a: int | None, b: int | None) -> int | None:
    """The smaller bound; None is no bound."""
    return b if a is None else a if b is None else min(a, b)


def without_batch(shape: Shape) -> Shape:
    """The shape of one example, or of one step where these are rows; a value without a batch axis keeps its own."""
    return shape[1:] if shape and counts_examples(shape[0]) else shape


def rows_of(shape: Shape) -> str:
    """The size of the axis that `without_batch` leaves out."""
    return str(shape[0] if shape and counts_examples(shape[0]) else BATCH)


def _shape(item: InputSpec, carrying: Carrying) -> Shape:
    """A feature's shape. Where it goes on from call to call its first axis is time: one step, or any number."""
    sizes = item.shape
    if item.name in carrying.stepping:
        any_number = sizes[0] if isinstance(sizes[0], str) else "time"
        sizes = (1 if carrying.single else any_number, *sizes[1:])
    return (BATCH, *(symbol(dim) if isinstance(dim, str) else dim for dim in sizes))


class _PassedOver(Exception):
    """A layer inside a cell reads one that failed."""


class _Builder:
    def __init__(
        self,
        spec: Spec,
        forward: Forward,
        variables: Variables,
        random_counter: Value | None,
        vocabularies: Mapping[str, Sequence[str]],
        prepared: bool,
        carrying: Carrying,
    ) -> None:
        self.carrying = carrying
        self.vocabularies = vocabularies
        self.prepared = prepared
        self.spec = spec
        self.forward = forward
        self.variables = variables
        self.random_counter = random_counter
        self.diagnostics: list[Diagnostic] = []
        self.entries: dict[str, LayerEntry] = {}  # layer name -> the entry that owns its parameters
        self.sequences: dict[str, str] = {}  # steps inside a time_distributed -> the sequence that they are of

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

    def mix(self, settings: Mixup) -> None:
        """Let the names of inputs mean those of each example mixed with another's, while training."""
        names = [name for name in settings.inputs or self.forward.features if name in self.forward.values]
        path = ("training", "mixup")
        for name in names:
            value = self.forward.values[name]
            if not value.dtype.is_float:
                message = f"mixup needs numbers with fractions to mix, but '{name}' is {value.type}"
                hint = "name those to mix: `inputs: […]`; or let its `preprocess` make such numbers"
                self.diagnostics.append(Diagnostic(self.spec.origin_of(path), message, hint))
        if self.random_counter is None or self.diagnostics or not names:
            return
        given, made = self.forward.features[names[0]], self.forward.values[names[0]]
        with scope("mixup", self.spec.origin_of(path)):
            share, partner = (
                random.key(self.random_counter, random.stream_of(f"training.mixup:{drawn}"))
                for drawn in ("share", "partner")
            )
            mixing = draw(settings.alpha, share, partner, made if given.dtype is DType.string else given)
            for name in names:
                value = self.forward.values[name]
                self.forward.values[name] = mixing.mix(value, mixing.partner(value))
        self.forward.mixing = mixing

    def layer(self, entry: LayerEntry) -> None:
        """Add one layer, unless a layer it reads failed (and was reported)."""
        inputs = [self.forward.values[name] for name in entry.from_ if name in self.forward.values]
        owner = self.owner(entry)
        if len(inputs) < len(entry.from_) or owner is None:
            return
        try:
            context = self.context(Context, owner)
            context.steps = entry.name in self.carrying.stepping and not entry.each_step
            context.each_step = entry.each_step
            _check_arity(owner.layer, len(inputs))
            with scope(entry.name, entry.origin):
                value = owner.layer.build(context, *inputs)
            _check_text(owner.layer, inputs)
            self.forward.values[entry.name] = self.prepare(entry.name, value) if owner.layer.host_only else value
            self.entries[entry.name] = owner
            self.forward.trail.note(entry.name, entry.origin, entry.from_, value.type)
            if isinstance(owner.layer, Steps):
                self.sequences[entry.name] = self.sequences.get(entry.from_[0], entry.from_[0])
            for name in entry.from_:
                note_limit(self.forward, self.sequences.get(name, name), owner.layer.index_limit)
        except _PassedOver:
            pass  # a layer that the cell reads failed, and was reported
        except BuildError as error:
            origin = self.spec.origin_of(entry.path + error.path)
            trail = self.forward.trail
            other = [] if error.state is None else [error.state.rpartition("/")[0]]
            shapes = trail.to(trail.step(entry.name, entry.origin, entry.from_), also=other)
            self.diagnostics.append(Diagnostic(origin, error.message, error.hint, shapes))

    def context(self, kind: type[Context], owner: LayerEntry) -> Context:
        return kind(
            owner,
            self.variables,
            self.random_counter,
            self.forward.statistics,
            self.forward.fittings,
            self.vocabularies,
            self.carrying,
            self.spec.base,
            self.cell,
        )

    def cell(self, owner: LayerEntry, step: Value, states: Sequence[Value]) -> tuple[Sequence[Value], Value]:
        """One step of a `recurrent` layer: its next states and its output."""
        assert owner.cell is not None
        cell = owner.cell
        values = self.forward.values | dict(zip((cell.input, *cell.states), (step, *states), strict=True))
        entries = dict(self.entries)
        for inner in cell.layers:
            used = entries.get(inner.layer.layer) if isinstance(inner.layer, Shared) else inner
            if used is None or any(name not in values for name in inner.from_):
                raise _PassedOver
            try:
                inputs = [values[name] for name in inner.from_]
                _check_arity(used.layer, len(inputs))
                _check_numbers(used.layer)
                with scope(inner.name.removeprefix(f"{owner.name}/"), inner.origin):
                    values[inner.name] = used.layer.build(self.context(CellContext, used), *inputs)
            except BuildError as error:
                path = (*inner.path[len(owner.path) :], *error.path)
                raise BuildError(f"{inner.name}: {error.message}", error.hint, path, state=error.state) from None
            entries[inner.name] = used
        following = [values[name] for name in cell.following]
        for name, old, new in zip(cell.states, states, following, strict=True):
            if old.type != new.type:
                message = f"the state '{name}' is {old.type}, its next value {new.type}"
                raise BuildError(message, "both must have one shape", ("next", name.rpartition("/")[2]))
        return following, values[cell.output]

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


def _check_numbers(layer: Layer) -> None:
    if layer.host_only:
        raise BuildError("a cell cannot work on text", "put the layer before the recurrent layer")


def _check_arity(layer: Layer, count: int) -> None:
    least, most = layer.arity
    if count < least:
        raise BuildError(f"needs at least {least} inputs, received {count}", "list them in `from: [a, b]`")
    if most is not None and count > most:
        plural = "" if most == 1 else "s"
        raise BuildError(f"takes {most} input{plural}, received {count}", "combine them with `concat`")
