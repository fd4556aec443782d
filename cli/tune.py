"""Measure on this machine which form of a computation is the fastest, and compile with the winners."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from .output import table
from .specs import LoadedSpec, compile_loaded

if TYPE_CHECKING:
    from netwright.compiler import Bundle
    from netwright.compiler.bundle import Target
    from netwright.compiler.ir.choices import Question


def compile_tuned(loaded: LoadedSpec, target: Target) -> Bundle:
    """The bundle with the form of each convolution and its gradients that ran fastest here, at the spec's batch size.

    Prints what was measured, and what has no one size that could be. Runs on CUDA where that works, and on the CPU
    otherwise.

    Raises:
        SpecError, UserError, EnvironmentProblem: as `compile_loaded`, and where the machine cannot run a form.
    """
    from netwright.compiler.tuning import is_measurable
    from netwright.runtime.device import select

    untuned = compile_loaded(loaded, target)
    questions = untuned.questions
    training = loaded.spec.training
    if not questions or training is None:
        click.echo("nothing to choose: no computation of this spec has several forms")
        return untuned
    device = select()
    answers, rows = {}, []
    for subject, question in questions.items():
        if not is_measurable(question):
            rows.append([subject, question.default, "not measured: the length of its sequences is open", ""])
            continue
        times = measure(question, target, training.batch_size)
        best = min(times, key=times.__getitem__)
        answers[subject] = best
        measured = ", ".join(f"{form} {ms:.2f}" for form, ms in sorted(times.items(), key=lambda item: item[1]))
        rows.append([subject, best, "" if best == question.default else f"instead of {question.default}", measured])
    click.echo(f"measured on {device.name}, batch {training.batch_size}, milliseconds")
    click.echo(table(["computation", "fastest", "", "all forms"], rows))
    return compile_loaded(loaded, target, forms=answers)


def measure(question: Question, target: Target, batch: int) -> dict[str, float]:
    """Milliseconds of each form of a computation."""
    from netwright.compiler.tuning import candidate_models
    from netwright.runtime.device import select
    from netwright.runtime.timing import time_models

    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for number, (form, model) in enumerate(candidate_models(question, target, batch).items()):
            files[form] = Path(folder) / f"{number}.onnx"
            files[form].write_bytes(model)
        return time_models(files, select(), batch=batch)
