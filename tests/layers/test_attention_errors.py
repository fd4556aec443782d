"""What layers that attend refuse."""

from __future__ import annotations

from typing import Any

import pytest
from netwright.compiler import compile_spec
from netwright.compiler.errors import SpecError
from netwright.compiler.spec.model import load_text

INPUTS = (
    "{x: [time, 4], y: [words, 6], n: {shape: [], dtype: int64}, m: [time], one: [4], fixed: [9, 4], open: [time, k], "
    "pixels: [8, 8, 2]}"
)
BOTH = "'mask' and 'lengths' say the same, so only one can be given (None)"


def refused(network: str) -> str:
    with pytest.raises(SpecError) as caught:
        compile_spec(load_text(f"netwright: 1\ninputs: {INPUTS}\nnetwork: [{network}]\n"))
    (diagnostic,) = caught.value.diagnostics
    place = diagnostic.origin.path.removeprefix("network[0].")
    return f"{place}: {diagnostic.message.splitlines()[0]} ({diagnostic.hint})"


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            "{multi_head_attention: {heads: 2, from: x, mask: m, lengths: n}}",
            f"multi_head_attention.lengths: {BOTH}",
        ),
        (
            "{multi_head_attention: {heads: 2, from: x, memory: y, causal: true}}",
            "multi_head_attention.causal: the steps of a memory are not those of the input, so none is later (None)",
        ),
        (
            "{multi_head_attention: {heads: 2, from: x, memory: y, rotary: true}}",
            "multi_head_attention.rotary: the steps of a memory have no distance from those of the input (None)",
        ),
        (
            "{multi_head_attention: {heads: 2, from: x, window: 3}}",
            "multi_head_attention.window: a window goes back from each step, so later ones must not be read "
            "(give 'causal: true' too)",
        ),
        (
            "{multi_head_attention: {heads: 4, from: x, key_value_heads: 3}}",
            "multi_head_attention.key_value_heads: 4 heads do not divide among 3 heads of keys and values (None)",
        ),
        (
            "{multi_head_attention: {heads: 3, from: x}}",
            "multi_head_attention.heads: 4 units do not divide into 3 heads (None)",
        ),
        (
            "{multi_head_attention: {heads: 3, units: 8, from: x}}",
            "multi_head_attention.units: 8 units do not divide into 3 heads (None)",
        ),
        (
            "{multi_head_attention: {heads: 4, rotary: true, from: x}}",
            "multi_head_attention.rotary: rotary positions turn pairs, but a head has 1 numbers (None)",
        ),
        (
            "{multi_head_attention: {heads: 2, from: [x, y]}}",
            "multi_head_attention: reads 1 values, received 2 (name a value for each field)",
        ),
        (
            "{multi_head_attention: {heads: 2, from: one}}",
            "multi_head_attention: needs an input of shape (batch, time, features), received float32(batch, 4) "
            "(for numbers of whole words put an `embedding` before it)",
        ),
        (
            "{multi_head_attention: {heads: 2, from: x, memory: one}}",
            "multi_head_attention: needs a memory of shape (batch, time, features), received float32(batch, 4) "
            "(for numbers of whole words put an `embedding` before it)",
        ),
        (
            "{multi_head_attention: {heads: 2, from: open}}",
            "multi_head_attention: the last axis of an attention layer's input needs a fixed size, but 'k' in "
            "(batch, time, k) is symbolic (None)",
        ),
        ("{attention: {memory: x, from: x, mask: m, lengths: n}}", f"attention.lengths: {BOTH}"),
        (
            "{attention: {memory: x, from: x, units: 3}}",
            "attention.units: 'units' is for the additive score (give 'score: additive' too)",
        ),
        (
            "{attention: {memory: x, from: [x, y]}}",
            "attention: reads 2 values, received 3 (name a value for each field)",
        ),
        (
            "{attention: {memory: x, keys: y, from: x}}",
            "attention.keys: the keys (batch, words, 6) are not those of the memory (batch, time, 4) (None)",
        ),
        (
            "{attention: {memory: y, from: x}}",
            "attention: the queries (batch, time, 4) and the keys (batch, words, 6) have no dot product (give both the "
            "same number of features, or use `score: additive`)",
        ),
        (
            "{attention: {memory: x, from: n}}",
            "attention: needs floating-point numbers, received int64(batch) (declare the input as float32)",
        ),
        (
            "{expand_dims: {from: x, name: image}}, {attention: {memory: x, from: image}}",
            "network[1].attention: needs queries of shape (batch, time, features) or (batch, features), received "
            "float32(batch, 1, time, 4) (None)",
        ),
        (
            "{positional_encoding: {encoding: learned, from: x}}",
            "positional_encoding: learned positions need to know how many there are (give 'maximum' too)",
        ),
        (
            "{positional_encoding: {maximum: 3, from: x}}",
            "positional_encoding.maximum: sinusoidal positions have no end (give 'encoding: learned' too)",
        ),
        (
            "{positional_encoding: {encoding: learned, maximum: 3, from: fixed}}",
            "positional_encoding.maximum: there are 3 positions for 9 steps (None)",
        ),
        ("{transformer_encoder: {heads: 2, from: x, mask: m, lengths: n}}", f"transformer_encoder.lengths: {BOTH}"),
        (
            "{transformer_encoder: {heads: 2, from: [x, y]}}",
            "transformer_encoder: reads 1 values, received 2 (name a value for each field)",
        ),
        (
            "{transformer_decoder: {heads: 2, from: x, memory: y, memory_mask: m, memory_lengths: n}}",
            "transformer_decoder.memory_lengths: 'memory_mask' and 'memory_lengths' say the same, so only one can be "
            "given (None)",
        ),
        (
            "{transformer_decoder: {heads: 2, from: x, memory_lengths: n}}",
            "transformer_decoder.memory_lengths: 'memory_lengths' is of a memory (give 'memory' too)",
        ),
        (
            "{conv: {filters: 2, kernel_size: 3, padding: causal, stride: 2, from: fixed}}",
            "conv.stride: causal padding needs a stride of 1 (None)",
        ),
        (
            "{conv: {filters: 2, kernel_size: 3, padding: causal, channels: last, from: pixels}}",
            "conv.padding: causal padding is for sequences, received (batch, 2, 8, 8) (None)",
        ),
    ],
)
def test_what_is_refused(network: str, message: Any) -> None:
    assert refused(network) == message
