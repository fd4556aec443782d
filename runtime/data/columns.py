"""Columns: named arrays with one row per example, and the protocol that larger-than-memory data fits into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from ..errors import UserError
from .source import ColumnInfo
from .wording import count_text, shape_text

Array: TypeAlias = npt.NDArray[Any]
Batch: TypeAlias = dict[str, Array]
"""Column name -> array with the chosen rows along axis 0."""
Rows: TypeAlias = "slice | npt.NDArray[np.int64]"
"""A slice with step 1 (read in one go, perhaps a view) or row numbers in any order."""


class Columns(Protocol):
    """Named columns of equal length. Read-only, and safe to take from in another thread."""

    @property
    def rows(self) -> int:
        """Number of rows."""

    @property
    def names(self) -> tuple[str, ...]:
        """Column names, in order."""

    @property
    def row_bytes(self) -> int | None:
        """Bytes of one row where rows lie in memory; None where taking rows means reading a file."""

    def take(self, rows: Rows) -> Batch:
        """The chosen rows of every column, C-contiguous. Never write into them: they may be views of the data."""


@runtime_checkable
class Selectable(Protocol):
    """Columns that can be taken one without another."""

    def only(self, names: Sequence[str]) -> Columns:
        """The same rows of some columns."""


class ArrayColumns:
    """Columns in memory. The arrays are kept, not copied, and become read-only through these columns.

    Raises UserError when there is no column, no row, or the columns differ in length.
    """

    def __init__(self, arrays: Mapping[str, Array], where: str = "the data") -> None:
        self._rows = check_lengths({name: array.shape for name, array in arrays.items()}, where)
        self._arrays = {name: _read_only(array) for name, array in arrays.items()}

    @property
    def rows(self) -> int:
        return self._rows

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._arrays)

    @property
    def row_bytes(self) -> int:
        return sum(array.nbytes for array in self._arrays.values()) // self._rows

    def take(self, rows: Rows) -> Batch:
        if isinstance(rows, slice):
            return {name: np.ascontiguousarray(array[rows]) for name, array in self._arrays.items()}
        return {name: np.take(array, rows, axis=0) for name, array in self._arrays.items()}

    def only(self, names: Sequence[str]) -> ArrayColumns:
        """The same rows of some columns."""
        return ArrayColumns({name: self._arrays[name] for name in names})

    def __repr__(self) -> str:
        each = ", ".join(f"{name}: {array.dtype}{list(array.shape[1:])}" for name, array in self._arrays.items())
        return f"ArrayColumns({count_text(self._rows, 'row')}; {each})"


class Subset:
    """Some rows of other columns, in the given order, without a copy of them."""

    def __init__(self, columns: Columns, indices: npt.NDArray[np.int64]) -> None:
        self._columns = columns
        self._indices = indices

    @property
    def rows(self) -> int:
        return len(self._indices)

    @property
    def names(self) -> tuple[str, ...]:
        return self._columns.names

    @property
    def row_bytes(self) -> int | None:
        return self._columns.row_bytes

    def take(self, rows: Rows) -> Batch:
        return self._columns.take(self._indices[rows])

    def only(self, names: Sequence[str]) -> Subset:
        """The same rows of some columns."""
        return Subset(only(self._columns, names), self._indices)


def only(columns: Columns, names: Sequence[str]) -> Columns:
    """Columns that take at least `names`, without the work for others where they can be told apart."""
    if isinstance(columns, Selectable):
        return columns.only(names)
    return columns


def check_lengths(shapes: Mapping[str, tuple[int, ...]], where: str) -> int:
    """The number of rows that all columns have, at least 1; `shapes` are those of the whole arrays, rows first.

    Raises UserError when there is no column or no row, a column has no row axis, or the columns differ in length.
    """
    if not shapes:
        raise UserError(f"{where}: there are no columns")
    for name, shape in shapes.items():
        if not shape:
            raise UserError(f"{where}: column '{name}' is a single value", "a column needs one value for each row")
    lengths = {name: shape[0] for name, shape in shapes.items()}
    if len(set(lengths.values())) > 1:
        each = ", ".join(f"'{name}' has {length:,}" for name, length in lengths.items())
        raise UserError(f"{where}: the columns differ in their number of rows: {each}")
    rows = next(iter(lengths.values()))
    if rows == 0:
        raise UserError(f"{where}: there are no rows")
    return rows


def array_of_rows(rows: Sequence[Any], where: str) -> Array:
    """An array from a list with one number, or nested list of numbers, per row.

    Raises UserError when rows differ in shape or hold something that is not a number.
    """
    shapes = [_nested_shape(row) for row in rows]
    for index, (row, shape) in enumerate(zip(rows, shapes, strict=True)):
        if shape is None:
            raise UserError(f"{where}, row {index}: its lists differ in length or hold something that is not a number")
        if shape != shapes[0]:
            raise UserError(
                f"{where}, row {index}: has the shape {shape_text(shape)}, row 0 has {shape_text(shapes[0] or ())}"
            )
        if not _fits_int64(row):
            raise UserError(f"{where}, row {index}: holds a whole number that does not fit int64")
    return np.array(rows)


def _nested_shape(row: Any) -> tuple[int, ...] | None:
    """The shape of nested lists of numbers; None when they are ragged or hold anything else."""
    if isinstance(row, (int, float)):
        return ()
    if not isinstance(row, (list, tuple)):
        return None
    inner = {_nested_shape(item) for item in row}
    if len(inner) > 1 or None in inner:
        return None
    return (len(row), *(inner.pop() or ())) if inner else (0,)


def _fits_int64(row: Any) -> bool:
    """Whether every whole number in nested lists does; NumPy would quietly make a larger one a float."""
    if isinstance(row, (list, tuple)):
        return all(_fits_int64(item) for item in row)
    return isinstance(row, float) or -(2**63) <= row < 2**63


def describe_columns(partitions: Sequence[Mapping[str, Array]]) -> dict[str, ColumnInfo]:
    """Dtype and row shape of each column of the first partition; classes over all of them."""
    described = {}
    for name, array in partitions[0].items():
        everywhere = [partition[name] for partition in partitions if name in partition]
        described[name] = ColumnInfo(array.dtype.name, array.shape[1:], count_classes(everywhere))
    return described


def count_classes(arrays: Sequence[Array]) -> int | None:
    """One more than the largest value of scalar, non-negative integer columns; None for any other column."""
    if any(array.ndim != 1 or array.dtype.kind not in "iu" or array.size == 0 for array in arrays):
        return None
    if min(int(array.min()) for array in arrays) < 0:
        return None
    return max(int(array.max()) for array in arrays) + 1


def _read_only(array: Array) -> Array:
    view = array.view()
    view.flags.writeable = False
    return view
