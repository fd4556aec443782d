"""Every form of a convolution's gradients computes the same, and the choice among them can be answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from netwright.compiler import compile_spec, load_spec_text
from netwright.compiler.autodiff import gradients
from netwright.compiler.ir import Dim, DType, Graph, Value, graph_input, op, symbol
from netwright.compiler.ir.choices import Question, choosing
from netwright.compiler.ir.evaluate import evaluate
from netwright.compiler.ir.printer import to_text
from netwright.compiler.passes import choose_conv_forms

BATCH = symbol("batch")
X, W = (4, 6, 5), (3, 4, 3, 3)  # after the batch axis of x

PROBLEMS: dict[str, tuple[tuple[int, ...], tuple[int, ...], Mapping[str, Any]]] = {
    "same": (X, W, {"pads": (1, 1, 1, 1)}),
    "valid": (X, W, {}),
    "uneven padding": (X, W, {"pads": (0, 1, 2, 1)}),
    "dilated": ((4, 9, 8), W, {"dilations": (2, 3), "pads": (1, 2, 3, 1)}),
    "strided": (X, W, {"strides": (2, 1), "pads": (1, 1, 1, 1)}),
    "a rest that no window reaches": (X, W, {"strides": (2, 2)}),
    "padding beyond the window": (X, W, {"pads": (3, 3, 3, 3)}),
    "one pixel": (X, (3, 4, 1, 1), {}),
    "one row": (X, (3, 4, 1, 3), {}),
    "groups": (X, (6, 2, 3, 3), {"group": 2, "pads": (1, 1, 1, 1)}),
    "one axis": ((4, 7), (3, 4, 3), {"pads": (1, 1)}),
    "three axes": ((4, 4, 3, 5), (3, 4, 2, 3, 2), {"pads": (0, 1, 1, 1, 1, 0)}),
    "small images of many channels": ((128, 2, 2), (4, 128, 3, 3), {"pads": (1, 1, 1, 1)}),
}


def built(problem: str, answers: Mapping[str, str]) -> tuple[Graph, Mapping[str, Question]]:
    """Both gradients of the problem in the answered forms, and the questions."""
    size, kernel, attributes = PROBLEMS[problem]
    x, weight = graph_input("x", DType.float64, (BATCH, *size)), graph_input("weight", DType.float64, kernel)
    with choosing(answers) as choices:
        y = op.Conv(x, weight, **attributes)
        dy = graph_input("dy", DType.float64, y.shape)
        by_x, by_weight = gradients([y], [x, weight], [dy])
    assert by_x is not None
    assert by_weight is not None
    return Graph("test", (x, weight, dy), {"by_x": by_x, "by_weight": by_weight}), choices.questions


def numbers(graph: Graph) -> dict[str, Any]:
    random = np.random.default_rng(0)

    def sizes(value: Value) -> list[int]:
        return [3 if dim == BATCH else int(str(dim)) for dim in value.shape]

    return evaluate(graph, {value.name: random.normal(size=sizes(value)) for value in graph.inputs})


@pytest.mark.parametrize("problem", PROBLEMS)
def test_all_forms_agree(problem: str) -> None:
    graph, questions = built(problem, {})
    expected = numbers(graph)
    forms = [(subject, form) for subject, question in questions.items() for form in question.forms]
    assert forms or problem == "padding beyond the window"
    for subject, form in forms:
        found = numbers(built(problem, {subject: form})[0])
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, rtol=1e-12, atol=1e-12, err_msg=f"{subject}: {form}")


def test_every_form_is_tried() -> None:
    tried = {form for problem in PROBLEMS for question in built(problem, {})[1].values() for form in question.forms}
    assert tried == {
        "transposed", "reversed kernel", "columns", "gathered columns",
        "exchanged axes", "patches", "gathered patches", "shifts", "gathered shifts", "patches of groups",
    }  # fmt: skip


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_output_in_both_forms(problem: str, biased: bool) -> None:
    size, kernel, attributes = PROBLEMS[problem]
    x, weight = graph_input("x", DType.float64, (BATCH, *size)), graph_input("weight", DType.float64, kernel)
    operands = [x, weight] + [graph_input("bias", DType.float64, kernel[:1])] * biased
    graph = Graph("test", tuple(operands), {"y": op.Conv(*operands, **attributes)})
    with choosing({}) as choices:
        assert choose_conv_forms(graph) is graph, "the default form of small ones is the operator"
    if attributes.get("group", 1) > 1:
        assert not choices.questions
        return
    (question,) = choices.questions.values()
    assert set(question.forms) == {"Conv", "gathered patches"}
    with choosing({question.subject: "gathered patches"}):
        chosen = choose_conv_forms(graph)
    assert "Conv" not in chosen.operators
    np.testing.assert_allclose(numbers(chosen)["y"], numbers(graph)["y"], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("size", "kernel", "attributes", "expected"),
    [
        ((512, 2, 2), (512, 512, 3, 3), {"pads": (1, 1, 1, 1)}, "gathered patches"),
        ((128, 16, 16), (256, 128, 3, 3), {"strides": (2, 2), "pads": (1, 1, 1, 1)}, "gathered patches"),
        ((128, 16, 16), (256, 128, 3, 3), {"pads": (1, 1, 1, 1)}, "Conv"),
        ((64, 8, 8), (64, 64, 3, 3), {"pads": (1, 1, 1, 1)}, "Conv"),
    ],
)
def test_the_form_of_the_output_taken_by_default(
    size: tuple[int, ...], kernel: tuple[int, ...], attributes: Mapping[str, Any], expected: str
) -> None:
    x, weight = graph_input("x", DType.float32, (BATCH, *size)), graph_input("weight", DType.float32, kernel)
    with choosing({}) as choices:
        choose_conv_forms(Graph("test", (x, weight), {"y": op.Conv(x, weight, **attributes)}))
    assert [question.default for question in choices.questions.values()] == [expected]


@pytest.mark.parametrize(
    ("size", "kernel", "attributes", "expected"),
    [
        ((32, 32, 32), (32, 32, 3, 3), {"pads": (1, 1, 1, 1)}, ["reversed kernel", "gathered shifts"]),
        ((32, 96, 96), (32, 32, 3, 3), {"pads": (1, 1, 1, 1)}, ["reversed kernel", "shifts"]),
        ((1, 28, 28), (32, 1, 5, 5), {"pads": (2, 2, 2, 2)}, ["transposed", "gathered patches"]),
        ((512, 2, 2), (512, 512, 3, 3), {"pads": (1, 1, 1, 1)}, ["gathered columns", "gathered patches"]),
        (
            (256, 4, 4),
            (512, 256, 3, 3),
            {"strides": (2, 2), "pads": (1,) * 4},
            ["gathered columns", "gathered patches"],
        ),
        ((64, symbol("high"), symbol("wide")), (64, 64, 3, 3), {"pads": (1, 1, 1, 1)}, ["reversed kernel", "shifts"]),
        ((3, 64, 64), (64, 3, 7, 7), {"strides": (2, 2), "pads": (3, 3, 3, 3)}, ["transposed", "exchanged axes"]),
        ((64, 16, 16), (16, 64, 1, 1), {}, ["reversed kernel", "patches"]),
        ((32, 8, 8), (32, 1, 3, 3), {"group": 32, "pads": (1, 1, 1, 1)}, ["transposed", "patches of groups"]),
    ],
)
def test_the_forms_taken_by_default(
    size: tuple[Dim, ...], kernel: tuple[int, ...], attributes: Mapping[str, Any], expected: list[str]
) -> None:
    x, weight = graph_input("x", DType.float32, (BATCH, *size)), graph_input("weight", DType.float32, kernel)
    with choosing({}) as choices:
        y = op.Conv(x, weight, **attributes)
        gradients([y], [x, weight], [graph_input("dy", DType.float32, y.shape)])
    taken = {subject.split()[0]: question.default for subject, question in choices.questions.items()}
    assert [taken.get("input", "transposed"), taken["weight"]] == expected


SPEC = """
netwright: 1
name: small
inputs: {image: [3, 6, 6]}
network:
  - conv: {filters: 4, kernel_size: 3, padding: same}
  - conv: {filters: 4, kernel_size: 3, padding: same}
  - flatten
  - dense: 2
training: {loss: categorical_cross_entropy}
"""


def test_the_manifest_keeps_what_was_answered() -> None:
    spec = load_spec_text(SPEC)
    plain = compile_spec(spec)
    assert plain.manifest["forms"] == {}
    answers = {subject: sorted(question.forms)[0] for subject, question in plain.questions.items()}
    assert len(answers) == 5  # both outputs, both gradients by the weights, and one by the input
    tuned = compile_spec(spec, forms={**answers, "of another network": "shifts"})
    assert tuned.manifest["forms"] == answers
    assert to_text(tuned.graphs["step"]) != to_text(plain.graphs["step"])
