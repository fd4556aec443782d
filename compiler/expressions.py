"""Formulas in a spec: a safe subset of Python's expression grammar over named values.

    (a * b + 1) * (a * b + 2)        sigmoid(x @ w + b)        grad(energy, position)

Text is parsed by Python's `ast` and walked here; nothing is ever executed. A value inside a block is reached with a dot
(`block1.dense1`). The functions are listed in `FUNCTIONS`.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from .autodiff import NotDifferentiableError, gradients
from .errors import BuildError
from .ir import Array, DType, Value, apply, constant, counts_examples
from .ops import op
from .ops.cast import cast

LONGEST: Final = 10_000
DEEPEST: Final = 100
LARGEST_NUMBER: Final = float(np.finfo(np.float32).max)
LONGEST_SHOWN: Final = 200
WHAT_A_FORMULA_IS: Final = (
    "a formula has numbers, names, + - * / ** @, comparisons, `a if condition else b` and functions"
)
_MIXING: Final = frozenset(["grad", "mean", "sum", "transpose"])
"""Functions whose result depends on other places of their argument than its own."""


@dataclass(frozen=True)
class Formula:
    """A parsed formula. `names` are the values it mentions, each once, in order."""

    text: str
    body: ast.expr
    names: tuple[str, ...]

    @property
    def is_elementwise(self) -> bool:
        """Whether every number of the result depends on the numbers at its own place alone, but for the last axis."""
        for node in ast.walk(self.body):
            if isinstance(node, ast.MatMult) or (isinstance(node, ast.Name) and node.id in _MIXING):
                return False
        return True

    def build(self, values: Mapping[str, Value]) -> Value:
        """The formula's value. Raises BuildError where operands do not fit."""
        return _number(_Builder(values).value(self.body))


def parse(text: str) -> Formula:
    """Parse and check a formula. Raises BuildError for what is not in the language."""
    if len(text) > LONGEST:
        raise BuildError(f"a formula has at most {LONGEST} characters, received {len(text)}")
    try:
        body = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # also null characters and Python's own limits
        raise BuildError("the formula cannot be read", WHAT_A_FORMULA_IS) from None
    names: dict[str, None] = {}
    _check(body, names, 0)
    return Formula(text, body, tuple(names))


# --- checking ------------------------------------------------------------------------------------------------------

_BINARY: Final[dict[type[ast.operator], str]] = {
    ast.Add: "Add",
    ast.Sub: "Sub",
    ast.Mult: "Mul",
    ast.Div: "Div",
    ast.Pow: "Pow",
    ast.MatMult: "MatMul",
}
_COMPARISONS: Final[dict[type[ast.cmpop], str]] = {
    ast.Lt: "Less",
    ast.LtE: "LessOrEqual",
    ast.Gt: "Greater",
    ast.GtE: "GreaterOrEqual",
    ast.Eq: "Equal",
}


def _check(node: ast.expr, names: dict[str, None], depth: int) -> None:
    """Collect names; raise BuildError for what is not in the language."""
    if depth > DEEPEST:
        raise BuildError(f"the formula nests deeper than {DEEPEST} levels", "give a part of it a name of its own")
    if isinstance(node, (ast.Name, ast.Attribute)):
        names.setdefault(_dotted(node))
        return
    for child in _operands(node):
        _check(child, names, depth + 1)


def _operands(node: ast.expr) -> list[ast.expr]:
    """The parts of one node of the language; raises BuildError for any other node."""
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        if abs(node.value) > LARGEST_NUMBER:
            raise BuildError(f"the number {_shown(node)} is too large for float32")
        return []
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        return [node.left, node.right]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        return [node.operand]
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARISONS:
        return [node.left, node.comparators[0]]
    if isinstance(node, ast.IfExp):
        return [node.test, node.body, node.orelse]
    if isinstance(node, ast.Call):
        return _arguments(node)
    raise BuildError(f"'{_shown(node)}' is not part of a formula", WHAT_A_FORMULA_IS)


