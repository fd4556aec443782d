"""`netwright report`: one offline HTML page about a finished run."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from .devices import device_option


@click.command("report")
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="The page.  [default: RUN/report.html]"
)
@device_option
def command(run: Path, output: Path | None, device: str | None) -> None:
    """Write one HTML page about a finished run, which needs no network to be shown.

    It has learning curves, the confusion matrix or residuals, the worst mistakes, filters and feature maps of the first
    convolutions, the drawing, the spec and timing. Its pictures are in the folder `pictures` beside it, too.
    """
    from netwright.runtime.report import write_report

    click.echo(write_report(run, output, device=device))
