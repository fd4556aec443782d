"""The model library: specs that are part of the package, known by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import rich_click as click
from click.shell_completion import CompletionItem

LIBRARY = Path(__file__).parent.parent / "specs"


@dataclass(frozen=True)
class SpecFile:
    """A spec to open: where it is, and what messages and bundles call it, which is never a path of this machine."""

    path: Path
    shown: str


def library() -> dict[str, SpecFile]:
    """The specs of the model library by name, in alphabetical order."""
    files = {path.stem: path for path in LIBRARY.rglob("*.yaml")}
    return {
        name: SpecFile(files[name], f"specs/{files[name].relative_to(LIBRARY).as_posix()}") for name in sorted(files)
    }


def find_spec(given: str) -> SpecFile:
    """The spec a person means: a name from the library, or else a path.

    Raises:
        SpecError: `given` looks like a name and there is no such spec.
    """
    known = library()
    if given in known:
        return known[given]
    path = Path(given)
    if path.exists() or path.suffix in (".yaml", ".yml") or len(path.parts) != 1:
        return SpecFile(path, given)
    import difflib

    from netwright.compiler.errors import Diagnostic, Origin, SpecError

    near = difflib.get_close_matches(given, known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else "`netwright list` prints the names; a spec of your own is a path"
    message = "no such file, and no spec of that name in the model library"
    raise SpecError([Diagnostic(Origin(given, 1, 1, ""), message, hint)])


def summary_of(file: SpecFile) -> str:
    """What a library spec says about itself: its first line, a comment."""
    with file.path.open(encoding="utf-8") as stream:
        return stream.readline().removeprefix("#").strip()


def readable_path(shown: str) -> Path:
    """The file behind what a message calls a spec."""
    by_shown = {file.shown: file.path for file in library().values()}
    return by_shown.get(shown, Path(shown))


class SpecName(click.ParamType[str]):
    """A path or a name from the library; the shell completes both."""

    name = "spec"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        del ctx, param
        names = [CompletionItem(name) for name in library() if name.startswith(incomplete)]
        return [*names, CompletionItem(incomplete, type="file")]


spec_argument = click.argument("spec", metavar="SPEC", type=SpecName())
