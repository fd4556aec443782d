"""Fit preprocessing statistics to the training data, by the manifest's plan and `fit.onnx`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bundle import Bundle
from .data.columns import Columns
from .device import CPU
from .errors import UserError
from .manifest import FittingStep
from .partitions import in_order
from .session import open_session, run_problem

Array = NDArray[Any]
BATCH = 1024
"""Rows a call; the result does not depend on it but in the last digits of float32 sums."""


def fit(bundle: Bundle, state: Mapping[str, Array], train: Columns) -> dict[str, Array]:
    """The state with every fitted statistic of the plan filled in.

    Stages go over the data one after the other; sums of batches are added in float64. On the CPU, so that every device
    starts from the same numbers.

    Raises:
        UserError: the data do not fit the graph, or a statistic is not finite.
    """
    fitted = dict(state)
    plan = bundle.manifest.fitting
    if not plan:
        return fitted
    model = bundle.graph_file("fit")
    session = open_session(model, CPU)
    inputs = [port.name for port in bundle.manifest.graphs["fit"].inputs]
    for stage in sorted({step.stage for step in plan}):
        steps = [step for step in plan if step.stage == stage]
        names = [name for step in steps for name in step.sums]
        batches = []
        for batch in in_order(train, BATCH).epoch():
            feeds = {name: fitted[name] if name in fitted else batch[name] for name in inputs}
            try:
                batches.append([np.asarray(part, np.float64) for part in session.run(names, feeds)])
            except Exception as error:  # ONNX Runtime's exceptions share no base class but Exception
                raise run_problem(model, error) from error
        parts = dict(zip(names, zip(*batches, strict=True), strict=True))
        for step in steps:
            fitted[step.state] = _finish(step, parts, fitted[step.state])
    return fitted


def _finish(step: FittingStep, parts: Mapping[str, tuple[Array, ...]], like: Array) -> Array:
    values = [parts[name] for name in step.sums]
    if step.statistic == "minimum":
        number: Array = np.minimum.reduce(values[0])
    elif step.statistic == "maximum":
        number = np.maximum.reduce(values[0])
    else:
        mean = np.sum(values[0], axis=0) / np.sum(values[1], axis=0)
        number = np.sqrt(mean) if step.statistic == "root_mean" else np.asarray(mean)
    if not np.isfinite(number).all():
        raise UserError(
            f"the statistic '{step.state}' of the training data is not a finite number",
            "the values are too large, or not numbers",
        )
    return np.asarray(number, like.dtype).reshape(like.shape)
