"""Plain JSON values to frozen dataclasses, with the place and the received value in every complaint.

Unknown keys are ignored, so a reader of today accepts what a later minor version adds.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")

_WORDS: dict[Any, str] = {
    int: "an integer",
    float: "a number",
    str: "text",
    bool: "true or false",
    types.NoneType: "null",
}


class DecodeError(Exception):
    """A JSON value does not have the promised form. `path` leads to it, e.g. `state[2].shape`."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}" if path else message)


def decode(hint: Any, value: Any, path: str = "") -> Any:
    """The object that `value` (from `json.loads`) means under the type hint.

    Hints may be int, float, str, bool, None, `Any`, dataclasses, `tuple[X, ...]`, `dict[str, X]` and unions of them.

    Raises:
        DecodeError: the value has another form.
    """
    if hint is Any:
        return value
    members = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for member in members:
        if _accepts(member, value):
            return _decode_member(member, value, path)
    raise DecodeError(path, f"must be {' or '.join(_word(m) for m in members)}, received {_shown(value)}")


def _accepts(member: Any, value: Any) -> bool:
    origin = typing.get_origin(member)
    if origin is tuple:
        return isinstance(value, list)
    if origin is dict or dataclasses.is_dataclass(member):
        return isinstance(value, dict)
    if member is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if member is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, member)


def _decode_member(member: Any, value: Any, path: str) -> Any:
    origin, arguments = typing.get_origin(member), typing.get_args(member)
    if origin is tuple:
        return tuple(decode(arguments[0], item, f"{path}[{i}]") for i, item in enumerate(value))
    if origin is dict:
        return {key: decode(arguments[1], item, _join(path, key)) for key, item in value.items()}
    if dataclasses.is_dataclass(member):
        return _decode_dataclass(member, value, path)
    return float(value) if member is float else value


def _decode_dataclass(cls: Any, value: Mapping[str, Any], path: str) -> Any:
    hints = typing.get_type_hints(cls)
    arguments = {}
    for field in dataclasses.fields(cls):
        if field.name in value:
            arguments[field.name] = decode(hints[field.name], value[field.name], _join(path, field.name))
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise DecodeError(path, f"the key '{field.name}' is missing")
    return cls(**arguments)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _word(member: Any) -> str:
    origin = typing.get_origin(member)
    if origin is tuple:
        return "a list"
    if origin is dict or dataclasses.is_dataclass(member):
        return "an object"
    return _WORDS[member]


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value)
