"""Predictions of the trained model over a partition, next to what was wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..data.columns import Array, Batch, Columns
from ..data.plan import Partitions
from ..device import Device
from ..manifest import Field
from ..predictor import Predictor
from .record import Record

MOST_ROWS = 20_000
"""Rows that a report looks at; of a larger partition it takes evenly spaced ones, and says so."""


@dataclass(frozen=True)
class Sample:
    """Rows of a partition and the model's outputs for them. `numbers` are the rows' places in the partition."""

    part: str
    of_rows: int
    numbers: np.ndarray[tuple[int], np.dtype[np.int64]]
    columns: Batch
    outputs: Batch


def predict_sample(record: Record, partitions: Partitions, device: Device) -> Sample:
    """Run the model over the test rows, or where there are none the validation rows, or the training rows."""
    part, columns = _choose(partitions)
    step = -(-columns.rows // MOST_ROWS)
    numbers = np.arange(0, columns.rows, step, dtype=np.int64)
    rows = {**columns.take(numbers), **drawn(record.bundle.manifest.features, len(numbers))}
    features = {field.name: rows[field.name] for field in record.bundle.manifest.inference_features}
    return Sample(part, columns.rows, numbers, rows, Predictor(record.bundle, device).predict(features))


def drawn(features: Sequence[Field], rows: int) -> dict[str, Array]:
    """Numbers for the features that training draws, float32 (rows, …); the same in every report."""
    generator = np.random.default_rng(0)
    found = {}
    for field in features:
        if field.drawn is None:
            continue
        shape = (rows, *(int(size) for size in field.shape))
        numbers = generator.standard_normal(shape) if field.drawn == "normal" else generator.uniform(-1, 1, shape)
        found[field.name] = numbers.astype(np.float32)
    return found


def _choose(partitions: Partitions) -> tuple[str, Columns]:
    if partitions.test is not None:
        return "test", partitions.test
    if partitions.validation is not None:
        return "validation", partitions.validation
    return "training", partitions.train
