"""`inference_step`: a network that goes through a sequence one step a call, its states handed on by the host."""

from __future__ import annotations

from pathlib import Path

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
  - embedding: {vocabulary: 20, units: 6, from: words}
  - lstm: {units: 5, layers: 2, mask: kept, name: first}
  - residual: [{gru: {units: 5, reset: before}}]
  - layer_norm
  - recurrent:
      name: own
      states: {a: 4, b: 3}
      cell:
        next_a: {dense: {units: 4, activation: tanh, from: input}}
        both: {concat: {from: [a, b, next_a]}}
        next_b: {dense: {units: 3, activation: tanh, from: both}}
      next: {a: next_a, b: next_b}
      output: both
  - expression: {name: scaled, formula: own / 2 + sigmoid(own)}
  - rnn: {units: 4, jordan: 3}
  - dropout: 0.1
  - dense: {units: 20, name: logits}
outputs:
  probabilities: {softmax: {from: logits}}
"""
BATCH, TIME = 3, 6


def compiled(text: str) -> Bundle:
    return compile_spec(load_text(text))


def sessions(bundle: Bundle) -> dict[str, onnxruntime.InferenceSession]:
    found = {}
    for name, model in bundle.models().items():
        onnx.checker.check_model(model, full_check=True)
        found[name] = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return found


def test_step_by_step_is_the_whole_sequence() -> None:
    bundle = compiled(NETWORK)
    assert bundle.manifest["graphs"]["inference_step"]["file"] == "inference_step.onnx"
    assert [node.op_type for node in bundle.graphs["inference_step"].nodes() if node.op_type == "Scan"] == []
    running = sessions(bundle)
    random = np.random.default_rng(0)
    words = random.integers(0, 20, (BATCH, TIME))
    kept = np.ones((BATCH, TIME), np.float32)
    kept[1, 4:] = kept[2, 2:3] = 0
    (whole,) = running["inference"].run(None, {"words": words, "kept": kept})
    entry = bundle.manifest["graphs"]["inference_step"]
    carried = {port["name"]: port for port in entry["inputs"] if port["role"] == "carried"}
    assert {name: port["shape"] for name, port in carried.items()} == {
        "first/state": ["batch", 20],
        "residual1/gru1/state": ["batch", 5],
        "own/state": ["batch", 7],
        "rnn1/state": ["batch", 3],
    }
    assert {o["feeds"] for o in entry["outputs"] if o["role"] == "carried"} == set(carried)
    state = {name: np.zeros((BATCH, port["shape"][1]), np.float32) for name, port in carried.items()}
    step = running["inference_step"]
    names = [output.name for output in step.get_outputs()]
    for t in range(TIME):
        feeds = {"words": words[:, t : t + 1], "kept": kept[:, t : t + 1], **state}
        out = dict(zip(names, step.run(None, feeds), strict=True))
        np.testing.assert_allclose(out["probabilities"], whole[:, t : t + 1], rtol=1e-4, atol=1e-6)
        state = {name: out[f"{name}.next"] for name in state}


def test_the_last_output_is_that_of_the_steps_so_far() -> None:
    bundle = compiled("netwright: 1\ninputs: {x: [time, 2]}\nnetwork: [{gru: {units: 3, return: last}}, {dense: 2}]\n")
    running = sessions(bundle)
    x = np.random.default_rng(0).normal(size=(1, 4, 2)).astype(np.float32)
    state = np.zeros((1, 3), np.float32)
    for t in range(4):
        output, state = running["inference_step"].run(
            ["output", "gru1/state.next"], {"x": x[:, t : t + 1], "gru1/state": state}
        )
        (expected,) = running["inference"].run(None, {"x": x[:, : t + 1]})
        np.testing.assert_allclose(output, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "network",
    [
        "[{dense: 2}]",
        "[{gru: {units: 2, bidirectional: true}}]",
        "[{gru: {units: 2, initial: learned}}]",
        "[{gru: 2}, {softmax: 1}]",
        "[{gru: {units: 2, name: g}}, {expression: 'grad(sum(g * g), g)'}]",
        "[{gru: {units: 2, name: g}}, {concat: {axis: 1, from: [g, x]}}]",
        "[{gru: {units: 2, name: g, bidirectional: true, return: last}}]",
        "[{gru: {units: 2, return: last, name: e}}, "
        "{recurrent: {from: x, states: {h: 2}, cell: {new: h + input + e}, next: {h: new}}}]",
    ],
)
def test_no_step_form_of_what_needs_other_steps(network: str) -> None:
    assert "inference_step" not in compiled(f"netwright: 1\ninputs: {{x: [time, 2]}}\nnetwork: {network}\n").graphs


def test_an_input_that_nothing_reads_is_not_asked_for() -> None:
    text = "netwright: 1\ninputs: {x: [time, 2], y: [3]}\nnetwork: [{gru: {units: 2, from: x}}]\n"
    entry = compiled(text).manifest["graphs"]["inference_step"]
    assert [port["name"] for port in entry["inputs"]] == ["x", "gru1/state"]


def test_training_puts_its_weights_into_both_forms(tmp_path: Path) -> None:
    """And a stateful layer starts every epoch from zeros: one batch an epoch is the same as none carried."""
    from netwright.runtime import load_bundle, train
    from netwright.runtime.data.columns import ArrayColumns
    from netwright.runtime.data.plan import Partitions

    text = """
netwright: 1
inputs: {x: [time, 2]}
network: [{gru: {units: 3, stateful: STATEFUL}}]
training: {loss: squared_error, epochs: 3, batch_size: 4}
"""
    random = np.random.default_rng(0)
    data = {name: random.normal(size=(4, 5, k)).astype(np.float32) for name, k in (("x", 2), ("target", 3))}
    finals = []
    for stateful in ("true", "false"):
        folder = tmp_path / stateful
        compiled(text.replace("STATEFUL", stateful)).write(folder / "bundle")
        partitions = Partitions(train=ArrayColumns(data, "test"), validation=None, test=None)
        finals.append(train(load_bundle(folder / "bundle"), folder / "run", partitions=partitions).train["loss"])
        weights = [
            {i.name: onnx.numpy_helper.to_array(i) for i in onnx.load(folder / "run" / "bundle" / f).graph.initializer}
            for f in ("inference.onnx", "inference_step.onnx")
        ]
        np.testing.assert_array_equal(weights[0]["gru1/weight"], weights[1]["gru1/weight"])
    assert finals[0] == finals[1]
