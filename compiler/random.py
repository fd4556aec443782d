"""Random numbers as graph arithmetic: a pure function of the seed, the step, the stream and the element's position.

Nothing is drawn in sequence, so a run repeats and resumes bit for bit in any host, and a layer's numbers do not depend
on other layers, on the size of the batch, or on the order of execution.

Element (i, j, …) of a tensor is the 64-bit integer

    x[i, j, …] = key · a[i] · b[j] · …   mod 2^64        all factors odd

where `key` is a hash of counter and stream, and a, b, … are fixed hash tables, one an axis. It is multiplicative
hashing (Dietzfelbinger, Hagerup, Katajainen and Penttonen, "A reliable randomized algorithm for the closest-pair
problem", J. Algorithms 25, 1997): over random odd keys every element is exactly uniform on the odd 64-bit integers, and
elements are related only by linear forms whose coefficients are far too large to show. The tables are as long as an
axis, fold to constants, and leave one pass over the tensor. Their entries and the key come from Widynski's "Squares: A
Fast Counter-Based RNG" (arXiv:2004.06278), whose squarings mix far better than shifts and additions.

Low bits of a product are not random (the lowest is always 1): everything below reads from the top.
`docs/adr/0003-random-numbers.md` has the tests, the figures and what was rejected.
"""

from __future__ import annotations

import hashlib
import math
import zlib
from collections.abc import Callable
from functools import lru_cache
from itertools import groupby
from typing import Final, TypeAlias

import numpy as np

from .errors import BuildError, InternalError
from .ir import Array, Dim, DType, Graph, Shape, Value, product, shape_text
from .ir.evaluate import evaluate
from .ops import constant, op

Extent: TypeAlias = "tuple[int, ...] | Value"
"""How large a random tensor is: a shape, or a value whose shape (it may be symbolic) is taken."""

_LARGEST_CONSTANT: Final = 4096
"""Numbers of a table that a model holds; it computes larger ones."""
_BELOW_ONE: Final = 1 - 2.0**-24  # the largest float32 below 1
_ERF_BOUND: Final = math.erf(math.sqrt(2))  # 2·Φ(2) − 1


def start(seed: Value) -> Value:
    """The random counter (int64 scalar) of the first step of a run with this seed (int64 scalar).

    The counter of each further step is one more. Runs of different seeds start far from each other.
    """
    return op.Cast(_squares(_unsigned(seed), _odd("start")), to=DType.int64.code)


def stream_of(name: str) -> int:
    """The random stream of a name: the same whatever else the network contains."""
    return zlib.crc32(name.encode())


def key(counter: Value, stream: int) -> Value:
    """The key (uint64 scalar, odd) of a stream at a counter (int64 scalar: a seed, or the random counter of a step).

    `stream` is any integer, such as that of the layer's name.
    """
    return keys(counter)(stream)


def keys(counter: Value) -> Callable[[int], Value]:
    """`key` for many streams of one counter, which is hashed once."""
    hashed = _squares(_unsigned(counter), _odd("key")) * 2 + 1
    return lambda stream: hashed * _constant(_odd(f"stream {stream}"))


def bits(key: Value, extent: Extent) -> Value:
    """Odd uint64 numbers whose high bits are random. One pass over the tensor, of 8 bytes an element."""
    shape = _shape(extent)
    groups = _axis_groups(shape)
    if not groups:
        return op.Reshape(key, [1] * len(shape))
    x = key
    for first, last in groups:
        table = _table(first, _length(extent, first, last))
        x = x * op.Reshape(table, _target(shape, first, last))
    return x


def bernoulli(key: Value, extent: Extent, probability: float) -> Value:
    """Booleans that are true with `probability`, which is exact to 2^-63.

    Raises BuildError for a probability outside [0, 1].
    """
    if not 0 <= probability <= 1:
        raise BuildError(f"a probability lies between 0 and 1, received {probability}")
    # Integers are compared, so no pass makes floats. x is never 0: `x <= 0` is the exact form of probability 0.
    bound = max(int(probability * 2**64) - 1, 0)
    return op.LessOrEqual(bits(key, extent), _constant(bound))


