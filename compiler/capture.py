"""Whether a graph can be recorded as a CUDA graph, told from the IR alone.

ONNX Runtime refuses to record a session with a node that holds a graph of its own (`If`, `Loop`, `Scan`), and one
with copies between the CPU and the GPU (`InferenceSession::Initialize` in its source). netwright asks for a little
more: no node at all runs on the CPU, and every size is known once the batch axis is fixed.

Every operator of `compiler/ops/` but those marked `host_only` has CUDA kernels for what the compiler gives it, and
with all sizes known shape arithmetic folds away; so four things can prevent a recording. The placement tests hold
this rule to what the real provider accepts.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass

from .errors import Origin
from .ir import DType, Graph, Node
from .ir.operator import OPERATORS
from .training.packing import MOST as MOST_JOINED

BATCH = frozenset({"batch"})
"""The symbolic axis that every session fixes when it is made."""


@dataclass(frozen=True)
class CaptureObstacle:
    """What prevents the recording of a graph, and the layer or input of the spec it comes from."""

    reason: str
    origin: Origin | None

    def __str__(self) -> str:
        return f"{self.origin}: {self.reason}" if self.origin and self.origin.file else self.reason


def capture_obstacles(graph: Graph, fixed: Set[str] = BATCH) -> list[CaptureObstacle]:
    """Everything that prevents recording the graph with these axes fixed, each once; empty when it can be."""
    return list(dict.fromkeys([*_of_inputs(graph, fixed), *_of_nodes(graph)]))


def _of_inputs(graph: Graph, fixed: Set[str]) -> Iterator[CaptureObstacle]:
    for value in graph.inputs:
        if value.dtype is DType.string:
            yield CaptureObstacle(f"the input '{value.name}' is text, which is not on a GPU", value.origin)
        symbols = {name for dim in value.shape if not isinstance(dim, int) for name in dim.symbols} - fixed
        for name in sorted(symbols):
            reason = (
                f"the axis '{name}' of '{value.name}' has another size in each batch, and a recording has fixed ones"
            )
            yield CaptureObstacle(reason, value.origin)


def _of_nodes(graph: Graph) -> Iterator[CaptureObstacle]:
    for node in graph.nodes():
        if _holds_a_graph(node):
            yield CaptureObstacle(f"{node.op_type} is control flow, which the CPU steers", node.origin)
        elif node.op_type == "Concat" and len(node.inputs) > MOST_JOINED:
            joined = f"Concat joins {len(node.inputs)} values, of which a recording takes at most {MOST_JOINED}"
            yield CaptureObstacle(joined, node.origin)
        elif node.op_type != "Constant" and OPERATORS[node.domain, node.op_type].host_only:
            yield CaptureObstacle(f"{node.op_type} runs on the CPU alone", node.origin)


def _holds_a_graph(node: Node) -> bool:
    return any(isinstance(attribute, Graph) for attribute in node.attributes.values())
