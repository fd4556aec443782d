"""`netwright validate`: every mistake in a spec at once, in a fraction of a second."""

from __future__ import annotations

import json

import rich_click as click

from .failures import USER_ERROR, print_diagnostics
from .library import spec_argument
from .specs import load_spec, set_option


@click.command("validate")
@spec_argument
@set_option
@click.option("--json", "as_json", is_flag=True, help="Print [{file, line, column, path, message, hint}] instead.")
@click.pass_context
def command(ctx: click.Context, spec: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Check a spec and report every mistake with its place, its reason and a hint.

    With --json a mistake inside a block also has `within`, how the block came to be used; one of shapes has `shapes`,
    the values that led to it as [{file, line, column, path, name, reads, type}].
    """
    from netwright.compiler import SpecError, check_spec

    try:
        loaded = load_spec(spec, overrides)
        check_spec(loaded.spec)
    except SpecError as error:
        if as_json:
            click.echo(json.dumps([diagnostic.as_json() for diagnostic in error.diagnostics], indent=2))
        else:
            print_diagnostics(error.diagnostics)
        ctx.exit(USER_ERROR)
    click.echo("[]" if as_json else f"{loaded.spec.file}: valid")
