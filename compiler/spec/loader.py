"""YAML text into a tree of values that know their places, with limits that hold for hostile input.

The parser of PyYAML (libyaml where available) delivers events; composing them here keeps every limit in force
before anything is built: no depth exhausts the stack, no alias bomb the memory.
"""

from __future__ import annotations

import codecs
import difflib
import re
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any

import yaml

from ..errors import Diagnostic, Origin, SpecError
from . import scalars
from .positions import Node, Place, mapping, sequence
from .yaml_errors import MAX_DEPTH, explain_syntax_error

try:
    from yaml import CSafeLoader as _YamlLoader
except ImportError:  # PyYAML without libyaml: the same events, only slower
    from yaml import SafeLoader as _YamlLoader  # type: ignore[assignment]

MAX_BYTES = 10_000_000
MAX_VALUES = 100_000
MAX_TEXT = 10_000
MAX_KEY = 200
MAX_ALIASED_VALUES = 100_000

_CORE = "tag:yaml.org,2002:"
_TAGGED: dict[str, tuple[type, ...]] = {"null": (type(None),), "bool": (bool,), "int": (int,), "float": (int, float)}
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class UnreadableError(Exception):
    """Why a file cannot be read, and what to do about it."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        self.message = message
        self.hint = hint
        super().__init__(message)


def read_file(path: str | FilePath) -> tuple[Node, list[Diagnostic]]:
    """Read a spec file. Returns what `read_text` does and raises `SpecError` as it does, or when it cannot be read."""
    file = str(path)
    try:
        data = read_bytes(FilePath(path))
    except UnreadableError as problem:
        raise _failure(Place(file, 1, 1), problem.message, problem.hint) from None
    return read_data(data, file)


def read_bytes(path: FilePath) -> bytes:
    """The content of a file. Raises UnreadableError."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise UnreadableError("no such file", _similar_file(path)) from None
    except IsADirectoryError:
        raise UnreadableError("is a folder, not a spec", "name the YAML file inside it") from None
    except PermissionError:
        raise UnreadableError("cannot be read: permission denied") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableError(f"cannot be read: {reason.lower()}") from None
    if len(data) > MAX_BYTES:
        most = f"{MAX_BYTES // 1_000_000} MB"
        raise UnreadableError(
            f"is larger than {most}, the most a spec may be", "keep data and weights in files of their own"
        )
    return data


def read_data(data: bytes, file: str) -> tuple[Node, list[Diagnostic]]:
    """`read_text` for the content of a file."""
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        good = data[: error.start].decode("utf-8")
        place = _place_after(good, file)
        raise _failure(place, f"is not UTF-8 text: byte 0x{data[error.start]:02x}", "save the file as UTF-8") from None
    return read_text(text, file)


def read_text(text: str, file: str, *, line: int = 1, column: int = 1) -> tuple[Node, list[Diagnostic]]:
    """Read YAML text that begins at `line` and `column` of `file`.

    Returns the tree and the mistakes that leave it usable (a key given twice). Raises `SpecError` with all that do not.
    """
    text = text.removeprefix("\ufeff")
    unprintable = _UNPRINTABLE.search(text)
    if unprintable:
        place = _place_after(text[: unprintable.start()], file, line, column)
        raise _failure(place, f"the character U+{ord(unprintable.group()):04X} cannot occur in YAML", "remove it")
    return _Composer(text, file, line, column).document()


def _place_after(text: str, file: str, line: int = 1, column: int = 1) -> Place:
    rows = text.split("\n")
    return Place(file, line + len(rows) - 1, len(rows[-1]) + (column if len(rows) == 1 else 1))


def _failure(place: Place, message: str, hint: str | None = None) -> SpecError:
    return SpecError([_diagnostic(place, message, hint)])


def _diagnostic(place: Place, message: str, hint: str | None = None) -> Diagnostic:
    return Diagnostic(Origin(place.file, place.line, place.column, ""), message, hint)


def _similar_file(path: FilePath) -> str | None:
    try:
        names = [p.name for p in path.parent.iterdir() if p.suffix in (".yaml", ".yml")]
    except OSError:
        return None
    close = difflib.get_close_matches(path.name, names, n=1)
    return f"did you mean '{path.with_name(close[0])}'?" if close else None


