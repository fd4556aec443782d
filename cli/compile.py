"""`netwright compile`: a spec into a bundle folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from .library import spec_argument
from .output import write_bundle
from .specs import compile_loaded, load_spec, set_option
from .tune import compile_tuned

if TYPE_CHECKING:
    from netwright.compiler.bundle import Target


@click.command("compile")
@spec_argument
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="Write the bundle as this folder.",
)
@click.option(
    "--target",
    type=click.Choice(["portable", "ort", "ort-training"]),
    default="portable",
    show_default=True,
    help="portable: plain ONNX for any host; ort: may use operators that only ONNX Runtime has; ort-training: for ONNX "
    "Runtime's own training API.",
)
@click.option(
    "--tune",
    is_flag=True,
    help="Measure on this machine which form of each convolution and its gradients is the fastest, and compile with "
    "those.",
)
@set_option
def command(spec: str, output: Path, target: Target, tune: bool, overrides: tuple[str, ...]) -> None:
    """Compile a spec to a bundle: ONNX graphs that predict and train, and a manifest."""
    from netwright.runtime.atomic import make_folder
    from netwright.runtime.errors import UserError

    loaded = load_spec(spec, overrides)
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise UserError(f"{output}: already exists", "choose another folder, or remove this one")
    bundle = compile_tuned(loaded, target) if tune else compile_loaded(loaded, target)
    make_folder(output.parent)
    write_bundle(bundle, output)
    click.echo(f"{output}: {bundle.parameters:,} parameters; graphs: {', '.join(bundle.graphs)}")
