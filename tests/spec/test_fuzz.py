"""No input of any kind gives anything but a spec or a `SpecError`."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import patch

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from netwright.compiler.errors import SpecError
from netwright.compiler.spec import Spec, installed_families, load_text
from netwright.compiler.spec.expand import expander
from netwright.compiler.spec.schema import language_schema

FAMILIES = installed_families()
SCHEMA = language_schema(None, FAMILIES)
BOUNDED = settings(max_examples=100, deadline=2000, suppress_health_check=list(HealthCheck), database=None)


def survives(text: str, *overrides: str) -> None:
    try:
        with patch.object(expander, "MAX_LAYERS", 300):  # the walk up to the true limit is timed elsewhere
            spec = load_text(text, families=FAMILIES, overrides=overrides)
    except SpecError as error:
        assert error.diagnostics
        rows = text.splitlines()
        for diagnostic in error.diagnostics:
            assert diagnostic.message and "Traceback" not in diagnostic.message
            assert diagnostic.origin.line >= 1 and diagnostic.origin.column >= 1
            assert diagnostic.origin.file == "--set" or diagnostic.origin.line <= max(1, len(rows)) + 1
    else:
        assert isinstance(spec, Spec)
        assert len({layer.name for layer in spec.layers}) == len(spec.layers)


# fmt: off
YAML_PIECES = st.sampled_from([
    "netwright: 1\n", "inputs:\n", "  x: [2]\n", "network:\n", "  - ", "relu", "dense: ", "{", "}", "[", "]", ": ",
    ", ", "&a ", "*a", "<<: ", "!!int ", "!x ", "'", '"', "|\n", "? ", "# ", "---\n", "...\n", "\t", "\n", "  ",
    "%YAML 1.2\n",
    "\ufeff", "\x00", "\x85", "\u2028", "é", "😀", "1e999", ".nan", "~", "0x", "- - - ", "9" * 30,
])
# fmt: on


@BOUNDED
@given(st.text())
def test_any_text(text: str) -> None:
    survives(text)


@BOUNDED
@given(st.lists(YAML_PIECES, max_size=40).map("".join))
def test_pieces_of_yaml(text: str) -> None:
    survives(text)


@BOUNDED
@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    survives(data.decode("utf-8", errors="surrogateescape"))


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 2**40)
    | st.floats()
    | st.sampled_from(["x", "image", "dense1", "relu", "adam", "loss", "", "a b", "batch", "label", "accuracy"])
    | st.sampled_from(
        ["${n}", "${n * 2}", "${i}", "${9**9**9}", "${[n] }", "${", "$${", "a${n}b", "input", "b1/dense1"]
    )
    | st.sampled_from(["x * 2", "(x + 1", "grad(x, x)", "a", "b", "a1", "repeat1/0", "sequence1"])
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def close_to(schema: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values that a schema admits, or nearly: now and then a wrong type, a missing field, an unknown one."""
    schema = schema if isinstance(schema, dict) else {}
    while "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[-1]]
    if depth > 6:
        return SCALARS
    kinds = schema.get("type", "object")
    options: list[st.SearchStrategy[Any]] = [ANYTHING]
    for kind in [kinds] if isinstance(kinds, str) else kinds:
        options += [_of_type(kind, schema, depth)] * 6
    return st.one_of(options)


