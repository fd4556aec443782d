"""Every operator record keeps the contract of `operator_contract.py`, for each of its samples."""

from __future__ import annotations

import dataclasses

import operator_contract as contract
import pytest
from netwright.compiler.ir import OPERATORS, Derivative, Operator, Rule, Value
from operator_contract import Case, all_cases

CASES = all_cases()
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)


def test_ids_are_unique() -> None:
    ids = [case.id for case in CASES]
    assert sorted(set(ids)) == sorted(ids)


def test_every_operator_has_a_sample() -> None:
    assert {case.operator.name for case in CASES} == {operator.name for operator in OPERATORS.values()}


@every_case
def test_types(case: Case) -> None:
    contract.check_types(case)


@pytest.mark.parametrize("case", [c for c in CASES if c.operator.evaluate is not None], ids=lambda case: case.id)
def test_evaluate(case: Case) -> None:
    contract.check_evaluate(case)


@every_case
def test_gradient(case: Case) -> None:
    contract.check_gradient(case)


@pytest.mark.parametrize("case", [c for c in CASES if c.sample.second_order], ids=lambda case: case.id)
def test_second_order(case: Case) -> None:
    contract.check_second_order(case)


@every_case
def test_onnxruntime(case: Case) -> None:
    contract.check_onnxruntime(case)


@every_case
def test_symbolic_batch(case: Case) -> None:
    if not contract.check_symbolic(case):
        pytest.skip("inference wants fixed sizes for this sample")


def _rules() -> list[tuple[Operator, int]]:
    return [(o, i) for o in OPERATORS.values() for i, rule in enumerate(o.gradients) if callable(rule)]


@pytest.mark.parametrize(("operator", "index"), _rules(), ids=lambda x: x.name if isinstance(x, Operator) else str(x))
def test_a_wrong_rule_is_noticed(operator: Operator, index: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each rule matters in at least one sample: a thousandth more makes the gradient check fail."""
    right = operator.gradients[index]
    assert callable(right)

    def wrong(d: Derivative, rule: Rule = right) -> Value | None:
        gradient = rule(d)
        return None if gradient is None else gradient * 1.001

    rules = (*operator.gradients[:index], wrong, *operator.gradients[index + 1 :])
    planted = dataclasses.replace(operator, gradients=rules)
    monkeypatch.setitem(OPERATORS, (operator.domain, operator.name), planted)
    failures = 0
    for number, sample in enumerate(operator.samples()):
        try:
            contract.check_gradient(Case(planted, sample, number))
        except AssertionError:
            failures += 1
    assert failures
