"""Models of every form that a question leaves open, for a host to time: `netwright compile --tune`."""

from __future__ import annotations

from .bundle import Target
from .emit import emit
from .ir import Graph, graph_input
from .ir.choices import Question
from .passes import PASSES_OF, optimize


def candidate_models(question: Question, target: Target) -> dict[str, bytes]:
    """An ONNX model for each form: float inputs `input0`, `input1`, … as in the training graphs, one output."""
    models = {}
    for name, form in question.forms.items():
        inputs = [graph_input(f"input{i}", given.dtype, given.shape) for i, given in enumerate(question.inputs)]
        graph = optimize(Graph(name.replace(" ", "_"), tuple(inputs), {"output": form(*inputs)}), PASSES_OF[target])
        models[name] = emit(graph).SerializeToString(deterministic=True)
    return models
