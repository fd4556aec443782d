"""The typed spec: frozen dataclasses built from a valid tree, every element with its origin."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, TypeVar

from netwright.schema import Registry

from ..errors import BuildError, Diagnostic, Origin, SpecError
from .checks import check
from .entries import (
    LAYER_CONNECTIONS,
    LOSS_CONNECTIONS,
    METRIC_CONNECTIONS,
    Entry,
    Output,
    name_layers,
    read_entries,
    read_entry,
    read_outputs,
    sample_weight_of,
    target_of,
)
from .loader import read_file, read_text
from .overrides import apply_overrides
from .positions import Node, Path, Positions
from .schema import Families, installed_families, spec_schema
from .semantics import RESERVED
from .settings import (
    DEFAULT_OPTIMIZER,
    DataSettings,
    InputSettings,
    LayerEntry,
    LossEntry,
    MetricEntry,
    OptimizerEntry,
    TrainingSettings,
)

T = TypeVar("T")


@dataclass(frozen=True)
class InputSpec:
    """A value the network is given; `shape` leaves the batch axis out, names in it are symbolic axes."""

    name: str
    shape: tuple[int | str, ...]
    dtype: str
    origin: Origin


@dataclass(frozen=True)
class OutputSpec:
    """A value the network returns as `name`: that of `from_`, which the last of `layers` makes if there are any."""

    name: str
    from_: str
    layers: tuple[LayerEntry, ...]
    origin: Origin


@dataclass(frozen=True)
class Spec:
    """A valid spec with every name resolved. `tree` is what was written, as plain values."""

    name: str
    inputs: tuple[InputSpec, ...]
    network: tuple[LayerEntry, ...]
    outputs: tuple[OutputSpec, ...]
    training: TrainingSettings | None
    data: DataSettings | None
    file: str
    sha256: str
    """Of the canonical JSON of `tree`: comments, order of keys and formatting do not matter."""
    tree: Mapping[str, Any] = field(repr=False, compare=False)
    positions: Positions = field(repr=False, compare=False)

    @property
    def layers(self) -> tuple[LayerEntry, ...]:
        """Every layer in the order of computation: those of the network, then those of the outputs."""
        return self.network + tuple(layer for output in self.outputs for layer in output.layers)

    def origin_of(self, path: Path) -> Origin:
        """Where the value at `path` was written, or the deepest part of the path that was."""
        return self.positions.origin(path)

    @property
    def targets(self) -> tuple[str, ...]:
        """What the losses compare with, each once, without those that are inputs."""
        inputs = {i.name for i in self.inputs}
        losses = self.training.loss if self.training else ()
        return tuple(dict.fromkeys(loss.target for loss in losses if loss.target not in inputs))

    @property
    def columns_of_losses(self) -> tuple[str, ...]:
        """What the data give besides the inputs: targets, then sample weights, each once."""
        losses = self.training.loss if self.training else ()
        weights = (loss.sample_weight for loss in losses if loss.sample_weight is not None)
        return tuple(dict.fromkeys((*self.targets, *weights)))


def load(
    path: str | FilePath,
    *,
    data_schema: Mapping[str, Any] | None = None,
    overrides: Sequence[str] = (),
    families: Families | None = None,
) -> Spec:
    """Read, check and build the spec in the file `path`.

    `data_schema` is the JSON Schema of `data.source` (None: anything), `overrides` are `training.epochs=3` strings,
    `families` the registries (None: the installed ones). Raises `SpecError` with every mistake found.
    """
    root, found = read_file(path)
    return _resolve(root, found, str(path), data_schema, overrides, families)


def load_text(
    text: str,
    file: str = "<text>",
    *,
    data_schema: Mapping[str, Any] | None = None,
    overrides: Sequence[str] = (),
    families: Families | None = None,
) -> Spec:
    """`load` for text at hand; `file` is what diagnostics call it."""
    root, found = read_text(text, file)
    return _resolve(root, found, file, data_schema, overrides, families)


def _resolve(
    root: Node,
    found: list[Diagnostic],
    file: str,
    data_schema: Mapping[str, Any] | None,
    overrides: Sequence[str],
    families: Families | None,
) -> Spec:
    """From the tree as written to the typed spec. Stages that rewrite the tree, Node to Node, belong before `plain`."""
    families = families or installed_families()
    root = apply_overrides(root, overrides)
    tree, positions = root.plain(), Positions(root)
    found = found + check(tree, positions, spec_schema(data_schema, families), families)
    if found:
        raise SpecError(found)
    return _Builder(tree, positions, families, file).spec()


class _Builder:
    """Builds a spec from a tree that the checks found valid; what kinds themselves refuse is collected."""

    def __init__(self, tree: dict[str, Any], positions: Positions, families: Families, file: str) -> None:
        self._tree = tree
        self._positions = positions
        self._families = families
        self._file = file
        self._refused: list[Diagnostic] = []

    def spec(self) -> Spec:
        inputs = tuple(self._input(name, value) for name, value in self._tree["inputs"].items())
        network, outputs = self._layers([i.name for i in inputs])
        training = self._training(network[-1].name if network else "", outputs)
        data = self._data()
        if self._refused:
            raise SpecError(self._refused)
        return Spec(
            name=self._tree.get("name") or _name_from_file(self._file),
            inputs=inputs,
            network=network,
            outputs=outputs,
            training=training,
            data=data,
            file=self._file,
            sha256=_sha256(self._tree),
            tree=self._tree,
            positions=self._positions,
        )

    def _origin(self, path: Path) -> Origin:
        return self._positions.origin(path, of_key=True)

    def _input(self, name: str, value: Any) -> InputSpec:
        settings = InputSettings.from_yaml(value)
        return InputSpec(name, settings.shape, settings.dtype, self._origin(("inputs", name)))

    def _kind(self, registry: Registry[Any], entry: Entry) -> Any:
        """The object an entry means; None, and a diagnostic, when its class refuses the combination of fields."""
        return self._guard(entry.path, lambda: registry[entry.kind].from_yaml(entry.arguments))

    def _guard(self, path: Path, build: Callable[[], T]) -> T | None:
        try:
            return build()
        except BuildError as error:
            origin = self._positions.origin((*path, *error.path))
            self._refused.append(Diagnostic(origin, error.message, error.hint))
            return None

    # --- layers ----------------------------------------------------------------------------------------------------

    def _layers(self, inputs: list[str]) -> tuple[tuple[LayerEntry, ...], tuple[OutputSpec, ...]]:
        network = read_entries(self._tree["network"], ("network",), LAYER_CONNECTIONS)
        outputs = read_outputs(self._tree.get("outputs"))
        own = [entry for output in outputs for entry in output.entries]
        entries = [entry for entry in [*network, *own] if entry is not None]
        losses = self._entries("loss", LOSS_CONNECTIONS)
        targets = [target_of(loss, self._families.losses) for loss in losses]
        targets += [name for name in map(sample_weight_of, losses) if name is not None]
        names = name_layers(entries, {*inputs, *map(str, targets), *(o.name for o in outputs), *RESERVED})
        named = iter([(entry, str(name)) for entry, name in zip(entries, names, strict=True)])

        layers = self._chain([next(named) for _ in network], inputs[0])
        last = layers[-1].name
        built = tuple(self._output(output, [next(named) for _ in output.entries], last) for output in outputs)
        return layers, built or (OutputSpec("output", last, (), layers[-1].origin),)

    def _chain(self, named: list[tuple[Entry, str]], before: str) -> tuple[LayerEntry, ...]:
        """Layers that read the value before them unless they say otherwise."""
        layers = []
        for entry, name in named:
            references = entry.references()
            sources = (before,) if references is None else tuple(r.name for r in references)
            layer = self._kind(self._families.layers, entry)
            layers.append(LayerEntry(name, layer, sources, self._origin(entry.path), entry.path))
            before = name
        return tuple(layers)

    def _output(self, output: Output, named: list[tuple[Entry, str]], before: str) -> OutputSpec:
        layers = self._chain(named, before)
        value = output.reference if output.reference is not None else layers[-1].name
        return OutputSpec(output.name, value, layers, self._origin(output.path))

    # --- training and data -----------------------------------------------------------------------------------------

    def _entries(self, key: str, connections: tuple[str, ...]) -> list[Entry]:
        written = (self._tree.get("training") or {}).get(key, [])
        return [entry for entry in read_entries(written, ("training", key), connections) if entry is not None]

    def _training(self, last: str, outputs: tuple[OutputSpec, ...]) -> TrainingSettings | None:
        written = self._tree.get("training")
        if written is None:
            return None
        values = {output.name: output.from_ for output in outputs}
        losses = tuple(self._loss(entry, last, values) for entry in self._entries("loss", LOSS_CONNECTIONS))
        metrics = tuple(self._metric(entry, losses, values) for entry in self._entries("metrics", METRIC_CONNECTIONS))
        optimizer = read_entry(written.get("optimizer", DEFAULT_OPTIMIZER), ("training", "optimizer"), ())
        assert optimizer is not None  # the schema admits nothing else
        built = OptimizerEntry(
            self._kind(self._families.optimizers, optimizer), self._origin(optimizer.path), optimizer.path
        )
        settings = TrainingSettings.from_yaml({**written, "loss": losses, "optimizer": built, "metrics": metrics})
        return dataclasses.replace(settings, origin=self._origin(("training",)))

    def _loss(self, entry: Entry, last: str, values: Mapping[str, str]) -> LossEntry:
        return LossEntry(
            loss=self._kind(self._families.losses, entry),
            from_=_value(entry.connections.get("from", last), values),
            target=str(target_of(entry, self._families.losses)),
            weight=float(entry.connections.get("weight", 1.0)),
            origin=self._origin(entry.path),
            path=entry.path,
            class_weights=tuple(map(float, entry.connections["class_weights"]))
            if "class_weights" in entry.connections
            else None,
            sample_weight=sample_weight_of(entry),
        )

    def _metric(self, entry: Entry, losses: tuple[LossEntry, ...], values: Mapping[str, str]) -> MetricEntry:
        target = entry.connections.get("target", losses[0].target)
        judged = next(loss.from_ for loss in losses if loss.target == target)
        metric = self._kind(self._families.metrics, entry)
        return MetricEntry(
            name=entry.given_name or (metric.label if metric is not None else entry.kind),
            metric=metric,
            from_=_value(entry.connections.get("from", judged), values),
            target=target,
            origin=self._origin(entry.path),
            path=entry.path,
        )

    def _data(self) -> DataSettings | None:
        written = self._tree.get("data")
        if written is None:
            return None
        return dataclasses.replace(DataSettings.from_yaml(written), origin=self._origin(("data",)))


def _value(name: str, outputs: Mapping[str, str]) -> str:
    """The value that a reference means: an output's name stands for the value it returns."""
    return outputs.get(name, name)


def _name_from_file(file: str) -> str:
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", FilePath(file).stem).strip("_")
    return stem if re.match(r"[A-Za-z_]", stem) else f"network_{stem}".rstrip("_")


def _sha256(tree: Mapping[str, Any]) -> str:
    canonical = json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8")).hexdigest()
