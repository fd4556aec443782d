"""Arrow columns as NumPy arrays, with a stated answer to missing values and categories.

| Arrow | NumPy |
|---|---|
| whole numbers, floats, booleans | the same dtype; float64 where missing numbers are filled |
| decimals | float64 |
| text, dictionaries of text | `StringDType`, or int64 codes when the column is categorical |
| lists of numbers of equal length | one more axis |
| dates and times | datetime64, which no input takes: make numbers of them first |
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from ..errors import UserError
from .columns import Array, Batch
from .missing import DROP, ERROR, KEEP, MEAN, MissingRules, Policy
from .optional import require_package
from .problems import all_or_problems
from .wording import alternatives, count_text

MOST_CATEGORIES = 10_000


@dataclass(frozen=True)
class Decoder:
    """How the columns of one file become arrays. `where` names the file.

    categories: categorical column -> the text of each code. rows are counted from 0, in the file.
    """

    where: str
    missing: MissingRules
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def decode(self, table: Any, first_row: int = 0) -> Batch:
        """The table's columns as arrays, without the rows that a policy drops.

        Raises UserError for a missing value that nothing is said about, an unknown category, or a type without numbers.
        """
        rows = np.arange(first_row, first_row + table.num_rows)
        kept = self.kept_rows(table)
        if kept is not None:
            pa = arrow()
            table, rows = table.filter(pa.array(kept)), rows[kept]
        return all_or_problems(
            {name: partial(self._column, name, table.column(name), rows) for name in table.column_names}
        )

    def kept_rows(self, table: Any) -> Array | None:
        """Which rows no policy drops, as booleans; None when all are kept."""
        dropping = self.dropping(table.column_names)
        if not dropping:
            return None
        kept = ~np.logical_or.reduce([missing_mask(_flat(table.column(name))) for name in dropping])
        return None if kept.all() else kept

    def dropping(self, columns: Sequence[str]) -> list[str]:
        """Those of the columns whose missing values drop a row."""
        return [name for name in columns if self.missing.policy(name) == DROP]

    def _column(self, name: str, values: Any, rows: Array) -> Array:
        pa, pc = arrow(), compute()
        values = _flat(values)
        policy = self.missing.policy(name)
        kind = values.type
        if name in self.categories:
            return self._codes(name, values, policy, rows)
        if pa.types.is_null(kind):
            values = values.cast(pa.float64())
            kind = values.type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            values = self._text_filled(name, values, policy, rows)
            return np.array(values.to_pylist(), dtype=np.dtypes.StringDType())
        if pa.types.is_decimal(kind):
            values = values.cast(pa.float64())
            kind = values.type
        if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
            return self._numbers(name, values, policy, rows)
        if pa.types.is_temporal(kind):
            self._refuse_missing(name, missing_mask(values), rows)
            return np.asarray(values.to_numpy(zero_copy_only=False))
        if pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind):
            return self._vectors(name, values, pc, rows)
        raise UserError(f"{self.where}, column '{name}': holds {kind}, which no input takes", _WHAT_IS_READ)

    def _numbers(self, name: str, values: Any, policy: Policy, rows: Array) -> Array:
        mask = missing_mask(values)
        if policy in (ERROR, DROP):  # rows to drop are gone already
            self._refuse_missing(name, mask, rows)
            return np.asarray(values.to_numpy(zero_copy_only=False))
        if isinstance(policy, str) and policy not in (MEAN, KEEP):
            raise UserError(
                f"{self.where}, column '{name}': holds numbers, so missing ones cannot become {policy!r}",
                "fill in a number, or: error, drop, mean, keep",
            )
        pa = arrow()
        numbers = np.array(values.cast(pa.float64()).to_numpy(zero_copy_only=False))  # a copy, to be written to
        numbers[mask] = np.nan if policy in (MEAN, KEEP) else float(policy)
        return numbers

    def _codes(self, name: str, values: Any, policy: Policy, rows: Array) -> Array:
        pa, pc = arrow(), compute()
        known = self.categories[name]
        text = self._text_filled(name, as_text(values), policy, rows)
        codes = pc.index_in(text, value_set=pa.array(known, pa.string()))
        if codes.null_count:
            unknown = np.flatnonzero(codes.is_null().to_numpy(zero_copy_only=False))
            value = text[int(unknown[0])].as_py()
            raise UserError(
                f"{self.where}, column '{name}', row {rows[unknown[0]]}: {value!r} is not one of its categories"
                f"{_more(len(unknown))}",
                alternatives(value, known) if len(known) <= 20 else None,
            )
        return np.asarray(codes.to_numpy(zero_copy_only=False)).astype(np.int64)

    def _text_filled(self, name: str, text: Any, policy: Policy, rows: Array) -> Any:
        if policy in (ERROR, DROP):
            self._refuse_missing(name, missing_mask(text), rows)
            return text
        if policy in (MEAN, KEEP):
            reason = "has no mean to fill in" if policy == MEAN else "cannot stay missing"
            raise UserError(f"{self.where}, column '{name}': text {reason}", "say error, drop, or a text to fill in")
        return text.fill_null(policy if isinstance(policy, str) else f"{policy:g}")

    def _vectors(self, name: str, values: Any, pc: Any, rows: Array) -> Array:
        self._refuse_missing(name, missing_mask(values), rows)
        lengths = np.unique(pc.list_value_length(values).to_numpy(zero_copy_only=False)) if len(values) else [0]
        if len(lengths) > 1:
            raise UserError(
                f"{self.where}, column '{name}': its lists have from {lengths[0]:,} to {lengths[-1]:,} values",
                "every row needs as many",
            )
        flat = pc.list_flatten(values)
        numbers = self._column_of_lists(name, flat, np.repeat(rows, int(lengths[0])))
        return numbers.reshape(len(values), int(lengths[0]), *numbers.shape[1:])

    def _column_of_lists(self, name: str, flat: Any, rows: Array) -> Array:
        return Decoder(self.where, MissingRules())._column(name, flat, rows)

    def _refuse_missing(self, name: str, mask: Array, rows: Array) -> None:
        if mask.any():
            first = rows[int(np.argmax(mask))]
            raise UserError(
                f"{self.where}, column '{name}', row {first}: the value is missing{_more(int(mask.sum()))}",
                f"say what to do: `missing: {{{name}: drop}}` leaves such rows out, a number or `mean` is filled in",
            )


def found_categories(tables: Iterable[Any], name: str, where: str, policy: Policy) -> tuple[str, ...]:
    """The different values of a column as text, in order: whole numbers by size, text by code point.

    Raises UserError when there are more than `MOST_CATEGORIES`.
    """
    found: set[str] = set()
    numeric = True
    for table in tables:
        values = _flat(table.column(name))
        numeric = numeric and arrow().types.is_integer(values.type)
        found.update(compute().unique(as_text(values).drop_null()).to_pylist())
        if len(found) > MOST_CATEGORIES:
            raise UserError(
                f"{where}, column '{name}': has more than {MOST_CATEGORIES:,} different values,"
                " too many to be categories",
                "leave it out of `categories`",
            )
    if isinstance(policy, str) and policy not in (ERROR, DROP, MEAN):
        found.add(policy)
    return tuple(sorted(found, key=int) if numeric and all(_is_int(value) for value in found) else sorted(found))


def missing_mask(values: Any) -> Array:
    """Where an array has no value: null, or NaN among floats."""
    nulls = values.is_null(nan_is_null=arrow().types.is_floating(values.type))
    return np.asarray(nulls.to_numpy(zero_copy_only=False))


def as_text(values: Any) -> Any:
    """Values of a categorical column as text: `true`, `3`, `red`. NaN is missing."""
    pa, pc = arrow(), compute()
    if pa.types.is_floating(values.type):
        values = pc.if_else(values.is_null(nan_is_null=True), None, values)
    return values if pa.types.is_string(values.type) else values.cast(pa.string())


def arrow() -> Any:
    """The module pyarrow."""
    return require_package("pyarrow", "pyarrow", "reading tables")


def compute() -> Any:
    """The module pyarrow.compute."""
    return require_package("pyarrow.compute", "pyarrow", "reading tables")


def _flat(values: Any) -> Any:
    """One array without dictionary encoding."""
    pa = arrow()
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks() if values.num_chunks != 1 else values.chunk(0)
        if isinstance(values, pa.ChunkedArray):  # no chunk at all
            values = pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)
    return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values


def _is_int(text: str) -> bool:
    return text.lstrip("-").isdigit()


def _more(count: int) -> str:
    return f" (and {count_text(count - 1, 'more row')})" if count > 1 else ""


_WHAT_IS_READ = "numbers, text, categories and lists of numbers are read"
