"""Data larger than memory: every row once, the same order for the same seed, few blocks in memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from netwright.runtime.data import blocks as blocks_module
from netwright.runtime.data.batches import Batches
from netwright.runtime.data.blocks import BlockSplit, LoadedBlocks, rebatched
from netwright.runtime.data.columns import Batch
from netwright.runtime.data.plan import load_partitions
from netwright.runtime.errors import UserError

pa = pytest.importorskip("pyarrow")
import pyarrow.parquet as pq  # noqa: E402

X = {"name": "x", "dtype": "float32", "shape": []}
block_sizes = st.lists(st.integers(1, 12), min_size=1, max_size=9)


def stored(sizes: list[int], window: int, loads: list[int] | None = None) -> LoadedBlocks:
    """Blocks whose column `row` counts the rows; `loads` gets the number of each block that is read."""
    starts = np.concatenate([[0], np.cumsum(sizes)])

    def load(block: int) -> Batch:
        if loads is not None:
            loads.append(block)
        return {"row": np.arange(starts[block], starts[block + 1])}

    return LoadedBlocks(sizes, ["row"], load, blocks_module.WINDOW_BYTES // window)


@settings(deadline=None, max_examples=60)
@given(sizes=block_sizes, window=st.integers(1, 4), data=st.data())
def test_any_rows_in_any_order(sizes: list[int], window: int, data: st.DataObject) -> None:
    columns = stored(sizes, window)
    wanted = data.draw(st.lists(st.integers(0, sum(sizes) - 1), min_size=1, max_size=30))
    assert columns.take(np.array(wanted))["row"].tolist() == wanted
    start, stop = sorted((data.draw(st.integers(0, sum(sizes) - 1)), sum(sizes)))
    assert columns.take(slice(start, stop))["row"].tolist() == list(range(start, stop))


@settings(deadline=None, max_examples=60)
@given(
    sizes=block_sizes,
    window=st.integers(1, 4),
    batch=st.integers(1, 20),
    epoch=st.integers(0, 3),
    skip=st.integers(0, 3),
    shuffle=st.booleans(),
)
def test_an_epoch_has_every_row_once_and_resumes(
    sizes: list[int], window: int, batch: int, epoch: int, skip: int, shuffle: bool
) -> None:
    batches = Batches(stored(sizes, window), batch, shuffle=shuffle, seed=3, prefetch=0)
    taken = [b["row"].tolist() for b in batches.epoch(epoch)]
    assert sorted(row for rows in taken for row in rows) == list(range(sum(sizes)))
    assert [len(rows) for rows in taken[:-1]] == [batch] * (len(taken) - 1)
    assert len(taken) == batches.steps
    assert [b["row"].tolist() for b in batches.epoch(epoch, skip)] == taken[skip:]


def test_orders_differ_between_epochs_and_mix_blocks() -> None:
    batches = Batches(stored([50] * 20, 5), 100, shuffle=True, seed=0, prefetch=0)
    first, second = (np.concatenate([b["row"] for b in batches.epoch(epoch)]) for epoch in (0, 1))
    assert not np.array_equal(first, second)
    assert {row // 50 for row in first[:100].tolist()} == {row // 50 for row in first[:250].tolist()}
    assert len({row // 50 for row in first[:250].tolist()}) == 5


def test_an_epoch_reads_each_block_once() -> None:
    loads: list[int] = []
    batches = Batches(stored([50] * 20, 5, loads), 7, shuffle=True, seed=0, prefetch=0)
    for _ in batches.epoch(0):
        pass
    assert len(loads) <= 20 + 3 * 5  # a batch over the border of two windows may bring back a block
    assert set(loads) == set(range(20))


@settings(deadline=None, max_examples=60)
@given(
    sizes=block_sizes,
    window=st.integers(1, 4),
    fractions=st.lists(st.floats(0.05, 0.4), min_size=0, max_size=2),
    seed=st.integers(0, 5),
)
def test_a_split_takes_every_row_once(sizes: list[int], window: int, fractions: list[float], seed: int) -> None:
    parts = BlockSplit(stored(sizes, window), fractions, seed).parts()
    rows = [part.take(slice(None))["row"].tolist() if part.rows else [] for part in parts]
    assert sorted(row for part in rows for row in part) == list(range(sum(sizes)))
    for part, fraction in zip(rows, fractions, strict=False):
        assert abs(len(part) - sum(sizes) * fraction) <= 1.5
    again = BlockSplit(stored(sizes, window), fractions, seed).parts()
    assert [part.take(slice(None))["row"].tolist() if part.rows else [] for part in again] == rows


def test_batches_of_a_part() -> None:
    part = BlockSplit(stored([30] * 10, 2), [0.3], 1).parts()[1]
    taken = [b["row"] for b in Batches(part, 16, shuffle=True, seed=1, prefetch=0).epoch(0)]
    assert len(np.unique(np.concatenate(taken))) == part.rows == 210


def test_rebatched_pieces() -> None:
    pieces = [np.arange(5), np.arange(5, 7), np.arange(7, 20)]
    assert [piece.tolist() for piece in rebatched(iter(pieces), 6, skip=6)] == [
        [6, 7, 8, 9, 10, 11],
        [12, 13, 14, 15, 16, 17],
        [18, 19],
    ]


def write(path: Path, x: np.ndarray, group: int) -> None:
    pq.write_table(pa.table({"x": x, "label": (np.arange(len(x)) % 3).astype(np.int8)}), path, row_group_size=group)


def plan(stream: bool | None, **more: object) -> dict[str, object]:
    return {"source": {"parquet": {"path": "a.parquet", "stream": stream}}, **more}


def test_bad_values_are_found_when_they_are_read(tmp_path: Path, refuses) -> None:
    x = np.arange(40.0)
    x[33] = np.inf
    write(tmp_path / "a.parquet", x, 10)
    parts = load_partitions(plan(True), [X], [], tmp_path)
    assert parts.train.take(slice(0, 20))["x"].tolist() == list(range(20))
    with refuses("data source 'parquet', column 'x', row 33: inf is not a finite number"):
        parts.train.take(np.array([2, 33, 7]))
    with refuses("data source 'parquet', column 'x', row 33: inf is not a finite number"):
        parts.train.take(slice(30, 40))


def test_a_mean_over_blocks(tmp_path: Path) -> None:
    x = np.arange(40.0)
    x[::5] = np.nan
    write(tmp_path / "a.parquet", x, 7)
    data = {"source": {"parquet": {"path": "a.parquet", "stream": True, "missing": {"x": "mean"}}}}
    filled = load_partitions(data, [X], [], tmp_path).train.take(slice(None))["x"]
    assert filled[::5].tolist() == pytest.approx([float(np.nanmean(x))] * 8, rel=1e-6)


def test_what_needs_all_rows_at_once_is_refused(tmp_path: Path, refuses) -> None:
    write(tmp_path / "a.parquet", np.arange(40.0), 7)
    label = {"name": "label", "dtype": "int64", "shape": [], "classes": 3}
    with refuses(
        "data.split.stratify: 'label' cannot be looked at as a whole, since the data are read block by block",
        "leave it out, or set `stream: false` to read everything into memory",
    ):
        load_partitions(plan(True, split={"test": 0.2, "stratify": "label"}), [X], [label], tmp_path)
    with refuses(
        "data.balance: the classes cannot be counted beforehand, since the data are not in memory",
        "weigh the loss with class_weights instead",
    ):
        load_partitions(plan(True, balance={"method": "oversample", "by": None}), [X], [label], tmp_path)
    with pytest.raises(UserError, match=r"data\.split: 0\.001 of 40 rows is not a single row"):
        load_partitions(plan(True, split={"test": 0.001}), [X], [label], tmp_path)


def test_large_files_stream_by_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.parquet", np.arange(4000.0), 100)
    for limit, streamed in ((1000, True), (1 << 20, False)):
        monkeypatch.setattr("netwright.runtime.data.tables.MEMORY_BYTES", limit)
        parts = load_partitions(plan(None, split={"test": 0.25}), [X], [], tmp_path)
        assert (parts.train.row_bytes is None) is streamed
        assert parts.rows() == {"train": 3000, "test": 1000}


def test_memory_stays_bounded(tmp_path: Path) -> None:
    """An epoch over 128 MB of numbers grows the process by far less. A file of 5 GB was measured by hand."""
    schema = pa.schema([("x", pa.list_(pa.float32(), 64))])
    with pq.ParquetWriter(tmp_path / "a.parquet", schema, compression="none", use_dictionary=False) as out:
        for group in range(32):
            rows = pa.FixedSizeListArray.from_arrays(pa.array(np.full(16_000 * 64, group, np.float32)), 64)
            out.write_table(pa.table({"x": rows}, schema=schema))
    script = f"""
import resource
from pathlib import Path
import netwright.runtime.data.blocks as blocks
from netwright.runtime.data.batches import Batches
from netwright.runtime.data.plan import load_partitions
blocks.WINDOW_BYTES = 16 << 20
source = {{"parquet": {{"path": "a.parquet", "stream": True}}}}
x = {{"name": "x", "dtype": "float32", "shape": [64]}}
parts = load_partitions({{"source": source, "split": {{"test": 0.1}}}}, [x], [], Path({str(tmp_path)!r}))
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
batches = Batches(parts.train, 4096, shuffle=True)
first = next(batches.epoch(0))
before = peak()
rows = sum(len(batch["x"]) for batch in batches.epoch(0))
print(rows, peak() - before)
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    rows, grown = result.stdout.split()
    assert int(rows) == 460_800
    assert float(grown) < 60
