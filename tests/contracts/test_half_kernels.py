"""What is left in half precision has a kernel for it on CUDA: the policy's table, every gradient rule, every spec."""

from __future__ import annotations

import operator_contract as contract
import pytest
from netwright.compiler.autodiff import gradients
from netwright.compiler.ir import DType, Node, Value, graph_input, op, reachable
from netwright.compiler.precision import FLOAT16_ONLY, FOLLOWING, PRODUCTS, computes_in, supported
from support.half import HALVES, half_bundle
from test_kernels import KERNELS, missing_kernels

CONTRIB = {"FusedMatMul": "com.microsoft.FusedMatMul"}


def cuda_dtypes(op_type: str) -> set[str]:
    """The dtypes of an operator's CUDA kernel: of its numbers, where it has several type parameters."""
    kernel = KERNELS[CONTRIB.get(op_type, op_type)]["CUDA"]
    return set(next(kernel[parameter] for parameter in ("", "T", "T2") if parameter in kernel))


@pytest.mark.parametrize("op_type", sorted(PRODUCTS | FOLLOWING))
def test_the_table_is_that_of_the_registry(op_type: str) -> None:
    """Both ways: nothing is promised that is not there, and nothing that is there is left out."""
    kernels = cuda_dtypes(op_type)
    assert computes_in(op_type, DType.float16) is ("float16" in kernels) is True
    assert computes_in(op_type, DType.bfloat16) is ("bfloat16" in kernels)


def test_the_exceptions_are_in_the_table() -> None:
    assert FLOAT16_ONLY <= PRODUCTS | FOLLOWING
    assert not computes_in("Softmax", DType.float16)


def in_half(nodes: list[Node], dtype: DType) -> list[Node]:
    """The nodes that compute in the dtype. Casts do not compute, and their kernels take any dtype."""
    return [
        node
        for node in nodes
        if node.op_type not in ("Cast", "Constant")
        and any(v.dtype is dtype for v in (*node.given_inputs, *node.outputs))
    ]


def with_derivatives(built: contract.Built) -> list[Value]:
    """The outputs, their gradients, and the second derivatives; nothing is computed."""
    outputs, wrt = built.float_outputs, built.differentiable
    values = list(built.outputs)
    if not outputs or not wrt or contract.is_refused(built):
        return values
    dys = [graph_input(f"dy{i}", output.dtype, output.shape) for i, output in enumerate(outputs)]
    first = [gradient for gradient in gradients(outputs, wrt, dys) if gradient is not None]
    second: list[Value | None] = []
    if first and built.case.sample.second_order:
        weights = [graph_input(f"u{i}", gradient.dtype, gradient.shape) for i, gradient in enumerate(first)]
        second = gradients(first, [*wrt, *dys], weights)
    return [*values, *first, *(gradient for gradient in second if gradient is not None)]


@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_first_and_second_derivatives_of_every_operator_compute_where_they_can(dtype: DType) -> None:
    """As if every operator had been put in half: what its rules make of it is put back where there is no kernel."""
    tried = 0
    for case in contract.all_cases():
        if case.operator.host_only:
            continue
        values = with_derivatives(contract.build(case, dtype))
        made = supported({str(number): value for number, value in enumerate(values)}, dtype)
        assert [v.type for v in made.values()] == [v.type for v in values], case.id
        nodes = in_half(reachable(made.values()), dtype)
        tried += bool(nodes)
        assert {why for node in nodes for why in missing_kernels(node, "CUDA")} == set(), case.id
        assert all(computes_in(node.op_type, dtype) for node in nodes), case.id
    assert tried > 100


@pytest.mark.parametrize("dtype", HALVES, ids=str)
@pytest.mark.parametrize(
    "name", ["digits_cnn", "digits_residual", "digits_siamese", "goldberg_tagger", "mean_and_variance"]
)
def test_specs_have_kernels_for_every_node(name: str, dtype: DType) -> None:
    for target in ("portable", "ort"):
        bundle = half_bundle(name, dtype, target=target)
        for graph in ("step", "gradients"):
            nodes = in_half(bundle.graphs[graph].nodes(), dtype)
            assert any(node.op_type in PRODUCTS for node in nodes)
            assert {why for node in nodes for why in missing_kernels(node, "CUDA")} == set()
            assert all(computes_in(node.op_type, dtype) for node in nodes)


def test_a_missing_kernel_is_noticed() -> None:
    x = contract.graph_input("x", DType.bfloat16, (2,))
    (node,) = in_half(reachable([op.Greater(x, 0)]), DType.bfloat16)
    assert missing_kernels(node, "CUDA") == ["Greater has no kernel for T=bfloat16 on CUDA"]
