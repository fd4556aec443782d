"""The state a run starts from."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bundle import Bundle
from .device import CPU
from .errors import UserError
from .session import open_session, run_problem


def initial_state(bundle: Bundle, seed: int) -> dict[str, NDArray[Any]]:
    """Run `init.onnx` with the seed: every state by name.

    Always on the CPU, so that a seed gives the same weights on every device; it runs once.

    Raises:
        UserError: the seed is no int64, or the graph does not give what the manifest says.
    """
    if not -(2**63) <= seed < 2**63:
        raise UserError(f"the seed must fit into 64 bits, received {seed}")
    model = bundle.graph_file("init")
    session = open_session(model, CPU)
    names = [entry.name for entry in bundle.manifest.state]
    try:
        values = session.run(names, {bundle.manifest.graphs["init"].inputs[0].name: np.array(seed, np.int64)})
    except Exception as error:  # ONNX Runtime's exceptions share no base class but Exception
        raise run_problem(model, error) from error
    for entry, value in zip(bundle.manifest.state, values, strict=True):
        if value.shape != entry.shape or value.dtype != np.dtype(entry.dtype):
            raise UserError(
                f"{model}: '{entry.name}' came out as {value.dtype} {list(value.shape)}, "
                f"but the manifest says {entry.dtype} {list(entry.shape)}",
                "compile the spec again",
            )
    return dict(zip(names, values, strict=True))
