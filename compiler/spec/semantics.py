"""What no schema can say about a spec: names are unique and legal, references lead to values that exist by then."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..errors import BuildError, Diagnostic, Origin
from .entries import (
    LOSS_COLUMNS,
    METRIC_CONNECTIONS,
    Entry,
    Reference,
    columns_of,
    constant_of,
    loss_entries,
    read_entries,
    target_of,
)
from .expand import Expansion
from .expand.formulas import holds_formula
from .positions import Path, Positions
from .schema import Families
from .settings import NAME_PATTERN, RESERVED
from .suggest import closest, did_you_mean
from .text_semantics import text_mistakes
from .wording import a, received

_NAME = re.compile(NAME_PATTERN)
_METRICS: Path = ("training", "metrics")


def check_semantics(expansion: Expansion, families: Families, broken: Sequence[Path]) -> list[Diagnostic]:
    """Every mistake of meaning in a spec taken apart. `broken` are the places where it violates the schema already."""
    return _Checker(expansion, families, broken).run()


class _Checker:
    def __init__(self, expansion: Expansion, families: Families, broken: Sequence[Path]) -> None:
        self._expansion = expansion
        self._positions = Positions(expansion.root)
        self._families = families
        self._broken = broken
        self._found: list[Diagnostic] = []
        self._inputs, self._training, self._data = (self._section(key) for key in ("inputs", "training", "data"))
        self._losses = loss_entries(self._training)
        written = self._training.get("metrics", [])
        self._metrics = [entry for entry in read_entries(written, _METRICS, METRIC_CONNECTIONS) if entry is not None]
        objectives = self._training.get("objectives")
        self._objectives: dict[str, Any] = objectives if isinstance(objectives, dict) else {}
        targets = [target_of(loss, families.losses) for loss in self._losses]
        self._targets = list(dict.fromkeys(target for target in targets if target is not None))
        self._columns = list(dict.fromkeys(name for loss in self._losses for name in columns_of(loss).values()))

    def _section(self, key: str) -> dict[str, Any]:
        section = self._expansion.root.value.get(key)
        plain = section.plain() if section is not None else None
        return plain if isinstance(plain, dict) else {}

    def run(self) -> list[Diagnostic]:
        self._check_names()
        self._check_inputs()
        self._check_drawn()
        self._check_objectives()
        self._check_training()
        self._check_data()
        for mistake in text_mistakes(self._expansion.root.plain(), self._targets):
            self._add(mistake.path, mistake.message, mistake.hint, of_key=mistake.of_key)
        return self._found

    def _is_sound(self, entry: Entry | None) -> bool:
        """Whether the schema found nothing wrong in an entry."""
        if entry is None:
            return False
        whole = entry.path[:-1] if isinstance(entry.path[-1], str) else entry.path
        return not any(path == whole or path[: len(entry.path)] == entry.path for path in self._broken)

    def _metric_name(self, metric: Entry) -> str:
        known = metric.kind in self._families.metrics and not _holds_formula(metric.arguments)  # that has no value
        if metric.given_name is not None or not known or not self._is_sound(metric):
            return metric.given_name or metric.kind
        family = self._families.metrics[metric.kind]
        bare = metric.arguments is not None and not isinstance(metric.arguments, dict)
        if bare and family.shorthand is None:
            return metric.kind  # a formula made a value that the kind does not take, which is reported elsewhere
        try:
            return str(family.from_yaml(metric.arguments).label)
        except BuildError:  # reported when the spec is built
            return metric.kind

    def _add(self, path: Path, message: str, hint: str | None = None, *, of_key: bool = False) -> None:
        self._found.append(Diagnostic(self._positions.origin(path, of_key=of_key), message, hint))

    # --- names -----------------------------------------------------------------------------------------------------

    def _check_names(self) -> None:
        """A name means one thing. Inputs and targets come first, so that the layer is asked to step aside."""
        taken: dict[str, tuple[str, Origin]] = {}
        for name in self._inputs:
            self._claim(name, "input", self._origin(("inputs", name), of_key=True), taken)
        for loss in self._losses:
            target = target_of(loss, self._families.losses)
            if target is not None and target not in taken:  # losses may share a target, or use an input as one
                self._claim(target, "target", self._origin((*loss.path, "target")), taken)
        for loss in self._losses:
            for field, column in columns_of(loss).items():
                what = LOSS_COLUMNS[field]
                if taken.get(column, ("",))[0] != what:  # losses may share one
                    self._claim(column, what, self._origin((*loss.path, field)), taken)
        for name, origin in self._expansion.claims:
            self._claim(name, "layer", origin, taken)
        self._check_output_names(taken)
        self._check_metric_names(taken)

    def _origin(self, path: Path, *, of_key: bool = False) -> Origin:
        return self._positions.origin(path, of_key=of_key)

    def _claim(self, name: str, what: str, origin: Origin, taken: dict[str, tuple[str, Origin]]) -> None:
        if not _NAME.match(name):
            return  # the schema has said so
        if name in RESERVED:
            message = f"the name '{name}' is reserved for the bundle itself"
            self._found.append(Diagnostic(origin, message, "choose another name"))
        elif name in taken:
            other, there = taken[name]
            message = f"the name '{name}' is already taken by {a(other)} on line {there.line}"
            self._found.append(Diagnostic(origin, message, "every name means one value; choose another"))
        else:
            taken[name] = (what, origin)

    def _check_output_names(self, taken: dict[str, tuple[str, Origin]]) -> None:
        if "output" in self._inputs and not self._expansion.outputs:
            message = "without `outputs` the network returns its last value as 'output', so no input can be called that"
            self._add(("inputs", "output"), message, "choose another name, or write `outputs`", of_key=True)
        for output in self._expansion.outputs:
            if not (output.last_name == output.name and taken.get(output.name, ("layer",))[0] == "layer"):
                self._claim(output.name, "output", self._origin(("outputs", output.name), of_key=True), dict(taken))

    def _check_metric_names(self, taken: dict[str, tuple[str, Origin]]) -> None:
        seen: dict[str, Path] = {}
        for metric in filter(self._is_sound, self._metrics):
            name = self._metric_name(metric)
            path = (*metric.path, "name") if metric.given_name else metric.path
            if name in seen:
                line = self._positions.origin(seen[name]).line
                message = f"two metrics are reported as '{name}', the first on line {line}"
                self._add(path, message, f"give one of them a name: {metric.kind}: {{name: …}}")
            elif name in RESERVED or taken.get(name, ("",))[0] in ("input", "target"):
                self._claim(name, "metric", self._origin(path), taken)
            seen.setdefault(name, path)

    # --- inputs -----------------------------------------------------------------------------------------------------

    def _check_inputs(self) -> None:
        for name, value in self._inputs.items():
            path: Path = ("inputs", name, "shape") if isinstance(value, dict) else ("inputs", name)
            shape = value.get("shape") if isinstance(value, dict) else value
            for axis, size in enumerate(shape if isinstance(shape, list) else []):
                if size == "batch":
                    self._add((*path, axis), "the batch axis is implicit", "leave 'batch' out of the shape")

    def _check_drawn(self) -> None:
        """Inputs that training draws, and what is left to say how large a batch is."""
        sized = False
        for name, value in self._inputs.items():
            fields = value if isinstance(value, dict) else {"shape": value}
            path: Path = ("inputs", name)
            if fields.get("drawn") is None:
                sized = sized or fields.get("dtype") != "string"
                continue
            if fields.get("dtype", "float32") != "float32":
                message = f"what is drawn has the dtype float32, received {received(fields['dtype'])}"
                self._add((*path, "dtype"), message, "leave it out, and `cast` in the network")
            if "preprocess" in fields:
                message = "what is drawn is not preprocessed"
                self._add((*path, "preprocess"), message, "put the layers into the network", of_key=True)
            shape = fields.get("shape")
            for axis, size in enumerate(shape if isinstance(shape, list) else []):
                if isinstance(size, str) and size != "batch":
                    message = f"what is drawn needs axes of fixed size, received '{size}'"
                    self._add((*path, "shape", axis), message, "write a number")
        if self._drawn and self._training and not sized:
            message = "nothing says how large a batch is: every input with numbers is drawn"
            self._add(("inputs",), message, "add an input that the data give", of_key=True)

    @property
    def _drawn(self) -> list[str]:
        return [name for name, value in self._inputs.items() if isinstance(value, dict) and value.get("drawn")]

    # --- training and data -----------------------------------------------------------------------------------------

    def _check_objectives(self) -> None:
        if not self._objectives:
            return
        if "loss" in self._training:
            message = "'loss' and 'objectives' say the same, so only one can be given"
            self._add(("training", "loss"), message, "give the loss to one of the objectives", of_key=True)
        own = [name for name, each in self._objectives.items() if isinstance(each, dict) and "optimizer" in each]
        if "optimizer" in self._training and len(own) == len(self._objectives):
            message = "no objective uses this optimizer, each has one of its own"
            self._add(("training", "optimizer"), message, "leave it out", of_key=True)

    def _check_training(self) -> None:
        for judge in [*self._losses, *self._metrics]:
            for key in ("from", "mask", "lengths"):
                for reference in judge.references(key) or []:
                    self._check_reference(reference)
        for metric in self._metrics:
            self._check_metric_target(metric)
        early = self._training.get("early_stopping")
        monitor = early.get("monitor", "loss") if isinstance(early, dict) else "loss"
        of_objectives = [f"{name}.loss" for name in self._objectives]
        reported = ["loss", *of_objectives, *(self._metric_name(metric) for metric in self._metrics)]
        if isinstance(monitor, str) and monitor not in reported:
            path: Path = ("training", "early_stopping", "monitor")
            close = closest(monitor, reported)
            hint = f"did you mean '{close}'?" if close else f"add it to training.metrics, or use {_or(reported)}"
            self._add(path, f"there is no metric named {received(monitor)}", hint)
        self._check_mixup()
        precision = self._training.get("precision", "float32")
        if "loss_scaling" in self._training and precision in ("float32", "bfloat16"):
            message = f"{precision} needs no loss scaling"
            self._add(("training", "loss_scaling"), message, "add `precision: float16`, or leave it out", of_key=True)

    def _check_mixup(self) -> None:
        """What is mixed are inputs, each example's as a whole, and a loss has a target of its own to mix."""
        if "mixup" not in self._training:
            return
        given = self._training["mixup"]
        named = given.get("inputs") if isinstance(given, dict) else None
        names = named if isinstance(named, list) else [name for name in self._inputs if name not in self._drawn]
        for index, name in enumerate(names):
            if name in self._drawn:
                message = f"the input '{name}' is drawn for each example, so there is nothing to mix"
                self._add(("training", "mixup", "inputs", index), message, "leave it out")
            elif name not in self._inputs:
                hint = did_you_mean(str(name), list(self._inputs), "inputs")
                self._add(("training", "mixup", "inputs", index), f"there is no input named {received(name)}", hint)
        for loss in self._losses:
            target = target_of(loss, self._families.losses)
            if target in names:
                message = f"mixup mixes the input '{target}', so no loss can compare with it"
                self._add((*loss.path, "target"), message, "name the inputs to mix: `mixup: {alpha: 0.2, inputs: […]}`")
            for key in ("mask", "lengths"):
                if loss.references(key):
                    message = "mixup mixes whole examples, so a loss cannot leave out some of their steps"
                    self._add((*loss.path, key), message, "leave out `mixup`")

    def _check_reference(self, reference: Reference) -> None:
        """A loss or metric judges a value of the network, or an output."""
        scope, values = self._expansion.scope, self._expansion.values
        outputs = {output.name: "" for output in self._expansion.outputs}
        if reference.name in outputs:
            return
        value = scope.find(reference.name, values)
        if value is not None:
            if refusal := self._expansion.rows.refusal(reference.name, value, scope):
                self._add(reference.path, *refusal)
        elif explained := scope.explain(reference.name, values, None, also=outputs):
            self._add(reference.path, *explained)

    def _check_metric_target(self, metric: Entry) -> None:
        given = metric.connections.get("target")
        if not self._losses:
            return
        if isinstance(given, str):
            if given not in self._targets:
                hint = did_you_mean(given, self._targets, "targets")
                self._add((*metric.path, "target"), f"no loss uses the target '{given}'", hint)
        elif given is None and all(constant_of(loss) is not None for loss in self._losses):
            message = "no loss compares with a column of the data, so there is nothing to judge by"
            self._add(metric.path, message, "remove the metric: the loss of each objective is reported as it is")
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
        if "series" in self._data:
            self._check_series(split)
        columns = self._data.get("columns")
        wanted = [*self._inputs, *(t for t in self._targets if t not in self._inputs), *self._columns]
        for name in columns if isinstance(columns, dict) else ():
            if name in self._drawn:
                message = f"'{name}' is drawn, so no column of the data is read for it"
                self._add(("data", "columns", name), message, "leave it out", of_key=True)
            elif name not in wanted:
                hint = did_you_mean(name, wanted, "inputs and targets")
                self._add(("data", "columns", name), f"there is no input or target named '{name}'", hint, of_key=True)
        balance = self._data.get("balance")
        by = balance.get("by") if isinstance(balance, dict) else None
        if isinstance(by, str) and by not in self._targets:
            hint = did_you_mean(by, self._targets, "targets")
            self._add(("data", "balance", "by"), f"no loss uses the target '{by}'", hint)

    def _check_series(self, split: Any) -> None:
        """A series is split by time, and its examples are not cut or chosen in another way."""
        for key in ("seed", "stratify"):
            if isinstance(split, dict) and key in split:
                message = f"data with `series` are split by time, so there is no {key}"
                self._add(("data", "split", key), message, "leave it out", of_key=True)
        for key in ("balance", "windows", "bucket_by"):
            if key in self._data:
                message = f"'series' says already which examples there are, so there is no {key}"
                self._add(("data", key), message, "leave it out", of_key=True)


def _holds_formula(value: Any) -> bool:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return holds_formula(value) or any(map(_holds_formula, parts))


def _or(words: list[str]) -> str:
    return " or ".join(words)
