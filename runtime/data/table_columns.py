"""The columns of a table file: read at once, or block by block."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from ..errors import UserError
from .arrow_values import Decoder
from .blocks import LoadedBlocks
from .columns import ArrayColumns, Batch
from .table_files import TableFile


def loaded_table(file: TableFile, columns: Sequence[str], decoder: Decoder) -> ArrayColumns:
    """Every row in memory."""
    parts = []
    first = 0
    for block, size in enumerate(file.sizes):
        parts.append(decoder.decode(file.read(block, columns), first))
        first += size
    if not any(len(next(iter(part.values()))) for part in parts):
        raise _no_rows(file)
    return ArrayColumns({name: np.concatenate([part[name] for part in parts]) for name in columns}, str(file.path))


def streamed_table(file: TableFile, columns: Sequence[str], decoder: Decoder) -> LoadedBlocks:
    """Blocks that are read as they are needed. Where rows may be dropped, one pass now counts those that stay."""
    sizes: dict[int, int] = {}
    dropping = decoder.dropping(columns)
    for block, size in enumerate(file.sizes):
        mask = decoder.kept_rows(file.read(block, dropping)) if dropping else None
        count = size if mask is None else int(mask.sum())
        if count:
            sizes[block] = count
    if not sizes:
        raise _no_rows(file)
    blocks = list(sizes)
    firsts = [0, *accumulate(file.sizes)]

    def load(index: int) -> Batch:
        block = blocks[index]
        return decoder.decode(file.read(block, columns), firsts[block])

    return LoadedBlocks(list(sizes.values()), columns, load, file.stored_bytes(columns))


def _no_rows(file: TableFile) -> UserError:
    if sum(file.sizes):
        return UserError(f"{file.path}: no row is without missing values", "fill something in instead of `drop`")
    return UserError(f"{file.path}: there are no rows")
