"""Small parameters are updated together: one chain of operators over all biases instead of one a bias.

A bias of a few numbers costs an optimizer as many operator calls as a large matrix does, and each call some
microseconds, on CUDA a kernel launch. Joining costs one `Concat` for each tensor that is read and one `Split` for each
that is written. Measured by `benchmarks/train_step.py` in docs/performance.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from ..ir import Value, apply, constant, is_static, op

SMALL: Final = 8192
"""Numbers. Beyond, the two extra passes over them cost more than the calls that are saved."""
FEWEST: Final = 3
"""Tensors worth joining."""
MOST: Final = 32
"""Tensors joined at once. ONNX Runtime's `Concat` on CUDA refuses more while a step is recorded as a CUDA graph."""


def packs(values: Mapping[str, Value], alike: Callable[[str], Hashable]) -> list[tuple[str, ...]]:
    """The names in groups: small tensors that are `alike` together, every other one alone."""
    groups: dict[Hashable, list[str]] = {}
    for name, value in values.items():
        small = is_static(value.shape) and math.prod(_sizes(value)) <= SMALL
        groups.setdefault((value.dtype, alike(name)) if small else name, []).append(name)
    packed: list[tuple[str, ...]] = []
    for names in groups.values():
        packed.extend(_evenly(names) if len(names) >= FEWEST else [(name,) for name in names])
    return packed


def _evenly(names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """As few groups of at most MOST names as there can be, of nearly one size."""
    size = math.ceil(len(names) / math.ceil(len(names) / MOST))
    return (tuple(names[start : start + size]) for start in range(0, len(names), size))


def join(values: Sequence[Value]) -> Value:
    """All numbers of several tensors in one vector; a single tensor as it is."""
    if len(values) == 1:
        return values[0]
    return op.Concat(*(value if value.rank == 1 else op.Reshape(value, [-1]) for value in values), axis=0)


def part(joined: Value, like: Sequence[Value]) -> list[Value]:
    """The inverse of `join`: tensors in the shapes of `like`."""
    if len(like) == 1:
        return [joined]
    sizes = constant(np.array([math.prod(_sizes(value)) for value in like]))
    pieces = apply("Split", joined, sizes, axis=0)
    return [
        piece if value.rank == 1 else op.Reshape(piece, list(_sizes(value)))
        for piece, value in zip(pieces, like, strict=True)
    ]


def _sizes(value: Value) -> tuple[int, ...]:
    return tuple(dim for dim in value.shape if isinstance(dim, int))
