"""The data of a bundle, as its manifest plans them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .bundle import Bundle
from .data.batches import Batches
from .data.columns import Columns, only
from .data.conform import Field, columns_of
from .data.conformed import Adapter, adapt
from .data.plan import Partitions, load_partitions
from .data.tokens import TokenColumns, WindowPlan, text_stream, window_columns
from .errors import UserError
from .manifest import Field as ManifestField
from .prepare import with_prepared
from .tokenizers.tokenizer import Tokenizer


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
    features = [dataclasses.asdict(field) for field in manifest.data_features]
    targets = [dataclasses.asdict(field) for field in manifest.targets]
    loaded = load_partitions(manifest.data, features, targets, base or Path())
    return _prepared(bundle, in_tokens(bundle, loaded))


def in_tokens(bundle: Bundle, partitions: Partitions) -> Partitions:
    """The partitions with their texts as tokens, in windows where the data plan says so; the same without texts.

    Raises:
        UserError, EnvironmentProblem: a tokenizer cannot be had; there is too little text for a window.
    """
    fields = [f for f in (*bundle.manifest.features, *bundle.manifest.targets) if f.of_text is not None]
    if not fields:
        return partitions
    tokenizers = {field.name: bundle.tokenizer(field.name) for field in fields if field.tokens is not None}
    if windows := (bundle.manifest.data or {}).get("windows"):
        return _in_windows(partitions, fields, tokenizers, WindowPlan.from_manifest(windows))
    parts = {part: TokenColumns(columns, fields, tokenizers) for part, columns in partitions.by_name().items()}
    epoch = None if partitions.epoch is None else TokenColumns(partitions.epoch, fields, tokenizers)
    return Partitions(parts["train"], parts.get("validation"), parts.get("test"), epoch, partitions.facts)


def _in_windows(
    partitions: Partitions, fields: Sequence[ManifestField], tokenizers: Mapping[str, Tokenizer], plan: WindowPlan
) -> Partitions:
    """Training goes through windows of its own, in `epoch`; every part is evaluated in those for evaluation."""
    feature = next(field for field in fields if field.tokens is not None)
    targets = [field.name for field in fields if field.next_of is not None]
    parts, epoch = {}, None
    for part, columns in partitions.by_name().items():
        stream = text_stream(columns, feature, tokenizers[feature.name])
        parts[part] = window_columns(stream, plan, feature.name, targets, part, training=False)
        if part == "train":
            epoch = window_columns(stream, plan, feature.name, targets, part, training=True)
    return Partitions(parts["train"], parts.get("validation"), parts.get("test"), epoch, partitions.facts)


def bucket_lengths(bundle: Bundle, columns: Columns) -> npt.NDArray[np.int64] | None:
    """The lengths by which batches are made alike, where the data plan says so."""
    name = (bundle.manifest.data or {}).get("bucket_by")
    return None if name is None else only(columns, [name]).take(slice(None))[name].astype(np.int64)


def _prepared(bundle: Bundle, partitions: Partitions) -> Partitions:
    """The partitions with what `prepare.onnx` makes of text added."""
    if "prepare" not in bundle.manifest.graphs:
        return partitions
    parts = {part: with_prepared(bundle, columns) for part, columns in partitions.by_name().items()}
    epoch = None if partitions.epoch is None else with_prepared(bundle, partitions.epoch)
    return Partitions(parts["train"], parts.get("validation"), parts.get("test"), epoch, partitions.facts)


def given_partitions(bundle: Bundle, partitions: Partitions) -> Partitions:
    """Partitions that a caller brings, checked and cast as data from a source are. Where the model takes tokens they
    hold texts, or the tokens and everything else that is made of texts.

    Raises:
        UserError: columns are missing, or hold what the graphs cannot take.
    """
    texts = _bring_texts(bundle, partitions.train)
    check_columns(bundle, partitions)
    entries = [dataclasses.asdict(field) for field in (*bundle.manifest.data_features, *bundle.manifest.targets)]
    # A caller names columns after the features and targets, not after the source's columns.
    entries = [{**entry, "column": entry["name"]} for entry in entries]
    tokens = [Field.from_manifest({**entry, "tokens": None}) for entry in entries]
    fields = columns_of(entries) if texts else tuple(tokens)
    parts = {
        part: adapt(columns, Adapter(fields, f"the {part} data", {})) for part, columns in partitions.by_name().items()
    }
    epoch = None
    if partitions.epoch is not None:
        epoch = adapt(partitions.epoch, Adapter(fields, "the train data", {}))
    given = Partitions(parts["train"], parts.get("validation"), parts.get("test"), epoch)
    return _prepared(bundle, in_tokens(bundle, given) if texts else given)


def _bring_texts(bundle: Bundle, columns: Columns) -> bool:
    """Whether a caller's columns hold the texts that the model's tokens are made of."""
    tokens = [field.name for field in bundle.manifest.features if field.tokens is not None]
    names = [name for name in tokens if name in columns.names]
    return bool(names) and only(columns, names).take(slice(0, 1))[names[0]].dtype.kind in "OTU"


def check_columns(bundle: Bundle, partitions: Partitions) -> None:
    """Partitions that a caller brings must have a column for every feature that is not drawn, and every target; those
    made of the texts that it brings are no columns.

    Raises:
        UserError: some are missing.
    """
    named = {"train": partitions.train, "validation": partitions.validation, "test": partitions.test}
    texts = _bring_texts(bundle, partitions.train)
    fields = [*bundle.manifest.data_features, *bundle.manifest.targets]
    wanted = [field.name for field in fields if not (texts and (field.length_of or field.next_of))]
    for part, columns in named.items():
        missing = [f"'{name}'" for name in wanted if columns is not None and name not in columns.names]
        if missing:
            raise UserError(f"the {part} data have no column {', '.join(missing)}")


def in_order(columns: Columns, batch_size: int) -> Batches:
    """Batches for evaluation: every row once, as stored."""
    return Batches(columns, batch_size)
