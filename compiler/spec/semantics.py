"""What no schema can say about a spec: names are unique and legal, references lead to values that exist by then."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..errors import BuildError, Diagnostic
from .entries import (
    LAYER_CONNECTIONS,
    LOSS_CONNECTIONS,
    METRIC_CONNECTIONS,
    Entry,
    Output,
    Reference,
    name_layers,
    read_entries,
    read_outputs,
    sample_weight_of,
    target_of,
)
from .positions import Path, Positions
from .schema import Families
from .settings import NAME_PATTERN
from .suggest import closest, did_you_mean
from .wording import a, received

MAX_REPORTED = 200
"""Mistakes listed from one kind of check; a text with more of them is no spec."""

RESERVED = frozenset(["batch", "loss", "optimizer", "random_counter", "seed", "step", "learning_rate_scale"])
"""Names of the bundle's own inputs, outputs, state and axis."""

_NAME = re.compile(NAME_PATTERN)


def check_semantics(
    tree: dict[str, Any], positions: Positions, families: Families, broken: Sequence[Path]
) -> list[Diagnostic]:
    """Every mistake of meaning in a plain tree. `broken` are the places where it violates the schema already."""
    return _Checker(tree, positions, families, broken).run()


class _Checker:
    def __init__(self, tree: dict[str, Any], positions: Positions, families: Families, broken: Sequence[Path]) -> None:
        self._positions = positions
        self._families = families
        self._broken = broken
        self._found: list[Diagnostic] = []
        inputs = tree.get("inputs")
        self._inputs: dict[str, Any] = inputs if isinstance(inputs, dict) else {}
        network = tree.get("network")
        self._network = read_entries(network, ("network",), LAYER_CONNECTIONS) if isinstance(network, list) else []
        self._outputs = read_outputs(tree.get("outputs"))
        training, data = tree.get("training"), tree.get("data")
        self._training: dict[str, Any] = training if isinstance(training, dict) else {}
        self._data: dict[str, Any] = data if isinstance(data, dict) else {}
        self._losses = self._kinds("loss", LOSS_CONNECTIONS)
        self._metrics = self._kinds("metrics", METRIC_CONNECTIONS)
        targets = [target_of(loss, families.losses) for loss in self._losses]
        self._targets = list(dict.fromkeys(target for target in targets if target is not None))

        own = [entry for output in self._outputs for entry in output.entries]
        weighing = [sample_weight_of(loss) for loss in self._losses]
        self._sample_weights = list(dict.fromkeys(name for name in weighing if name is not None))
        taken = {*self._inputs, *self._targets, *self._sample_weights, *(o.name for o in self._outputs), *RESERVED}
        names = name_layers([*self._network, *own], taken)
        self._network_names, self._output_names = names[: len(self._network)], names[len(self._network) :]
        # A malformed layer leaves automatic names uncertain: references to them are not held against the author.
        self._uncertain = any(not self._is_sound(e) for e in [*self._network, *own]) or not self._network

    def run(self) -> list[Diagnostic]:
        self._check_names()
        self._check_inputs()
        known = self._check_network()
        known = self._check_outputs(known)
        self._check_training(known)
        self._check_data()
        return self._found

    def _kinds(self, key: str, connections: tuple[str, ...]) -> list[Entry]:
        if key not in self._training:
            return []
        entries = read_entries(self._training[key], ("training", key), connections)
        return [entry for entry in entries if entry is not None]

    def _is_sound(self, entry: Entry | None) -> bool:
        """Whether the schema found nothing wrong in an entry."""
        if entry is None:
            return False
        whole = entry.path[:-1] if isinstance(entry.path[-1], str) else entry.path
        return not any(path == whole or path[: len(entry.path)] == entry.path for path in self._broken)

    def _is_nameable(self, entry: Entry | None) -> bool:
        """Whether others may refer to a layer: by the name it was given, or by that of a kind that exists."""
        return entry is not None and (entry.given_name is not None or entry.kind in self._families.layers)

    def _metric_name(self, metric: Entry) -> str:
        if metric.given_name is not None or not self._is_sound(metric):
            return metric.given_name or metric.kind
        try:
            return str(self._families.metrics[metric.kind].from_yaml(metric.arguments).label)
        except BuildError:  # reported when the spec is built
            return metric.kind

    def _add(self, path: Path, message: str, hint: str | None = None, *, of_key: bool = False) -> None:
        self._found.append(Diagnostic(self._positions.origin(path, of_key=of_key), message, hint))

    # --- names -----------------------------------------------------------------------------------------------------

    def _check_names(self) -> None:
        """A name means one thing. Inputs and targets come first, so that the layer is asked to step aside."""
        taken: dict[str, tuple[str, Path]] = {}
        for name in self._inputs:
            self._claim(name, "input", ("inputs", name), taken)
        for loss in self._losses:
            target = target_of(loss, self._families.losses)
            if target is not None and target not in taken:  # losses may share a target, or use an input as one
                self._claim(target, "target", (*loss.path, "target"), taken)
        for loss in self._losses:
            weighing = sample_weight_of(loss)
            if weighing is not None and taken.get(weighing, ("",))[0] != "sample weight":  # losses may share one
                self._claim(weighing, "sample weight", (*loss.path, "sample_weight"), taken)
        layers = [*self._network, *(entry for output in self._outputs for entry in output.entries)]
        for entry in layers:
            if entry is not None and entry.given_name is not None:
                self._claim(entry.given_name, "layer", (*entry.path, "name"), taken)
        self._check_output_names(taken)
        self._check_metric_names(taken)

    def _claim(self, name: str, what: str, path: Path, taken: dict[str, tuple[str, Path]]) -> None:
        of_key = what in ("input", "output")
        if not _NAME.match(name):
            return  # the schema has said so
        if name in RESERVED:
            self._add(
                path, f"the name '{name}' is reserved for the bundle itself", "choose another name", of_key=of_key
            )
        elif name in taken:
            other, there = taken[name]
            line = self._positions.origin(there, of_key=other in ("input", "output")).line
            message = f"the name '{name}' is already taken by {a(other)} on line {line}"
            self._add(path, message, "every name means one value; choose another", of_key=of_key)
        else:
            taken[name] = (what, path)

    def _check_output_names(self, taken: dict[str, tuple[str, Path]]) -> None:
        for output in self._outputs:
            last = output.entries[-1] if output.entries else None
            own_value = output.reference == output.name or (last is not None and last.given_name == output.name)
            if not (own_value and taken.get(output.name, ("layer",))[0] == "layer"):
                self._claim(output.name, "output", output.path, dict(taken))

    def _check_metric_names(self, taken: dict[str, tuple[str, Path]]) -> None:
        seen: dict[str, Path] = {}
        for metric in filter(self._is_sound, self._metrics):
            name = self._metric_name(metric)
            path = (*metric.path, "name") if metric.given_name else metric.path
            if name in seen:
                line = self._positions.origin(seen[name]).line
                message = f"two metrics are reported as '{name}', the first on line {line}"
                self._add(path, message, f"give one of them a name: {metric.kind}: {{name: …}}")
            elif name in RESERVED or taken.get(name, ("",))[0] in ("input", "target"):
                self._claim(name, "metric", path, taken)
            seen.setdefault(name, path)

    # --- inputs, network, outputs ----------------------------------------------------------------------------------

    def _check_inputs(self) -> None:
        for name, value in self._inputs.items():
            path: Path = ("inputs", name, "shape") if isinstance(value, dict) else ("inputs", name)
            shape = value.get("shape") if isinstance(value, dict) else value
            for axis, size in enumerate(shape if isinstance(shape, list) else []):
                if size == "batch":
                    self._add((*path, axis), "the batch axis is implicit", "leave 'batch' out of the shape")

    def _check_network(self) -> set[str]:
        known = set(self._inputs)
        defined = self._defined(self._network, self._network_names)
        for index, (entry, name) in enumerate(zip(self._network, self._network_names, strict=True)):
            if entry is None:
                continue
            references = entry.references()
            if references is None and index == 0 and len(self._inputs) > 1:
                choices = ", or ".join(f"'from: {name}'" for name in self._inputs)
                message = f"there are {len(self._inputs)} inputs, so the first layer must say which it reads"
                self._add(entry.path, message, f"add {choices}")
            for reference in references or []:
                self._check_reference(reference, known, own=name, later=defined)
            if name is not None and self._is_nameable(entry):
                known.add(name)
        return known

    def _check_outputs(self, known: set[str]) -> set[str]:
        names = iter(self._output_names)
        own = [(entry, next(names)) for output in self._outputs for entry in output.entries]
        defined = self._defined([entry for entry, _ in own], [name for _, name in own])
        layers = iter(own)
        for output in self._outputs:
            if output.reference is not None:
                self._check_output_reference(output, output.reference, known, defined)
            for _ in output.entries:
                entry, name = next(layers)
                for reference in (entry.references() if entry else None) or []:
                    self._check_reference(reference, known, own=name, later=defined)
                if name is not None and self._is_nameable(entry):
                    known = known | {name}
        return known | {output.name for output in self._outputs}

    def _check_output_reference(self, output: Output, name: str, known: set[str], later: dict[str, int]) -> None:
        if name not in known and name not in later and name in self._families.layers:
            message = f"there is no value named {received(name)}"
            self._add(output.path, message, f"to apply the layer, write {output.name}: {{{name}: {{}}}}")
        else:
            self._check_reference(Reference(name, output.path), known, own=None, later=later)

    def _defined(self, entries: list[Entry | None], names: list[str | None]) -> dict[str, int]:
        """Name -> line of the layer that makes the value."""
        return {
            name: self._positions.origin(entry.path, of_key=True).line
            for entry, name in zip(entries, names, strict=True)
            if entry is not None and name is not None
        }

    def _check_reference(self, reference: Reference, known: set[str], own: str | None, later: dict[str, int]) -> None:
        name = reference.name
        if name in known:
            return
        if name == own:
            self._add(reference.path, f"the layer '{name}' reads itself", "name a value from before it")
        elif name in later:
            message = f"the value '{name}' is made later, on line {later[name]}"
            self._add(reference.path, message, "a layer reads values from before it; move one of the two")
        elif len(self._found) >= MAX_REPORTED:
            return  # the closest names are costly to find
        elif not (self._uncertain and re.fullmatch(r"[a-z_0-9]*[a-z_]\d+", name)):
            self._add(
                reference.path, f"there is no value named {received(name)}", did_you_mean(name, sorted(known), "values")
            )

    # --- training and data -----------------------------------------------------------------------------------------

    def _check_training(self, known: set[str]) -> None:
        for judge in [*self._losses, *self._metrics]:
            for reference in judge.references() or []:
                self._check_reference(reference, known, own=None, later={})
        for metric in self._metrics:
            self._check_metric_target(metric)
        early = self._training.get("early_stopping")
        monitor = early.get("monitor", "loss") if isinstance(early, dict) else "loss"
        reported = ["loss", *(self._metric_name(metric) for metric in self._metrics)]
        if isinstance(monitor, str) and monitor not in reported:
            path: Path = ("training", "early_stopping", "monitor")
            close = closest(monitor, reported)
            hint = f"did you mean '{close}'?" if close else f"add it to training.metrics, or use {_or(reported)}"
            self._add(path, f"there is no metric named {received(monitor)}", hint)

    def _check_metric_target(self, metric: Entry) -> None:
        given = metric.connections.get("target")
        if not self._losses:
            return
        if isinstance(given, str):
            if given not in self._targets:
                hint = did_you_mean(given, self._targets, "targets")
                self._add((*metric.path, "target"), f"no loss uses the target '{given}'", hint)
        elif given is None and len(self._targets) > 1:
            hint = f"add 'target: {' or '.join(self._targets)}'"
            self._add(metric.path, "the losses use several targets, so the metric must say which it judges by", hint)

    def _check_data(self) -> None:
        split = self._data.get("split")
        if isinstance(split, dict):
            parts = [split.get(key, 0) for key in ("validation", "test")]
            if all(isinstance(p, (int, float)) and 0 <= p < 1 for p in parts) and sum(parts) >= 1:
                message = f"validation and test together must be below 1, received {received(float(sum(parts)))}"
                self._add(("data", "split"), message, "something must be left to train on", of_key=True)
        columns = self._data.get("columns")
        wanted = [*self._inputs, *(t for t in self._targets if t not in self._inputs), *self._sample_weights]
        for name in columns if isinstance(columns, dict) else ():
            if name not in wanted:
                hint = did_you_mean(name, wanted, "inputs and targets")
                self._add(("data", "columns", name), f"there is no input or target named '{name}'", hint, of_key=True)
        balance = self._data.get("balance")
        by = balance.get("by") if isinstance(balance, dict) else None
        if isinstance(by, str) and by not in self._targets:
            hint = did_you_mean(by, self._targets, "targets")
            self._add(("data", "balance", "by"), f"no loss uses the target '{by}'", hint)


def _or(words: list[str]) -> str:
    return " or ".join(words)
