"""The data of a bundle, as its manifest plans them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from .bundle import Bundle
from .data.batches import Batches
from .data.columns import Columns
from .data.conform import Field
from .data.conformed import Adapter, adapt
from .data.plan import Partitions, load_partitions
from .errors import UserError
from .prepare import with_prepared


def bundle_partitions(bundle: Bundle, base: Path | None) -> Partitions:
    """Load what the manifest's data plan names; relative paths start at `base`.

    Raises:
        UserError: the bundle has no data plan, or the data are not what it says.
    """
    manifest = bundle.manifest
    if manifest.data is None:
        raise UserError(
            f"{bundle.folder}: the bundle names no data", "add a `data` section to the spec, or pass `partitions`"
        )
    features = [dataclasses.asdict(field) for field in manifest.features]
    targets = [dataclasses.asdict(field) for field in manifest.targets]
    return _prepared(bundle, load_partitions(manifest.data, features, targets, base or Path()))


def _prepared(bundle: Bundle, partitions: Partitions) -> Partitions:
    """The partitions with what `prepare.onnx` makes of text added."""
    if "prepare" not in bundle.manifest.graphs:
        return partitions
    parts = {part: with_prepared(bundle, columns) for part, columns in partitions.by_name().items()}
    epoch = None if partitions.epoch is None else with_prepared(bundle, partitions.epoch)
    return Partitions(parts["train"], parts.get("validation"), parts.get("test"), epoch, partitions.facts)


def given_partitions(bundle: Bundle, partitions: Partitions) -> Partitions:
    """Partitions that a caller brings, checked and cast as data from a source are.

    Raises:
        UserError: columns are missing, or hold what the graphs cannot take.
    """
    check_columns(bundle, partitions)
    entries = [dataclasses.asdict(field) for field in (*bundle.manifest.features, *bundle.manifest.targets)]
    # A caller names columns after the features and targets, not after the source's columns.
    fields = tuple(Field.from_manifest({**entry, "column": entry["name"]}) for entry in entries)
    parts = {
        part: adapt(columns, Adapter(fields, f"the {part} data", {})) for part, columns in partitions.by_name().items()
    }
    epoch = None
    if partitions.epoch is not None:
        epoch = adapt(partitions.epoch, Adapter(fields, "the train data", {}))
    return _prepared(bundle, Partitions(parts["train"], parts.get("validation"), parts.get("test"), epoch))


def check_columns(bundle: Bundle, partitions: Partitions) -> None:
    """Partitions that a caller brings must have a column for every feature and target.

    Raises:
        UserError: some are missing.
    """
    named = {"train": partitions.train, "validation": partitions.validation, "test": partitions.test}
    wanted = [field.name for field in (*bundle.manifest.features, *bundle.manifest.targets)]
    for part, columns in named.items():
        missing = [f"'{name}'" for name in wanted if columns is not None and name not in columns.names]
        if missing:
            raise UserError(f"the {part} data have no column {', '.join(missing)}")


def in_order(columns: Columns, batch_size: int) -> Batches:
    """Batches for evaluation: every row once, as stored."""
    return Batches(columns, batch_size)
