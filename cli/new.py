"""`netwright new`: a spec of one's own, starting from one of the model library."""

from __future__ import annotations

import re
from pathlib import Path

import rich_click as click

from .library import SpecFile, SpecName, find_spec
from .output import write_text
from .specs import load_spec


@click.command("new")
@click.argument("name", metavar="NAME")
@click.option(
    "--like", "like", metavar="SPEC", type=SpecName(), required=True, help="A library spec or a file to start from."
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="[default: NAME.yaml]"
)
def command(name: str, like: str, output: Path | None) -> None:
    """Start a spec called NAME from another one, its comments kept."""
    from netwright.runtime.errors import UserError

    _check_name(name)
    file = output or Path(f"{name}.yaml")
    if file.exists():
        raise UserError(f"{file}: already exists", "choose another file with -o")
    load_spec(like)  # a mistake in the other spec is reported at its own place
    write_text(_renamed(find_spec(like), name), file)
    click.echo(f"{file}: a spec like {like}; `netwright validate {file}` checks it, `netwright train {file}` trains it")


def _check_name(name: str) -> None:
    """Raises UserError for a name that a spec cannot have."""
    from netwright.compiler.spec.settings import NAME_PATTERN
    from netwright.runtime.errors import UserError

    if not re.match(NAME_PATTERN, name):
        raise UserError(
            f"'{name}' cannot be the name of a spec",
            "a name begins with a letter or _, and has letters, digits, _ and -; -o says where to write it",
        )


def _renamed(file: SpecFile, name: str) -> str:
    """The text of a valid spec with its `name` replaced, or added after the language version."""
    import yaml

    text = file.path.read_text(encoding="utf-8-sig")
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)  # it was loaded before
    places = {key.value: (key, value) for key, value in root.value}
    if "name" in places:
        _, value = places["name"]
        return text[: value.start_mark.index] + name + text[value.end_mark.index :]
    _, version = places["netwright"]
    end = version.end_mark.index
    separator = ", " if root.flow_style else "\n"
    return f"{text[:end]}{separator}name: {name}{text[end:]}"
