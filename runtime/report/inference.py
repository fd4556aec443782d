"""Predictions of the trained model over a partition, next to what was wanted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..data.columns import Batch, Columns
from ..data.plan import Partitions
from ..device import Device
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
    rows = columns.take(numbers)
    features = {field.name: rows[field.name] for field in record.bundle.manifest.features}
    return Sample(part, columns.rows, numbers, rows, Predictor(record.bundle, device).predict(features))


def _choose(partitions: Partitions) -> tuple[str, Columns]:
    if partitions.test is not None:
        return "test", partitions.test
    if partitions.validation is not None:
        return "validation", partitions.validation
    return "training", partitions.train
