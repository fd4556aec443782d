"""From a manifest's data plan to partitions whose columns are exactly what the graphs take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import UserError
from .balance import oversampled, repeated_rows
from .blocks import Blocked, BlockSplit
from .columns import Array, Columns, Subset, count_classes, only
from .conform import Field, columns_of
from .conformed import Adapter, adapt
from .problems import all_or_problems
from .series import SeriesPlan, cut_parts
from .source import build_source
from .split import part_sizes, split_rows
from .wording import alternatives, count_text

_PARTS = ("validation", "test")
_MEAN_ROWS = 100_000


@dataclass(frozen=True)
class DataFacts:
    """What loading found out, for the run's manifest, so that evaluating and predicting later use the same.

    source: the `data.source` entry with categories and fillings stated. labels: feature or target -> its class names.
    """

    source: Any
    labels: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Partitions:
    """Columns by the names of the graphs' features and targets, with their dtypes and shapes. Absent parts are None.

    epoch: what an epoch of training goes through when that is not `train` as it is: rare classes repeated, say.
    """

    train: Columns
    validation: Columns | None
    test: Columns | None
    epoch: Columns | None = None
    facts: DataFacts | None = None

    def rows(self) -> dict[str, int]:
        """Number of rows of each partition that exists."""
        return {name: columns.rows for name, columns in self.by_name().items()}

    def by_name(self) -> dict[str, Columns]:
        """Those that exist, as `train`, `validation` and `test`."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: columns for name, columns in parts.items() if columns is not None}


def load_partitions(
    data: Mapping[str, Any],
    features: Sequence[Mapping[str, Any]],
    targets: Sequence[Mapping[str, Any]],
    base: Path,
) -> Partitions:
    """Load, check and split what a manifest's `data`, `features` and `targets` describe.

    Features that are drawn have no column. A partition the source brings is used as it is; `data.split` (validation,
    test, seed, stratify) takes the others from the training rows. `data.series` cuts examples from a series, which is
    split by time. `data.balance` repeats rare classes in `epoch`. Relative paths start at `base`.

    Raises UserError with every problem found: missing columns, bad values, a split that cannot be made.
    """
    fields = columns_of(entry for entry in (*features, *targets) if not entry.get("drawn"))
    wanted = list(dict.fromkeys(column for field in fields for column in field.columns))
    source = build_source(data["source"]).reading(wanted)
    dataset = source.load(base)
    raw = dataset.partitions()
    places = _places(raw, f"data source '{source.kind}'")
    cut = _cuts(data.get("split") or {}, raw, source.kind)
    if data.get("series"):
        if dataset.mean_filled:
            raise UserError(
                f"data source '{source.kind}': `missing: mean` is for rows without an order, but data.series has one",
                "write `missing: keep`, and data.series.missing",
            )
        named = [entry["name"] for entry in targets]
        cuts = cut_parts(raw, fields, named, SeriesPlan.of(data["series"]), cut.fractions, places)
        entry = source.fitted(dataset.categories, {}).entry()
        facts = DataFacts(entry, _names_of_codes(fields, dataset.categories))
        return Partitions(cuts["train"], cuts.get("validation"), cuts.get("test"), facts=facts)
    labels = None
    if cut.stratify:
        labels = _labels(raw["train"], cut.stratify, fields, places["train"])
    split = cut.apply(raw["train"], labels)
    train_rows = split.get("train", raw["train"])
    means = {name: _mean(train_rows, name, places["train"]) for name in wanted if name in dataset.mean_filled}
    adapters = {part: Adapter(fields, place, means) for part, place in places.items()}
    if dataset.names is not None:
        adapters["train"].check_names(dataset.names)
    whole = all_or_problems({part: partial(adapt, columns, adapters[part]) for part, columns in raw.items()})
    parts = {**whole, **cut.apply(whole["train"], labels)}
    partitions = Partitions(parts["train"], parts.get("validation"), parts.get("test"))
    balance = data.get("balance")
    if balance:
        partitions = replace(partitions, epoch=oversampled(partitions.train, balance, targets))
    entry = source.fitted(dataset.categories, means).entry()
    return replace(partitions, facts=DataFacts(entry, _names_of_codes(fields, dataset.categories)))


def training_rows(data: Mapping[str, Any], base: Path, columns: Sequence[str] | None = None) -> int:
    """How many rows `load_partitions` would leave to train on; for schedules, which count steps before data is loaded.

    `columns`: those that will be read (None: all), since rows are dropped where one of them lacks a value. A `balance`
    in `data` has the `column` that it counts and the one that the split is stratified by (`stratify`, or None); for it
    the data must be loaded.

    Raises UserError when the source cannot be described or the split cannot be made.
    """
    source = build_source(data["source"])
    source = source if columns is None else source.reading(columns)
    split = data.get("split") or {}
    balance = data.get("balance")
    if balance:
        raw = source.load(base).partitions()
        by = balance.get("stratify")
        stratified = None if by is None else only(raw["train"], [by]).take(slice(None))[by].ravel().astype(np.int64)
        cut = _cuts(split, raw, source.kind)
        train = cut.apply(raw["train"], stratified).get("train", raw["train"])
        return len(repeated_rows(only(train, [balance["column"]]).take(slice(None))[balance["column"]].ravel()))
    rows = source.describe(base).rows
    fractions = [float(split.get(part) or 0) for part in _PARTS if part not in rows]
    return rows["train"] - sum(part_sizes(rows["train"], fractions))


