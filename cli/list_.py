"""`netwright list`: the model library."""

from __future__ import annotations

import rich_click as click

from .library import library, summary_of


@click.command("list")
def command() -> None:
    """List the specs of the model library."""
    specs = library()
    width = max(map(len, specs))
    for name, file in specs.items():
        click.echo(f"{name:{width}}  {summary_of(file)}")
