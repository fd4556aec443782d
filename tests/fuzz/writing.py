"""Trees as YAML text, in flow or block style, with anchors and aliases for values that repeat."""

from __future__ import annotations

import json
import math
import re
from random import Random
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_/*-]*( [A-Za-z0-9_*+-]+)*")
_WORDS = frozenset(["true", "false", "null"])


def as_yaml(tree: Any, random: Random) -> str:
    """YAML that means `tree`, written in one of the ways that people do."""
    writer = _Writer(random)
    if isinstance(tree, dict) and tree and random.random() < 0.7:
        return "\n".join(writer.block(tree, "")) + "\n"
    return writer.flow(tree) + "\n"


class _Writer:
    def __init__(self, random: Random) -> None:
        self._random = random
        self._aliases = random.random() < 0.15
        self._anchored: dict[str, str] = {}  # text -> the anchor it was written with

    def block(self, value: dict[str, Any], indent: str) -> list[str]:
        lines = []
        for key, child in value.items():
            head = f"{indent}{self._scalar(key)}:"
            if isinstance(child, dict) and child and self._random.random() < 0.6:
                lines += [head, *self.block(child, indent + "  ")]
            elif isinstance(child, list) and child and self._random.random() < 0.7:
                lines.append(head)
                lines += [f"{indent}  - {self.flow(item)}" for item in child]
            else:
                lines.append(f"{head} {self.flow(child)}")
        return lines

    def flow(self, value: Any) -> str:
        if isinstance(value, dict):
            text = "{" + ", ".join(f"{self._scalar(key)}: {self.flow(child)}" for key, child in value.items()) + "}"
        elif isinstance(value, list):
            text = "[" + ", ".join(self.flow(item) for item in value) + "]"
        else:
            return self._scalar(value)
        return self._aliased(text) if self._aliases else text

    def _aliased(self, text: str) -> str:
        if text in self._anchored:
            return f"*{self._anchored[text]}"
        if "&" in text or len(text) < 4:
            return text
        self._anchored[text] = f"a{len(self._anchored)}"
        return f"&{self._anchored[text]} {text}"

    def _scalar(self, value: Any) -> str:
        if value is None:
            return self._random.choice(("null", "~"))
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, float):
            if math.isnan(value):
                return ".nan"
            return repr(value) if math.isfinite(value) else (".inf" if value > 0 else "-.inf")
        if isinstance(value, int):
            return str(value)
        if _PLAIN.fullmatch(value) and value not in _WORDS and self._random.random() < 0.8:
            return str(value)
        return json.dumps(value, ensure_ascii=self._random.random() < 0.5)
