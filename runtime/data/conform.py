"""Make a column what a graph's input expects, or say exactly which row is not.

The rules, in the order they are checked:

- values must be numbers; text, dates, objects and complex numbers are refused; a field of dtype `string` takes text;
- the shape of a row must be the expected one; a scalar and a row of one number, `[]` and `[1]`, stand for each other;
- floats must be finite, also after rounding to the expected precision;
- floats for a whole-number input must be whole; integers must fit the input's dtype;
- labels must lie in 0 … classes - 1, numbers that are looked up in 0 … limit - 1.

Rows are counted from 0, as NumPy does. Where only some rows are at hand, `rows` says which they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ..errors import UserError
from .columns import Array, Rows
from .wording import count_text, shape_text

_CHUNK_BYTES = 1 << 24
"""Checks look at 16 MiB at a time, so that their temporary masks stay small."""


@dataclass(frozen=True)
class Field:
    """A feature or target as the manifest states it."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]
    """Of one row; text stands for a symbolic axis, which may have any size."""
    column: str | tuple[str, ...]
    """The source's column that feeds it, or several that become one vector in this order."""
    classes: int | None = None
    limit: int | None = None
    """For numbers that are looked up, such as words: one more than the largest allowed."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that feed it, one or several."""
        return (self.column,) if isinstance(self.column, str) else self.column

    @classmethod
    def from_manifest(cls, entry: Mapping[str, Any]) -> Self:
        """From an entry of the manifest's `features` or `targets`; `column` defaults to the name. Of tokens the data
        have the text."""
        name = entry["name"]
        column = entry.get("column") or name
        column = column if isinstance(column, str) else tuple(column)
        if entry.get("tokens"):
            return cls(name, "string", (), column)
        return cls(name, entry["dtype"], tuple(entry["shape"]), column, entry.get("classes"), entry.get("limit"))


def columns_of(entries: Iterable[Mapping[str, Any]]) -> tuple[Field, ...]:
    """The features and targets that the data have, without those that are made of another's text."""
    return tuple(Field.from_manifest(each) for each in entries if not (each.get("length_of") or each.get("next_of")))


def conform(values: Array, field: Field, where: str, rows: Rows | None = None) -> Array:
    """`values` with the field's dtype and row shape, C-contiguous, not copied when it already is.

    `where` starts each message, such as `data source 'npz', column 'image'`; `rows` are the numbers of the rows in
    `values` when these are not 0, 1, 2 … Text becomes an array of `numpy.dtypes.StringDType`.
    Raises UserError naming the first bad row, how many there are, and what is allowed.
    """
    if field.dtype == "string":
        return _conform_text(values, field, where)
    wanted = np.dtype(field.dtype)
    if values.dtype.kind not in "fiub":
        raise UserError(_not_numbers(values, field, wanted, where, rows))
    shaped = _with_row_shape(values, field, where)
    _check_finite(shaped, where, rows)
    if wanted.kind in "iu":
        _check_whole(shaped, field, where, rows)
        _check_range(shaped, field, wanted, where, rows)
    cast = _cast(shaped, wanted, where, rows) if shaped.dtype != wanted else shaped
    return np.ascontiguousarray(cast)


def _conform_text(values: Array, field: Field, where: str) -> Array:
    if values.dtype.kind == "O" and all(isinstance(value, str) for value in values.ravel()):
        values = values.astype(np.dtypes.StringDType())
    if values.dtype.kind not in "UT":
        raise UserError(
            f"{where}: holds {_kind_of(values.dtype)} (dtype {values.dtype}), but '{field.name}' needs text"
        )
    return np.ascontiguousarray(_with_row_shape(values, field, where).astype(np.dtypes.StringDType()))


