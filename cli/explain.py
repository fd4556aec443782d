"""`netwright explain`: the reference of the spec language, in the terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import rich_click as click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from .reference import Family, Page


class _Topic(click.ParamType[str]):
    """A kind, a section or a family; the shell completes them."""

    name = "topic"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from .reference import reference

        del ctx, param
        names = dict.fromkeys(page.name for family in reference().values() for page in family.pages)
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


TOPIC = _Topic()


@click.command("explain")
@click.argument("name", metavar="[NAME]", required=False, type=TOPIC)
def command(name: str | None) -> None:
    """Explain a layer, loss, optimizer or anything else that a spec can name.

    NAME is a kind such as `dense`, a section such as `training`, or a family such as `layers`. Without it, everything
    there is to explain is listed.
    """
    from .reference import reference

    families = reference()
    _show(_overview(families) if name is None else _explanation(name, families))


def _overview(families: Mapping[str, Family]) -> str:
    lines = [
        f"- **{family.title}**: {', '.join(f'`{page.name}`' for page in family.pages)}" for family in families.values()
    ]
    return "\n".join([*lines, "", "`netwright explain NAME` explains one of them, or a family."])


def _explanation(name: str, families: Mapping[str, Family]) -> str:
    """Every page of that name, or a family.

    Raises:
        UserError: nothing has that name.
    """
    from .reference.markdown import family_text, page_text

    pages = [(page, family) for family in families.values() for page in family.pages if _is_called(page, name)]
    if pages:
        return "\n\n".join(page_text(page, f"# {family.name.capitalize()}") for page, family in pages)
    plain = name.lower().replace("_", " ")
    for family in families.values():
        if plain in (family.name, family.title.lower(), f"{family.name}s"):
            return family_text(family)
    raise _nothing_called(name, [page.name for family in families.values() for page in family.pages])


def _is_called(page: Page, name: str) -> bool:
    """A section within a section answers to its last word as well: `early_stopping`."""
    return name in (page.name, page.name.rsplit(".", 1)[-1])


def _nothing_called(name: str, known: Sequence[str]) -> Exception:
    from netwright.compiler.spec.suggest import closest
    from netwright.runtime.errors import UserError

    near = closest(name, known)
    hint = f"did you mean '{near}'?" if near else "`netwright explain` lists what there is"
    return UserError(f"there is nothing called '{name}' in the spec language", hint)


def _show(text: str) -> None:
    """Markdown as it is for a file or a pipe, rendered on a terminal."""
    if not sys.stdout.isatty():
        click.echo(text)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    console.print(Markdown(text, hyperlinks=False), width=min(console.width, 120))