def dropout_mask(key: Value, extent: Extent, rate: float) -> Value:
    """float32: 0 with probability `rate`, else 1 / (1 − rate), so that a product with it keeps the mean.

    Raises BuildError for a rate outside [0, 1].
    """
    if not 0 <= rate <= 1:
        raise BuildError(f"a dropout rate lies between 0 and 1, received {rate}")
    kept = op.Cast(bernoulli(key, extent, 1 - rate), to=DType.float32.code)  # twice as fast as Where of two numbers
    return kept * (1 / (1 - rate) if rate < 1 else 0)


def uniform(key: Value, extent: Extent, low: float = 0.0, high: float = 1.0) -> Value:
    """float32 in (low, high): each number has the 24 leading bits of a 64-bit integer, whatever its size.

    With low = 0 and with low = −high neither end is ever returned; in between, `low + …` may round to an end.
    """
    if low == -high:
        return _signed(key, extent, high)
    unit = op.Abs(_signed(key, extent, high - low))
    return unit if low == 0 else unit + low


def normal(key: Value, extent: Extent, mean: float = 0.0, standard_deviation: float = 1.0) -> Value:
    """float32 from the normal distribution, by Box and Muller's transform, one of the pair (Ann. Math. Stat. 29, 1958).

    √(−2 ln u)·cos(2πv). u has full relative precision near 0, so the tails are right to 9 standard deviations;
    an inverse of the distribution function on a float32 argument ends at 5.4.
    """
    radius = op.Sqrt(op.Log(uniform(key, extent)) * (-2 * standard_deviation**2))
    angle = _signed(key * _constant(_odd("angle")), extent, math.pi)
    z = radius * op.Cos(angle)
    return z if mean == 0 else z + mean


def symmetric_beta(key: Value, extent: Extent, alpha: float) -> Value:
    """float32 in [0, 1] from Beta(α, α), for any α > 0, exact but for rounding; nothing is drawn and rejected.

    ½ ± ½·√(s / (p + s)) with p = u^(1/α) and s = (1 − p)·cos² 2πv, the sign that of the cosine: Bailey's polar form of
    Student's t with 2α degrees of freedom, of which a symmetric beta is a function (Devroye, Random Variate Generation
    in One Line of Code, Winter Simulation Conference 1996). ½·(1 − √…) is computed without a difference, so numbers
    near 0 have full relative precision.
    """
    p = op.Exp(op.Log(uniform(key, extent)) * (1 / alpha))
    cosine = op.Cos(_signed(key * _constant(_odd("angle")), extent, math.pi))
    s = cosine * cosine * (1 - p)
    below = 0.5 * p / ((p + s) * (1 + op.Sqrt(s / (p + s))))
    return op.Where(op.Less(cosine, 0.0), below, 1 - below)


def truncated_normal(key: Value, extent: Extent, mean: float = 0.0, standard_deviation: float = 1.0) -> Value:
    """float32 from the normal distribution cut off two standard deviations from its mean.

    `standard_deviation` is that of the distribution before cutting (0.880 of it remains). z = √2·erfinv(u) for u
    uniform in ±erf(√2), by the central polynomial of Giles, "Approximating the erfinv function" (GPU Computing Gems,
    2012), table 1: within ±2 standard deviations w < 5, so its branch for the tails is never taken.
    """
    u = _signed(key, extent, _ERF_BOUND)
    w = -2.5 - op.Log((1 - u) * (1 + u))
    coefficients = [c * math.sqrt(2) * standard_deviation for c in _ERFINV_CENTRAL]
    polynomial = w * coefficients[0] + coefficients[1]
    for coefficient in coefficients[2:]:
        polynomial = polynomial * w + coefficient
    z = polynomial * u
    return z if mean == 0 else z + mean


