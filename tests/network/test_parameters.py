"""Parameters that are shared, tied or frozen: declared once, used and differentiated everywhere."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.compiler import Bundle, SpecError, compile_spec, load_spec_text
from netwright.compiler.ir import Array
from netwright.compiler.ir.evaluate import evaluate

HEAD = """
netwright: 1
name: test
"""


def compiled(body: str) -> Bundle:
    return compile_spec(load_spec_text(HEAD + body, "test.yaml"))


def message(body: str) -> str:
    with pytest.raises(SpecError) as error:
        compiled(body)
    return str(error.value)


def gradients_of(bundle: Bundle, **batch: Array) -> dict[str, Array]:
    state = evaluate(bundle.graphs["init"], {"seed": np.int64(3)})
    graph = bundle.graphs["gradients"]
    feeds = {**state, **batch}
    return {**evaluate(graph, {v.name: feeds[v.name] for v in graph.inputs}), **state}


SIAMESE = """
inputs: {left: [3], right: [3]}
network:
  - dense: {units: 2, name: tower, from: left, use_bias: false}
  - shared: {layer: tower, from: right}
  - multiply: {from: [tower, shared1]}
training: {loss: {squared_error: {target: y}}}
"""


def test_a_shared_layer_has_one_parameter_whose_gradient_is_the_sum_over_its_uses() -> None:
    bundle = compiled(SIAMESE)
    assert [row["name"] for row in bundle.manifest["state"] if row["kind"] == "parameter"] == ["tower/weight"]
    random = np.random.default_rng(0)
    left, right = random.normal(size=(2, 4, 3)).astype(np.float32)
    y = random.normal(size=(4, 2)).astype(np.float32)
    found = gradients_of(bundle, left=left, right=right, y=y)
    w = found["tower/weight"]
    a, b = left @ w, right @ w
    dp = 2 * (a * b - y) / y.size
    np.testing.assert_allclose(found["tower/weight.gradient"], left.T @ (dp * b) + right.T @ (dp * a), rtol=1e-4)


def test_sharing_a_shared_layer_is_sharing_the_first() -> None:
    bundle = compiled(
        """
inputs: {x: [3]}
network:
  - dense: {units: 3, name: a}
  - shared: {layer: a, name: b}
  - shared: {layer: b}
"""
    )
    assert bundle.parameters == 12


def test_sharing_an_unknown_layer_gets_a_suggestion() -> None:
    text = message("inputs: {x: [3]}\nnetwork:\n  - dense: {units: 3, name: tower}\n  - shared: twoer\n")
    assert text == ("test.yaml:7:5: network[1].shared: there is no layer named 'twoer'\n  hint: did you mean 'tower'?")


TIED = """
inputs: {{x: [4]}}
network:
  - dense: {{units: 2, name: encoder, use_bias: false}}
  - dense: {{units: {units}, name: decoder, use_bias: false, weight_initializer: {{tied: {tie}}}}}
training: {{loss: {{squared_error: {{target: x}}}}}}
"""


def test_a_tied_parameter_is_the_other_one_transposed() -> None:
    bundle = compiled(TIED.format(units=4, tie="{to: encoder/weight, transposed: true}"))
    assert bundle.parameters == 8
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    found = gradients_of(bundle, x=x)
    w = found["encoder/weight"]
    dy = 2 * (x @ w @ w.T - x) / x.size
    np.testing.assert_allclose(found["encoder/weight.gradient"], x.T @ dy @ w + dy.T @ x @ w, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("units", "tie", "expected"),
    [
        (4, "encodr/weight", "'decoder/weight' is tied to 'encodr/weight', but no earlier parameter is called so"),
        (4, "encoder/weight", "'decoder/weight' needs the shape (2, 4), 'encoder/weight' has (4, 2)"),
        (3, "encoder/weight", "'decoder/weight' needs the shape (2, 3), 'encoder/weight' has (4, 2)"),
    ],
)
def test_a_tie_that_does_not_fit_is_refused(units: int, tie: str, expected: str) -> None:
    assert expected in message(TIED.format(units=units, tie=tie))


def test_a_tie_says_what_to_write() -> None:
    assert "hint: did you mean 'encoder/weight'?" in message(TIED.format(units=4, tie="encodr/weight"))
    assert "hint: write transposed: true" in message(TIED.format(units=4, tie="encoder/weight"))
    assert "hint: it must belong to an earlier layer" in message(TIED.format(units=4, tie="zzz"))


def test_only_matrices_can_be_transposed() -> None:
    text = message(
        """
