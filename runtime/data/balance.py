"""Repeat the rows of rare classes, so that an epoch shows every class equally often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import UserError
from .blocks import Blocked
from .columns import Columns, Subset, only
from .split import Stream, random_order
from .streams import BatchStream
from .wording import alternatives, listing

METHODS = ("oversample",)


def oversampled(train: Columns, balance: Mapping[str, Any], targets: Sequence[Mapping[str, Any]]) -> Subset:
    """The training rows with each class as often as the most frequent one.

    balance: `method` (`oversample`) and `by`, the target whose classes count; None takes the only one with classes.
    Each row of a class comes equally often, but for a remainder chosen by a fixed random order. Copies cost memory
    for their row numbers alone.

    Raises UserError when there is no such target, or the rows cannot be counted beforehand.
    """
    name = _target(balance.get("by"), targets)
    if isinstance(train, (Blocked, BatchStream)):
        raise UserError(
            "data.balance: the classes cannot be counted beforehand, since the data are not in memory",
            "weigh the loss with class_weights instead",
        )
    return Subset(train, repeated_rows(only(train, [name]).take(slice(None))[name].ravel()))


def repeated_rows(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Ascending row numbers in which every class that occurs has as many rows as the largest; int64."""
    classes, counts = np.unique(labels, return_counts=True)
    most = int(counts.max())
    rows = []
    for label, count in zip(classes, counts, strict=True):
        members = np.flatnonzero(labels == label)
        extra = random_order(int(count), 0, Stream.BALANCE, int(label))[: most % int(count)]
        rows += [np.repeat(members, most // int(count)), members[extra]]
    return np.sort(np.concatenate(rows))


def _target(by: str | None, targets: Sequence[Mapping[str, Any]]) -> str:
    known = [str(entry["name"]) for entry in targets]
    with_classes = [str(entry["name"]) for entry in targets if entry.get("classes") and not entry["shape"]]
    if by is not None:
        if by not in known:
            raise UserError(f"data.balance: there is no target '{by}'", alternatives(by, known))
        if by not in with_classes:
            raise UserError(
                f"data.balance: the target '{by}' is not one class for each row", "balance by a target of classes"
            )
        return by
    if len(with_classes) != 1:
        found = f"there are several: {listing(with_classes)}" if with_classes else "there is none"
        raise UserError(
            f"data.balance needs a target of classes, and {found}",
            "say which: balance: {by: …}" if with_classes else "balancing is for classification",
        )
    return with_classes[0]
