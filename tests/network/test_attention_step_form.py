"""`inference_step` of networks that attend: earlier keys and values are kept, a call may take several steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from netwright.compiler import compile_spec
from netwright.compiler.bundle import Bundle
from netwright.compiler.spec.model import load_text

NETWORK = """
netwright: 1
inputs: {words: {shape: [time], dtype: int64}, kept: [time]}
network:
  - embedding: {vocabulary: 20, units: 8, from: words}
  - positional_encoding: {encoding: ENCODING, MAXIMUM}
  - transformer_decoder: {heads: 2, layers: 2, name: blocks, mask: kept}
  - residual: [{multi_head_attention: {heads: 4, key_value_heads: 2, causal: true, rotary: true, units: 16, window: 4}}]
  - conv: {filters: 8, kernel_size: 3, dilation: 2, padding: causal, channels: last, activation: relu}
  - layer_norm
  - dense: {units: 20, name: logits, weight_initializer: {tied: {to: embedding1/weight, transposed: true}}}
outputs:
  probabilities: {softmax: {from: logits}}
"""
BATCH, TIME = 3, 9


def compiled(text: str) -> Bundle:
    return compile_spec(load_text(text))


def sessions(bundle: Bundle) -> dict[str, onnxruntime.InferenceSession]:
    found = {}
    for name, model in bundle.models().items():
        onnx.checker.check_model(model, full_check=True)
        found[name] = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return found


def first_states(bundle: Bundle, rows: int) -> dict[str, Any]:
    """By the rule for every host: zeros of the shape in the manifest, each symbolic axis but the batch of length 0."""
    ports = [port for port in bundle.manifest["graphs"]["inference_step"]["inputs"] if port["role"] == "carried"]
    sizes = {"batch": rows}
    return {
        port["name"]: np.zeros(
            [size if isinstance(size, int) else sizes.get(size, 0) for size in port["shape"]], port["dtype"]
        )
        for port in ports
    }


def run_in_parts(bundle: Bundle, step: onnxruntime.InferenceSession, ends: list[int], **features: Any) -> Any:
    """What the step form makes of the whole sequence, taken from each end to the next."""
    state = first_states(bundle, len(next(iter(features.values()))))
    feeds = {
        output["name"]: output["feeds"]
        for output in bundle.manifest["graphs"]["inference_step"]["outputs"]
        if output["role"] == "carried"
    }
    names, begin, made = [output.name for output in step.get_outputs()], 0, []
    for end in ends:
        given = {name: array[:, begin:end] for name, array in features.items()}
        out = dict(zip(names, step.run(None, {**given, **state}), strict=True))
        state = {feeds[name]: out[name] for name in feeds}
        made.append(next(array for name, array in out.items() if name not in feeds))
        begin = end
    return np.concatenate(made, axis=1)


@pytest.mark.parametrize("encoding", ["sinusoidal", "learned"])
@pytest.mark.parametrize("ends", [list(range(1, TIME + 1)), [5, 6, 9], [9]], ids=["steps", "prompt", "whole"])
def test_in_parts_is_the_whole_sequence(encoding: str, ends: list[int]) -> None:
    maximum = "maximum: 32" if encoding == "learned" else ""
    bundle = compiled(NETWORK.replace("ENCODING", encoding).replace(", MAXIMUM", f", {maximum}" if maximum else ""))
    running = sessions(bundle)
    random = np.random.default_rng(0)
    words, kept = random.integers(0, 20, (BATCH, TIME)), np.ones((BATCH, TIME), np.float32)
    kept[1, 7:] = kept[2, 2:4] = kept[0, :2] = 0  # before, between and after what is real
    (whole,) = running["inference"].run(None, {"words": words, "kept": kept})
    parts = run_in_parts(bundle, running["inference_step"], ends, words=words, kept=kept)
    np.testing.assert_allclose(parts, whole, rtol=1e-4, atol=1e-6)


def test_what_the_manifest_says_of_the_states() -> None:
    text = NETWORK.replace("ENCODING, MAXIMUM", "sinusoidal")
    entry = compiled(text).manifest["graphs"]["inference_step"]
    ports = {port["name"]: (port["dtype"], port["shape"]) for port in entry["inputs"] if port["role"] != "parameter"}
    cache = ("float32", ["batch", 2, "past", 4])
    mask = ("float32", ["batch", "past"])
    assert ports == {
        "words": ("int64", ["batch", "time"]),
        "kept": ("float32", ["batch", "time"]),
        "positional_encoding1/position": ("int64", [1]),
        "blocks/attention_keys": cache,
        "blocks/attention_values": cache,
        "blocks/attention_mask": mask,
        "blocks/layer2_attention_keys": cache,
        "blocks/layer2_attention_values": cache,
        "blocks/layer2_attention_mask": mask,
        "residual1/multi_head_attention1/keys": cache,
        "residual1/multi_head_attention1/values": cache,
        "conv1/steps": ("float32", ["batch", 8, 4]),
    }
    shapes = {port["name"]: port["shape"] for port in entry["outputs"]}
    assert shapes["blocks/attention_keys.next"] == ["batch", 2, "past+time", 4]


def test_beside_a_recurrent_layer_a_call_takes_one_step() -> None:
    text = """
netwright: 1
inputs: {x: [time, 8]}
network: [{gru: 8}, {multi_head_attention: {heads: 2, causal: true}}]
"""
    bundle = compiled(text)
    running = sessions(bundle)
    assert running["inference_step"].get_inputs()[0].shape == ["batch", 1, 8]
    x = np.random.default_rng(0).normal(size=(2, 5, 8)).astype(np.float32)
    (whole,) = running["inference"].run(None, {"x": x})
    np.testing.assert_allclose(
        run_in_parts(bundle, running["inference_step"], [1, 2, 3, 4, 5], x=x), whole, rtol=1e-4, atol=1e-6
    )


def test_a_network_for_one_length_takes_any_number_of_steps_a_call() -> None:
    bundle = compiled("netwright: 1\ninputs: {x: [6, 4]}\nnetwork: [{transformer_decoder: 2}]\n")
    running = sessions(bundle)
    x = np.random.default_rng(0).normal(size=(2, 6, 4)).astype(np.float32)
    (whole,) = running["inference"].run(None, {"x": x})
    np.testing.assert_allclose(
        run_in_parts(bundle, running["inference_step"], [4, 6], x=x), whole, rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize(
    "network",
    [
        "[{multi_head_attention: 2}]",
        "[{transformer_encoder: 2}]",
        "[{transformer_decoder: {heads: 2, lengths: n, from: x}}]",
        "[{transformer_decoder: {heads: 2, name: d, from: x}}, {shared: d}]",
        "[{conv: {filters: 2, kernel_size: 3, padding: causal, from: x}}]",
        "[{dense: {units: 2, from: x}}]",
    ],
)
def test_no_step_form(network: str) -> None:
    inputs = "{x: [time, 4], n: {shape: [], dtype: int64}}" if "lengths" in network else "{x: [time, 4]}"
    if "conv" in network:
        inputs = "{x: [4, time]}"
    text = f"netwright: 1\ninputs: {inputs}\nnetwork: {network}\n"
    assert "inference_step" not in compiled(text).graphs


def test_no_step_form_where_an_axis_has_the_name_of_the_earlier_steps() -> None:
    text = "netwright: 1\ninputs: {x: [past, 4]}\nnetwork: [{transformer_decoder: 2}]\n"
    assert "inference_step" not in compiled(text).graphs
