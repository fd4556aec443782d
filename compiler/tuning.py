"""Models of every form that a question leaves open, for a host to time: `netwright compile --tune`."""

from __future__ import annotations

import math

from .bundle import Target
from .emit import emit
from .ir import Dim, Graph, graph_input
from .ir.choices import Question
from .layer_context import BATCH
from .passes import PASSES_OF, optimize


def is_measurable(question: Question) -> bool:
    """Whether its tensors have known sizes once the batch has one; an axis such as `time` may have any."""
    dims = {dim for given in question.inputs for dim in given.shape if not isinstance(dim, int)}
    return all(dim.symbols == BATCH.symbols for dim in dims)


def candidate_models(question: Question, target: Target, batch: int | None = None) -> dict[str, bytes]:
    """An ONNX model for each form: float inputs `input0`, `input1`, … as in the training graphs, one output.

    With `batch` an axis that is a multiple of the batch, the steps of sequences of one length, is a number.
    """
    models = {}
    for name, form in question.forms.items():
        inputs = []
        for number, given in enumerate(question.inputs):
            shape = given.shape if batch is None else tuple(_sized(dim, batch) for dim in given.shape)
            inputs.append(graph_input(f"input{number}", given.dtype, shape))
        graph = optimize(Graph(name.replace(" ", "_"), tuple(inputs), {"output": form(*inputs)}), PASSES_OF[target])
        models[name] = emit(graph).SerializeToString(deterministic=True)
    return models


def _sized(dim: Dim, batch: int) -> Dim:
    """The dimension itself where it is a number or the batch, else its size at this one."""
    if isinstance(dim, int) or dim == BATCH:
        return dim
    return sum(coefficient * math.prod([batch] * len(monomial)) for monomial, coefficient in dim.terms)
