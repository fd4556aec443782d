"""Columns larger than memory: read block by block, split and shuffled without an index of every row.

A *block* is what its file can bring in one piece: a row group of Parquet, a record batch of Arrow. Memory holds the
blocks of one shuffling window, whatever the file's size:

- **Shuffling.** Each epoch puts the blocks in a new order, takes as many of them as fit the window together, and puts
  their rows in a new order. Rows far apart in the file meet in a batch only when their blocks share a window.
- **Splitting.** Every block gives each part its share of rows, chosen at random, so each part is a random sample.

Both are pure functions of the seed, so a run repeats and resumes.
"""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
import numpy.typing as npt

from .columns import Array, Batch, Columns, Rows
from .split import Stream, random_order

Indices = npt.NDArray[np.int64]
T = TypeVar("T")

WINDOW_BYTES = 64 * 1024 * 1024
"""How much the blocks of a shuffling window may take in memory; a single larger block still makes a window."""


@runtime_checkable
class Blocked(Columns, Protocol):
    """Columns that are quick to take from only where few blocks are touched."""

    @property
    @abstractmethod
    def block_starts(self) -> Indices:
        """The number of each block's first row, then the number of rows; int64."""

    @property
    @abstractmethod
    def window(self) -> int:
        """How many blocks stay in memory, at least 1."""


