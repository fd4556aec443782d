"""Plain YAML scalars as their author meant them: the core schema of YAML 1.2.

PyYAML follows YAML 1.1, where `no` is false, `1e-3` is text, `010` is eight and `12:30` is seven hundred and fifty.
"""

from __future__ import annotations

import math
import re
import struct
from typing import TypeAlias

Scalar: TypeAlias = bool | int | float | str | None

_NULL = frozenset(["", "~", "null", "Null", "NULL"])
_TRUE = frozenset(["true", "True", "TRUE"])
_FALSE = frozenset(["false", "False", "FALSE"])
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITY = re.compile(r"[-+]?\.(inf|Inf|INF)")
_NAN = frozenset([".nan", ".NaN", ".NAN"])

_LONGEST_NUMBER = 400  # characters; any 64-bit number is far shorter, and Python refuses to parse enormous ones


class OutOfRangeError(ValueError):
    """A number that no 64-bit type can hold."""


def resolve(text: str) -> Scalar:
    """The value of an unquoted scalar. Raises `OutOfRangeError` for a number beyond 64 bits."""
    if text in _NULL:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if _INTEGER.fullmatch(text):
        return _integer(text, 10)
    if _OCTAL.fullmatch(text):
        return _integer(text[2:], 8)
    if _HEXADECIMAL.fullmatch(text):
        return _integer(text[2:], 16)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if math.isinf(number):
            raise OutOfRangeError(text)
        return number
    if _INFINITY.fullmatch(text):
        return -math.inf if text[0] == "-" else math.inf
    if text in _NAN:
        return math.nan
    return text


def as_float32(number: float) -> float:
    """The number as float32 holds it: infinite beyond 3.4e38, 0 below 7e-46. NaN and infinities stay."""
    try:
        rounded: float = struct.unpack("f", struct.pack("f", number))[0]
    except OverflowError:
        return math.copysign(math.inf, number)
    return rounded


def fits_float32(number: float) -> bool:
    """Whether it is a number and remains one, other than 0, as float32."""
    rounded = as_float32(number)
    return math.isfinite(rounded) and (rounded != 0 or number == 0)


def _integer(digits: str, base: int) -> int:
    if len(digits) > _LONGEST_NUMBER:
        raise OutOfRangeError(digits)
    number = int(digits, base)
    if not -(2**63) <= number < 2**63:
        raise OutOfRangeError(digits)
    return number
