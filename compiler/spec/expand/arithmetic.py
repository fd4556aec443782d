"""Arithmetic in `${…}`: a safe subset of Python's expression grammar over numbers, text, truth and lists.

Text is parsed by Python's `ast` and walked here; nothing is executed. Every number fits in 64 bits and is checked
before it is computed where computing it could take long, so `9**9**9` is an error, not a wait.
"""

from __future__ import annotations

import ast
import keyword
import math
import operator
import warnings
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from ..suggest import did_you_mean
from ..wording import received

LONGEST: Final = 500
DEEPEST: Final = 40
LARGEST: Final = 2**63
MOST_ITEMS: Final = 1_000
_LONGEST_SHOWN: Final = 40


class ArithmeticMistake(Exception):
    """Why a formula has no value, and what to do about it."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        self.message = message
        self.hint = hint
        super().__init__(message)


class UnknownError(Exception):
    """A formula mentions a name whose own value is a mistake, which has been reported."""


UNKNOWN: Final = object()
"""The value of such a name."""

LATER: Final = object()
"""The value of a constant before it is made."""


def evaluate(text: str, names: Mapping[str, Any]) -> Any:
    """The value of the formula `text`. Raises ArithmeticMistake for everything that has none,
    UnknownError where that has been reported.
    """
    return _Evaluator(text.strip(), names).value(_parse(text))


def is_usable_name(name: str) -> bool:
    """Whether a formula can mention the name."""
    return name.isidentifier() and name.isascii() and not keyword.iskeyword(name) and name not in _TAKEN


@lru_cache(maxsize=2048)
def _parse(text: str) -> ast.expr:
    if len(text) > LONGEST:
        raise ArithmeticMistake(f"a formula in ${{…}} has at most {LONGEST} characters, received {len(text)}")
    if not text.strip():
        raise ArithmeticMistake("'${}' holds no formula", "write a name or a calculation inside, such as ${2 * width}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # such as `1or 2`, which Python only warns of
            body = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ArithmeticMistake(f"{received(text.strip())} is not a formula", _HINT) from None
    _require_shallow(body, 0)
    return body


def _require_shallow(node: ast.AST, depth: int) -> None:
    if depth > DEEPEST:
        raise ArithmeticMistake(f"a formula in ${{…}} nests at most {DEEPEST} levels deep")
    for child in ast.iter_child_nodes(node):
        _require_shallow(child, depth + 1)


class _Evaluator:
    def __init__(self, text: str, names: Mapping[str, Any]) -> None:
        self._text = text
        self._names = names

    def value(self, node: ast.expr) -> Any:
        method = _NODES.get(type(node))
        if method is None:
            raise self._foreign(node)
        try:
            return method(self, node)
        except OverflowError:
            raise ArithmeticMistake(f"'{self._shown(node)}' does not fit in 64 bits") from None

    def _foreign(self, node: ast.expr) -> ArithmeticMistake:
        return ArithmeticMistake(f"'{self._shown(node)}' is not part of a formula in ${{…}}", _HINT)

    def _shown(self, node: ast.expr) -> str:
        """A part of the formula as it was written."""
        text = ast.get_source_segment(self._text, node) or ast.unparse(node)
        return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"

    def _constant(self, node: ast.Constant) -> Any:
        if isinstance(node.value, (bool, str)) or node.value is None:
            return node.value
        if isinstance(node.value, (int, float)):
            return _number(node.value)
        raise self._foreign(node)

    def _name(self, node: ast.Name) -> Any:
        if node.id in self._names:
            if self._names[node.id] is UNKNOWN:
                raise UnknownError
            if self._names[node.id] is LATER:
                raise ArithmeticMistake(
                    f"the constant '{node.id}' is made below", "a constant is made of those above it"
                )
            return self._names[node.id]
        if node.id in _WORDS:
            return _WORDS[node.id]
        if node.id in FUNCTIONS:
            raise ArithmeticMistake(f"'{node.id}' is a function", f"give it arguments: {node.id}(…)")
        raise ArithmeticMistake(
            f"there is no '{node.id}' to calculate with", did_you_mean(node.id, list(self._names), "names here")
        )

    def _list(self, node: ast.List) -> list[Any]:
        return [self.value(item) for item in node.elts]

    def _binary(self, node: ast.BinOp) -> int | float:
        left, right = self.value(node.left), self.value(node.right)
        symbol, compute = _BINARY.get(type(node.op), ("", None))
        if compute is None:
            raise self._foreign(node)
        for operand in (left, right):
            if not _is_number(operand):
                raise ArithmeticMistake(f"'{symbol}' takes numbers, received {received(operand)}")
        try:
            return _number(compute(left, right))
        except ZeroDivisionError:
            raise ArithmeticMistake(f"'{self._shown(node)}' divides by zero") from None

    def _unary(self, node: ast.UnaryOp) -> Any:
        operand = self.value(node.operand)
        if isinstance(node.op, ast.Not):
            return not _truth(operand)
        if isinstance(node.op, ast.Invert):
            raise self._foreign(node)
        if not _is_number(operand):
            raise ArithmeticMistake(f"a sign takes a number, received {received(operand)}")
        return _number(-operand if isinstance(node.op, ast.USub) else operand)

    def _compare(self, node: ast.Compare) -> bool:
        left = self.value(node.left)
        for op, comparator in zip(node.ops, node.comparators, strict=True):
            right = self.value(comparator)
            if not self._holds(op, left, right):
                return False
            left = right
        return True

    def _holds(self, op: ast.cmpop, left: Any, right: Any) -> bool:
        if isinstance(op, (ast.Eq, ast.NotEq)):
            same = type(left) is type(right) or (_is_number(left) and _is_number(right))
            return (same and left == right) is isinstance(op, ast.Eq)
        if isinstance(op, (ast.In, ast.NotIn)):
            if not isinstance(right, list):
                raise ArithmeticMistake(f"'in' takes a list, received {received(right)}")
            return any(self._holds(ast.Eq(), left, item) for item in right) is isinstance(op, ast.In)
        compare = _ORDER.get(type(op))
        if compare is None:
            raise ArithmeticMistake("'is' is not part of a formula in ${…}", "compare with ==")
        for operand in (left, right):
            if not _is_number(operand):
                raise ArithmeticMistake(f"'<' and '>' compare numbers, received {received(operand)}")
        return compare(left, right)

    def _boolean(self, node: ast.BoolOp) -> bool:
        wanted = isinstance(node.op, ast.Or)
        return (
            any(_truth(self.value(v)) for v in node.values)
            if wanted
            else all(_truth(self.value(v)) for v in node.values)
        )

    def _conditional(self, node: ast.IfExp) -> Any:
        return self.value(node.body if _truth(self.value(node.test)) else node.orelse)

    def _subscript(self, node: ast.Subscript) -> Any:
        items, index = self.value(node.value), self.value(node.slice)
        if not isinstance(items, list):
            raise ArithmeticMistake(
                f"'[{self._shown(node.slice)}]' takes an item of a list, received {received(items)}"
            )
        if not isinstance(index, int) or isinstance(index, bool):
            raise ArithmeticMistake(f"a list is indexed by an integer, received {received(index)}")
        if not -len(items) <= index < len(items):
            count = "1 item" if len(items) == 1 else f"{len(items)} items"
            raise ArithmeticMistake(f"there is no item [{index}] in a list of {count}", "items are counted from 0")
        return items[index]

    def _call(self, node: ast.Call) -> Any:
        name = self._shown(node.func)
        function = FUNCTIONS.get(name)
        if function is None:
            raise ArithmeticMistake(f"there is no function '{name}'", did_you_mean(name, FUNCTIONS, "functions"))
        if node.keywords:
            raise ArithmeticMistake(f"'{name}' takes no named arguments")
        return function(name, [self.value(argument) for argument in node.args])


# --- numbers -------------------------------------------------------------------------------------------------------


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number(value: int | float | complex) -> int | float:
    """The number, or OverflowError when 64 bits cannot hold it."""
    if isinstance(value, complex):
        raise ArithmeticMistake("the root of a negative number is not a number")
    if isinstance(value, int) and not -LARGEST <= value < LARGEST:
        raise OverflowError
    if isinstance(value, float) and not math.isfinite(value):
        raise OverflowError
    return value


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        message = f"a condition must be true or false, received {received(value)}"
        raise ArithmeticMistake(message, "compare, as in n > 0")
    return value


def _divide(a: int | float, b: int | float) -> int | float:
    """Exact for integers that divide: `${width / 2}` is a size wherever there is one."""
    return a // b if isinstance(a, int) and isinstance(b, int) and a % b == 0 else a / b


def _power(a: int | float, b: int | float) -> Any:
    if isinstance(a, int) and isinstance(b, int) and abs(a) > 1 and b > 64:
        raise OverflowError
    return a**b


_Operation = Callable[[Any, Any], Any]
_BINARY: Final[dict[type[ast.operator], tuple[str, _Operation]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Div: ("/", _divide),
    ast.FloorDiv: ("//", operator.floordiv),
    ast.Mod: ("%", operator.mod),
    ast.Pow: ("**", _power),
}
_ORDER: Final[dict[type[ast.cmpop], Callable[[Any, Any], bool]]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_WORDS: Final[dict[str, Any]] = {"true": True, "false": False, "null": None}


# --- functions -----------------------------------------------------------------------------------------------------


def _numbers(name: str, arguments: list[Any], least: int, most: int) -> list[Any]:
    if not least <= len(arguments) <= most:
        wanted = str(least) if least == most else f"{least} to {most}" if most < MOST_ITEMS else f"at least {least}"
        plural = "" if wanted.endswith(" 1") or wanted == "1" else "s"
        raise ArithmeticMistake(f"'{name}' takes {wanted} argument{plural}, received {len(arguments)}")
    for argument in arguments:
        if not _is_number(argument):
            raise ArithmeticMistake(f"'{name}' takes numbers, received {received(argument)}")
    return arguments


def _extremum(name: str, arguments: list[Any]) -> Any:
    """Of several numbers, or of one list of them."""
    if len(arguments) == 1 and isinstance(arguments[0], list):
        arguments = arguments[0]
    choose = max if name == "max" else min
    return choose(_numbers(name, arguments, 1, MOST_ITEMS))


def _round(name: str, arguments: list[Any]) -> Any:
    number, *digits = _numbers(name, arguments, 1, 2)
    if not digits:
        return _number(round(number))
    if not isinstance(digits[0], int) or abs(digits[0]) > 20:
        raise ArithmeticMistake(f"'round' keeps up to 20 digits, received {received(digits[0])}")
    return _number(round(number, digits[0]))


def _length(name: str, arguments: list[Any]) -> int:
    if len(arguments) != 1 or not isinstance(arguments[0], (list, str)):
        shown = ", ".join(received(argument) for argument in arguments) or "nothing"
        raise ArithmeticMistake(f"'{name}' takes a list or text, received {shown}")
    return len(arguments[0])


FUNCTIONS: Final[dict[str, Callable[[str, list[Any]], Any]]] = {
    "abs": lambda name, arguments: _number(abs(_numbers(name, arguments, 1, 1)[0])),
    "int": lambda name, arguments: _number(int(_numbers(name, arguments, 1, 1)[0])),
    "len": _length,
    "max": _extremum,
    "min": _extremum,
    "round": _round,
}
"""What a formula may call: `int` cuts the fraction off, `round` rounds halves to the even neighbour."""

_TAKEN: Final = frozenset([*FUNCTIONS, *_WORDS])
_HINT: Final = (
    "a formula has numbers, names, + - * / // % **, comparisons, `a if condition else b`, [lists], and "
    + ", ".join(FUNCTIONS)
)
_NODES: Final[dict[type[ast.expr], Callable[[_Evaluator, Any], Any]]] = {
    ast.Constant: _Evaluator._constant,
    ast.Name: _Evaluator._name,
    ast.List: _Evaluator._list,
    ast.BinOp: _Evaluator._binary,
    ast.UnaryOp: _Evaluator._unary,
    ast.Compare: _Evaluator._compare,
    ast.BoolOp: _Evaluator._boolean,
    ast.IfExp: _Evaluator._conditional,
    ast.Subscript: _Evaluator._subscript,
    ast.Call: _Evaluator._call,
}
