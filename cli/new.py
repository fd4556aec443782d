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
    model = find_spec(like)
    text = _renamed(model, name, elsewhere=file.absolute().parent != model.path.absolute().parent)
    write_text(text, file)
    click.echo(f"{file}: a spec like {like}; `netwright validate {file}` checks it, `netwright train {file}` trains it")


def _check_name(name: str) -> None:
    """Raises UserError for a name that a spec cannot have."""
    from netwright.compiler.spec.settings import NAME_PATTERN
    from netwright.runtime.errors import UserError

    if not re.fullmatch(NAME_PATTERN, name):
        raise UserError(
            f"'{name}' cannot be the name of a spec",
            "a name begins with a letter or _, and has letters, digits, _ and -; -o says where to write it",
        )


def _renamed(file: SpecFile, name: str, *, elsewhere: bool) -> str:
    """The text of a valid spec with its `name` replaced, or added before the first section.

    Raises UserError for a spec that includes other files when it is to stand `elsewhere`.
    """
    import yaml
    from netwright.runtime.errors import UserError

    written = f'"{name}"' if name in ("true", "false", "null") else name
    text = file.path.read_text(encoding="utf-8-sig")
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)  # it was loaded before
    places = {key.value: value for key, value in root.value}
    if elsewhere and "include" in places:
        included = text[places["include"].start_mark.index : places["include"].end_mark.index].strip()
        raise UserError(
            f"{file.shown}: includes {included}, which a spec in another folder would not find",
            "start from the file that it includes, or write the new spec beside it with -o",
        )
    if "name" in places:
        value = places["name"]
        return text[: value.start_mark.index] + written + text[value.end_mark.index :]
    start = root.value[0][0].start_mark.index
    return f"{text[:start]}name: {written}{', ' if root.flow_style else chr(10)}{text[start:]}"
