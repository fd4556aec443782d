"""`netwright schema`: the JSON Schema of specs, for editors that complete and check YAML."""

from __future__ import annotations

import json
from pathlib import Path

import rich_click as click

from .output import write_text
from .specs import data_schema


@click.command("schema")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write it to FILE.", metavar="FILE"
)
def command(output: Path | None) -> None:
    """Print the JSON Schema of specs."""
    from netwright.compiler import spec_schema

    write_text(json.dumps(spec_schema(data_schema()), indent=2, ensure_ascii=False) + "\n", output)
