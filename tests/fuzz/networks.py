"""Random specs that are mostly right: sections from the schema, networks whose layers mostly fit each other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any, Final

from netwright.compiler.spec import installed_families
from netwright.compiler.spec.expand import Composite
from netwright.compiler.spec.schema import schema_without_blocks
from netwright.runtime.data.source import source_schema

from .values import Values

SHAPES: Final = [
    [],
    [1],
    [2],
    [3],
    [4],
    [2, 3],
    [4, 4],
    [3, 1],
    ["time"],
    ["time", 2],
    [8, 8, 1],
    [3, 6, 6],
    [2, 2, 2, 2],
]
PLAIN: Final = ["relu", "tanh", {"dense": 2}, {"dense": 3}, "flatten", "layer_norm", {"dropout": 0.5}, "sigmoid"]
SOME_NAMES: Final = ("x", "y", "a", "b", "h", "dense1", "dense2", "relu1", "input", "b1", "repeat1", "residual1/dense1")
NAMED: Final = ("a", "b", "h", "k", "hidden", "left", "right", "logits")


@cache
def language() -> dict[str, Any]:
    """The schema that every input is held against, made once."""
    return schema_without_blocks(source_schema(), installed_families(), None)


@dataclass
class SpecMaker:
    """Draws spec trees."""

    random: Random
    oddness: float

    def __post_init__(self) -> None:
        self._depth = 0
        self._blocks = False
        self._known: list[str] = []  # what a reference may name where the next layer stands
        self._free: list[str] = []  # names that no layer has yet
        self._nameless = False
        schema = language()
        self._sections = schema["properties"]
        self._layer = schema["$defs"]["layer"]
        self.values = Values(self.random, schema["$defs"], self.layer, self.oddness, SOME_NAMES)

    def near_schema(self) -> dict[str, Any]:
        """Sections drawn from the schema alone."""
        wanted = {"netwright", "inputs", "network"}
        wanted |= {key for key in self._sections if self.random.random() < 0.35}
        tree = {key: self.values.near(self._sections[key]) for key in self._sections if key in wanted}
        if isinstance(tree.get("inputs"), dict) and self.random.random() < 0.7:
            tree["inputs"] = {"x": self.random.choice(SHAPES)}
        return tree

    def network(self) -> dict[str, Any]:
        """A network that may well build, with training."""
        tree: dict[str, Any] = {"netwright": 1}
        if self._chance(0.3):
            tree["constants"] = {"n": self.random.randint(1, 4), "kind": "relu", "i": [1, 2]}
        if self._chance(0.3):
            tree["blocks"] = self._some_blocks()
        tree["inputs"] = {name: self._input() for name in ("x", "y")[: self.random.choice((1, 1, 2))]}
        self._known = list(tree["inputs"])
        self._free = [*NAMED]
        self._nameless = self._chance(0.15)
        layers = self._layers(self.random.choice((1, 2, 2, 3, 4, 6)))
        if len(tree["inputs"]) > 1 and self._chance(0.9):
            layers.insert(0, {self.random.choice(("concat", "add", "multiply")): {"from": ["x", "y"]}})
        if self._nameless:
            tree["network"] = {f"v{i}": layer if isinstance(layer, dict) else "x * 2" for i, layer in enumerate(layers)}
        else:
            tree["network"] = layers
        if self._chance(0.3):
            tree["outputs"] = {"out": self.random.choice((self._name(), [self.layer()], "softmax", self.layer()))}
        if self._chance(0.6):
            tree["training"] = self._training()
        if self._chance(0.15):
            tree["data"] = self.values.near(self._sections["data"])
        if self._chance(0.05):
            tree["include"] = self.values.near(self._sections["include"])
        return tree

    def layer(self) -> Any:
        """An entry of a list of layers."""
        roll = self.random.random()
        if roll < 0.4 or self._depth > 3:
            return self._connected(self.random.choice(PLAIN))
        self._depth += 1
        try:
            if roll < 0.6:
                return self._composite()
            if self._blocks and roll < 0.7:
                return self.random.choice(("one", {"two": self.random.choice((1, 2, "${n}", None, {"n": 3}))}))
            return self._connected(self.values.entry(self._layer))
        finally:
            self._depth -= 1

    def _layers(self, count: int) -> list[Any]:
        return [self.layer() for _ in range(count)]

    def _inside(self, *visible: str) -> list[Any]:
        """A list of layers whose names are theirs alone; they see `visible`, or what stands before them."""
        outside, self._known = self._known, list(visible or self._known)
        try:
            return self._layers(self.random.choice((1, 1, 2, 3)))
        finally:
            self._known = outside

    def _composite(self) -> Any:
        kind = self.random.choice([*Composite.registry, "expression", "add", "concat", "shared"])
        if kind == "repeat":
            times = self.random.choice((1, 2, 3, 3, "${n}", 40, 10**9 if self._chance(0.02) else 5))
            return {"repeat": {"times": times, "layers": self._inside()}}
        if kind == "parallel":
            branches = [self._inside(), self._inside()]
            return {"parallel": {"branches": branches, "merge": self.random.choice(("add", "concat"))}}
        if kind in ("sequence", "residual", "time_distributed"):
            inside = self._inside()
            return {kind: inside if self._chance(0.5) else {"layers": inside}}
        if kind == "expression":
            name = self._name()
            text = (
                f"{name} * 2 + {self._name()}",
                f"sum({name} ** 2)",
                f"grad(sum({name} * {name}), {name})",
                f"-{name}",
            )
            return {"expression": self.random.choice(text)}
        if kind == "shared":
            return {"shared": {"layer": self.random.choice([n for n in self._known if n in NAMED] or ["dense1"])}}
        if kind in ("add", "concat"):
            return {kind: {"from": [self._name(), self._name()]}}
        return self.values.entry(self._layer)

    def _connected(self, entry: Any) -> Any:
        """Now and then with a name, or reading something else than the value before."""
        if not self._chance(0.4):
            return entry
        kind, arguments = (entry, None) if isinstance(entry, str) else next(iter(entry.items()))
        if arguments is not None and not isinstance(arguments, dict):
            shorthand = self._layer["properties"].get(kind, {}).get("x-shorthand", "value")
            arguments = {shorthand: arguments}
        fields = dict(arguments or {})
        if self._chance(0.3):
            fields["from"] = self._name() if self._chance(0.8) else [self._name(), self._name()]
        if self._free and not self._nameless and self._chance(0.6):
            fields["name"] = self._free.pop()
            self._known.append(fields["name"])
        return {kind: fields}

    def _name(self) -> str:
        return self.random.choice(self._known if self._known and not self._chance(self.oddness) else SOME_NAMES)

    def _input(self) -> Any:
        shape = self.random.choice(SHAPES)
        if self._chance(0.7):
            return shape
        fields: dict[str, Any] = {"shape": shape}
        if self._chance(0.6):
            fields["dtype"] = self.random.choice(("float32", "int64", "uint8", "string", "float64", "bool", "float16"))
        if self._chance(0.5):
            fields["preprocess"] = [self.values.entry(self._layer) for _ in range(self.random.choice((1, 1, 2)))]
        return fields

    def _some_blocks(self) -> dict[str, Any]:
        self._nameless = True
        blocks: dict[str, Any] = {"one": self._inside("input")}
        parameter = self.random.choice(("integer", {"type": "integer", "default": 2}, "number"))
        blocks["two"] = {"parameters": {"n": parameter}, "layers": [{"dense": "${n}"}, *self._inside("input")]}
        self._blocks = True
        if self._chance(self.oddness):
            blocks["one"] = [*blocks["one"], "two"]  # perhaps a circle
        return blocks

    def _training(self) -> Any:
        drawn = self.values.near(self._sections["training"])
        if isinstance(drawn, dict) and self._chance(0.6):
            drawn["loss"] = self.random.choice(("squared_error", "categorical_cross_entropy", "binary_cross_entropy"))
            drawn.pop("early_stopping", None)
        return drawn

    def _chance(self, probability: float) -> bool:
        return self.random.random() < probability
