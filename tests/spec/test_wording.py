"""Schemas and values in plain words."""

from __future__ import annotations

import math
from typing import Any

import pytest
from netwright.compiler.spec.suggest import closest, did_you_mean
from netwright.compiler.spec.wording import expected, received


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "nothing"),
        (True, "true"),
        (3, "3"),
        (0.5, "0.5"),
        (-math.inf, "-.inf"),
        (math.nan, ".nan"),
        ("ten", "'ten'"),
        ("x" * 50, "'" + "x" * 40 + "…'"),
        ([], "an empty list"),
        ([1, "a", None, [2], {}], "[1, a, null, […], {}]"),
        (list(range(100)), "[0, 1, 2, 3, 4, 5, 6, 7, …]"),
        (["a" * 30] * 3, "[" + ", ".join(["a" * 20 + "…"]) + ", …]"),
        ({}, "an empty mapping"),
        ({"units": 10, "name": "a", "nested": {"b": 1}}, "{units: 10, name: a, nested: {…}}"),
    ],
)
def test_received(value: Any, text: str) -> None:
    assert received(value) == text


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "integer"}, "an integer"),
        ({"type": "integer", "minimum": 1}, "a positive integer"),
        ({"type": "integer", "minimum": 0}, "an integer of at least 0"),
        ({"type": "number", "exclusiveMinimum": 0}, "a positive number"),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 1}, "a positive number of at most 1"),
        ({"type": "number", "minimum": 0, "maximum": 1}, "a number from 0 to 1"),
        ({"type": "number", "minimum": 0, "exclusiveMaximum": 1}, "a number of at least 0 and below 1"),
        ({"type": "number", "exclusiveMinimum": -0.5}, "a number above -0.5"),
        ({"type": ["boolean", "null"]}, "true or false"),
        ({"type": "null"}, "nothing"),
        ({"type": "array", "items": {"type": "integer", "minimum": 1}}, "a list of positive integers"),
        ({"type": "array", "items": {"type": "array", "items": {"type": "string"}}}, "a list of lists of text"),
        ({"type": "array", "items": {"type": "object"}}, "a list of mappings"),
        ({"type": "array", "items": {"$ref": "#/$defs/loss"}}, "a list of losses"),
        ({"type": "string", "allOf": [{"if": {}, "then": {"enum": ["a", "b"]}}]}, "one of a, b"),
        ({"type": ["object", "integer", "string"]}, "an integer, text or a mapping"),
        ({"$ref": "#/$defs/data_source"}, "a data source"),
    ],
)
def test_expected(schema: dict[str, Any], text: str) -> None:
    assert expected(schema) == text


@pytest.mark.parametrize(
    ("word", "close"),
    [
        ("dence", "dense"),
        ("Dense", "dense"),
        ("LeakyReLU", "leaky_relu"),
        ("leaky-relu", "leaky_relu"),
        ("linear", "dense"),
        ("swish", None),  # silu is not among the known words
        ("qqq", None),
    ],
)
def test_closest(word: str, close: str | None) -> None:
    assert closest(word, ["dense", "leaky_relu", "softmax"]) == close


@pytest.mark.parametrize(
    ("word", "known", "close"),
    [
        ("gpu", ["auto", "cpu", "cuda"], "cuda"),
        ("FP16", ["float32", "float16", "bfloat16"], "float16"),
        ("bf16", ["float32", "float16", "bfloat16"], "bfloat16"),
        ("mixed_float16", ["float32", "float16", "bfloat16"], "float16"),
    ],
)
def test_devices_and_precisions_by_other_names(word: str, known: list[str], close: str) -> None:
    assert closest(word, known) == close


def test_hint_without_a_close_word_lists_what_there_is() -> None:
    assert did_you_mean("qqq", ["a", "b"], "layers") == "known layers: a, b"
    assert did_you_mean("qqq", [f"k{i}" for i in range(13)], "layers").endswith("k11, …")
    assert did_you_mean("qqq", [], "layers") == "there are no layers"