def _not_numbers(values: Array, field: Field, wanted: np.dtype[Any], where: str, rows: Rows | None) -> str:
    """What is wrong with values that are no numbers; for text that mostly is numbers, the first that is not."""
    text = f"{where}: holds {_kind_of(values.dtype)} (dtype {values.dtype}), but '{field.name}' needs {wanted}"
    if values.dtype.kind != "T" or values.ndim != 1:
        return text
    bad = np.array([not _is_number(value) for value in values])
    first = int(np.argmax(bad))
    if not bad.any() or bad.mean() > 0.5:
        return f"{where}: holds text such as {str(values[first])[:40]!r}, but '{field.name}' needs {wanted}"
    more = f" (and {count_text(int(bad.sum()) - 1, 'more row')})" if bad.sum() > 1 else ""
    return (
        f"{where}, row {row_number(first, rows)}: {str(values[first])[:40]!r} is not a number,"
        f" but '{field.name}' needs {wanted}{more}"
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _with_row_shape(values: Array, field: Field, where: str) -> Array:
    shape = values.shape[1:]
    fits = len(shape) == len(field.shape) and all(
        isinstance(expected, str) or size == expected for size, expected in zip(shape, field.shape, strict=True)
    )
    if fits:
        return values
    if {shape, field.shape} == {(), (1,)}:
        return values.reshape(len(values), *([1] * len(field.shape)))
    raise UserError(
        f"{where}: each row has the shape {shape_text(shape)}, but '{field.name}' needs {shape_text(field.shape)}"
    )


def _check_finite(values: Array, where: str, rows: Rows | None) -> None:
    if values.dtype.kind != "f":
        return
    for start, chunk in _chunks(values):
        if not np.isfinite(chunk).all():
            bad = ~np.isfinite(chunk)
            more = _and_more(values, lambda part: ~np.isfinite(part))
            raise UserError(f"{where}, {_place(bad, start, rows)}: {chunk[bad][0]} is not a finite number{more}")


def _check_whole(values: Array, field: Field, where: str, rows: Rows | None) -> None:
    if values.dtype.kind != "f":
        return
    for start, chunk in _chunks(values):
        bad = chunk != np.floor(chunk)
        if bad.any():
            raise UserError(
                f"{where}, {_place(bad, start, rows)}: {chunk[bad][0]} is not a whole number,"
                f" but '{field.name}' needs {field.dtype}{_and_more(values, lambda part: part != np.floor(part))}"
            )


def _check_range(values: Array, field: Field, wanted: np.dtype[Any], where: str, rows: Rows | None) -> None:
    limits = np.iinfo(wanted)
    count = field.classes if field.classes is not None else field.limit
    low, high = (0, count - 1) if count is not None else (int(limits.min), int(limits.max))
    if values.size == 0 or (low <= int(values.min()) and int(values.max()) <= high):
        return

    def outside(part: Array) -> Array:
        # high + 1, because the largest int64 is no float: 2^63 is, and must be refused.
        exact = part.astype(np.float64) if part.dtype.kind == "f" else part
        return np.asarray((exact < low) | (exact >= high + 1))

    for start, chunk in _chunks(values):
        bad = outside(chunk)
        if bad.any():
            if field.classes is not None:
                allowed = f"is not a class of '{field.name}', which has the classes {low} to {high}"
            elif field.limit is not None:
                allowed = f"is not a number that '{field.name}' knows, which are {low} to {high}"
            else:
                allowed = f"does not fit {wanted} ({low} to {high}), which '{field.name}' needs"
            raise UserError(
                f"{where}, {_place(bad, start, rows)}: {chunk[bad][0]} {allowed}{_and_more(values, outside)}"
            )


def _cast(values: Array, wanted: np.dtype[Any], where: str, rows: Rows | None) -> Array:
    with np.errstate(over="ignore"):
        cast = values.astype(wanted)
    if wanted.kind == "f" and values.dtype.kind == "f" and wanted.itemsize < values.dtype.itemsize:
        for start, chunk in _chunks(cast):
            bad = ~np.isfinite(chunk)
            if bad.any():
                value = values[start : start + len(chunk)][bad][0]
                raise UserError(f"{where}, {_place(bad, start, rows)}: {value} does not fit {wanted}")
    return cast


def _chunks(values: Array) -> list[tuple[int, Array]]:
    """Blocks of rows, each with the number of its first row."""
    row_bytes = max(values.nbytes // max(len(values), 1), 1)
    step = max(_CHUNK_BYTES // row_bytes, 1)
    return [(start, values[start : start + step]) for start in range(0, len(values), step)]


def _place(bad: Array, start: int, rows: Rows | None) -> str:
    """`row 3` or `row 3, position [0, 5]` of the first bad value."""
    row, *position = (int(axis[0]) for axis in np.nonzero(bad))
    number = row_number(row + start, rows)
    return f"row {number}, position {shape_text(position)}" if position else f"row {number}"


def row_number(index: int, rows: Rows | None) -> int:
    """The number of the row at `index` among the chosen `rows`."""
    if rows is None:
        return index
    return index + (rows.start or 0) if isinstance(rows, slice) else int(rows[index])


def _and_more(values: Array, bad: Callable[[Array], Array]) -> str:
    """` (and 4 more rows)`, when further rows have the same fault."""
    rows = sum(int(bad(chunk).reshape(len(chunk), -1).any(axis=1).sum()) for _, chunk in _chunks(values))
    return f" (and {count_text(rows - 1, 'more row')})" if rows > 1 else ""


def _kind_of(dtype: np.dtype[Any]) -> str:
    return {"U": "text", "S": "text", "T": "text", "c": "complex numbers", "M": "dates", "m": "time spans"}.get(
        dtype.kind, {"V": "records", "O": "objects"}.get(dtype.kind, "numbers")
    )
