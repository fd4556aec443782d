"""A spec of the model library with its data, as the timed systems train it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from netwright.cli.specs import compile_loaded, load_spec
from netwright.compiler import Spec
from netwright.runtime.bundle import Bundle, load_bundle
from netwright.runtime.data.batches import Batches
from netwright.runtime.data.columns import Columns
from netwright.runtime.partitions import bundle_partitions

BATCHES = 8
"""Full batches that are trained on, again and again."""


@dataclass(frozen=True)
class Work:
    """A spec, its bundle, its training rows, and the first batches of an epoch."""

    spec: Spec
    bundle: Bundle
    train: Columns
    batches: list[dict[str, Any]]


def load_work(name: str, folder: Path) -> Work:
    """Compile the spec into `folder` and take its batches.

    Raises:
        UserError: the data are not at hand, or the spec does not train.
    """
    loaded = load_spec(name)
    compile_loaded(loaded).write(folder / "bundle")
    bundle = load_bundle(folder / "bundle")
    size = bundle.training_plan().batch_size
    train = bundle_partitions(bundle, loaded.base).train
    batches = Batches(train, min(size, train.rows), shuffle=True, seed=0, prefetch=0)
    full = max(1, train.rows // size)
    return Work(loaded.spec, bundle, train, list(islice(batches.epoch(), min(BATCHES, full))))
