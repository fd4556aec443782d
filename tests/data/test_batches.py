"""Batches: every row once an epoch, one order per seed and epoch, taken ahead without leaking threads or buffers."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from netwright.runtime.data.batches import INLINE_BYTES, PREFETCH_DEPTH, Batches, ahead
from netwright.runtime.data.columns import ArrayColumns, Batch, Rows, Subset


def columns(rows: int, width: int = 3) -> ArrayColumns:
    x = np.arange(rows * width, dtype=np.float32).reshape(rows, width)
    return ArrayColumns({"x": x, "row": np.arange(rows)})


def prefetch_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("netwright-batches")]


@settings(deadline=None, max_examples=60)
@given(
    rows=st.integers(1, 80),
    batch_size=st.integers(1, 100),
    seed=st.integers(-5, 2**64),
    epoch=st.integers(0, 1000),
    shuffle=st.booleans(),
    prefetch=st.sampled_from([0, 1, 3]),
)
def test_every_row_once(rows: int, batch_size: int, seed: int, epoch: int, shuffle: bool, prefetch: int) -> None:
    batches = Batches(columns(rows), batch_size, shuffle=shuffle, seed=seed, prefetch=prefetch)
    taken = list(batches.epoch(epoch))
    sizes = [len(batch["row"]) for batch in taken]
    assert len(taken) == batches.steps
    assert sizes[:-1] == [batch_size] * (len(taken) - 1)
    assert 1 <= sizes[-1] <= batch_size
    assert set(sizes) == batches.sizes()
    seen = np.concatenate([batch["row"] for batch in taken])
    assert sorted(seen.tolist()) == list(range(rows))
    if not shuffle:
        assert seen.tolist() == list(range(rows))
    x = np.concatenate([batch["x"] for batch in taken])
    np.testing.assert_array_equal(x, np.arange(rows * 3).reshape(rows, 3)[seen])


@settings(deadline=None, max_examples=60)
@given(
    rows=st.integers(1, 60),
    batch_size=st.integers(1, 20),
    seed=st.integers(0, 50),
    data=st.data(),
    shuffle=st.booleans(),
    prefetch=st.sampled_from([0, 2]),
)
def test_resuming_equals_never_having_stopped(
    rows: int, batch_size: int, seed: int, data: st.DataObject, shuffle: bool, prefetch: int
) -> None:
    def run(epoch: int, start_step: int) -> list[list[int]]:
        batches = Batches(columns(rows), batch_size, shuffle=shuffle, seed=seed, prefetch=prefetch)
        return [batch["row"].tolist() for batch in batches.epoch(epoch, start_step)]

    steps = -(-rows // batch_size)
    stop = data.draw(st.integers(0, steps))
    uninterrupted = [*run(0, 0), *run(1, 0), *run(2, 0)]
    resumed = [*run(0, 0), *run(1, 0)[:stop], *run(1, stop), *run(2, 0)]
    assert resumed == uninterrupted


def test_epochs_and_seeds_have_their_own_order() -> None:
    def order(seed: int, epoch: int) -> tuple[int, ...]:
        return tuple(np.concatenate([b["row"] for b in Batches(columns(40), 8, shuffle=True, seed=seed).epoch(epoch)]))

    assert len({order(seed, epoch) for seed in (0, 1) for epoch in (0, 1, 2)}) == 6


def test_a_subset_gives_its_own_rows() -> None:
    subset = Subset(columns(20), np.array([3, 5, 8, 13]))
    assert (subset.rows, subset.names) == (4, ("x", "row"))
    rows = [batch["row"].tolist() for batch in Batches(subset, 3).epoch()]
    assert rows == [[3, 5, 8], [13]]
    shuffled = np.concatenate([batch["row"] for batch in Batches(subset, 3, shuffle=True).epoch()])
    assert sorted(shuffled.tolist()) == [3, 5, 8, 13]


class Recorder:
    """Columns that count what is taken, and fail at a chosen row."""

    def __init__(self, rows: int, fail_at: int | None = None) -> None:
        self.rows = rows
        self.names = ("row",)
        self.row_bytes = None
        self.fail_at = fail_at
        self.taken: list[list[int]] = []
        self.threads: set[str] = set()

    def take(self, rows: Rows) -> Batch:
        numbers = np.arange(self.rows)[rows]
        self.threads.add(threading.current_thread().name)
        if self.fail_at is not None and self.fail_at in numbers:
            raise OSError(f"row {self.fail_at} cannot be read")
        self.taken.append(numbers.tolist())
        return {"row": numbers}


def test_batches_before_the_start_step_are_never_taken() -> None:
    source = Recorder(10)
    assert [batch["row"].tolist() for batch in Batches(source, 3).epoch(0, start_step=2)] == [[6, 7, 8], [9]]
    assert source.taken == [[6, 7, 8], [9]]


def test_files_are_read_in_the_background_and_only_so_far_ahead() -> None:
    source = Recorder(100)
    batches = Batches(source, 1).epoch()
    next(batches)
    deadline = time.monotonic() + 5
    while len(source.taken) < 1 + PREFETCH_DEPTH and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.02)  # time in which a reader without a bound would go on
    assert len(source.taken) == 1 + PREFETCH_DEPTH
    assert all(name.startswith("netwright-batches") for name in source.threads)
    batches.close()  # type: ignore[attr-defined]


def test_taking_overlaps_with_the_consumer() -> None:
    """The next batch is taken while the consumer still uses the one before."""
    taken = threading.Event()
    results = ahead([lambda: 1, lambda: 2, taken.set], depth=2)
    assert next(results) == 1
    assert taken.wait(timeout=10)
    assert list(results) == [2, None]


def test_small_batches_in_memory_are_taken_on_the_spot() -> None:
    small = columns(100)
    for _ in Batches(small, 10).epoch():
        assert prefetch_threads() == []
    large = columns(4, width=INLINE_BYTES // 4)
    for _ in Batches(large, 2).epoch():
        assert len(prefetch_threads()) == 1
    for _ in Batches(small, 10, prefetch=1).epoch():
        assert len(prefetch_threads()) == 1
    assert prefetch_threads() == []


def test_prepare_runs_in_the_background() -> None:
    def prepare(batch: Batch) -> tuple[str, int]:
        return threading.current_thread().name, int(batch["row"].sum())

    prepared = list(Batches(columns(4), 2).epoch(prepare=prepare))
    assert [total for _, total in prepared] == [1, 5]
    assert all(name.startswith("netwright-batches") for name, _ in prepared)
    assert [total for _, total in Batches(columns(4), 2, prefetch=0).epoch(prepare=prepare)] == [1, 5]


@pytest.mark.parametrize("prefetch", [0, 2])
def test_an_error_reaches_the_consumer_in_its_place(prefetch: int) -> None:
    batches = Batches(Recorder(10, fail_at=5), 2, prefetch=prefetch).epoch()
    seen = [next(batches)["row"].tolist(), next(batches)["row"].tolist()]
    assert seen == [[0, 1], [2, 3]]
    with pytest.raises(OSError, match=r"^row 5 cannot be read$"):
        next(batches)
    assert prefetch_threads() == []
    with pytest.raises(StopIteration):
        next(batches)


def test_leaving_early_ends_the_thread() -> None:
    for batch in Batches(Recorder(1000), 1, prefetch=3).epoch():
        assert batch["row"].tolist() == [0]
        break
    assert prefetch_threads() == []

    def consumer_fails() -> None:
        for _ in Batches(Recorder(1000), 1, prefetch=3).epoch():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        consumer_fails()
    assert prefetch_threads() == []


def test_an_iterator_never_used_starts_no_thread() -> None:
    Batches(Recorder(10), 1, prefetch=2).epoch()
    assert prefetch_threads() == []


@pytest.mark.parametrize("prefetch", [0, 2])
@pytest.mark.parametrize("shuffle", [False, True])
def test_kept_batches_never_change(prefetch: int, shuffle: bool) -> None:
    batches = Batches(columns(50), 7, shuffle=shuffle, prefetch=prefetch)
    kept = list(batches.epoch(3))
    copies = [{name: array.copy() for name, array in batch.items()} for batch in kept]
    for epoch in range(4, 8):
        list(batches.epoch(epoch))
    for batch, copy in zip(kept, copies, strict=True):
        for name, array in batch.items():
            np.testing.assert_array_equal(array, copy[name])
            assert array.flags.c_contiguous


def test_the_data_cannot_be_written_through_a_batch() -> None:
    (batch,) = Batches(columns(4), 4).epoch()
    with pytest.raises(ValueError, match="read-only"):
        batch["x"][0] = 1


def test_batch_size_must_be_positive() -> None:
    with pytest.raises(ValueError, match=r"^batch_size must be at least 1, received 0$"):
        Batches(columns(4), 0)
