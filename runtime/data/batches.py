"""Batches of columns, in an order that is a pure function of seed and epoch, taken before they are needed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TypeAlias, TypeVar, overload

import numpy as np
import numpy.typing as npt

from .blocks import Blocked, rebatched, window_orders
from .columns import Batch, Columns, Rows
from .split import Stream, random_order
from .streams import BatchStream, resized

T = TypeVar("T")
Order: TypeAlias = npt.NDArray[np.int64]

POOL = 50
"""Batches whose rows are sorted together by length."""

PREFETCH_DEPTH = 2
"""Batches taken ahead: one being used, one ready, one being taken."""

INLINE_BYTES = 256 * 1024
"""In-memory batches below this size are taken on the spot: handing one between threads costs about 40 µs (measured),
as much as taking 64 images of 28×28 floats."""


class Batches:
    """The batches of a partition, epoch by epoch: full ones first, then the rest as a smaller last one.

    columns: what to take rows from.
    batch_size: rows of a full batch, at least 1.
    shuffle: a new order every epoch; otherwise rows come as they are stored.
    seed: of the shuffling. Epoch e of seed s has one order, whatever ran before, so a resumed run sees the same rows.
    prefetch: batches to take ahead in a background thread; 0 takes each when it is asked for; None decides by size.
    lengths: of the rows; with it a shuffled batch is made of rows of similar length.
    """

    def __init__(
        self,
        columns: Columns,
        batch_size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
        prefetch: int | None = None,
        lengths: npt.NDArray[np.int64] | None = None,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, received {batch_size}")
        self.columns = columns
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self._prefetch = prefetch
        self._lengths = lengths

    @property
    def steps(self) -> int:
        """Batches in an epoch, the smaller last one included."""
        return -(-self.columns.rows // self.batch_size)

    def sizes(self) -> set[int]:
        """The one or two batch sizes that occur."""
        rows = self.columns.rows
        return {min(self.batch_size, rows)} | ({rows % self.batch_size} - {0} if rows > self.batch_size else set())

    @overload
    def epoch(self, epoch: int = 0, start_step: int = 0) -> Iterator[Batch]: ...

    @overload
    def epoch(self, epoch: int = 0, start_step: int = 0, *, prepare: Callable[[Batch], T]) -> Iterator[T]: ...

    def epoch(
        self, epoch: int = 0, start_step: int = 0, *, prepare: Callable[[Batch], T] | None = None
    ) -> Iterator[Batch] | Iterator[T]:
        """The batches of one epoch from `start_step` on; those before it are never taken.

        `prepare` turns each batch into what the consumer wants, such as values on a device, in the background thread.
        No two batches share memory that is written to later, so a consumer may keep them; it must not write into them.
        An error while taking a batch is raised when the consumer gets there. Leaving the loop early ends the thread.
        """
        if isinstance(self.columns, BatchStream):
            made = resized(self.columns.batches(epoch), self.batch_size, start_step, self.columns.rows)
            steps = range(start_step, self.steps)
            if prepare is None:
                return ahead((partial(next, made) for _ in steps), self._depth(background_work=False))
            finish = prepare
            return ahead((lambda: finish(next(made)) for _ in steps), self._depth(background_work=True))
        selections = self._selections(epoch, start_step)
        take = self.columns.take
        if prepare is None:
            return ahead((partial(take, rows) for rows in selections), self._depth(background_work=False))
        work = prepare  # narrowed once, for the function below

        def take_and_prepare(rows: Rows) -> T:
            return work(take(rows))

        return ahead((partial(take_and_prepare, rows) for rows in selections), self._depth(background_work=True))

    def _selections(self, epoch: int, start_step: int) -> Iterator[Rows]:
        """Which rows each batch takes."""
        rows = self.columns.rows
        starts = range(start_step * self.batch_size, rows, self.batch_size)
        if not self.shuffle:
            return (slice(start, min(start + self.batch_size, rows)) for start in starts)
        if isinstance(self.columns, Blocked):
            return rebatched(
                window_orders(self.columns, self.seed, epoch), self.batch_size, start_step * self.batch_size
            )
        order = random_order(rows, self.seed, Stream.SHUFFLE, epoch)
        if self._lengths is not None:
            order = by_length(order, self._lengths, self.batch_size)
        return (order[start : start + self.batch_size] for start in starts)

    def _depth(self, background_work: bool) -> int:
        if self._prefetch is not None:
            return self._prefetch
        row_bytes = self.columns.row_bytes
        inline = row_bytes is not None and row_bytes * self.batch_size < INLINE_BYTES and not background_work
        return 0 if inline else PREFETCH_DEPTH


def by_length(order: Order, lengths: Order, batch_size: int) -> Order:
    """The rows in another order: batches of similar lengths, which follow each other in the order of their first rows.

    Of every POOL batches the rows are sorted by length and cut into batches. So a batch is padded little, and which
    rows meet still changes from epoch to epoch. The rows that fill no batch stay at the end.
    """
    full = len(order) // batch_size * batch_size
    batches = []
    for start in range(0, full, POOL * batch_size):
        pool = order[start : min(start + POOL * batch_size, full)]
        places = np.argsort(lengths[pool], kind="stable").reshape(-1, batch_size)
        batches += [(start + int(each.min()), pool[each]) for each in places]
    batches.sort(key=lambda batch: batch[0])  # as random as the order was
    return np.concatenate([*(rows for _, rows in batches), order[full:]])


def ahead(jobs: Iterable[Callable[[], T]], depth: int) -> Iterator[T]:
    """The jobs' results in order, with up to `depth` jobs done ahead in one background thread (0: none, no thread).

    The thread starts with the first result asked for. It has ended when the iterator is exhausted, raises or is closed.
    """
    if depth == 0:
        for job in jobs:
            yield job()
        return
    executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="netwright-batches")
    pending: deque[Future[T]] = deque()
    try:
        for job in jobs:
            pending.append(executor.submit(job))
            if len(pending) > depth:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
