"""Features for `predict` out of a table, read as the training data were: same format, categories and fillings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from netwright.schema import entry_kind

from .columns import ArrayColumns, Columns
from .conform import Field
from .conformed import Adapter
from .missing import DROP, ERROR, KEEP
from .series import SeriesPlan, latest_windows
from .source import build_source

KIND_OF_SUFFIX = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
}


def read_table(path: Path, fields: Sequence[Field], source: Any, series: Any = None) -> Columns:
    """The fields' columns of a table file. `source` is the manifest's `data.source`, or None; `series` its
    `data.series`: then the table is a series, and each row of the answer is for one window, the last for that which
    ends with the table.

    What the source says about columns holds here too, where it is a table: a CSV file has the delimiter and encoding of
    the training data. No row is dropped: each needs an answer, so missing values are filled in or refused.

    Raises UserError for missing columns and values the model cannot take.
    """
    kind = KIND_OF_SUFFIX[path.suffix.lower()]
    wanted = list(dict.fromkeys(column for field in fields for column in field.columns))
    trained, arguments = entry_kind(source) if source is not None else ("", None)
    stated = _for_columns(arguments, wanted) if trained in KIND_OF_SUFFIX.values() else {}
    if trained == kind:
        kept = ("delimiter", "encoding", "names", "missing_text", "decimal_point")
        stated |= {key: arguments[key] for key in kept if isinstance(arguments, Mapping) and key in arguments}
    if series is not None:
        unsaid = [name for name in wanted if name not in stated.get("categories", {})]
        stated["missing"] = {**dict.fromkeys(unsaid, KEEP), **stated.get("missing", {})}
    table = build_source({kind: {**stated, "path": str(path)}}).reading(wanted).load(Path())
    if series is not None:
        return latest_windows(table.train, fields, SeriesPlan.of(series), str(path))
    adapter = Adapter(tuple(fields), str(path), {})
    adapter.check_names(table.names or table.train.names)
    return ArrayColumns(adapter(table.train.take(slice(None))), str(path))


def _for_columns(arguments: Any, wanted: Sequence[str]) -> dict[str, Any]:
    """What a table source says about some of its columns."""
    if not isinstance(arguments, Mapping):
        return {}
    missing, categories = arguments.get("missing", ERROR), arguments.get("categories", {})
    rules = missing if isinstance(missing, Mapping) else dict.fromkeys(wanted, missing)
    named = categories if isinstance(categories, Mapping) else dict.fromkeys(categories)
    return {
        "missing": {name: rule for name, rule in rules.items() if name in wanted and rule != DROP},
        "categories": {name: values for name, values in named.items() if name in wanted},
    }
