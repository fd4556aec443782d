"""`${…}`: what formulas mean, and that nothing they say takes long or reaches anything."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from netwright.compiler.spec.expand.arithmetic import LARGEST, ArithmeticMistake, UnknownError, evaluate, is_usable_name
from netwright.compiler.spec.expand.arithmetic import UNKNOWN as REPORTED

NAMES: dict[str, Any] = {"width": 64, "rate": 0.5, "deep": True, "kind": "relu", "widths": [8, 16, 32]}


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("width", 64),
        ("2 * width + 1", 129),
        ("width / 4", 16),  # integers that divide stay integers
        ("width / 3", 64 / 3),
        ("7 // 2", 3),
        ("-7 % 3", 2),
        ("2 ** 10", 1024),
        ("2 ** -1", 0.5),
        ("rate * 2", 1.0),
        ("+width - -1", 65),
        ("width > 8 and not deep or width == 64.0", True),
        ("1 < 2 < 3", True),
        ("1 < 2 > 3", False),
        ("'relu' == kind", True),
        ("1 == true", False),
        ("kind != 3", True),
        ("kind in ['relu', 'tanh']", True),
        ("3 not in widths", True),
        ("8 if deep else 1 / 0", 8),  # the other branch is not calculated
        ("true or 1 / 0 > 0", True),
        ("widths[1]", 16),
        ("widths[-1]", 32),
        ("len(widths) + len(kind)", 7),
        ("max(widths) + min(3, 1, 2)", 33),
        ("abs(-2.5)", 2.5),
        ("round(2.6)", 3),
        ("round(1.25, 1)", 1.2),
        ("int(-2.6)", -2),
        ("[width, rate]", [64, 0.5]),
        ("null", None),
        ("  width ", 64),
        ("true", True),
        ("widths", [8, 16, 32]),
    ],
)
def test_values(formula: str, value: Any) -> None:
    found = evaluate(formula, NAMES)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("heigth", "there is no 'heigth' to calculate with"),
        ("9**9**9", "'9**9**9' does not fit in 64 bits"),
        ("10.0**400", "'10.0**400' does not fit in 64 bits"),
        ("1e999", "'1e999' does not fit in 64 bits"),
        ("2**63", "'2**63' does not fit in 64 bits"),
        ("2**62 + 2**62", "'2**62 + 2**62' does not fit in 64 bits"),
        ("-(-1 * 2**62 * 2)", "'-(-1 * 2**62 * 2)' does not fit in 64 bits"),
        ("int(1e30)", "'int(1e30)' does not fit in 64 bits"),
        ("(-8) ** 0.5", "the root of a negative number is not a number"),
        ("0 ** -1", "'0 ** -1' divides by zero"),
        ("1 % 0", "'1 % 0' divides by zero"),
        ("'a' + 'b'", "'+' takes numbers, received 'a'"),
        ("true + 1", "'+' takes numbers, received true"),
        ("-kind", "a sign takes a number, received 'relu'"),
        ("~1", "'~1' is not part of a formula in ${…}"),
        ("1 << 60", "'1 << 60' is not part of a formula in ${…}"),
        ("kind < 3", "'<' and '>' compare numbers, received 'relu'"),
        ("1 in 3", "'in' takes a list, received 3"),
        ("kind is null", "'is' is not part of a formula in ${…}"),
        ("not 3", "a condition must be true or false, received 3"),
        ("width[0]", "'[0]' takes an item of a list, received 64"),
        ("widths['a']", "a list is indexed by an integer, received 'a'"),
        ("widths[true]", "a list is indexed by an integer, received true"),
        ("[1][1]", "there is no item [1] in a list of 1 item"),
        ("widths[0:1]", "'0:1' is not part of a formula in ${…}"),
        ("open('x')", "there is no function 'open'"),
        ("kind.upper()", "there is no function 'kind.upper'"),
        ("max(a=1)", "'max' takes no named arguments"),
        ("max(*widths)", "'*widths' is not part of a formula in ${…}"),
        ("max()", "'max' takes at least 1 argument, received 0"),
        ("max([])", "'max' takes at least 1 argument, received 0"),
        ("min('a')", "'min' takes numbers, received 'a'"),
        ("round(1, 2, 3)", "'round' takes 1 to 2 arguments, received 3"),
        ("round(1.5, 99)", "'round' keeps up to 20 digits, received 99"),
        ("len()", "'len' takes a list or text, received nothing"),
        ("max", "'max' is a function"),
        ("lambda: 1", "'lambda: 1' is not part of a formula in ${…}"),
        ("b'a'", "'b'a'' is not part of a formula in ${…}"),
        ("1j", "'1j' is not part of a formula in ${…}"),
        ("...", "'...' is not part of a formula in ${…}"),
        ("(x := 3)", "'x := 3' is not part of a formula in ${…}"),
        ("f'{width}'", "'f'{width}'' is not part of a formula in ${…}"),
        ("1or 2", "'1or 2' is not a formula"),
        ("x = 3", "'x = 3' is not a formula"),
        ("a\0b", "'a\\x00b' is not a formula"),
        ("", "'${}' holds no formula"),
        ("1" * 501, "a formula in ${…} has at most 500 characters, received 501"),
        ("(" * 90 + "1", f"{'(' * 40 + '…'!r} is not a formula"),
        ("-" * 100 + "1", "a formula in ${…} nests at most 40 levels deep"),
    ],
)
def test_mistakes(formula: str, message: str) -> None:
    with pytest.raises(ArithmeticMistake) as caught:
        evaluate(formula, NAMES)
    assert caught.value.message == message


def test_what_follows_from_a_reported_mistake_is_silent() -> None:
    with pytest.raises(UnknownError):
        evaluate("2 * width", {"width": REPORTED})


def test_names_that_formulas_can_mention() -> None:
    assert all(map(is_usable_name, ["width", "_", "d_model", "N"]))
    assert not any(map(is_usable_name, ["for", "max", "true", "a-b", "", "2x", "größe"]))


TOKENS = st.sampled_from([*"0123456789", *"+-*/%()[],.<>=!' ", "**", "//", " if ", " else ", "width", "widths", "max("])


@settings(max_examples=300, deadline=500, database=None)
@given(st.lists(TOKENS, max_size=60).map("".join) | st.text(max_size=30))
def test_any_text_is_a_value_or_a_mistake(text: str) -> None:
    start = time.perf_counter()
    try:
        value = evaluate(text, NAMES)
    except ArithmeticMistake as mistake:
        assert mistake.message
    else:
        assert_bounded(value)
    assert time.perf_counter() - start < 0.5


def assert_bounded(value: Any) -> None:
    if isinstance(value, list):
        for item in value:
            assert_bounded(item)
    elif isinstance(value, float):
        assert math.isfinite(value)
    elif isinstance(value, int):
        assert -LARGEST <= value < LARGEST
    else:
        assert value is None or isinstance(value, str)