_ERFINV_CENTRAL: Final = (
    2.81022636e-08,
    3.43273939e-07,
    -3.5233877e-06,
    -4.39150654e-06,
    0.00021858087,
    -0.00125372503,
    -0.00417768164,
    0.246640727,
    1.50140941,
)


def _signed(key: Value, extent: Extent, limit: float) -> Value:
    """float32, uniform in (−limit, limit).

    Read as a signed integer, as x86 converts those without a branch: unsigned ones take 10 times as long. The largest
    rounds to 2^63, and the scale is one unit in the last place short, so that it stays below the limit.
    """
    integers = op.Cast(op.Cast(bits(key, extent), to=DType.int64.code), to=DType.float32.code)
    return integers * constant(np.float32(limit * _BELOW_ONE * 2.0**-63))


def _squares(counter: Value, key: int) -> Value:
    """Four rounds of Squares in uint64, the last without its shift; `counter` is a uint64 tensor, `key` is odd."""
    y = counter * _constant(key)
    z = y + _constant(key)
    x = _swap_halves(y * y + y)
    x = _swap_halves(x * x + z)
    x = _swap_halves(x * x + y)
    return x * x + z


def _swap_halves(x: Value) -> Value:
    """Rotate by 32 bits. Division is the only logical shift that both providers have."""
    return x / _constant(2**32) + x * _constant(2**32)


def _table(axis: int, length: int | Value) -> Value:
    """The factors of one axis: odd uint64 numbers, the same for every tensor. Small tables are constants at once."""
    if isinstance(length, int) and length <= _LARGEST_CONSTANT:
        return constant(_numbers(axis, length))
    return _computed_table(axis, constant(np.int64(length)) if isinstance(length, int) else length)


@lru_cache(maxsize=1024)
def _numbers(axis: int, length: int) -> Array:
    table = _computed_table(axis, constant(np.int64(length)))
    return evaluate(Graph("table", (), {"table": table}), {})["table"]


def _computed_table(axis: int, length: Value) -> Value:
    indices = op.Range(constant(np.int64(0)), length, constant(np.int64(1)))
    return _squares(_unsigned(indices), _odd(f"axis {axis}")) * 2 + 1


def _axis_groups(shape: Shape) -> list[tuple[int, int]]:
    """Runs of axes that share a table, as (first, last + 1).

    The first axis and every symbolic one stand alone, so that a partial batch or a shorter sequence gets the numbers
    at the same places; the fixed axes between them are flattened, so that few products are needed.
    """
    groups: list[tuple[int, int]] = []
    for alone, run in groupby(range(len(shape)), key=lambda axis: axis == 0 or not isinstance(shape[axis], int)):
        axes = list(run)
        groups += [(axis, axis + 1) for axis in axes] if alone else [(axes[0], axes[-1] + 1)]
    return [group for group in groups if product(shape[slice(*group)]) != 1]


def _length(extent: Extent, first: int, last: int) -> int | Value:
    """The number of elements of a group of axes; a scalar computed from the value's shape when it is symbolic."""
    length: Dim = product(_shape(extent)[first:last])
    if isinstance(length, int):
        return length
    if not isinstance(extent, Value):
        raise InternalError(f"random numbers of shape {shape_text(extent)} need a value to take the sizes of")
    return op.Squeeze(op.Shape(extent, start=first, end=last), [0])


def _target(shape: Shape, first: int, last: int) -> list[int]:
    """The constant shape that lays a table along its axes and broadcasts over the others."""
    sizes = [dim if isinstance(dim, int) else -1 for dim in shape[first:last]]
    return [1] * first + sizes + [1] * (len(shape) - last)


def _shape(extent: Extent) -> Shape:
    return extent.shape if isinstance(extent, Value) else extent


def _unsigned(value: Value) -> Value:
    return op.Cast(value, to=DType.uint64.code)


def _constant(number: int) -> Value:
    return constant(np.uint64(number))


def _odd(name: str) -> int:
    """A fixed odd 64-bit number for a name: the keys of the tables and streams."""
    digest = hashlib.blake2b(f"netwright {name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") | 1
