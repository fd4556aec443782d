"""`netwright fetch`: bring a data set that cannot be shipped."""

from __future__ import annotations

import rich_click as click


@click.command("fetch")
@click.argument("name", metavar="DATASET")
def command(name: str) -> None:
    """Fetch a data set, such as mnist, into the cache folder, and check it. Nothing else opens a connection."""
    from netwright.runtime.data.fetch import fetch

    click.echo(f"{name}: {fetch(name)}")
