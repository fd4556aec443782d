"""Examples cut from a series: some rows in a row are features, and the rows after them targets.

Rows are in the order of time, evenly spaced. Parts are cut by time and never shuffled into each other: with rows
numbered from 0, a part owns the rows from `low` to `high`, and its examples are those whose *targets* all lie there. So
no target of one part is a target, or a feature, of an earlier one; the features of the first test examples reach back
into the rows before, as they would on the day of the forecast.

Windows overlap and are not copied: a batch is gathered from the series.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from ..errors import UserError
from .blocks import Blocked
from .columns import Array, Batch, Columns, Rows
from .conform import Field, conform
from .conformed import Adapter
from .split import part_sizes
from .wording import count_text, shape_text

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SeriesPlan:
    """How examples are cut from a series, as the manifest's `data.series` says; sizes are in rows.

    missing: `error`; `drop` examples with a missing number; or the `previous` known number stands for a missing
    feature, and examples whose target is missing are dropped.
    """

    length: int
    horizon: int = 1
    stride: int = 1
    missing: Literal["error", "drop", "previous"] = "error"

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Self:
        return cls(**entry)


@dataclass(frozen=True)
class _Track:
    """One field's rows: (rows, *row shape); its part of an example begins `offset` rows after the example does."""

    values: Array
    offset: int
    steps: int
    shape: tuple[int, ...]
    """Of an example."""
    missing: Indices
    """How many of the first rows have no value: one number more than there are rows, from 0."""


class WindowColumns:
    """Examples that begin at the given rows of a series."""

    def __init__(self, tracks: Mapping[str, _Track], starts: Indices) -> None:
        self._tracks = tracks
        self._starts = starts

    @property
    def rows(self) -> int:
        return len(self._starts)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._tracks)

    @property
    def row_bytes(self) -> int:
        return sum(int(np.prod(track.shape)) * track.values.itemsize for track in self._tracks.values())

    def take(self, rows: Rows) -> Batch:
        starts = self._starts[rows]
        return {
            name: track.values[starts[:, None] + np.arange(track.offset, track.offset + track.steps)].reshape(
                len(starts), *track.shape
            )
            for name, track in self._tracks.items()
        }

    def only(self, names: Sequence[str]) -> WindowColumns:
        """The same examples of some fields."""
        return WindowColumns({name: track for name, track in self._tracks.items() if name in names}, self._starts)


def cut_parts(
    raw: Mapping[str, Columns],
    fields: Sequence[Field],
    targets: Collection[str],
    plan: SeriesPlan,
    fractions: Mapping[str, float],
    places: Mapping[str, str],
) -> dict[str, Columns]:
    """The examples of every part. Each of `raw` is a series of its own; `fractions` of the training series, its last
    rows, become the parts they name: the test data come last.

    fields: features and targets; `targets` names the latter. places: how messages call each part.
    Raises UserError for values that do not fit, missing ones that nothing is said about, and parts without examples.
    """
    found: dict[str, Columns] = {}
    for part, columns in raw.items():
        where = places[part]
        tracks = _tracks(columns, fields, targets, plan, where)
        bounds = {part: (0, columns.rows)}
        if part == "train" and fractions:
            sizes = dict(zip(fractions, part_sizes(columns.rows, list(fractions.values())), strict=True))
            bounds, high = {}, columns.rows
            for name in ("test", "validation"):
                if name in sizes:
                    bounds[name] = (high - sizes[name], high)
                    high -= sizes[name]
            bounds["train"] = (0, high)
        for name, (low, high) in bounds.items():
            starts = _starts(tracks, plan, max(low - plan.length, 0), high)
            if not len(starts):
                raise UserError(
                    f"{where}: {count_text(high - low, 'row')} of {name} data make no example of"
                    f" {plan.length} + {plan.horizon} rows without missing values",
                    "shorten data.series, or give the part more rows",
                )
            found[name] = WindowColumns(tracks, starts)
    return found


