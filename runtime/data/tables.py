"""What the table sources (`csv`, `parquet`, `arrow`) share: chosen columns, missing values, categories, memory."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from netwright.schema import spec_field

from ..errors import UserError
from .missing import MEAN, MISSING_SCHEMA, MissingRules
from .source import ColumnInfo, Dataset, DataSource, SourceDescription
from .wording import alternatives, listing

if TYPE_CHECKING:
    from .columns import Columns
    from .table_files import TableFile

MEMORY_BYTES = 256 * 1024 * 1024
"""Files up to this size, as arrays, are read at once unless `stream` says otherwise."""

_CATEGORIES = {
    "type": ["array", "object"],
    "items": {"type": "string"},
    "additionalProperties": {"type": ["array", "null"], "items": {"type": ["string", "number", "boolean"]}},
}


@dataclass(frozen=True, kw_only=True)
class TableSource(DataSource):
    """Base of the sources of named columns in files."""

    shorthand: ClassVar[str | None] = "path"

    path: str = spec_field("The file with the training data, or with all data when `split` divides it.")
    validation: str | None = spec_field("A file with validation data of its own.", default=None)
    test: str | None = spec_field("A file with test data of its own.", default=None)
    missing: Any = spec_field(
        "What to do about missing values, for all columns or `{column: …}`: `error`; `drop` the row; fill in the `mean`"
        " of the training rows, or a value; `keep` it missing for `data.series` to deal with.",
        default="error",
        schema=MISSING_SCHEMA,
    )
    categories: Any = spec_field(
        "Columns that become codes 0, 1 …: a list of columns, whose values are found in the data and sorted, or"
        " `{column: [values in the order of their codes]}`.",
        default_factory=dict,
        schema=_CATEGORIES,
    )
    wanted: tuple[str, ...] | None = dataclasses.field(default=None)
    """The columns to read, when not all."""

    @abstractmethod
    def open_file(self, path: Path) -> TableFile:
        """Open one of the files. Raises UserError when it cannot be, EnvironmentProblem when a package is missing."""

    def streams(self, file: TableFile, columns: Sequence[str]) -> bool:
        """Whether blocks are read as they are needed."""
        return file.stored_bytes(columns) * len(file.sizes) > MEMORY_BYTES

    def reading(self, columns: Sequence[str]) -> DataSource:
        return dataclasses.replace(self, wanted=tuple(columns))

    def fitted(self, categories: Mapping[str, tuple[str, ...]], means: Mapping[str, float]) -> DataSource:
        rules = MissingRules.of(self.missing)
        stated = {**self._stated(), **{name: list(values) for name, values in categories.items()}}
        missing = self.missing
        if means:
            named = {name: rules.policy(name) for name in dict.fromkeys((*rules.named(), *(self.wanted or ())))}
            missing = {**named, **means}
        return dataclasses.replace(self, categories=stated, missing=missing)

    def load(self, base: Path) -> Dataset:
        files = self._files(base)
        self._check_named(files["train"])
        rules = MissingRules.of(self.missing)
        columns = {part: self._columns_of(file) for part, file in files.items()}
        categories = self._found(files, [name for name in columns["train"] if name in self._stated()], rules)
        loaded = {part: self._load(file, columns[part], rules, categories) for part, file in files.items()}
        numbers = [name for name in columns["train"] if rules.policy(name) == MEAN and name not in categories]
        return Dataset.of(loaded, categories=categories, mean_filled=frozenset(numbers), names=files["train"].names)

    def describe(self, base: Path) -> SourceDescription:
        """From a few rows, where the file is not read at once."""
        loaded = self.load(base)
        rows = {part: columns.rows for part, columns in loaded.partitions().items()}
        sample = loaded.train.take(slice(0, 1))
        return SourceDescription(
            rows,
            {
                name: ColumnInfo(
                    values.dtype.name,
                    values.shape[1:],
                    len(loaded.categories[name]) if name in loaded.categories else None,
                    loaded.categories.get(name),
                )
                for name, values in sample.items()
            },
        )

    def _files(self, base: Path) -> dict[str, TableFile]:
        named = {"train": self.path, "validation": self.validation, "test": self.test}
        return {part: self.open_file(base / path) for part, path in named.items() if path is not None}

    def _columns_of(self, file: TableFile) -> list[str]:
        """The columns to read: those wanted that are there. Raises UserError when none is."""
        found = [name for name in file.names if self.wanted is None or name in self.wanted]
        if not found:
            wanted = self.wanted or ("",)
            raise UserError(
                f"{file.path}: there is no column {listing(wanted)}; the columns are {listing(file.names)}",
                alternatives(wanted[0], file.names),
            )
        return found

    def _stated(self) -> dict[str, list[str] | None]:
        """Categorical column -> its categories, or None when they are to be found."""
        if not isinstance(self.categories, Mapping):
            return dict.fromkeys(self.categories)
        return {
            name: None if values is None else [_text(value) for value in values]
            for name, values in self.categories.items()
        }

    def _check_named(self, file: TableFile) -> None:
        """Every column that `missing` and `categories` name must be there."""
        for key, names in (("missing", MissingRules.of(self.missing).named()), ("categories", tuple(self._stated()))):
            for name in names:
                if name not in file.names:
                    raise UserError(
                        f"data source '{self.kind}', {key}: {file.path} has no column '{name}'",
                        alternatives(name, file.names),
                    )
        for name, values in self._stated().items():
            twice = [value for index, value in enumerate(values or []) if value in (values or [])[:index]]
            if twice:
                raise UserError(f"data source '{self.kind}', categories: '{name}' has '{twice[0]}' twice")

    def _found(
        self, files: Mapping[str, TableFile], names: Sequence[str], rules: MissingRules
    ) -> dict[str, tuple[str, ...]]:
        from .arrow_values import found_categories

        found = {}
        for name in names:
            stated = self._stated()[name]
            if stated is not None:
                found[name] = tuple(stated)
                continue
            where = f"data source '{self.kind}'"
            tables = (
                file.read(block, [name])
                for file in files.values()
                if name in file.names
                for block in range(len(file.sizes))
            )
            found[name] = found_categories(tables, name, where, rules.policy(name))
        return found

    def _load(
        self, file: TableFile, columns: list[str], rules: MissingRules, categories: Mapping[str, tuple[str, ...]]
    ) -> Columns:
        from .arrow_values import Decoder
        from .table_columns import loaded_table, streamed_table

        decoder = Decoder(str(file.path), rules, categories)
        load = streamed_table if self.streams(file, columns) else loaded_table
        return load(file, columns, decoder)


def _text(value: Any) -> str:
    """A category as pyarrow writes it: `true`, `3`, `red`."""
    return str(value).lower() if isinstance(value, bool) else str(value)
