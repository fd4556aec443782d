"""Split rows into train, validation and test: seeded, stratified where asked, the same on every platform.

A random order is made from raw 64-bit outputs of PCG64, seeded by `SeedSequence(seed, spawn_key)`: one key per row,
sorted. Both are covered by NumPy's promise of stable streams (NEP 19), which `Generator.permutation` is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from ..errors import UserError
from .wording import count_text

Indices = npt.NDArray[np.int64]


class Stream(IntEnum):
    """What a seed is used for, so that one seed gives independent orders. Values are part of what makes runs repeat."""

    SPLIT = 0
    SHUFFLE = 1
    BALANCE = 2
    SPLIT_BLOCK = 3
    SHUFFLE_BLOCKS = 4
    SHUFFLE_WINDOW = 5


def random_order(rows: int, seed: int, stream: Stream, *index: int) -> Indices:
    """A permutation of 0 … rows - 1, int64: a pure function of its arguments. `index` (0 by default) is the epoch, say.

    Seeds count modulo 2^64, so negative ones are as good as any.
    """
    sequence = np.random.SeedSequence(seed % 2**64, spawn_key=(int(stream), *(index or (0,))))
    keys = np.random.PCG64(sequence).random_raw(rows)
    return np.argsort(keys, kind="stable").astype(np.int64, copy=False)


def split_rows(
    rows: int, fractions: Sequence[float], seed: int, labels: npt.NDArray[np.int64] | None = None
) -> list[Indices]:
    """Row numbers of one part per fraction, then of the rest; each ascending, together every row once.

    A part has round(rows x fraction) rows. With `labels` (int64, one a row) each class gives every part its exact share
    rounded down or up, the larger remainders up, so that parts keep their size.

    Raises UserError when a fraction is not in 0 … 1, they leave nothing for the rest, or a part would be empty.
    """
    sizes = part_sizes(rows, fractions)
    order = random_order(rows, seed, Stream.SPLIT)
    if labels is None:
        return [np.sort(part) for part in np.split(order, np.cumsum(sizes))]

    classes, members = np.unique(labels, return_inverse=True)
    left = np.bincount(members, minlength=len(classes))
    shares = []  # one row of class counts for each part
    for size in sizes:
        share = _apportion(size, np.bincount(members, minlength=len(classes)), left)
        left = left - share
        shares.append(share)
    cuts = np.cumsum(np.array(shares).reshape(len(sizes), len(classes)), axis=0)  # parts x classes
    pieces: list[list[Indices]] = [[] for _ in range(len(sizes) + 1)]
    for index in range(len(classes)):
        of_class = order[members[order] == index]
        for part, piece in zip(pieces, np.split(of_class, cuts[:, index]), strict=True):
            part.append(piece)
    return [np.sort(np.concatenate(part)) for part in pieces]


def part_sizes(rows: int, fractions: Sequence[float]) -> list[int]:
    """Rows of the part of each fraction. Raises UserError as `split_rows` does."""
    for fraction in fractions:
        if not 0 <= fraction < 1:
            raise UserError(f"data.split: a fraction must be at least 0 and less than 1, received {fraction}")
    if sum(fractions) >= 1:
        raise UserError(
            f"data.split: the fractions {' + '.join(str(f) for f in fractions)} leave nothing to train on",
            "together they must be less than 1",
        )
    sizes = [int(np.floor(rows * fraction + 0.5)) for fraction in fractions]
    for fraction, size in zip(fractions, sizes, strict=True):
        if fraction > 0 and size == 0:
            raise UserError(f"data.split: {fraction} of {count_text(rows, 'row')} is not a single row")
    if sum(sizes) >= rows:
        raise UserError(f"data.split: {count_text(rows, 'row')} cannot be split so that one is left to train on")
    return sizes


def _apportion(size: int, counts: npt.NDArray[np.int64], left: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """How many rows each class gives to a part of `size` rows, by largest remainder, never more than it has left.

    Shares are size x count / total in exact integers; equal remainders go to the smaller class label first.
    """
    total = int(counts.sum())
    share = np.minimum(size * counts // total, left)
    remainder = size * counts % total
    by_remainder = np.argsort(-remainder, kind="stable")
    while (missing := size - int(share.sum())) > 0:
        takers = by_remainder[(share < left)[by_remainder]][:missing]
        share[takers] += 1
    return share
