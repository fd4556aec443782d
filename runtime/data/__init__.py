"""Training data: sources a spec can name, partitions, batches, and the files `predict` reads and writes.

Importing this package costs no numpy: `netwright validate` needs only the schema of the sources. The parts that work on
arrays are modules of their own:

    plan        manifest + source -> `Partitions` of validated columns
    batches     columns -> batches in an order that is a pure function of seed and epoch
    files       NumPy files, read with precise errors
    exchange    features in and outputs out, for `predict`
    fetch       data sets that must be fetched once
    given       arrays and functions that a program brings: `from_arrays`, `from_callable`
    text        words, vocabularies, bags of words
    tables      what the sources `csv`, `parquet` and `arrow` share; `blocks` is for files larger than memory
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .source import ColumnInfo, Dataset, DataSource, SourceDescription, build_source, source_schema

__all__ = [
    "ColumnInfo",
    "DataSource",
    "Dataset",
    "SourceDescription",
    "bag_of_words",
    "build_source",
    "from_arrays",
    "from_callable",
    "source_schema",
    "vocabulary",
]

if TYPE_CHECKING:
    from .given import from_arrays, from_callable
    from .text import bag_of_words, vocabulary

_HOME = {"bag_of_words": "text", "from_arrays": "given", "from_callable": "given", "vocabulary": "text"}
"""Names whose modules need numpy: imported on first use (PEP 562)."""


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
