"""Every operator record keeps the contract of `operator_contract.py`, for each of its samples."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import operator_contract as contract
import pytest
from graph_functions import Function, onnxruntime_cpu
from netwright.compiler.ir import OPERATORS, Derivative, Operator, Rule, TensorType, Value, find, op
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


def test_a_wrong_type_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = dataclasses.replace(find("Exp"), infer=lambda call: [TensorType(call[0].dtype, (*call[0].shape, 1))])
    monkeypatch.setitem(OPERATORS, ("", "Exp"), wide)
    with pytest.raises(AssertionError, match=r"differs from onnx\.reference"):
        contract.check_types(Case(wide, wide.samples()[0], 0))


def test_a_wrong_evaluation_is_noticed() -> None:
    off = dataclasses.replace(find("Exp"), evaluate=lambda x: np.exp(x) + x.dtype.type(1e-9))
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        contract.check_evaluate(Case(off, off.samples()[0], 0))


def test_a_wrong_second_derivative_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule with the right value but a derivative of its own that is cut off."""

    def cut(d: Derivative) -> Value:
        return d.dy * op.Round(d.y * 1e9) * 1e-9

    planted = dataclasses.replace(find("Exp"), gradients=(cut,))
    monkeypatch.setitem(OPERATORS, ("", "Exp"), planted)
    case = Case(planted, planted.samples()[0], 0)
    contract.check_gradient(case)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        contract.check_second_order(case)


def test_a_wrong_kernel_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case(find("Exp"), find("Exp").samples()[0], 0)

    def coarse(outputs: Sequence[Value], inputs: Sequence[Value]) -> Function:
        exact = onnxruntime_cpu(outputs, inputs)
        return lambda feeds: [result * np.float32(1.0001) for result in exact(feeds)]

    monkeypatch.setattr(contract, "onnxruntime_cpu", coarse)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        contract.check_onnxruntime(case)