def _arguments(node: ast.Call) -> list[ast.expr]:
    name = node.func.id if isinstance(node.func, ast.Name) else _shown(node.func)
    function = FUNCTIONS.get(name)
    if function is None:
        close = difflib.get_close_matches(name, FUNCTIONS, 1)
        hint = f"did you mean '{close[0]}'?" if close else f"the functions are {', '.join(sorted(FUNCTIONS))}"
        raise BuildError(f"there is no function '{name}'", hint)
    if node.keywords or not function.least <= len(node.args) <= function.most:
        wanted = str(function.least) if function.least == function.most else f"{function.least} to {function.most}"
        plural = "" if wanted == "1" else "s"
        raise BuildError(f"'{name}' takes {wanted} argument{plural}, received {_shown(node)}")
    return node.args


def _dotted(node: ast.expr) -> str:
    """`block1.dense1` as the value's name, `block1/dense1`."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}/{node.attr}"
    raise BuildError(f"'{_shown(node)}' is not part of a formula", "a dot follows the name of a block")


def _shown(node: ast.expr) -> str:
    """A part of a formula for a message, shortened."""
    try:
        text = ast.unparse(node)
    except RecursionError:
        return "…"
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"


# --- building ------------------------------------------------------------------------------------------------------


class _Builder:
    def __init__(self, values: Mapping[str, Value]) -> None:
        self.values = values

    def value(self, node: ast.expr) -> Value:
        if isinstance(node, (ast.Name, ast.Attribute)):
            return self.values[_dotted(node)]
        if isinstance(node, ast.Constant):
            return constant(float(node.value), DType.float32)  # type: ignore[arg-type]
        if isinstance(node, ast.UnaryOp):
            operand = _number(self.value(node.operand))
            if isinstance(node.op, ast.UAdd):
                return operand
            return -operand if operand.constant is None else constant(-operand.constant, operand.dtype)
        if isinstance(node, ast.BinOp):
            left, right = _alike(_number(self.value(node.left)), _number(self.value(node.right)))
            if isinstance(node.op, ast.Div) or (isinstance(node.op, ast.Pow) and _has_negative(right)):
                left, right = _fraction(left), _fraction(right)
            result: Value = getattr(op, _BINARY[type(node.op)])(left, right)
            return result
        if isinstance(node, ast.Compare):
            left, right = _alike(_number(self.value(node.left)), _number(self.value(node.comparators[0])))
            compared: Value = getattr(op, _COMPARISONS[type(node.ops[0])])(left, right)
            return compared
        if isinstance(node, ast.IfExp):
            return _where(self.value(node.test), self.value(node.body), self.value(node.orelse))
        assert isinstance(node, ast.Call)  # nothing else passes the check
        assert isinstance(node.func, ast.Name)
        return FUNCTIONS[node.func.id].build(*(self.value(argument) for argument in node.args))


def _number(value: Value) -> Value:
    """Truth as 0 and 1."""
    return cast(value, DType.float32) if value.dtype is DType.boolean else value


def _fraction(value: Value) -> Value:
    """Whole numbers as float32, where the result is none."""
    return cast(value, DType.float32) if value.dtype.is_integer else value


def _has_negative(value: Value) -> bool:
    return value.constant is not None and bool(np.any(value.constant < 0))


def _alike(a: Value, b: Value) -> tuple[Value, Value]:
    """One dtype for both: a number written in the formula takes that of what it meets, unless it would lose its
    fraction; whole numbers that meet fractions become such."""
    if a.dtype is b.dtype:
        return a, b
    if a.constant is not None and _fits(a.constant, b.dtype):
        return constant(a.constant, b.dtype), b
    if b.constant is not None and _fits(b.constant, a.dtype):
        return a, constant(b.constant, a.dtype)
    if a.dtype.is_integer and b.dtype.is_float:
        return cast(a, b.dtype), b
    if a.dtype.is_float and b.dtype.is_integer:
        return a, cast(b, a.dtype)
    return a, b


def _fits(array: Array, dtype: DType) -> bool:
    """Whether a dtype of numbers can hold a constant without cutting it."""
    if dtype.is_float:
        return True
    if not dtype.is_integer:
        return False
    limits = np.iinfo(dtype.numpy)
    return bool(np.all((array == np.floor(array)) & (array >= limits.min) & (array < float(limits.max) + 1)))


def _where(condition: Value, yes: Value, no: Value) -> Value:
    test = condition if condition.dtype is DType.boolean else op.Greater(condition, 0)
    return op.Where(test, *_alike(_number(yes), _number(no)))


def _total(value: Value) -> Value:
    """The sum over every axis but the batch axis."""
    return op.ReduceSum(value, _own_axes(value), keepdims=0) if _own_axes(value) else value


def _average(value: Value) -> Value:
    value = _fraction(value)
    return op.ReduceMean(value, _own_axes(value), keepdims=0) if _own_axes(value) else value


def _own_axes(value: Value) -> list[int]:
    return [axis for axis, dim in enumerate(value.shape) if not (axis == 0 and counts_examples(dim))]


def _gradient(y: Value, x: Value) -> Value:
    """d(sum of y) / dx, in the shape of x. The examples of a batch do not mix, so each row is its own gradient."""
    try:
        (found,) = gradients([op.ReduceSum(y, keepdims=0)], [x])
    except NotDifferentiableError as error:
        raise BuildError(f"grad: {error}") from None
    if found is None:
        raise BuildError("grad: the first argument does not depend on the second", "exchange the two")
    return found


def _transposed(value: Value) -> Value:
    """The last two axes exchanged."""
    if value.rank < 2:
        raise BuildError(f"transpose: needs two axes, received {value.type}")
    axes = list(range(value.rank))
    axes[-1], axes[-2] = axes[-2], axes[-1]
    return op.Transpose(value, perm=axes)


def _part(value: Value, index: Value, parts: Value) -> Value:
    numbers = [None if number.constant is None else float(number.constant) for number in (index, parts)]
    i, n = (int(number) if number is not None and number.is_integer() else -1 for number in numbers)
    size = value.shape[-1] if value.rank else None
    if not (isinstance(size, int) and 0 <= i < n and size % n == 0):
        raise BuildError(
            f"part: cannot take one of equal parts of {value.type}",
            "write part(x, 0, 4) for the first of four; their number must divide the last axis",
        )
    return apply("Split", value, None, axis=-1, num_outputs=n)[i] if n > 1 else value


@dataclass(frozen=True)
class Function:
    """A function of formulas: how many values it takes, what it builds, and its line in the reference."""

    build: Callable[..., Value]
    doc: str
    least: int = 1
    most: int = 1
    example: str = ""
    """A use of it over a value x; `name(x)` unless given."""


def _unary(op_type: str, doc: str) -> Function:
    return Function(lambda x: getattr(op, op_type)(_number(x)), doc)


FUNCTIONS: Final[dict[str, Function]] = {
    "abs": _unary("Abs", "|x|"),
    "cos": _unary("Cos", "cosine, x in radians"),
    "erf": _unary("Erf", "the error function"),
    "exp": _unary("Exp", "e to the power x"),
    "grad": Function(_gradient, "grad(y, x): the gradient of y by x, example by example", 2, 2, "grad(sum(x ** 2), x)"),
    "log": _unary("Log", "the natural logarithm"),
    "max": Function(lambda a, b: op.Max(*_alike(_number(a), _number(b))), "max(a, b), elementwise", 2, 2, "max(x, 0)"),
    "mean": Function(lambda x: _average(_number(x)), "the mean over every axis but the batch"),
    "min": Function(lambda a, b: op.Min(*_alike(_number(a), _number(b))), "min(a, b), elementwise", 2, 2, "min(x, 1)"),
    "part": Function(
        _part, "part(x, i, n): the i-th, from 0, of n equal parts of the last axis", 3, 3, "part(x, 0, 2)"
    ),
    "relu": _unary("Relu", "max(x, 0)"),
    "sigmoid": _unary("Sigmoid", "1 / (1 + e^-x)"),
    "sign": _unary("Sign", "-1, 0 or 1"),
    "sin": _unary("Sin", "sine, x in radians"),
    "softmax": Function(lambda x: op.Softmax(x, axis=-1), "softmax over the last axis"),
    "softplus": _unary("Softplus", "log(1 + e^x)"),
    "sqrt": _unary("Sqrt", "the square root"),
    "step": Function(
        lambda x: op.Cast(op.GreaterOrEqual(_number(x), 0), to=DType.float32.code), "Θ(x): 1 where x ≥ 0, else 0"
    ),
    "sum": Function(lambda x: _total(_number(x)), "the sum over every axis but the batch"),
    "tanh": _unary("Tanh", "the hyperbolic tangent"),
    "transpose": Function(_transposed, "the last two axes exchanged"),
    "where": Function(_where, "where(condition, a, b), elementwise", 3, 3, "where(x > 0, x, 0)"),
}
