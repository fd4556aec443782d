"""Random values near a JSON Schema: what it admits, and now and then what it does not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final

# fmt: off
NAMES: Final = ["x", "y", "a", "b", "h", "image", "label", "target", "dense1", "relu1", "output", "n", "i"]
TEXTS: Final = [
    *NAMES, "", " ", "a b", "batch", "input", "loss", "adam", "relu", "accuracy", "time", "*", "dense1/*", "b1/dense1",
    "repeat1/0", "no", "on", "~", "1e-3", "é😀", "a" * 300, "../x.yaml", "x * 2 + 1", "grad(sum(x ** 2), x)", "x @ x",
    "where(x > 0, x, 0)", "(x + 1", "x." * 40 + "x",
]
FORMULAS: Final = [
    "${n}", "${n * 2}", "${i + 1}", "${n // 0}", "${9**9**9}", "${[n] * 3}", "${", "$${", "a${n}b", "${m}", "${}",
    "${n if i else [1, 2]}", "${-n}", "${n / 7}", "${'a' * n}", "${[[n, 1], [2]]}", "${min(n, 3)}", "${range(10**9)}",
    "${" + "(" * 60 + "1" + ")" * 60 + "}", "${1e308 * 10}", "${n[0]}", "${True}", "${'${n}'}",
]
NUMBERS: Final = [
    0, 1, -1, 2, 3, 7, 100, 2**31 - 1, 2**31, -(2**31), 2**53 + 1, 2**63 - 1, -(2**63), 10**12, 0.0, -0.0, 0.5, 1.0,
    1e-3, 1e-45, 1e-320, 3.4e38, 1e39, 1e40, 1e308, -1e308, float("inf"), float("nan"),
]
# fmt: on


@dataclass(frozen=True)
class Values:
    """Draws values for schemas. `oddness` is the chance that one is not what its schema asks for."""

    random: Random
    definitions: Mapping[str, Any]
    layers: Callable[[], Any]
    """Draws an entry of a list of layers."""
    oddness: float = 0.05
    names: tuple[str, ...] = tuple(NAMES)
    """What a reference may name."""

    def near(self, schema: Any, depth: int = 0) -> Any:
        """A value for a schema."""
        if self.random.random() < self.oddness:
            return self.anything()
        if not isinstance(schema, Mapping):
            return self.scalar()
        if "$ref" in schema:
            family = schema["$ref"].rpartition("/")[2]
            return self.layers() if family == "layer" else self.entry(self.definitions[family], depth)
        if "x-family" in schema and "properties" in schema:
            return self.entry(schema, depth)
        if "const" in schema:
            return schema["const"]
        types = schema.get("type", "object")
        if "else" in schema and self.random.random() < 0.8:  # one, or a list
            return self.near(schema["else"], depth + 1)
        return self._of_type(self.random.choice(types) if isinstance(types, list) else types, schema, depth)

    def entry(self, family: Mapping[str, Any], depth: int = 0) -> Any:
        """`relu`, `dense: 10` or `dense: {units: 10}`."""
        kind = self.random.choice(_kinds(family))
        arguments = self.arguments(family["properties"][kind], depth + 1)
        return kind if arguments is None else {kind: arguments}

    def arguments(self, schema: Mapping[str, Any], depth: int = 0) -> Any:
        """What stands after a kind; None for nothing."""
        fields, required = schema.get("properties", {}), schema.get("required", ())
        roll = self.random.random()
        short = schema.get("x-shorthand")
        if short is not None and set(required) <= {short} and roll < 0.4:
            return self.near(fields[short], depth + 1)
        if not required and roll < 0.7:
            return None
        chosen = {key: self.near(fields[key], depth + 1) for key in required}
        for key in fields:
            if key not in chosen and key not in ("name", "from") and self.random.random() < 0.2:
                chosen[key] = self.near(fields[key], depth + 1)
        if self.random.random() < self.oddness:
            chosen[self.random.choice(TEXTS)] = self.scalar()
        return chosen

    def anything(self, depth: int = 0) -> Any:
        roll = self.random.random()
        if depth < 3 and roll < 0.1:
            return [self.anything(depth + 1) for _ in range(self.random.randrange(4))]
        if depth < 3 and roll < 0.2:
            return {self.random.choice(TEXTS): self.anything(depth + 1) for _ in range(self.random.randrange(4))}
        return self.scalar()

    def scalar(self) -> Any:
        return self.random.choice(
            (self.number, lambda: self.random.choice(TEXTS), lambda: self.random.choice(FORMULAS), _none, _true)
        )()

    def number(self) -> Any:
        return self.random.choice(NUMBERS) if self.random.random() < 0.5 else self.random.randint(-3, 40)

    def _of_type(self, kind: str, schema: Mapping[str, Any], depth: int) -> Any:
        if kind == "array":
            items = schema.get("items") or schema.get("then", {}).get("items")
            count = self.random.choice((0, 1, 1, 2, 2, 3)) if depth < 6 else 0
            return [self.near(items, depth + 1) for _ in range(max(count, schema.get("minItems", 0)))]
        if kind == "object":
            return self._object(schema, depth)
        if kind in ("integer", "number"):
            return self._number(kind, schema)
        if kind == "boolean":
            return self.random.random() < 0.5
        if kind == "null":
            return None
        choices = [c for branch in schema.get("allOf", ()) for c in branch.get("then", {}).get("enum", ())]
        return self.random.choice(choices or list(self.names))

    def _object(self, schema: Mapping[str, Any], depth: int) -> Any:
        free = schema.get("additionalProperties")
        if isinstance(free, Mapping) and not schema.get("properties"):
            count = self.random.randrange(3) if depth < 6 else 0
            least = max(count, schema.get("minProperties", 0))
            return {self.random.choice(NAMES): self.near(free, depth + 1) for _ in range(least)}
        conditional = schema.get("then")
        if "properties" not in schema and isinstance(conditional, Mapping):
            return self.near(conditional, depth + 1)
        return self.arguments(schema, depth)

    def _number(self, kind: str, schema: Mapping[str, Any]) -> Any:
        if self.random.random() < self.oddness:
            return self.random.choice((self.number(), self.random.choice(FORMULAS)))
        least = schema.get("minimum", schema.get("exclusiveMinimum", -2))
        most = schema.get("maximum", schema.get("exclusiveMaximum", least + 6))
        if kind == "integer":
            return self.random.randint(int(least), max(int(least), int(most)))
        return least + (most - least) * self.random.choice((0.1, 0.25, 0.5, self.random.random()))


def _kinds(family: Mapping[str, Any]) -> list[str]:
    return list(family["properties"])


def _none() -> None:
    return None


def _true() -> bool:
    return True
