"""`netwright generate`: a language model goes on with a text."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from .devices import device_option
from .failures import printable

if TYPE_CHECKING:
    from netwright.runtime import Generator
    from netwright.runtime.generation.generator import How


class Finite(click.FloatRange):
    """A range without infinity and NaN, which would pass as numbers in it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{number:g} is not a finite number.", param, ctx)
        return number


BETWEEN = "---"
"""The line between one continuation and the next."""


@click.command("generate")
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--prompt", metavar="TEXT", help="The text to go on with; - reads it from standard input.")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="NAME=VALUE",
    help="What the network reads before it writes: a text, or the file of an array (.npy) or of an image. The prompt"
    " may be left out then.",
)
@click.option(
    "--length",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    metavar="N",
    help="Tokens to add at most; a text that ends by itself is shorter.",
)
@click.option(
    "--temperature",
    type=Finite(min=0, min_open=True),
    metavar="T",
    help="Below 1 probable tokens become more so, above 1 all become more alike.  [default: 1]",
)
@click.option("--top-k", type=click.IntRange(min=1), metavar="K", help="Draw among the K most probable tokens.")
@click.option(
    "--top-p",
    type=Finite(min=0, max=1, min_open=True),
    metavar="P",
    help="Draw among the fewest tokens that together have the probability P.",
)
@click.option("--greedy", is_flag=True, help="Always take the most probable token.")
@click.option(
    "--beam", type=click.IntRange(min=1), metavar="B", help="Search for the most probable text, with B beams."
)
@click.option(
    "--length-penalty",
    type=Finite(min=0),
    metavar="A",
    help="Of --beam: 0 favours short texts, 1 long ones.  [default: 0.6]",
)
@click.option(
    "--seed", type=click.IntRange(min=0), metavar="N", help="The same seed draws the same text.  [default: 0]"
)
@click.option(
    "--count",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help=f"So many texts, with {BETWEEN} between them; of --beam the best ones.",
)
@click.option(
    "--no-cache", is_flag=True, help="Read the whole text again for every token, as a network without a step form must."
)
@device_option
def command(
    run: Path,
    prompt: str | None,
    inputs: tuple[str, ...],
    length: int,
    temperature: float | None,
    top_k: int | None,
    top_p: float | None,
    greedy: bool,
    beam: int | None,
    length_penalty: float | None,
    seed: int | None,
    count: int,
    no_cache: bool,
    device: str | None,
) -> None:
    """Go on with a text, or write one about an input, by a finished run or a bundle folder.

    Tokens are drawn by their probabilities, unless --greedy or --beam says otherwise. The text is printed as it comes.
    """
    from netwright.runtime import Generator
    from netwright.runtime.generation.reading import read_given

    drawing = {"--temperature": temperature, "--top-k": top_k, "--top-p": top_p, "--seed": seed}
    how = _how(drawing, greedy=greedy, beam=beam, length_penalty=length_penalty)
    if greedy and count > 1:
        raise click.UsageError("--greedy has one text, so it does not go together with --count")
    if beam is not None and count > beam:
        raise click.UsageError(f"--count {count} is more than --beam {beam} keeps")
    if prompt is None and not inputs:
        raise click.UsageError("Missing option '--prompt'.")
    written = _named(inputs)
    generator = Generator.load(run, device=device, cache=not no_cache)
    text = sys.stdin.read() if prompt == "-" else prompt or ""
    _note_unknown(generator, text)
    given = read_given(written, generator.reading.features if generator.reading else ())
    if count > 1:
        (found,) = generator.generate_batch([text], how, length=length, seed=seed or 0, count=count, given=given)
        click.echo(f"\n{BETWEEN}\n".join(_shown(text + (one.text or "")).removesuffix("\n") for one in found))
        return
    printer = _Printer(text)
    generator.generate(text, how, length=length, seed=seed or 0, given=given, on_text=printer.show)
    printer.end()


def _named(inputs: tuple[str, ...]) -> dict[str, str]:
    """The values of `NAME=VALUE` by name. Raises UsageError for another form, and for a name that comes twice."""
    named: dict[str, str] = {}
    for item in inputs:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise click.UsageError(f"--input takes NAME=VALUE, received '{item}'")
        if name in named:
            raise click.UsageError(f"--input names '{name}' twice")
        named[name] = value
    return named


class _Printer:
    """Prints a text as it comes: the prompt when something follows it, so that a mistake is printed alone."""

    def __init__(self, prompt: str) -> None:
        self._waiting = prompt
        self._last = ""

    def show(self, piece: str) -> None:
        text, self._waiting = self._waiting + piece, ""
        click.echo(_shown(text), nl=False)
        sys.stdout.flush()
        self._last = text or self._last

    def end(self) -> None:
        if not self._last.endswith("\n"):
            click.echo()


def _how(
    drawing: dict[str, float | int | None], *, greedy: bool, beam: int | None, length_penalty: float | None
) -> How:
    """What the options ask for. Raises UsageError when they contradict each other."""
    from netwright.runtime import Beam, Greedy, Sampling

    if greedy and beam is not None:
        raise click.UsageError("--greedy does not go together with --beam")
    if length_penalty is not None and beam is None:
        raise click.UsageError("--length-penalty goes together with --beam")
    given = [option for option, value in drawing.items() if value is not None]
    if given and (greedy or beam is not None):
        raise click.UsageError(
            f"--{'greedy' if greedy else 'beam'} draws nothing, so it does not go together with {given[0]}"
        )
    if greedy:
        return Greedy()
    if beam is not None:
        return Beam(beam) if length_penalty is None else Beam(beam, length_penalty)
    temperature, top_k, top_p = drawing["--temperature"], drawing["--top-k"], drawing["--top-p"]
    return Sampling(1.0 if temperature is None else temperature, None if top_k is None else int(top_k), top_p)


def _note_unknown(generator: Generator, prompt: str) -> None:
    """Say so when the network does not read what the person wrote."""
    unknown, tokens = generator.unknown_tokens(prompt)
    if unknown:
        which = "1 token of the prompt is" if unknown == 1 else f"{unknown} tokens of the prompt are"
        click.echo(f"note: {which} not in the vocabulary, of {tokens}; the network reads <unk> there", err=True)


def _shown(text: str) -> str:
    """As it is in a file or a pipe; on a terminal without characters that would drive it."""
    if not sys.stdout.isatty():
        return text
    return "\t".join(printable(part) for part in text.split("\t"))
