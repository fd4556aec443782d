"""`${…}` in the scalars of a tree: replaced by values, each mistake at the text that holds it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from ...errors import Diagnostic, Origin
from ..positions import Node, Place, Source, mapping, path_text, sequence
from ..wording import received
from .arithmetic import MOST_ITEMS, ArithmeticMistake, UnknownError, evaluate

MOST_VALUES: Final = 100_000
"""Values that all formulas of a spec may make together, repeated layers included."""
LONGEST_TEXT: Final = 10_000

_OPENING: Final = re.compile(r"\$\$\{|\$\{")
_PIECE: Final = re.compile(r"""(?:[^'"}]|'[^']*'|"[^"]*")*\}""")


class CalculatedText(str):
    """Text that a formula made: `$${` became `${` in it, which begins nothing any more."""

    __slots__ = ()


def holds_formula(value: object) -> bool:
    """Whether a scalar's text is still to be calculated."""
    return isinstance(value, str) and "${" in value and not isinstance(value, CalculatedText)


class TooLargeError(Exception):
    """The spec stands for more than can be built; it has been reported."""


class Formulas:
    """Calculates the formulas of one spec; mistakes are collected in `found`."""

    def __init__(self, found: list[Diagnostic]) -> None:
        self._found = found
        self._made = 0
        self._with_formulas: dict[int, tuple[Node, bool]] = {}

    def apply(self, node: Node, names: Mapping[str, Any], at: Source) -> Node:
        """The tree with its formulas replaced by values; the same node where there are none.

        `at` is where the node was written. Formulas that have no value stay as they are and are reported.
        Raises TooLargeError where all formulas together make more than anybody means.
        """
        if not self.occur_in(node):
            return node
        if isinstance(node.value, dict):
            items = {key: self.apply(child, names, _below(child, at, key)) for key, child in node.value.items()}
            return replace(mapping(items, dict(node.keys), node.place), source=node.source)
        if isinstance(node.value, tuple):
            children = [self.apply(child, names, _below(child, at, i)) for i, child in enumerate(node.value)]
            return replace(sequence(children, node.place), source=node.source)
        return self._scalar(node, names, at)

    def report(self, mistakes: Iterable[Diagnostic]) -> None:
        self._found += mistakes

    def occur_in(self, node: Node) -> bool:
        """Whether there is a formula in a tree."""
        if not isinstance(node.value, (dict, tuple)):
            return holds_formula(node.value)
        known = self._with_formulas.get(id(node))
        if known is None:
            children = node.value.values() if isinstance(node.value, dict) else node.value
            known = (node, any(self.occur_in(child) for child in children))  # the node is kept, so its id stays taken
            self._with_formulas[id(node)] = known
        return known[1]

    def _scalar(self, node: Node, names: Mapping[str, Any], at: Source) -> Node:
        place = node.place
        try:
            value = _substitute(node.value, names)
            made = _as_node(value, place)
        except UnknownError:
            return node
        except ArithmeticMistake as mistake:
            origin = Origin(place.file, place.line, place.column, path_text(at.path), at.within)
            self._found.append(Diagnostic(origin, mistake.message, mistake.hint))
            return node
        self._made += made.size
        if self._made > MOST_VALUES:
            origin = Origin(place.file, place.line, place.column, path_text(at.path), at.within)
            message = f"the formulas of this spec make more than {MOST_VALUES:,} values"
            self._found.append(Diagnostic(origin, message, "keep data and weights in files of their own"))
            raise TooLargeError
        return replace(made, source=node.source)


def _below(child: Node, at: Source, step: str | int) -> Source:
    return child.source or Source((*at.path, step), at.within)


def _substitute(text: str, names: Mapping[str, Any]) -> Any:
    """The value of a scalar: that of its formula when it is nothing else, otherwise text."""
    parts: list[Any] = []
    position = 0
    while opening := _OPENING.search(text, position):
        if opening.start() > position:
            parts.append(text[position : opening.start()])
        if opening.group() == "$${":
            parts.append("${")
            position = opening.end()
            continue
        piece = _PIECE.match(text, opening.end())
        if piece is None:
            raise ArithmeticMistake("the formula that '${' begins is never closed", "add the closing '}'")
        value = evaluate(piece.group()[:-1], names)
        position = piece.end()
        if not parts and position == len(text):
            return value
        parts.append(_as_text(value))
    joined = "".join([*parts, text[position:]])
    if len(joined) > LONGEST_TEXT:
        raise ArithmeticMistake(f"the text has more than {LONGEST_TEXT:,} characters")
    return joined


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float, str)):
        return str(value)
    raise ArithmeticMistake(f"only numbers, text and truth can be part of a text, received {received(value)}")


def _as_node(value: Any, place: Place) -> Node:
    """A calculated value as a tree, every part at the place of its formula."""
    if isinstance(value, list):
        node = sequence([_as_node(item, place) for item in value], place)
    elif isinstance(value, dict):
        node = mapping({k: _as_node(v, place) for k, v in value.items()}, dict.fromkeys(value, place), place)
    else:
        return Node(CalculatedText(value) if isinstance(value, str) and "${" in value else value, place)
    if node.size > MOST_ITEMS:
        raise ArithmeticMistake(f"a formula makes at most {MOST_ITEMS:,} values, received {node.size:,}")
    return node
