"""Small damages: to the tree of a spec, as people do it, and to its bytes, as disks and editors do it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from random import Random
from typing import Any, Final

from .values import TEXTS, Values

# fmt: off
PIECES: Final = [
    b"netwright: 1\n", b"inputs:\n", b"network:\n", b"  - ", b"{", b"}", b"[", b"]", b": ", b", ", b"&a ", b"*a",
    b"<<: *a", b"!!int ", b"!x ", b"!!binary ", b"'", b'"', b"|\n", b">-\n", b"? ", b"# ", b"---\n", b"...\n", b"\t",
    b"\n", b"\r\n", b"  ", b"%YAML 1.2\n", b"\xef\xbb\xbf", b"\x00", b"\xc2\x85", b"\xe2\x80\xa8", "é😀".encode(),
    b"\xff\xfe", b"1e999", b"1e40", b".nan", b"-.inf", b"~", b"0x", b"- - - ", b"9" * 30, b"1e-9999", b"[" * 70,
    b"{a: " * 70, b"${n}", b"${", b"${9**9**9}", b"'${[1] * 3}'", b"true", b"no", b"0o777", b"12:30:00",
    b"2001-01-01", b"=", b"@", b"`", b"<<: {a: 1}", b"from: ", b"name: ",
    b"repeat: {times: 1000000000, layers: [relu]}", b"blocks: {a: [a]}", b"include: spec.yaml\n", b"&x [*x]",
    b"a" * 300, b"\\x00", b"\\uD800", b'"\\U0010FFFF"', b"- ? - : ",
]
# fmt: on


def of_tree(tree: Any, values: Values, random: Random) -> Any:
    """A copy with one to three things wrong."""
    tree = copy.deepcopy(tree)
    for _ in range(random.choice((1, 1, 2, 3))):
        places = list(_places(tree))
        if not places:
            return values.anything()
        holder, key = random.choice(places)
        _damage(holder, key, places, values, random)
    return tree


def _damage(holder: Any, key: Any, places: list[tuple[Any, Any]], values: Values, random: Random) -> None:
    way = random.randrange(9)
    if way == 0:
        del holder[key]
    elif way == 1:
        holder[key] = values.anything()
    elif way == 2:
        holder[key] = values.number()
    elif way == 3:
        holder[key] = [holder[key]]
    elif way == 4:
        holder[key] = {random.choice(TEXTS): holder[key]}
    elif way == 5:  # another part of the spec in its place
        other, there = random.choice(places)
        if key in (holder if isinstance(holder, dict) else range(len(holder))) and _holds(other, there):
            holder[key] = copy.deepcopy(other[there])
    elif way == 6 and isinstance(holder, dict):
        renamed = random.choice((random.choice(TEXTS), key[:-1], key + key[-1:], key.upper(), key[::-1]))
        holder[renamed] = holder.pop(key)
    elif way == 7 and isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    else:
        deep: Any = holder[key]
        for _ in range(random.choice((3, 30, 70))):
            deep = [deep] if random.random() < 0.5 else {"sequence": [deep]}
        holder[key] = deep


def _holds(holder: Any, key: Any) -> bool:
    return key in holder if isinstance(holder, dict) else isinstance(holder, list) and key < len(holder)


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every value of a tree, as what holds it and under which key."""
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, child in pairs:
        yield tree, key
        yield from _places(child)


def of_bytes(data: bytes, others: list[bytes], random: Random) -> bytes:
    """The bytes with one to four of them, or spans of them, changed."""
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        start = random.randrange(len(data) + 1)
        stop = min(len(data), start + random.choice((1, 1, 2, 5, 20, 100)))
        way = random.randrange(9)
        if way == 0:
            data = data[:start] + bytes([random.randrange(256)]) + data[start + 1 :]
        elif way == 1:
            data = data[:start] + data[stop:]
        elif way == 2:
            data = data[:start] + data[start:stop] * random.choice((2, 2, 3, 50)) + data[stop:]
        elif way in (3, 4):
            data = data[:start] + random.choice(PIECES) + data[start if way == 3 else stop :]
        elif way == 5:  # the rest of another file
            other = random.choice(others)
            data = data[:start] + other[random.randrange(len(other) + 1) :]
        elif way == 6:
            data = data[:start]
        elif way == 7 and start < len(data):
            data = data[:start] + bytes([data[start] ^ 1 << random.randrange(8)]) + data[start + 1 :]
        else:
            lines = data.split(b"\n")
            first, second = random.randrange(len(lines)), random.randrange(len(lines))
            lines[first], lines[second] = lines[second], lines[first]
            data = b"\n".join(lines)
    return data[:20_000]


def soup(random: Random) -> bytes:
    """Pieces of YAML, or plain noise."""
    if random.random() < 0.2:
        return random.randbytes(random.randrange(200))
    return b"".join(random.choice(PIECES) for _ in range(random.randrange(40)))