def latest_windows(columns: Columns, fields: Sequence[Field], plan: SeriesPlan, where: str) -> WindowColumns:
    """The features of every window of a series, with or without rows after it; the last one ends with the series.

    Raises UserError as `cut_parts` does.
    """
    tracks = _tracks(columns, fields, (), plan, where)
    first = (columns.rows - plan.length) % plan.stride if columns.rows >= plan.length else 0
    starts = _starts(tracks, replace(plan, horizon=0), first, columns.rows)
    if not len(starts):
        message = f"{where}: {count_text(columns.rows, 'row')} have no {plan.length} in a row without missing values"
        raise UserError(message, "give it the rows that come before what is to be predicted")
    return WindowColumns(tracks, starts)


def _starts(tracks: Mapping[str, _Track], plan: SeriesPlan, first: int, high: int) -> Indices:
    """Where the examples begin that lie in rows `first` … `high` − 1 and lack nothing."""
    last = high - plan.length - plan.horizon
    starts = np.arange(first, last + 1, plan.stride, dtype=np.int64)
    for track in tracks.values():
        begin = starts + track.offset
        starts = starts[track.missing[begin + track.steps] == track.missing[begin]]
    return starts


def _tracks(
    columns: Columns, fields: Sequence[Field], targets: Collection[str], plan: SeriesPlan, where: str
) -> dict[str, _Track]:
    if isinstance(columns, Blocked):
        message = f"{where}: data.series need the whole series in memory, but it is read block by block"
        raise UserError(message, "set `stream: false`")
    stored = columns.take(slice(None))
    Adapter(tuple(fields), where, {}).check_names(list(stored))
    return {field.name: _track(stored, field, field.name in targets, plan, where) for field in fields}


def _track(stored: Batch, field: Field, is_target: bool, plan: SeriesPlan, where: str) -> _Track:
    parts, masks = [], []
    for column in field.columns:
        values = stored[column]
        missing, place = _missing(values), f"{where}, column '{column}'"
        if missing.any():
            values, missing = _filled(values, missing, is_target, plan.missing, place)
        parts.append(conform(values, replace(field, shape=values.shape[1:]), place))
        masks.append(missing)
    rows = parts[0] if isinstance(field.column, str) else np.concatenate([p.reshape(len(p), -1) for p in parts], 1)
    steps = plan.horizon if is_target else plan.length
    shape = _example_shape(field, steps, rows.shape[1:], where)
    counted = np.concatenate([[0], np.cumsum(np.logical_or.reduce(masks))]).astype(np.int64)
    return _Track(rows, plan.length if is_target else 0, steps, shape, counted)


def _missing(values: Array) -> Array:
    """Which rows lack a number."""
    if values.dtype.kind != "f":
        return np.zeros(len(values), np.bool_)
    return np.asarray(np.isnan(values).reshape(len(values), -1).any(axis=1))


def _filled(values: Array, missing: Array, is_target: bool, policy: str, where: str) -> tuple[Array, Array]:
    """The values with a number in the place of each missing one, and the rows that still count as missing."""
    if policy == "error":
        count = int(missing.sum())
        more = f" (and {count_text(count - 1, 'more row')})" if count > 1 else ""
        hint = "say what to do: `series: {…, missing: previous}` or `missing: drop`"
        raise UserError(f"{where}, row {int(np.argmax(missing))}: has no value{more}", hint)
    if policy == "previous" and not is_target:
        known = np.maximum.accumulate(np.where(missing, -1, np.arange(len(values))))
        values, missing = values[np.maximum(known, 0)], known < 0
    mask = missing.reshape(-1, *[1] * (values.ndim - 1))
    return np.where(mask, 0, values).astype(values.dtype), missing


def _example_shape(field: Field, steps: int, row: tuple[int, ...], where: str) -> tuple[int, ...]:
    """(steps, *row) as the field writes it: with a last axis of one number, or without an axis for a single step."""
    whole = (steps, *row)
    forms: list[tuple[int, ...]] = [whole, (*whole, 1), *([row] if steps == 1 else [])]
    for shape in forms:
        if len(shape) == len(field.shape) and all(
            isinstance(wanted, str) or size == wanted for size, wanted in zip(shape, field.shape, strict=True)
        ):
            return shape
    raise UserError(
        f"{where}: each example has the shape {shape_text(whole)}, but '{field.name}' needs {shape_text(field.shape)}",
        "data.series.length rows make a feature, data.series.horizon rows a target",
    )