def _of_type(kind: str, schema: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    if kind == "array":
        items = schema.get("items") or schema.get("then", {}).get("items")
        return st.lists(st.deferred(lambda: close_to(items, depth + 1)), max_size=3)
    if kind == "object":
        fields = schema.get("properties", {})
        free = schema.get("additionalProperties")
        if "x-family" in schema:
            composite = ["repeat", "residual", "parallel", "sequence", "shared", "expression", "a", "b"]
            chosen = st.sampled_from([*sorted(fields), "unknown", *(composite if "repeat" in fields else [])])
            return chosen.flatmap(lambda k: close_to(fields.get(k), depth + 1).map(lambda value: {k: value}))
        if isinstance(free, dict):
            names = st.sampled_from(["x", "image", "label", "dense1", "a b", "a", "b", "n"])
            return st.dictionaries(names, st.deferred(lambda: close_to(free, depth + 1)), max_size=2)
        required = {k: close_to(v, depth + 1) for k, v in fields.items() if k in schema.get("required", ())}
        optional = {k: close_to(v, depth + 1) for k, v in fields.items() if k not in required}
        return st.fixed_dictionaries(required, optional=optional)
    if kind == "integer":
        return st.integers(0, 100) | st.sampled_from(["${n}", "${i + 1}", 10**9])
    if kind == "number":
        return st.floats(0, 1) | st.integers(0, 3) | st.just("${n / 7}")
    if kind == "boolean":
        return st.booleans()
    if kind == "null":
        return st.none()
    choices = [choice for branch in schema.get("allOf", []) for choice in branch.get("then", {}).get("enum", [])]
    return st.sampled_from(choices) if choices else st.sampled_from(["x", "image", "dense1", "label", "output"])


SECTIONS = {name: close_to(section) for name, section in SCHEMA["properties"].items() if name != "netwright"}
SPECS = st.fixed_dictionaries(
    {
        "netwright": st.just(1) | ANYTHING,
        "inputs": st.just({"x": [2]}) | SECTIONS["inputs"],
        "network": st.just(["relu", {"dense": 3}]) | SECTIONS["network"],
    },
    optional={
        **{name: SECTIONS[name] for name in ("name", "outputs", "training", "data", "include")},
        "constants": SECTIONS["constants"] | st.just({"n": 3}),
        "blocks": SECTIONS["blocks"]
        | st.just({"a": ["relu"], "b": {"parameters": {"n": "integer"}, "layers": [{"dense": "${n}"}, "a"]}}),
    },
)


@BOUNDED
@given(SPECS | ANYTHING)
def test_specs_that_are_nearly_right(tree: Any) -> None:
    survives(json.dumps(tree, ensure_ascii=False).replace("Infinity", ".inf").replace("NaN", ".nan"))


PATHS = st.sampled_from(
    ["training.epochs", "network[0]", "network[0].dense.units", "inputs.x[0]", "a..b", "", "x", "name"]
)


@BOUNDED
@given(st.lists(st.tuples(PATHS, st.sampled_from(["=", ""]), st.text(max_size=8)).map("".join), max_size=3))
def test_any_override(overrides: list[str]) -> None:
    survives("netwright: 1\ninputs: {x: [2]}\nnetwork: [{dense: 3}]\n", *overrides)


LAYERS = st.lists(st.deferred(lambda: LAYER), max_size=3)
NAMES = st.sampled_from(
    ["a", "b", "input", "x", "dense1", "a1", "b1/dense1", "repeat1", "repeat1/0", "sequence1", "nope"]
)
COMMON = {"from": NAMES | st.lists(NAMES, min_size=1, max_size=2), "name": st.sampled_from(["a", "h", "input"])}
NUMBERS = st.integers(1, 3) | st.sampled_from(["${n}", "${i + 1}", "${n * i}", "${n // 0}", "${m}", 10**12])


def entry(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(fields, optional=COMMON).map(lambda arguments: {kind: arguments})


LAYER: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(["relu", "tanh", "a", "b", "${kind}", "relo"]),
    entry("dense", units=NUMBERS),
    entry("add"),
    entry("expression", formula=st.sampled_from(["x * 2", "input + dense1", "h", "x +"])),
    entry("shared", layer=NAMES),
    entry("repeat", times=NUMBERS, layers=LAYERS),
    entry("repeat", times=st.integers(1, 3), layers=LAYERS, index=st.sampled_from(["i", "n", "for"])),
    entry("residual", layers=LAYERS, shortcut=LAYERS),
    entry("sequence", layers=LAYERS),
    entry("parallel", branches=st.lists(LAYERS, max_size=3) | st.dictionaries(NAMES, LAYERS, max_size=3)),
    entry("a"),
    entry("b", n=NUMBERS),
)
BLOCKS = st.fixed_dictionaries(
    {
        "a": LAYERS,
        "b": st.fixed_dictionaries(
            {"layers": LAYERS},
            optional={"parameters": st.sampled_from([{"n": "integer"}, {"n": {"type": "integer", "default": "${n}"}}])},
        ),
    }
)


@BOUNDED
@given(BLOCKS, LAYERS | st.dictionaries(NAMES, LAYER | st.sampled_from(["x * 2", "a"]), max_size=3), LAYERS)
def test_blocks_and_composites_in_any_order(blocks: Any, network: Any, output: Any) -> None:
    tree = {
        "netwright": 1,
        "constants": {"n": 2, "kind": "relu"},
        "blocks": blocks,
        "inputs": {"x": {"shape": [4], "preprocess": ["relu", "${kind}"]}},
        "network": network,
        "outputs": {"y": output, "z": "a"},
    }
    survives(json.dumps(tree))