inputs: {x: [4]}
network:
  - dense: {units: 4, name: a}
  - dense: {units: 4, bias_initializer: {tied: {to: a/bias, transposed: true}}}
"""
    )
    assert "'a/bias' of shape (4) cannot be transposed, it is no matrix" in text


FROZEN = """
inputs: {{x: [4]}}
network:
  - dense: {{units: 3, name: a}}
  - dense: {{units: 2, name: b}}
training: {{loss: {{squared_error: {{target: y}}}}, frozen: [{pattern}]}}
"""


def test_frozen_parameters_have_no_gradient_and_stay() -> None:
    bundle = compiled(FROZEN.format(pattern='"a/*"'))
    assert bundle.parameters == 8
    assert [o for o in bundle.graphs["gradients"].outputs if o.startswith("a/")] == []
    assert "optimizer/a/weight/first_moment" not in bundle.built.state
    trainable = {row["name"]: row["trainable"] for row in bundle.manifest["state"] if row["kind"] == "parameter"}
    assert trainable == {"a/weight": False, "a/bias": False, "b/weight": True, "b/bias": True}
    state = evaluate(bundle.graphs["init"], {"seed": np.int64(0)})
    batch = {"x": np.ones((2, 4), np.float32), "y": np.zeros((2, 2), np.float32)}
    after = evaluate(bundle.graphs["step"], {**state, **batch})
    np.testing.assert_array_equal(after["a/weight.next"], state["a/weight"])
    assert (after["b/weight.next"] != state["b/weight"]).any()


def test_a_pattern_that_freezes_nothing_is_a_mistake() -> None:
    assert message(FROZEN.format(pattern='"c/*"')) == (
        "test.yaml:9:57: training.frozen[0]: no parameter fits 'c/*'\n"
        "  hint: the parameters are a/weight, a/bias, b/weight, b/bias"
    )


def test_a_pattern_in_a_network_without_parameters_is_a_mistake() -> None:
    text = message("inputs: {x: [4]}\nnetwork: [relu]\ntraining: {loss: {squared_error: {target: y}}, frozen: [a]}\n")
    assert text.endswith("no parameter fits 'a'\n  hint: the network has none")


def test_shared_and_tied_cannot_be_built_alone() -> None:
    from netwright.compiler.errors import InternalError
    from netwright.compiler.initializers import Tied
    from netwright.compiler.ir import constant
    from netwright.compiler.layers import Shared

    with pytest.raises(InternalError) as shared:
        Shared(layer="a").build(None)  # type: ignore[arg-type]
    assert str(shared.value) == "a shared layer is built by the network, as the layer it names"
    with pytest.raises(InternalError) as tied:
        Tied(to="a/weight").build(constant(0), (1,), 1, 1)
    assert str(tied.value) == "a tied parameter has no values of its own"


def test_the_layer_table_keeps_the_shape_of_a_value_without_a_batch() -> None:
    bundle = compiled("inputs: {x: [3]}\nnetwork:\n  - parameter: {shape: [3], name: w}\n  - expression: x * w\n")
    assert [(row.name, row.shape, row.parameters) for row in bundle.layers] == [
        ("w", (3,), 3),
        ("expression1", (3,), 0),
    ]


def test_a_shared_layer_whose_owner_failed_is_passed_over() -> None:
    text = message("inputs: {x: [4]}\nnetwork:\n  - reshape: {shape: [3], name: a}\n  - shared: {layer: a, from: x}\n")
    assert "shared1" not in text
