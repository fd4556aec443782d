"""Training data: sources a spec can name, partitions, batches, and the files `predict` reads and writes.

Importing this package costs no numpy: `netwright validate` needs only the schema of the sources. The parts that work on
arrays are modules of their own:

    plan        manifest + source -> `Partitions` of validated columns
    batches     columns -> batches in an order that is a pure function of seed and epoch
    files       NumPy files, read with precise errors
    exchange    features in and outputs out, for `predict`
    fetch       data sets that must be fetched once
"""

from __future__ import annotations

from .source import ColumnInfo, Dataset, DataSource, SourceDescription, build_source, source_schema

__all__ = [
    "ColumnInfo",
    "DataSource",
    "Dataset",
    "SourceDescription",
    "build_source",
    "source_schema",
]
