"""Formulas: what they compute, and what they answer to a mistake."""

from __future__ import annotations

import math

import numpy as np
import pytest
from netwright.compiler.errors import BuildError
from netwright.compiler.expressions import FUNCTIONS, parse
from netwright.compiler.ir import Array, DType, Graph, graph_input, symbol
from netwright.compiler.ir.evaluate import evaluate

A = np.array([[0.5, -1.5, 2.0], [1.0, 0.25, -0.75]], np.float32)
B = np.array([[1.5, -0.5, 0.75], [-2.0, 1.25, 0.5]], np.float32)


def compute(text: str, **values: Array) -> Array:
    inputs = {
        name: graph_input(name, DType.of(array), (symbol("batch"), *array.shape[1:])) for name, array in values.items()
    }
    formula = parse(text)
    graph = Graph("formula", tuple(inputs.values()), {"y": formula.build(inputs)})
    return evaluate(graph, values)["y"]


RESULTS = {
    "(a * b + 1) * (a * b + 2)": (A * B + 1) * (A * B + 2),
    "a - 2 * b / 4": A - B / 2,
    "-a + +b": B - A,
    "abs(a) ** 0.5": np.sqrt(np.abs(A)),
    "sum(a)": A.sum(1),
    "mean(a * b)": (A * B).mean(1),
    "max(a, b) - min(a, 0)": np.maximum(A, B) - np.minimum(A, 0),
    "where(a > b, a, 0)": np.where(A > B, A, 0),
    "where(a, b, 1)": np.where(A > 0, B, 1),
    "a if a <= b else b": np.minimum(A, B),
    "(a < b) + (a >= b)": np.ones_like(A),
    "a == a": np.ones_like(A),
    "step(a)": (A >= 0).astype(np.float32),
    "sign(a)": np.sign(A),
    "relu(a)": np.maximum(A, 0),
    "exp(log(abs(a)))": np.abs(A),
    "sqrt(a * a)": np.abs(A),
    "sigmoid(a) - 1 / (1 + exp(-a))": np.zeros_like(A),
    "sin(a) ** 2 + cos(a) ** 2": np.ones_like(A),
    "tanh(a)": np.tanh(A),
    "softplus(a)": np.log1p(np.exp(A)),
    "erf(a)": np.vectorize(math.erf)(A),
    "sum(softmax(a))": np.ones(2),
    "part(a, 1, 3)": A[:, 1:2],
    "a @ transpose(b)": None,
    "grad((a * b + 1) * (a * b + 2), a)": (2 * A * B + 3) * B,
    "grad(grad(a * a * a, a), a)": 6 * A,
}


@pytest.mark.parametrize("text", RESULTS)
def test_a_formula_computes_what_it_says(text: str) -> None:
    expected = RESULTS[text]
    if text == "a @ transpose(b)":
        a, b = np.stack([A, B]), np.stack([B, A])
        np.testing.assert_allclose(compute(text, a=a, b=b), a @ b.swapaxes(1, 2), rtol=1e-5)
        return
    np.testing.assert_allclose(compute(text, a=A, b=B), expected, rtol=1e-5, atol=1e-6)


def test_every_function_is_in_a_formula_above() -> None:
    assert [name for name in FUNCTIONS if not any(f"{name}(" in text for text in RESULTS)] == []


def test_names_are_listed_once_in_order_and_dots_reach_into_blocks() -> None:
    formula = parse("b + block1.dense1 * a + b")
    assert formula.names == ("b", "block1/dense1", "a")


MISTAKES = {
    "a +": "the formula cannot be read",
    "": "the formula cannot be read",
    "a; b": "the formula cannot be read",
    "a[0]": "'a[0]' is not part of a formula",
    "'text'": "''text'' is not part of a formula",
    "True": "'True' is not part of a formula",
    "lambda: a": "'lambda: a' is not part of a formula",
    "a < b < a": "'a < b < a' is not part of a formula",
    "a // b": "'a // b' is not part of a formula",
    "a and b": "'a and b' is not part of a formula",
    "(a + b).c": "'a + b' is not part of a formula",
    "__import__('os')": "there is no function '__import__'",
    "a.b(c)": "there is no function 'a.b'",
    "sigmod(a)": "there is no function 'sigmod'",
    "sigmoid(a, b)": "'sigmoid' takes 1 argument, received sigmoid(a, b)",
    "max(a)": "'max' takes 2 arguments, received max(a)",
    "sum(x=a)": "'sum' takes 1 argument, received sum(x=a)",
    "a" * 10_001: "a formula has at most 10000 characters, received 10001",
    "-" * 200 + "a": "the formula nests deeper than 100 levels",
    "a\0": "the formula cannot be read",
}


@pytest.mark.parametrize("text", MISTAKES, ids=[text[:20].replace("\0", "null") for text in MISTAKES])
def test_what_is_no_formula_is_refused(text: str) -> None:
    with pytest.raises(BuildError) as error:
        parse(text)
    assert error.value.message == MISTAKES[text]


def test_a_misspelt_function_gets_a_suggestion() -> None:
    with pytest.raises(BuildError) as error:
        parse("sigmod(a)")
    assert error.value.hint == "did you mean 'sigmoid'?"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("grad(a, b)", "grad: the first argument does not depend on the second"),
        ("transpose(sum(a))", "transpose: needs two axes, received float32(batch)"),
        ("grad(sign(a), a)", "grad: the first argument does not depend on the second"),
    ],
)
def test_what_cannot_be_built_is_refused(text: str, message: str) -> None:
    with pytest.raises(BuildError) as error:
        compute(text, a=A, b=B)
    assert error.value.message == message


WHOLE = np.array([[1, 2, -3]], np.int64)
FROM_WHOLE = {
    "n * 0.5": WHOLE * 0.5,
    "n / 2": WHOLE / 2,
    "n > 1.5": WHOLE > 1.5,
    "n ** -1": 1 / WHOLE,
    "mean(n)": WHOLE.mean(1),
    "n + a": WHOLE + A[:1],
    "a - n": A[:1] - WHOLE,
    "max(n, 0.5)": np.maximum(WHOLE, 0.5),
}


@pytest.mark.parametrize("text", FROM_WHOLE)
def test_whole_numbers_that_meet_fractions_become_such(text: str) -> None:
    values = {name: array for name, array in {"n": WHOLE, "a": A[:1]}.items() if name in parse(text).names}
    got = compute(text, **values)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, FROM_WHOLE[text], rtol=1e-6)


@pytest.mark.parametrize("text", ["n + 1", "2 * n", "n ** 2", "max(n, 0)", "sum(n)", "n * -1"])
def test_whole_numbers_among_themselves_stay_whole(text: str) -> None:
    assert compute(text, n=WHOLE).dtype == np.int64


HUGE = {
    "a + " + "1" * 400: f"the number {'1' * 200}… is too large for float32",
    "a + 1e39": "the number 1e+39 is too large for float32",
    "not " * 900 + "a": "'…' is not part of a formula",
}


@pytest.mark.parametrize("text", HUGE)
def test_numbers_and_nesting_beyond_bounds(text: str) -> None:
    with pytest.raises(BuildError) as error:
        parse(text)
    assert error.value.message == HUGE[text]
