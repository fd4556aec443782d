"""Dimensions compute like the integers they stand for."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netwright.compiler.ir import (
    Dim,
    SymbolicDim,
    counts_examples,
    divide_exactly,
    is_static,
    product,
    shape_text,
    symbol,
)

NAMES = ("batch", "time", "width")
SIZES = st.fixed_dictionaries({name: st.integers(1, 50) for name in NAMES})


def _combine(children: st.SearchStrategy[Dim]) -> st.SearchStrategy[Dim]:
    pairs = st.tuples(children, children)
    return st.one_of(
        pairs.map(lambda p: p[0] + p[1]), pairs.map(lambda p: p[0] - p[1]), pairs.map(lambda p: p[0] * p[1])
    )


DIMS = st.recursive(st.one_of(st.integers(-9, 9), st.sampled_from(NAMES).map(symbol)), _combine, max_leaves=6)


def at(dim: Dim, sizes: dict[str, int]) -> int:
    """The size of a dimension once its symbols have sizes."""
    if isinstance(dim, int):
        return dim
    return sum(coefficient * math.prod(sizes[name] for name in monomial) for monomial, coefficient in dim.terms)


@given(DIMS, DIMS, SIZES)
def test_arithmetic_is_that_of_integers(a: Dim, b: Dim, sizes: dict[str, int]) -> None:
    assert at(a + b, sizes) == at(a, sizes) + at(b, sizes)
    assert at(a - b, sizes) == at(a, sizes) - at(b, sizes)
    assert at(a * b, sizes) == at(a, sizes) * at(b, sizes)
    assert at(product([a, b, 3]), sizes) == at(a, sizes) * at(b, sizes) * 3


@given(DIMS, DIMS, DIMS)
def test_equal_polynomials_are_equal_however_they_came_about(a: Dim, b: Dim, c: Dim) -> None:
    assert a + b == b + a
    assert a * b == b * a
    assert a * (b + c) == a * b + a * c
    assert a - a == 0
    assert hash(a * b + c) == hash(c + b * a)


@given(DIMS, st.integers(-9, 9), st.lists(st.sampled_from(NAMES), max_size=2))
def test_division_by_a_factor_gives_the_other(a: Dim, number: int, names: list[str]) -> None:
    factor = product([number, *map(symbol, names)])
    if factor == 0:
        assert divide_exactly(a, factor) is None
    else:
        assert divide_exactly(a * factor, factor) == a


@given(DIMS, DIMS, SIZES)
def test_a_quotient_is_exact(a: Dim, b: Dim, sizes: dict[str, int]) -> None:
    quotient = divide_exactly(a, b)
    if quotient is not None:
        assert at(quotient, sizes) * at(b, sizes) == at(a, sizes)


def test_division_that_does_not_come_out() -> None:
    batch, time = symbol("batch"), symbol("time")
    assert divide_exactly(batch * 3, 2) is None
    assert divide_exactly(batch + 1, batch) is None
    assert divide_exactly(batch * time, time + 1) is None
    assert divide_exactly(batch, 0) is None
    assert divide_exactly(time + 1, time + 1) == 1
    assert (batch * time) // batch == time


def test_a_floor_division_that_is_no_polynomial_is_a_symbol_of_its_own() -> None:
    half = (symbol("time") + 1) // 2
    assert str(half) == "(time+1)//(2)"
    assert half == (1 + symbol("time")) // 2
    assert half != symbol("time") // 2
    assert isinstance(half, SymbolicDim)
    assert half.symbols == {"(time+1)//(2)"}


@pytest.mark.parametrize(
    ("dim", "text"),
    [
        (symbol("batch"), "batch"),
        (symbol("time") * symbol("batch"), "batch*time"),
        (2 * symbol("batch") + 3, "2*batch+3"),
        (symbol("batch") - 1, "batch-1"),
        (5 - symbol("batch"), "-1*batch+5"),
    ],
)
def test_text(dim: Dim, text: str) -> None:
    assert str(dim) == text


def test_cancelling_symbols_leaves_an_integer() -> None:
    batch = symbol("batch")
    assert (batch + 2) - batch == 2
    assert isinstance((batch + 2) - batch, int)
    assert batch * 0 == 0


def test_shapes() -> None:
    assert shape_text((symbol("batch"), 8, 8)) == "(batch, 8, 8)"
    assert shape_text(()) == "()"
    assert is_static((2, 3))
    assert not is_static((symbol("batch"), 3))
    assert product([]) == 1
    assert (symbol("batch") * symbol("time")).symbols == {"batch", "time"}


def test_examples_and_their_steps_go_through_the_batch() -> None:
    batch, time = symbol("batch"), symbol("time")
    assert all(map(counts_examples, (batch, batch * time, 5 * batch)))
    assert not any(map(counts_examples, (time, 5, 2 * time + 1)))