def split_arrays(parts: Mapping[str, Columns], split: Mapping[str, Any]) -> Partitions:
    """Partitions of columns as they are, with parts of the training rows set apart as `data.split` says.

    Raises UserError when the split cannot be made.
    """
    cut = _cuts(split, parts, "given")
    labels = None
    if cut.stratify is not None:
        name = cut.stratify
        values = parts["train"].take(slice(None))
        if name not in values:
            raise UserError(f"split.stratify: there is no column '{name}'", alternatives(name, list(values)))
        if count_classes([values[name]]) is None:
            raise UserError(f"split.stratify: '{name}' is not a column of classes (dtype {values[name].dtype})")
        labels = values[name].astype(np.int64)
    found = {**parts, **cut.apply(parts["train"], labels)}
    return Partitions(found["train"], found.get("validation"), found.get("test"))


def _places(parts: Mapping[str, Columns], where: str) -> dict[str, str]:
    return {part: f"{where}, {part} data" if len(parts) > 1 else where for part in parts}


def _names_of_codes(fields: Sequence[Field], categories: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {f.name: categories[f.column] for f in fields if isinstance(f.column, str) and f.column in categories}


def _mean(columns: Columns, name: str, where: str) -> float:
    """The mean of a column over the rows that have a value, a few blocks at a time."""
    total, count = 0.0, 0
    for start in range(0, columns.rows, _MEAN_ROWS):
        values = columns.take(slice(start, min(start + _MEAN_ROWS, columns.rows)))[name]
        known = values[~np.isnan(values)]
        total, count = total + float(known.sum(dtype=np.float64)), count + known.size
    if count == 0:
        raise UserError(f"{where}, column '{name}': no training row has a value, so there is no mean to fill in")
    return total / count


@dataclass(frozen=True)
class _Cut:
    """Which fractions of the training rows become parts of their own."""

    fractions: Mapping[str, float]
    seed: int
    stratify: str | None

    def apply(self, train: Columns, labels: npt.NDArray[np.int64] | None) -> dict[str, Columns]:
        """`train` and the parts cut off; nothing when nothing is. The same rows for any columns of equal length."""
        if not self.fractions:
            return {}
        sizes = list(self.fractions.values())
        if isinstance(train, Blocked):
            part_sizes(train.rows, sizes)  # refuses what cannot be made
            *taken, rest = BlockSplit(train, sizes, self.seed).parts()
            return {"train": rest, **dict(zip(self.fractions, taken, strict=True))}
        *chosen, others = split_rows(train.rows, sizes, self.seed, labels)
        cut = {part: Subset(train, rows) for part, rows in zip(self.fractions, chosen, strict=True)}
        return {"train": Subset(train, others), **cut}


def _cuts(split: Mapping[str, Any], parts: Mapping[str, Columns], kind: str) -> _Cut:
    fractions = {part: float(split.get(part) or 0) for part in _PARTS}
    for part in _PARTS:
        if part in parts and fractions[part]:
            raise UserError(
                f"data.split.{part} is {fractions[part]}, but data source '{kind}' brings its own {part} data"
                f" ({count_text(parts[part].rows, 'row')})",
                f"leave data.split.{part} out",
            )
    wanted = {part: fraction for part, fraction in fractions.items() if fraction}
    return _Cut(wanted, int(split.get("seed") or 0), split.get("stratify") if wanted else None)


def _labels(train: Columns, name: str, fields: Sequence[Field], where: str) -> npt.NDArray[np.int64]:
    known = [field.name for field in fields]
    if name not in known:
        raise UserError(f"data.split.stratify: there is no feature or target '{name}'", alternatives(name, known))
    if isinstance(train, Blocked):
        raise UserError(
            f"data.split.stratify: '{name}' cannot be looked at as a whole, since the data are read block by block",
            "leave it out, or set `stream: false` to read everything into memory",
        )
    chosen = fields[known.index(name)]
    values = Adapter((chosen,), where, {})(only(train, chosen.columns).take(slice(None)))[name]
    labels = _one_number_a_row(values)
    if count_classes([labels]) is None:
        raise UserError(
            f"data.split.stratify: '{name}' is not a column of classes (dtype {values.dtype},"
            f" row shape {list(values.shape[1:])})",
            "stratify by a target of whole numbers from 0 on, or leave it out",
        )
    return labels.astype(np.int64, copy=False)


def _one_number_a_row(values: Array) -> Array:
    """Classes as the losses for yes or no want them, 0.0 and 1.0 in rows of one number, as whole numbers again."""
    if values.shape[1:] == (1,):
        values = values[:, 0]
    whole = values.ndim == 1 and values.dtype.kind == "f" and bool((values == np.floor(values)).all())
    return values.astype(np.int64) if whole else values
