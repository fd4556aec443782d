"""What a YAML parser's complaint means for the person who wrote the text."""

from __future__ import annotations

import re

import yaml

MAX_DEPTH = 64

# The parser's words (libyaml first; PyYAML's own parser where it differs) -> what is wrong, what to do about it.
_EXPLANATIONS: list[tuple[str, str, str]] = [
    (
        "mapping values are not allowed",
        "a ':' cannot stand here",
        "put text that holds ': ' in quotes, or begin the key on a line of its own, indented like its neighbours",
    ),
    (
        "did not find expected key",
        "expected a key here",
        "indent the keys of one mapping alike, and close every bracket and quote above this line",
    ),
    (
        "did not find expected '-' indicator",
        "expected a '- ' here",
        "begin every entry of a list with '- ', all indented alike",
    ),
    ("did not find expected ',' or ']'", "expected ',' or ']' here", "close the list that '[' began"),
    ("did not find expected ',' or '}'", "expected ',' or '}' here", "close the mapping that '{' began"),
    ("could not find expected ':'", "expected a ':' after the key", "write 'key: value'"),
    (
        "did not find expected node content",
        "expected a value here",
        "put text that begins with a special sign in quotes",
    ),
    (
        "did not find expected <document start>",
        "expected the end of the spec here",
        "indent the keys of one mapping alike",
    ),
    ("did not find expected <block end>", "expected a key here", "indent the keys of one mapping alike"),
    ("block sequence entries are not allowed", "a '- ' cannot stand here", "begin the list on the line after its key"),
    (
        "unknown escape character",
        "unknown escape after '\\' in double quotes",
        "use single quotes, where '\\' is itself",
    ),
    ("exceeded maximum nesting depth", f"nested more than {MAX_DEPTH} levels deep", ""),  # libyaml's limit is 1000
    ("undefined tag handle", "unknown tag", "a spec needs no tags; remove it"),
]


def explain_syntax_error(error: yaml.YAMLError, text: str) -> tuple[tuple[int, int], str, str | None]:
    """The 0-based line and column of a syntax error, what is wrong, and what to do about it."""
    problem = str(getattr(error, "problem", None) or error)
    context = str(getattr(error, "context", None) or "")
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    place = _inside(text, mark.line, mark.column) if mark is not None else (0, 0)

    start = getattr(error, "context_mark", None)
    if "quoted scalar" in context and "end of" in problem and start is not None:
        return (start.line, start.column), "the quote that begins here is never closed", "add the closing quote"
    if "cannot start any token" in problem:
        return place, *_bad_start(_character(text, place))
    if _character(text, place) == "{" and _row(text, place[0])[: place[1]].endswith("$"):
        formula = _formula(_row(text, place[0])[place[1] - 1 :])
        hint = f'write "{formula}"' if '"' not in formula else f"write '{formula}'"
        return (place[0], place[1] - 1), "inside { } or [ ] a formula must stand in quotes", hint
    entry = re.match(r"\s*(-[A-Za-z_]\S*)", _row(text, place[0]))
    if entry is not None:
        column = entry.start(1)
        return (place[0], column), f"'{entry[1]}' is text, not an entry of a list", "put a space after the '-'"
    for words, message, hint in _EXPLANATIONS:
        if words in problem:
            return place, message, hint or None
    return place, f"is not valid YAML: {problem}", None


def _inside(text: str, line: int, column: int) -> tuple[int, int]:
    """The place, or the end of the last line when the parser noticed only below it."""
    rows = text.splitlines() or [""]
    return (line, column) if line < len(rows) else (len(rows) - 1, len(rows[-1]))


def _row(text: str, line: int) -> str:
    rows = text.splitlines()
    return rows[line] if line < len(rows) else ""


def _formula(row: str) -> str:
    """The `${…}` that begins a row, as far as it goes."""
    found = re.match(r"\$\{[^}]{0,60}\}", row)
    return found.group() if found else "${…}"


def _character(text: str, place: tuple[int, int]) -> str:
    row = _row(text, place[0])
    return row[place[1]] if place[1] < len(row) else ""


def _bad_start(character: str) -> tuple[str, str]:
    if character == "\t":
        return "a tab cannot indent YAML", "use spaces"
    return f"a value cannot begin with '{character}'", "put it in quotes"
