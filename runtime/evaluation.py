"""Evaluate a finished run on its data."""

from __future__ import annotations

from pathlib import Path

from .data.plan import Partitions
from .device import Device, select
from .evaluator import Evaluator, Metrics
from .partitions import bundle_partitions, given_partitions, in_order
from .run_folder import RunFolder
from .session import SessionSettings
from .state import DeviceState


def evaluate(
    run: str | Path,
    *,
    partitions: Partitions | None = None,
    device: str | Device | None = None,
    batch_size: int | None = None,
    settings: SessionSettings | None = None,
) -> dict[str, Metrics]:
    """Metrics by partition (`train`, `validation`, `test`, those with rows) of the weights the run ended with.

    partitions: the data; by default those the run was trained on. device: auto, cpu or cuda; by default the spec's.

    Raises:
        UserError: not a finished run, or data that do not fit.
        EnvironmentProblem: the device cannot be had, or memory ran out.
    """
    folder = RunFolder(run)
    bundle = folder.trained_bundle()
    chosen = select(device, bundle.training_plan().device)
    if partitions is None:
        partitions = bundle_partitions(bundle, folder.base())
    else:
        partitions = given_partitions(bundle, partitions)
    state = DeviceState(bundle.manifest.state, folder.kept_checkpoint(bundle).state, (), chosen)
    evaluator = Evaluator(bundle, state, chosen, settings=settings)
    rows = batch_size or bundle.training_plan().batch_size
    named = {"train": partitions.train, "validation": partitions.validation, "test": partitions.test}
    return {part: evaluator.evaluate(in_order(columns, rows).epoch()) for part, columns in named.items() if columns}
