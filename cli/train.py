"""`netwright train`: compile a spec, train it, and leave a run folder."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from .devices import device_option
from .library import spec_argument
from .output import write_bundle
from .specs import compile_loaded, load_spec, set_option

if TYPE_CHECKING:
    from netwright.runtime import Callback


@click.command("train")
@spec_argument
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="RUN", help="The run folder.  [default: runs/NAME]"
)
@set_option
@device_option
@click.option(
    "--backend",
    type=click.Choice(["stock", "ort-training"]),
    default="stock",
    show_default=True,
    help="stock: plain sessions of ONNX Runtime; ort-training: its own training API, in another Python.",
)
@click.option(
    "--ort-training",
    "python",
    metavar="PYTHON",
    help="The Python that has onnxruntime-training.  [default: NETWRIGHT_ORT_TRAINING]",
)
@click.option("--seed", type=int, metavar="N", help="Of initial weights, masks and shuffling.  [default: the spec's]")
@click.option("--resume", is_flag=True, help="Go on from the run's last checkpoint.")
def command(
    spec: str,
    output: Path | None,
    overrides: tuple[str, ...],
    device: str | None,
    backend: str,
    python: str | None,
    seed: int | None,
    resume: bool,
) -> None:
    """Train a spec on its data.

    RUN gets bundle/ (inference.onnx has the trained weights), checkpoints/, metrics.jsonl, summary.json, and what
    `netwright report RUN` shows of the spec.
    """
    import tempfile

    from netwright.runtime import UserError, terminal_progress, train

    from .keep import SpecKeeper

    if python is not None and backend != "ort-training":
        raise click.UsageError("--ort-training goes together with --backend ort-training")
    loaded = load_spec(spec, overrides)
    if loaded.spec.training is None:
        raise UserError(f"{loaded.spec.file}: has no `training` section, so there is nothing to train")
    run = output or _default_run(loaded.spec.name, resume)
    _check_run_folder(run, resume)
    bundle = compile_loaded(loaded, "portable" if backend == "stock" else "ort-training")
    with _no_empty_run(run) as witness, tempfile.TemporaryDirectory(prefix="netwright-") as temporary:
        compiled = Path(temporary) / "bundle"
        write_bundle(bundle, compiled)
        train(
            compiled,
            run,
            base=loaded.base,
            device=device,
            seed=seed,
            resume=resume,
            callbacks=[witness, SpecKeeper(run, bundle), terminal_progress()],
            ort_training=python,
        )
    click.echo(f"{run}: bundle/inference.onnx has the trained weights")


def _default_run(name: str, resume: bool) -> Path:
    """runs/NAME, or the first runs/NAME-2, -3 … that is free; when resuming, the last one that is there."""
    first = Path("runs") / name
    taken = None
    candidate, number = first, 1
    while candidate.exists():
        taken, number = candidate, number + 1
        candidate = first.with_name(f"{name}-{number}")
    return taken or first if resume else candidate


def _check_run_folder(run: Path, resume: bool) -> None:
    from netwright.runtime import UserError

    if resume and not run.is_dir():
        raise UserError(f"{run}: no such run to resume", "leave --resume out to start one")
    if run.exists() and not run.is_dir():
        raise UserError(f"{run}: is a file, but a run is a folder", "choose another name with -o")
    if not resume and run.is_dir() and any(run.iterdir()):
        raise UserError(f"{run}: already exists", "go on with --resume, or choose another folder with -o")


@contextlib.contextmanager
def _no_empty_run(run: Path) -> Iterator[Callback]:
    """Remove a run folder made in here when training fails before its first step: nothing in it is of use.

    Gives the callback that notices the first step.
    """
    import shutil

    from netwright.runtime import Callback, StepDone

    class Witness(Callback):
        trained = False

        def on_step(self, event: StepDone) -> None:
            del event
            self.trained = True

    witness = Witness()
    made = [folder for folder in (run, *run.parents) if not folder.exists()]
    try:
        yield witness
    except BaseException:
        if made and not witness.trained:
            shutil.rmtree(run, ignore_errors=True)
            for folder in made[1:]:
                with contextlib.suppress(OSError):  # a parent that something else uses by now stays
                    folder.rmdir()
        raise
