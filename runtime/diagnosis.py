"""Say where a loss that is not finite comes from."""

from __future__ import annotations

import numpy as np

from .bundle import Bundle
from .device import Device
from .engine import TrainingState
from .manifest import BATCH_ROLES
from .session import open_session
from .state import Array, first_non_finite
from .upload import Batch


def find_cause(bundle: Bundle, state: TrainingState, batch: Batch | None, device: Device) -> str:
    """A clause that names the first value that is not finite, in the order the spec defines things.

    state: after the failed step; its other buffers hold the state before it.
    batch: the rows of the failed step, when they are still known.

    Looked at in turn: the batch, the state before the step, the gradients, the state after the step.
    """
    names = [entry.name for entry in bundle.manifest.state]
    before = state.previous()
    if batch is not None:
        feature = first_non_finite(batch, batch)
        if feature is not None:
            return f"the batch holds a value that is not finite in '{feature}'"
    culprit = first_non_finite(before, names)
    if culprit is not None:
        return f"the first value that is not finite is in {_placed(bundle, culprit)}, from the step before"
    if batch is not None and "gradients" in bundle.manifest.graphs:
        gradients = _gradients(bundle, before, batch, device)
        culprit = first_non_finite(gradients, [name for name in names if name in gradients])
        if culprit is not None:
            return f"the first value that is not finite is in the gradient of {_placed(bundle, culprit)}"
    culprit = first_non_finite(state.numpy(), names)
    if culprit is not None:
        return f"the first value that is not finite is in {_placed(bundle, culprit)}, after the step"
    return "the weights and their gradients are finite, so the loss itself overflows"


def _gradients(bundle: Bundle, state: dict[str, Array], batch: Batch, device: Device) -> dict[str, Array]:
    """Gradients by parameter name."""
    graph = bundle.manifest.graphs["gradients"]
    session = open_session(bundle.graph_file("gradients"), device, graph=graph)
    feed = {p.name: np.asarray(batch[p.name] if p.role in BATCH_ROLES else state[p.name]) for p in graph.inputs}
    outputs = [port.name for port in graph.outputs if port.role == "gradient"]
    values = session.run(outputs, feed)
    return {name.removesuffix(".gradient"): value for name, value in zip(outputs, values, strict=True)}


def _placed(bundle: Bundle, name: str) -> str:
    origin = next(entry.origin for entry in bundle.manifest.state if entry.name == name)
    return f"'{name}' ({origin})" if origin else f"'{name}'"
