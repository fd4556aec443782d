"""The typed spec: frozen dataclasses built from a valid tree, every element with its origin."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from netwright.schema import Registry

from ..errors import BuildError, Diagnostic, Origin, SpecError
from ..layers.recurrence_settings import RecurrenceSettings
from .checks import SchemaCheck
from .entries import (
    LAYER_CONNECTIONS,
    METRIC_CONNECTIONS,
    Entry,
    constant_of,
    loss_entries,
    read_entries,
    read_entry,
    target_of,
)
from .expand import ExpandedOutput, Expansion, expand
from .expand.blocks import check_blocks, read_blocks
from .expand.entries import PlainCell, PlainLayer
from .expand.time_distributed import SEQUENCE, STEPS
from .include import resolve_includes
from .loader import read_file, read_text
from .overrides import apply_overrides
from .positions import Node, Path, Positions
from .schema import Families, installed_families, language_schema
from .semantics import check_semantics
from .settings import (
    DEFAULT_OPTIMIZER,
    CellEntry,
    DataSettings,
    InputSettings,
    LayerEntry,
    LossEntry,
    MetricEntry,
    ObjectiveEntry,
    OptimizerEntry,
    TokenizerSettings,
    TokensSettings,
    TrainingSettings,
)

if TYPE_CHECKING:
    from ..layers.base import Layer

T = TypeVar("T")

DataSchema: TypeAlias = Mapping[str, Any] | Callable[[Collection[str] | None], Mapping[str, Any]]
"""The JSON Schema of `data.source`, or a function that makes it for the kinds that are in a collection (None: all)."""


@dataclass(frozen=True)
class InputSpec:
    """A value the network is given; `shape` leaves the batch axis out, names in it are symbolic axes."""

    name: str
    shape: tuple[int | str, ...]
    dtype: str
    origin: Origin
    preprocess: tuple[LayerEntry, ...] = ()
    """Applied to what is given; everything else that reads `name` reads what the last of them makes."""
    tokens: TokensSettings | None = None
    length_of: str | None = None
    drawn: str | None = None
    """The distribution that training draws it from, `normal` or `uniform`; None for a value of the data."""


@dataclass(frozen=True)
class OutputSpec:
    """A value the network returns as `name`: that of `from_`, which the last of `layers` makes if there are any."""

    name: str
    from_: str
    layers: tuple[LayerEntry, ...]
    origin: Origin


@dataclass(frozen=True)
class Spec:
    """A valid spec with every name resolved, blocks and composites taken apart.

    `tree` is what was written, with what it includes and what was set beside it, as plain values.
    """

    name: str
    inputs: tuple[InputSpec, ...]
    network: tuple[LayerEntry, ...]
    outputs: tuple[OutputSpec, ...]
    training: TrainingSettings | None
    data: DataSettings | None
    tokenizers: Mapping[str, TokenizerSettings]
    file: str
    sha256: str
    """Of the canonical JSON of `tree`: comments, order of keys and formatting do not matter."""
    tree: Mapping[str, Any] = field(repr=False, compare=False)
    positions: Positions = field(repr=False, compare=False)
    base: FilePath | None = field(default=None, repr=False, compare=False)
    """The folder that paths of files which layers read start from; None for a spec in no folder."""

    @property
    def layers(self) -> tuple[LayerEntry, ...]:
        """Every layer in the order of computation: preprocessing, those of the network, those of the outputs."""
        before = tuple(layer for given in self.inputs for layer in given.preprocess)
        return before + self.network + tuple(layer for output in self.outputs for layer in output.layers)

    @property
    def texts(self) -> dict[str, TokensSettings]:
        """The inputs and targets that are tokens of texts."""
        inputs = {item.name: item.tokens for item in self.inputs if item.tokens is not None}
        return {**inputs, **(self.data.tokens if self.data else {})}

    def origin_of(self, path: Path) -> Origin:
        """Where the value at `path` was written, or the deepest part of the path that was."""
        return self.positions.origin(path)

    @property
    def targets(self) -> tuple[str, ...]:
        """What the losses compare with, each once, without those that are inputs."""
        inputs = {i.name for i in self.inputs}
        losses = self.training.loss if self.training else ()
        named = (loss.target for loss in losses if isinstance(loss.target, str))
        return tuple(dict.fromkeys(target for target in named if target not in inputs))

    @property
    def columns_of_losses(self) -> tuple[str, ...]:
        """What the data give besides the inputs: targets, then sample weights and lengths of labels, each once."""
        losses = self.training.loss if self.training else ()
        others = (name for loss in losses for name in (loss.sample_weight, loss.label_lengths) if name is not None)
        return tuple(dict.fromkeys((*self.targets, *others)))


def load(
    path: str | FilePath,
    *,
    data_schema: DataSchema | None = None,
    overrides: Sequence[str] = (),
    families: Families | None = None,
    token_sizes: Mapping[str, int] = MappingProxyType({}),
) -> Spec:
    """Read, check and build the spec in the file `path`.

    `data_schema` describes `data.source` (None: anything), `overrides` are `training.epochs=3` strings,
    `families` the registries (None: the installed ones), `token_sizes` how many tokens the tokenizers have that were
    fitted (for the others a stand-in is reckoned with). Raises `SpecError` with every mistake found.
    """
    root, found = read_file(path)
    return _resolve(root, found, str(path), FilePath(path).parent, data_schema, overrides, families, token_sizes)


def load_text(
    text: str,
    file: str = "<text>",
    *,
    base: FilePath | None = None,
    data_schema: DataSchema | None = None,
    overrides: Sequence[str] = (),
    families: Families | None = None,
    token_sizes: Mapping[str, int] = MappingProxyType({}),
) -> Spec:
    """`load` for text at hand; `file` is what diagnostics call it, `base` the folder that paths in it start from."""
    root, found = read_text(text, file)
    return _resolve(root, found, file, base, data_schema, overrides, families, token_sizes)


def _resolve(
    root: Node,
    found: list[Diagnostic],
    file: str,
    base: FilePath | None,
    data_schema: DataSchema | None,
    overrides: Sequence[str],
    families: Families | None,
    token_sizes: Mapping[str, int],
) -> Spec:
    """From the tree as written to the typed spec: include, override, then check."""
    families = families or installed_families()
    root, found = resolve_includes(root, found, file, base)
    root = apply_overrides(root, overrides)
    if not found:
        try:  # quick, as it imports and describes the few kinds that the spec names; a message may need the others
            return _check(root, [], file, base, data_schema, families, set(_words(root)), token_sizes)
        except SpecError:
            pass
    return _check(root, found, file, base, data_schema, families, None, token_sizes)


def _words(node: Node) -> Iterator[str]:
    """Every key and text of a tree: the names of all kinds in it are among them."""
    if isinstance(node.value, str):
        yield node.value
    elif isinstance(node.value, dict):
        yield from node.value
        for child in node.value.values():
            yield from _words(child)
    elif isinstance(node.value, tuple):
        for child in node.value:
            yield from _words(child)


def _check(
    root: Node,
    found: list[Diagnostic],
    file: str,
    base: FilePath | None,
    data_schema: DataSchema | None,
    families: Families,
    named: Collection[str] | None,
    token_sizes: Mapping[str, int],
) -> Spec:
    """Check the tree as written, expand it, check what it means; of kinds, those in `named` are known (None: all)."""
    source = data_schema(named) if callable(data_schema) else data_schema
    blocks = read_blocks(root)
    check = SchemaCheck(language_schema(source, families, blocks, named))
    mistakes, broken = check.judge(root)
    found = found + mistakes
    if not isinstance(root.value, dict):
        raise SpecError(found)
    mistakes, wrong = check_blocks(root, blocks, families, check)
    found += mistakes
    expansion = expand(root, families, blocks, check, [*broken, *wrong], found, token_sizes)
    if expansion.whole:
        found += check_semantics(expansion, families, broken)
    if found:
        raise SpecError(dict.fromkeys(found))
    return _Builder(root.plain(), expansion, families, file, base).spec()


class _Builder:
    """Builds a spec from an expansion that the checks found valid; what kinds themselves refuse is collected."""

    def __init__(
        self,
        written: dict[str, Any],
        expansion: Expansion,
        families: Families,
        file: str,
        base: FilePath | None,
    ) -> None:
        self._written = written
        self._expansion = expansion
        self._tree: dict[str, Any] = expansion.root.plain()
        self._positions = Positions(expansion.root)
        self._families = families
        self._file = file
        self._base = base
        self._refused: list[Diagnostic] = []

    def spec(self) -> Spec:
        inputs = tuple(self._input(name, value) for name, value in self._tree["inputs"].items())
        network = self._layers(self._expansion.network, ("network",))
        outputs = tuple(self._output(output) for output in self._expansion.outputs)
        if not outputs:
            last = next(layer for layer in network if layer.name == self._expansion.last)
            outputs = (OutputSpec("output", last.name, (), last.origin),)
        training = self._training(outputs)
        data = self._data()
        if self._refused:
            raise SpecError(dict.fromkeys(self._refused))
        return Spec(
            name=self._tree.get("name") or _name_from_file(self._file),
            inputs=inputs,
            network=network,
            outputs=outputs,
            training=training,
            data=data,
            tokenizers={
                name: TokenizerSettings.from_yaml(value) for name, value in self._tree.get("tokenizers", {}).items()
            },
            file=self._file,
            sha256=_sha256(self._written),
            tree=self._written,
            positions=self._positions,
            base=self._base,
        )

    def _origin(self, path: Path) -> Origin:
        return self._positions.origin(path, of_key=True)

    def _input(self, name: str, value: Any) -> InputSpec:
        path: Path = ("inputs", name)
        own = {key: item for key, item in value.items() if key != "preprocess"} if isinstance(value, dict) else value
        settings = InputSettings.from_yaml(own)
        layers = self._layers(self._expansion.preprocess.get(name, ()), (*path, "preprocess"))
        origin = self._origin(path)
        made_of = (settings.tokens, settings.length_of, settings.drawn)
        return InputSpec(name, settings.shape, settings.dtype, origin, layers, *made_of)

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

    def _layers(self, layers: tuple[PlainLayer, ...], path: Path) -> tuple[LayerEntry, ...]:
        """The layers whose nodes are listed at `path` of the expanded tree."""
        return tuple(self._layer(layer, (*path, index)) for index, layer in enumerate(layers))

    def _layer(self, plain: PlainLayer, path: Path) -> LayerEntry:
        entry = read_entry(plain.node.plain(), path, LAYER_CONNECTIONS)
        assert entry is not None  # expansion makes nothing else
        if plain.cell is not None:
            return self._recurrent(plain, plain.cell, entry)
        layer = _of_each_step(plain.kind) or self._kind(self._families.layers, entry)
        origin = self._origin(entry.path)
        return LayerEntry(plain.name, layer, plain.sources, origin, entry.path, each_step=plain.each_step)

    def _recurrent(self, plain: PlainLayer, cell: PlainCell, entry: Entry) -> LayerEntry:
        """The layer of a cell written in the spec: its common settings are those that the composite lists."""
        from ..layers.recurrent import Recurrent  # with the operators, which most specs do without

        own = {key: value for key, value in entry.arguments.items() if key not in ("states", "cell", "next", "output")}
        settings = self._guard(entry.path, lambda: RecurrenceSettings.from_yaml(own))
        output = cell.following.index(cell.output) if cell.output in cell.following else None
        known = vars(settings) if settings is not None else {}
        layer = Recurrent(**known, states=entry.arguments["states"], output=output)
        entries = tuple(self._layer(inner, (*entry.path, "cell", i)) for i, inner in enumerate(cell.layers))
        built = CellEntry(entries, cell.input, cell.states, cell.following, cell.output)
        origin = self._origin(entry.path)
        return LayerEntry(plain.name, layer, plain.sources, origin, entry.path, built, plain.each_step)

    def _output(self, output: ExpandedOutput) -> OutputSpec:
        path: Path = ("outputs", output.name)
        return OutputSpec(output.name, output.value, self._layers(output.layers, path), self._origin(path))

    # --- training and data -----------------------------------------------------------------------------------------

    def _entries(self, key: str, connections: tuple[str, ...]) -> list[Entry]:
        written = (self._tree.get("training") or {}).get(key, [])
        return [entry for entry in read_entries(written, ("training", key), connections) if entry is not None]

    def _training(self, outputs: tuple[OutputSpec, ...]) -> TrainingSettings | None:
        written = self._tree.get("training")
        if written is None:
            return None
        last = self._expansion.last
        values = {**self._expansion.values, **{output.name: output.from_ for output in outputs}}
        losses = tuple(self._loss(entry, last, values) for entry in loss_entries(written))
        optimizer = self._optimizer(written.get("optimizer", DEFAULT_OPTIMIZER), ("training", "optimizer"))
        objectives = tuple(
            self._objective(name, objective, losses, optimizer)
            for name, objective in written.get("objectives", {}).items()
        )
        if not objectives:
            path: Path = ("training", "loss")
            objectives = (ObjectiveEntry(None, ("*",), losses, optimizer, self._origin(path), path),)
        metrics = tuple(self._metric(entry, losses, values) for entry in self._entries("metrics", METRIC_CONNECTIONS))
        built = {"loss": losses, "objectives": objectives, "optimizer": optimizer, "metrics": metrics}
        settings = TrainingSettings.from_yaml({**written, **built})
        return dataclasses.replace(settings, origin=self._origin(("training",)))

    def _optimizer(self, written: Any, path: Path) -> OptimizerEntry:
        entry = read_entry(written, path, ())
        assert entry is not None  # the schema admits nothing else
        return OptimizerEntry(self._kind(self._families.optimizers, entry), self._origin(entry.path), entry.path)

    def _objective(
        self, name: str, written: Mapping[str, Any], losses: Sequence[LossEntry], default: OptimizerEntry
    ) -> ObjectiveEntry:
        path: Path = ("training", "objectives", name)
        trains = written["trains"]
        return ObjectiveEntry(
            name=name,
            trains=(trains,) if isinstance(trains, str) else tuple(trains),
            loss=tuple(loss for loss in losses if loss.path[: len(path)] == path),
            optimizer=self._optimizer(written["optimizer"], (*path, "optimizer"))
            if "optimizer" in written
            else default,
            origin=self._origin(path),
            path=path,
        )

    def _loss(self, entry: Entry, last: str, values: Mapping[str, str]) -> LossEntry:
        constant = constant_of(entry)
        return LossEntry(
            loss=self._kind(self._families.losses, entry),
            from_=_value(entry.connections.get("from", last), values),
            target=str(target_of(entry, self._families.losses)) if constant is None else constant,
            weight=float(entry.connections.get("weight", 1.0)),
            origin=self._origin(entry.path),
            path=entry.path,
            class_weights=tuple(map(float, entry.connections["class_weights"]))
            if "class_weights" in entry.connections
            else None,
            sample_weight=entry.connections.get("sample_weight"),
            mask=_value(entry.connections["mask"], values) if "mask" in entry.connections else None,
            lengths=_value(entry.connections["lengths"], values) if "lengths" in entry.connections else None,
            label_lengths=entry.connections.get("label_lengths"),
        )

    def _metric(self, entry: Entry, losses: tuple[LossEntry, ...], values: Mapping[str, str]) -> MetricEntry:
        named = (loss.target for loss in losses if isinstance(loss.target, str))
        target = entry.connections.get("target") or next(named)  # the checks have found one
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


def _of_each_step(kind: str) -> Layer | None:
    """The layer before or after those of a `time_distributed`; None for another kind."""
    if kind not in (STEPS, SEQUENCE):
        return None
    from ..layers.time_distributed import Steps, TimeDistributed  # with the operators, which most specs do without

    return Steps() if kind == STEPS else TimeDistributed()


def _value(name: str, values: Mapping[str, str]) -> str:
    """The layer or input that a reference means: the name of an output or composite stands for the value it has."""
    return values.get(name, name)


def _name_from_file(file: str) -> str:
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", FilePath(file).stem).strip("_")
    return stem if re.match(r"[A-Za-z_]", stem) else f"network_{stem}".rstrip("_")


def _sha256(tree: Mapping[str, Any]) -> str:
    canonical = json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8")).hexdigest()
