"""Dimensions: integers, or polynomials over symbols such as `batch` and `time` with integer coefficients.

Polynomials are kept in a canonical form, so two dimensions are the same size exactly when they are equal:
`batch*time` made by flattening equals `time*batch` made by a product. What is no polynomial (a floor division that
does not divide evenly) becomes a new symbol named by its text, equal to itself alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import TypeAlias

Monomial: TypeAlias = tuple[str, ...]
Dim: TypeAlias = "int | SymbolicDim"
Shape: TypeAlias = tuple[Dim, ...]


@dataclass(frozen=True)
class SymbolicDim:
    """A polynomial with at least one symbol: sorted (monomial, coefficient) pairs."""

    terms: tuple[tuple[Monomial, int], ...]

    def __str__(self) -> str:
        terms = "+".join(_term_text(monomial, coefficient) for monomial, coefficient in self.terms)
        return terms.replace("+-", "-")

    __repr__ = __str__

    def __add__(self, other: Dim) -> Dim:
        return _canonical([*self.terms, *_terms(other)])

    __radd__ = __add__

    def __sub__(self, other: Dim) -> Dim:
        return self + (-1 * other)

    def __rsub__(self, other: Dim) -> Dim:
        return other + (-1 * self)

    def __mul__(self, other: Dim) -> Dim:
        return _canonical((tuple(sorted(m1 + m2)), c1 * c2) for m1, c1 in self.terms for m2, c2 in _terms(other))

    __rmul__ = __mul__

    def __floordiv__(self, other: Dim) -> Dim:
        quotient = divide_exactly(self, other)
        return symbol(f"({self})//({other})") if quotient is None else quotient

    @property
    def symbols(self) -> frozenset[str]:
        return frozenset(name for monomial, _ in self.terms for name in monomial)


def symbol(name: str) -> SymbolicDim:
    """The dimension called `name`."""
    return SymbolicDim((((name,), 1),))


def counts_examples(dim: Dim) -> bool:
    """Whether an axis of this size goes through a batch: its examples, or their steps where these are rows."""
    return isinstance(dim, SymbolicDim) and "batch" in dim.symbols


def product(dims: Iterable[Dim]) -> Dim:
    """How many elements a tensor of these dimensions has."""
    start: Dim = 1
    return reduce(lambda a, b: a * b, dims, start)


def divide_exactly(dividend: Dim, divisor: Dim) -> Dim | None:
    """dividend / divisor when the quotient is a polynomial for every size of the symbols, else None.

    Only division by a single term is attempted; that is all reshapes need.
    """
    terms = _terms(divisor)
    if len(terms) != 1:
        return 1 if dividend == divisor else None
    monomial, coefficient = terms[0]
    if dividend == 0:
        return 0 if coefficient else None
    quotient = []
    for m, c in _terms(dividend):
        rest = list(m)
        for name in monomial:
            if name not in rest:
                return None
            rest.remove(name)
        if coefficient == 0 or c % coefficient:
            return None
        quotient.append((tuple(rest), c // coefficient))
    return _canonical(quotient)


def is_static(shape: Iterable[Dim]) -> bool:
    return all(isinstance(dim, int) for dim in shape)


def shape_text(shape: Iterable[Dim]) -> str:
    """`(batch, 8, 8)`, the way shapes read in messages and printed graphs."""
    return "(" + ", ".join(str(dim) for dim in shape) + ")"


def _terms(dim: Dim) -> tuple[tuple[Monomial, int], ...]:
    return dim.terms if isinstance(dim, SymbolicDim) else (((), dim),)


def _canonical(terms: Iterable[tuple[Monomial, int]]) -> Dim:
    sums: dict[Monomial, int] = {}
    for monomial, coefficient in terms:
        sums[monomial] = sums.get(monomial, 0) + coefficient
    kept = {m: c for m, c in sums.items() if c}
    if set(kept) <= {()}:
        return kept.get((), 0)
    return SymbolicDim(tuple(sorted(kept.items(), key=lambda item: (-len(item[0]), item[0]))))


def _term_text(monomial: Monomial, coefficient: int) -> str:
    if not monomial:
        return str(coefficient)
    names = "*".join(monomial)
    return names if coefficient == 1 else f"{coefficient}*{names}"
