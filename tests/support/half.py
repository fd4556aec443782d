"""Half precision on a CPU: every number rounded as the graph says.

ONNX Runtime's CPU provider has few kernels in float16 and hardly any in bfloat16. Around nodes in float16 it inserts
casts, but takes pairs of them out again, so that most numbers are never rounded. `rounding` writes the casts itself;
those stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from netwright.compiler import Bundle
from netwright.compiler.bundle import Target
from netwright.compiler.emit import emit
from netwright.compiler.ir import DType, Graph, Node, Value
from netwright.compiler.ir.rewrite import rebuild, rewrite
from netwright.compiler.ops.cast import cast
from netwright.compiler.spec import load
from netwright.runtime.data import source_schema

from .bundles import SPECS, Program, Tensors, compile_without_data, next_state

HALVES = (DType.float16, DType.bfloat16)


def rounding(graph: Graph) -> Graph:
    """The same graph with every node in half computing in float32, and its result cast to half and back."""

    def replace(node: Node, inputs: tuple[Value | None, ...]) -> Sequence[Value] | None:
        if node.op_type in ("Cast", "Constant") or not any(v.dtype in HALVES for v in node.given_inputs):
            return None
        wide = tuple(v if v is None or v.dtype not in HALVES else cast(v, DType.float32) for v in inputs)
        return [cast(made, old.dtype) for made, old in zip(rebuild(node, wide), node.outputs, strict=True)]

    return rewrite(graph, replace)[0]


def program(bundle: Bundle, graph: str, folder: Path, *, rounded: bool = True) -> Program:
    """A graph of a bundle on the CPU, by default with every number rounded."""
    model = folder / f"{graph}{'.rounded' if rounded else ''}.onnx"
    made = bundle.graphs[graph]
    model.write_bytes(emit(rounding(made) if rounded else made).SerializeToString())
    return Program(model)


def losses(step: Program, state: Tensors, batches: Sequence[Mapping[str, object]]) -> tuple[list[float], Tensors]:
    """The loss of each step of a run, and the state at its end."""
    found = []
    for batch in batches:
        outputs = step({**batch, **state})
        found.append(float(outputs["loss"]))
        state = next_state(outputs)
    return found, state


def half_bundle(name: str, dtype: DType | str, *overrides: str, target: Target = "portable") -> Bundle:
    """A spec of the model library that trains in a precision."""
    given = [f"training.precision={dtype}", *overrides]
    return compile_without_data(load(SPECS[name], data_schema=source_schema(), overrides=given), target)
