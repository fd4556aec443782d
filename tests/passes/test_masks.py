"""For `ort`, the gradient of ReLU is a product with a mask that is exactly 0 or 1."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from netwright.compiler.emit import emit
from netwright.compiler.ir import DType, Graph, graph_input
from netwright.compiler.ops import op
from netwright.compiler.passes import use_masks
from support.bundles import library_bundle

Y, DY = graph_input("y", DType.float32, (3, 4)), graph_input("dy", DType.float32, (3, 4))
ROW = graph_input("row", DType.float32, (4,))


def operators(graph: Graph) -> Counter[str]:
    return Counter(node.op_type for node in graph.nodes() if node.op_type != "Constant")


def test_a_selection_of_zeros_becomes_a_product(tmp_path: Path) -> None:
    before = Graph("test", (Y, DY), {"dx": op.Where(op.Greater(Y, 0), DY, 0)})
    after, changed = use_masks(before)
    assert changed
    assert operators(after) == {"HardSigmoid": 1, "Mul": 1}
    tiny = np.finfo(np.float32).tiny
    y = np.array([[0.0, -0.0, tiny, 1e-20], [1.0, 3e38, np.inf, 1e-6], [0.5, 0.0, 2.0, 0.0]], np.float32)
    dy = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    for number, graph in enumerate((before, after)):
        (tmp_path / f"{number}.onnx").write_bytes(emit(graph).SerializeToString())
    one, two = (
        ort.InferenceSession(tmp_path / f"{number}.onnx", providers=["CPUExecutionProvider"]).run(
            None, {"y": y, "dy": dy}
        )[0]
        for number in (0, 1)
    )
    np.testing.assert_array_equal(two, one)
    np.testing.assert_array_equal(one, np.where(y > 0, dy, 0))


@pytest.mark.parametrize(
    "output",
    [
        op.Where(op.Greater(Y, 1), DY, 0),
        op.Where(op.Greater(Y, 0), DY, 1),
        op.Where(op.Greater(Y, 0), 0, DY),
        op.Where(op.Less(Y, 0), DY, 0),
        op.Where(op.Greater(ROW, 0), DY, 0),
    ],
    ids=["another bound", "not zero", "the other side", "less", "a row"],
)
def test_other_selections_stay(output: object) -> None:
    _, changed = use_masks(Graph("test", (Y, DY, ROW), {"dx": output}))  # type: ignore[dict-item]
    assert not changed


def test_relu_in_a_step_of_the_target_ort_alone() -> None:
    counts = {target: operators(library_bundle("mnist_mlp", target).graphs["step"]) for target in ("portable", "ort")}
    assert counts["portable"]["HardSigmoid"] == 0
    assert counts["ort"]["HardSigmoid"] == 2
