"""Every operator, and every operator its derivatives use, has a kernel on the CPU and on CUDA for the dtypes it gets.

`onnxruntime-1.31.1-kernels-opset-21.json` lists the kernels that the stock wheel registers for opset 21: operator ->
provider -> type parameter ("" for the only one) -> dtypes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import onnx
import operator_contract as contract
import pytest
from netwright.compiler.ir import OPSET, DType, Node, reachable

KERNELS: Final = json.loads(
    (Path(__file__).parents[1] / "data" / "onnxruntime-1.31.1-kernels-opset-21.json").read_text()
)
INLINED: Final = {"CastLike": "Cast"}  # a function of ONNX, which ONNX Runtime replaces by its body


def missing_kernels(node: Node, provider: str) -> list[str]:
    """What keeps a node from running on a provider."""
    name = f"{node.domain}.{node.op_type}" if node.domain else INLINED.get(node.op_type, node.op_type)
    kernel = KERNELS.get(name, {}).get(provider, {})
    if not kernel:
        return [f"{name} has no kernel on {provider}"]
    given = _types(node)
    if "" in kernel:  # the kernel has one type parameter; T unless the operator calls its only one otherwise
        given = {"": given.get("T") or next(iter(given.values()))}
    return [
        f"{name} has no kernel for {parameter or 'T'}={dtype} on {provider}"
        for parameter, dtype in given.items()
        if parameter in kernel and dtype not in kernel[parameter]
    ]


def _types(node: Node) -> dict[str, str]:
    """The dtypes of a node's inputs and outputs by the operator's type parameters."""
    if node.domain:
        return {"T": str(node.outputs[0].dtype)}
    schema = onnx.defs.get_schema(node.op_type, OPSET)
    found: dict[str, str] = {}
    for formals, values in ((schema.inputs, node.inputs), (schema.outputs, node.outputs)):
        for index, value in enumerate(values):
            if value is not None:
                found[formals[min(index, len(formals) - 1)].type_str] = str(value.dtype)
    return found


@pytest.mark.parametrize("case", contract.all_cases(), ids=lambda case: case.id)
def test_kernels(case: contract.Case) -> None:
    values, _ = contract.with_derivatives(contract.build(case, DType.float32))
    nodes = [node for node in reachable(values) if node.op_type != "Constant"]
    providers = ("CPU",) if case.operator.host_only else ("CPU", "CUDA")
    found = {why for node in nodes for provider in providers for why in missing_kernels(node, provider)}
    assert not found


def test_a_missing_kernel_is_noticed() -> None:
    x = contract.graph_input("x", DType.boolean, (2,))
    (y,) = contract.apply("Where", x, contract.constant([1, 2]), contract.constant([3, 4]))
    (z,) = contract.apply("Max", contract.constant([1.0]), contract.constant([2.0]))
    assert z.node is not None and y.node is not None
    assert missing_kernels(y.node, "CUDA") == []
    assert missing_kernels(_with_dtype(y.node, DType.boolean), "CUDA") == ["Where has no kernel for T=bool on CUDA"]
    assert missing_kernels(_renamed(z.node, "Mean"), "CUDA") == ["Mean has no kernel on CUDA"]


def _with_dtype(node: Node, dtype: DType) -> Node:
    inputs = (node.inputs[0], *(contract.graph_input("v", dtype, (2,)) for _ in node.inputs[1:]))
    return Node(node.op_type, node.domain, inputs, {}, (inputs[1].type,))


def _renamed(node: Node, name: str) -> Node:
    return Node(name, "", node.inputs, {}, (node.outputs[0].type,))