class _Composer:
    """Builds nodes from the parser's events; one instance reads one text."""

    def __init__(self, text: str, file: str, line: int, column: int) -> None:
        self._text = text
        self._file = file
        self._line = line
        self._column = column
        self._events: Iterator[Any] = yaml.parse(text, Loader=_YamlLoader)
        self._anchors: dict[str, Node | None] = {}  # None while the anchored value is still being read
        self._values = 0
        self._aliased = 0
        self._broken: list[Diagnostic] = []  # mistakes after which the tree says something else than was written
        self._repeated: list[Diagnostic] = []

    def document(self) -> tuple[Node, list[Diagnostic]]:
        try:
            root = self._only_document()
        except yaml.YAMLError as error:
            self._broken.append(self._syntax_error(error))
        except SpecError as error:
            self._broken += error.diagnostics
        if self._broken:
            raise SpecError(self._broken + self._repeated)
        return root, self._repeated

    def _only_document(self) -> Node:
        root = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise _failure(self._place(event), "a second document begins here", "a spec is one YAML document")
                root = self._node(next(self._events), depth=1)
        if root is None or (root.value is None and not self._broken):
            raise _failure(Place(self._file, self._line, self._column), "is empty", "a spec begins with 'netwright: 1'")
        return root

    def _node(self, event: Any, depth: int) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, depth)
        self._values += 1
        if self._values > MAX_VALUES:
            raise _failure(
                self._place(event),
                f"more than {MAX_VALUES:,} values in one spec",
                "keep data and weights in files of their own",
            )
        if depth > MAX_DEPTH:
            raise _failure(self._place(event), f"nested more than {MAX_DEPTH} levels deep")
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(event, depth)
        else:
            node = self._mapping(event, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, event: Any, depth: int) -> Node:
        place = self._place(event)
        if event.anchor not in self._anchors:
            raise _failure(place, f"the alias *{event.anchor} has no anchor &{event.anchor} before it")
        node = self._anchors[event.anchor]
        if node is None:
            raise _failure(place, f"the alias *{event.anchor} stands inside the value it repeats")
        self._aliased += node.size
        if self._aliased > MAX_ALIASED_VALUES:
            raise _failure(place, f"the aliases stand for more than {MAX_ALIASED_VALUES:,} values")
        if depth + node.height - 1 > MAX_DEPTH:
            raise _failure(place, f"nested more than {MAX_DEPTH} levels deep")
        return node

    def _scalar(self, event: Any) -> Node:
        place = self._place(event)
        if len(event.value) > MAX_TEXT:
            raise _failure(place, f"a text of more than {MAX_TEXT:,} characters", "keep data in files of their own")
        tag = event.tag if event.tag not in (None, "!") else None
        if tag is None:
            return Node(self._plain(event, place) if event.implicit[0] else event.value, place)
        if tag == _CORE + "str":
            return Node(event.value, place)
        value = self._plain(event, place)
        name = tag.removeprefix(_CORE)
        wanted = _TAGGED.get(name, ())
        if not wanted:
            self._unknown_tag(event)
        elif type(value) not in wanted:
            self._broken.append(_diagnostic(place, f"is not what its tag !!{name} says, received '{event.value}'"))
        return Node(float(value) if name == "float" and isinstance(value, int) else value, place)

    def _plain(self, event: Any, place: Place) -> scalars.Scalar:
        try:
            return scalars.resolve(event.value)
        except scalars.OutOfRangeError:
            text = event.value if len(event.value) <= 30 else event.value[:30] + "…"
            self._broken.append(_diagnostic(place, f"the number {text} does not fit in 64 bits"))
            return None

    def _sequence(self, event: Any, depth: int) -> Node:
        self._collection_tag(event, "seq")
        items = []
        while not isinstance(child := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(child, depth + 1))
        return sequence(items, self._place(event))

    def _mapping(self, event: Any, depth: int) -> Node:
        self._collection_tag(event, "map")
        items: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        merged: list[Node] = []
        while not isinstance(child := next(self._events), yaml.MappingEndEvent):
            merges = isinstance(child, yaml.ScalarEvent) and child.value == "<<" and child.implicit[0]
            key_place = self._place(child)
            key = self._node(child, depth + 1)
            value = self._node(next(self._events), depth + 1)
            if merges:
                merged += self._merge_sources(value, key_place)
            elif not isinstance(key.value, str):
                self._broken.append(_unusable_key(key, value, key_place))
            elif len(key.value) > MAX_KEY:
                self._broken.append(_diagnostic(key_place, f"a key of more than {MAX_KEY} characters", "shorten it"))
            elif key.value in items:
                first = keys[key.value].line
                message = f"the key '{key.value}' is given twice in one mapping, first on line {first}"
                self._repeated.append(_diagnostic(key_place, message, "remove one of them"))
            else:
                items[key.value], keys[key.value] = value, key_place
        for source in merged:
            for name, child in source.value.items():
                if name not in items:
                    items[name], keys[name] = child, source.keys[name]
        return mapping(items, keys, self._place(event))

    def _merge_sources(self, value: Node, place: Place) -> list[Node]:
        """The mappings behind `<<`; keys of the mapping itself win over them, and earlier ones over later ones."""
        sources = list(value.value) if isinstance(value.value, tuple) else [value]
        if all(isinstance(source.value, dict) for source in sources):
            return sources
        message = "the merge key << takes a mapping or a list of mappings"
        self._broken.append(_diagnostic(place, message, "such as '<<: *defaults'"))
        return []

    def _collection_tag(self, event: Any, name: str) -> None:
        if event.tag not in (None, "!", _CORE + name):
            self._unknown_tag(event)

    def _unknown_tag(self, event: Any) -> None:
        tag = event.tag.replace(_CORE, "!!")
        self._broken.append(_diagnostic(self._place(event), f"unknown tag '{tag}'", "a spec needs no tags; remove it"))

    def _syntax_error(self, error: yaml.YAMLError) -> Diagnostic:
        (line, column), message, hint = explain_syntax_error(error, self._text)
        return _diagnostic(self._at(line, column), message, hint)

    def _place(self, event: Any) -> Place:
        return self._at(event.start_mark.line, event.start_mark.column)

    def _at(self, line: int, column: int) -> Place:
        return Place(self._file, self._line + line, column + (self._column if line == 0 else 1))


def _unusable_key(key: Node, value: Node, place: Place) -> Diagnostic:
    if isinstance(key.value, (dict, tuple)):
        what = "a mapping" if isinstance(key.value, dict) else "a list"
        return _diagnostic(place, f"a key must be text, received {what}", "put text that holds { or [ in quotes")
    text = "nothing" if key.value is None else str(key.value).lower()
    decimals = isinstance(key.value, (int, float)) and value.value is None  # {learning_rate: 0,001}
    hint = "the decimal sign is '.', not ','" if decimals else "put it in quotes"
    return _diagnostic(place, f"a key must be text, received {text}", hint)