class LoadedBlocks:
    """Columns whose blocks `load` brings as they are needed; the last few stay in memory.

    sizes: rows of each block, none 0. names: of the columns `load` gives. block_bytes: of the largest block in memory.
    """

    row_bytes = None

    def __init__(
        self, sizes: Sequence[int], names: Sequence[str], load: Callable[[int], Batch], block_bytes: int
    ) -> None:
        self.block_starts = starts_of(sizes)
        self.window = max(1, WINDOW_BYTES // max(block_bytes, 1))
        self._names = tuple(names)
        self._cached = _Recent(load, self.window)

    @property
    def rows(self) -> int:
        return int(self.block_starts[-1])

    @property
    def names(self) -> tuple[str, ...]:
        return self._names

    def take(self, rows: Rows) -> Batch:
        numbers = row_numbers(rows, self.rows)
        taken: Batch = {}
        for block, places in by_block(numbers, self.block_starts, first=self._cached.kept()):
            stored = self._cached.get(block)
            within = numbers[places] - self.block_starts[block]
            for name in self._names:
                values = stored[name]
                if name not in taken:
                    taken[name] = np.empty((len(numbers), *values.shape[1:]), values.dtype)
                taken[name][places] = values[within]
        return taken


class BlockPart:
    """The rows that one part of a split takes of blocked columns."""

    row_bytes = None

    def __init__(self, split: BlockSplit, part: int) -> None:
        self._split = split
        self._part = part
        self.block_starts = starts_of(split.sizes[:, part])
        self.window = split.columns.window

    @property
    def rows(self) -> int:
        return int(self.block_starts[-1])

    @property
    def names(self) -> tuple[str, ...]:
        return self._split.columns.names

    def take(self, rows: Rows) -> Batch:
        numbers = row_numbers(rows, self.rows)
        origin = np.empty_like(numbers)
        for block, places in by_block(numbers, self.block_starts):
            chosen = self._split.chosen(block)[self._part]
            origin[places] = (
                self._split.columns.block_starts[block] + chosen[numbers[places] - self.block_starts[block]]
            )
        return self._split.columns.take(origin)


class BlockSplit:
    """A random split of blocked columns, block by block.

    fractions: of the parts cut off, together less than 1. Part sizes are rows x fraction, rounded.
    """

    def __init__(self, columns: Blocked, fractions: Sequence[float], seed: int) -> None:
        self.columns = columns
        self._seed = seed
        self.sizes = _shares(np.diff(columns.block_starts), fractions)
        self._orders = _Recent(self._choose, columns.window + 1)

    def parts(self) -> list[BlockPart]:
        """One for each fraction, then the rest."""
        return [BlockPart(self, part) for part in range(self.sizes.shape[1])]

    def chosen(self, block: int) -> list[Indices]:
        """The rows of each part within a block, ascending."""
        return self._orders.get(block)

    def _choose(self, block: int) -> list[Indices]:
        sizes = self.sizes[block]
        order = random_order(int(sizes.sum()), self._seed, Stream.SPLIT_BLOCK, block)
        return [np.sort(part) for part in np.split(order, np.cumsum(sizes)[:-1])]


def window_orders(columns: Blocked, seed: int, epoch: int) -> Iterator[Indices]:
    """The row numbers of each shuffling window of an epoch, in the order they are taken."""
    starts = columns.block_starts
    blocks = random_order(len(starts) - 1, seed, Stream.SHUFFLE_BLOCKS, epoch)
    for number, first in enumerate(range(0, len(blocks), columns.window)):
        members = blocks[first : first + columns.window]
        rows = np.concatenate([np.arange(starts[block], starts[block + 1]) for block in members])
        yield rows[random_order(len(rows), seed, Stream.SHUFFLE_WINDOW, epoch, number)]


def rebatched(pieces: Iterator[Indices], batch_size: int, skip: int = 0) -> Iterator[Indices]:
    """The same row numbers in pieces of `batch_size`, the last one smaller, without the first `skip` rows."""
    held = np.empty(0, np.int64)
    for piece in pieces:
        if skip >= len(piece):
            skip -= len(piece)
            continue
        held = np.concatenate([held, piece[skip:]])
        skip = 0
        whole = len(held) // batch_size * batch_size
        for start in range(0, whole, batch_size):
            yield held[start : start + batch_size]
        held = held[whole:]
    if len(held):
        yield held


def row_numbers(rows: Rows, count: int) -> Indices:
    """The chosen rows of `count` as their numbers."""
    return np.arange(*rows.indices(count), dtype=np.int64) if isinstance(rows, slice) else rows


def by_block(numbers: Indices, starts: Indices, first: Sequence[int] = ()) -> Iterator[tuple[int, Array]]:
    """Each block that the rows lie in, with their places among `numbers`; the blocks in `first` before others."""
    blocks = np.searchsorted(starts, numbers, side="right") - 1
    order = np.argsort(blocks, kind="stable")
    found, begins = np.unique(blocks[order], return_index=True)
    groups = dict(zip(found.tolist(), np.split(order, begins[1:]), strict=True))
    for block in [*(b for b in first if b in groups), *(b for b in groups if b not in first)]:
        yield block, groups[block]


def starts_of(sizes: Sequence[int] | npt.NDArray[np.int64]) -> Indices:
    """0 and the running totals of block sizes."""
    return np.concatenate([[0], np.cumsum(np.asarray(sizes, np.int64))]).astype(np.int64)


def _shares(sizes: Indices, fractions: Sequence[float]) -> Indices:
    """Rows that each part takes of each block, int64 [blocks, parts + 1]; what rounding leaves is made up later."""
    shares = np.zeros((len(sizes), len(fractions) + 1), np.int64)
    ends = np.cumsum(sizes)
    for index, fraction in enumerate(fractions):
        owed = np.floor(ends * fraction + 0.5).astype(np.int64)
        taken = 0
        for block, size in enumerate(sizes):
            left = size - int(shares[block].sum())
            shares[block, index] = min(int(owed[block]) - taken, left)
            taken += int(shares[block, index])
    shares[:, -1] = sizes - shares.sum(axis=1)
    return shares


class _Recent(Generic[T]):
    """The most recent results of a function of a block's number. Safe to use from several threads."""

    def __init__(self, make: Callable[[int], T], capacity: int) -> None:
        self._make = make
        self._capacity = capacity
        self._results: OrderedDict[int, T] = OrderedDict()
        self._lock = threading.Lock()

    def kept(self) -> list[int]:
        with self._lock:
            return list(self._results)

    def get(self, block: int) -> T:
        with self._lock:
            if block not in self._results:
                while len(self._results) >= self._capacity:  # first make room, so that memory never holds one more
                    self._results.popitem(last=False)
                self._results[block] = self._make(block)
            self._results.move_to_end(block)
            return self._results[block]
