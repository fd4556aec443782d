"""`inference_encode` and `inference_step`: what stays is read once, what moves goes step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from netwright.compiler import compile_spec
from netwright.compiler.bundle import Bundle
from netwright.compiler.spec.model import load_text

INPUTS = """
netwright: 1
inputs:
  english: {shape: [words], dtype: int64}
  english_length: {shape: [], dtype: int64}
  spanish: {shape: [time], dtype: int64}
"""
ENCODER = """
network:
  - embedding: {vocabulary: 20, units: 6, from: english}
  - lstm: {units: 4, bidirectional: true, lengths: english_length, name: memory}
  - lstm: {units: 8, return: state, lengths: english_length, name: thought}
  - embedding: {vocabulary: 20, units: 6, from: spanish}
"""
DECODERS = {
    "dot product": """
  - lstm: {units: 8, initial_from: thought, name: decoder}
  - attention: {memory: memory, lengths: english_length, name: context}
  - concat: {from: [decoder, context]}
  - gru: 5
""",
    "additive": """
  - lstm: {units: 8, initial_from: thought, layers: 1, name: decoder}
  - attention: {memory: memory, score: additive, units: 3, lengths: english_length}
""",
    "heads": """
  - rnn: 8
  - multi_head_attention: {heads: 2, memory: memory, lengths: english_length}
""",
    "a cell that attends": """
  - recurrent:
      states: {h: 8}
      cell:
        seen: {attention: {from: h, memory: memory, lengths: english_length}}
        both: {concat: {from: [input, seen]}}
        new: {dense: {units: 8, activation: tanh, from: both}}
      next: {h: new}
""",
    "the state alone": """
  - lstm: {units: 8, initial_from: thought}
""",
}
ROWS, WORDS, TIME = 3, 5, 6


def compiled(text: str) -> Bundle:
    return compile_spec(load_text(text))


def runs(bundle: Bundle) -> dict[str, Any]:
    """Graph -> a function from feeds to outputs by name."""

    def runner(model: onnx.ModelProto) -> Any:
        onnx.checker.check_model(model, full_check=True)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        return lambda feeds: dict(zip(names, session.run(None, feeds), strict=True))

    return {name: runner(model) for name, model in bundle.models().items()}


def ports(bundle: Bundle, graph: str, role: str, side: str = "inputs") -> dict[str, list[Any]]:
    entries = bundle.manifest["graphs"][graph][side]
    return {port["name"]: port["shape"] for port in entries if port["role"] == role}


@pytest.mark.parametrize("decoder", DECODERS)
def test_encoded_once_and_then_step_by_step_is_the_whole(decoder: str) -> None:
    bundle = compiled(INPUTS + ENCODER + DECODERS[decoder] + "  - dense: {units: 20, name: logits}\n")
    run = runs(bundle)
    random = np.random.default_rng(0)
    english = {"english": random.integers(0, 20, (ROWS, WORDS)), "english_length": np.array([5, 3, 1])}
    spanish = random.integers(0, 20, (ROWS, TIME))
    whole = run["inference"]({**english, "spanish": spanish})["output"]

    encoded = run["inference_encode"](english)
    carried = ports(bundle, "inference_step", "carried")
    memory = {name: encoded[name] for name in ports(bundle, "inference_step", "memory")}
    assert set(encoded) == set(memory) | (set(encoded) & set(carried))
    assert all(len(value) == ROWS for value in encoded.values())  # a row for each example, so that rows can be chosen
    state = {n: encoded.get(n, np.zeros((ROWS, *shape[1:]), np.float32)) for n, shape in carried.items()}
    for t in range(TIME):
        out = run["inference_step"]({"spanish": spanish[:, t : t + 1], **memory, **state})
        np.testing.assert_allclose(out["output"], whole[:, t : t + 1], rtol=1e-4, atol=1e-6)
        state = {name: out[f"{name}.next"] for name in state}


def test_the_manifest_says_what_is_for_what() -> None:
    bundle = compiled(INPUTS + ENCODER + DECODERS["additive"])
    assert ports(bundle, "inference_encode", "feature") == {"english": ["batch", "words"], "english_length": ["batch"]}
    assert ports(bundle, "inference_encode", "carried", "outputs") == {"decoder/state": ["batch", 16]}
    memory = ports(bundle, "inference_encode", "memory", "outputs")
    assert memory == ports(bundle, "inference_step", "memory")
    assert memory["memory"] == ["batch", "words", 8]
    assert memory["attention1/MatMul"] == ["batch", "words", 3]  # the keys are made once too
    assert ports(bundle, "inference_step", "feature") == {"spanish": ["batch", 1]}
    assert ports(bundle, "inference_step", "carried") == {"decoder/state": ["batch", 16]}
    assert bundle.manifest["graphs"]["inference_encode"]["file"] == "inference_encode.onnx"
    held = {i.name for i in bundle.models()["inference_step"].graph.initializer}
    assert "decoder/weight" in held
    assert "memory/weight" not in held  # the encoder's weights are where the encoder is


def test_no_loop_is_in_a_step_and_no_encoder() -> None:
    graphs = compiled(INPUTS + ENCODER + DECODERS["dot product"]).graphs
    assert not [node for node in graphs["inference_step"].nodes() if node.op_type == "Scan"]
    assert len([node for node in graphs["inference_encode"].nodes() if node.op_type == "Scan"]) == 3


def test_an_image_is_what_stays() -> None:
    bundle = compiled(
        """
netwright: 1
inputs: {image: [4, 6], words: {shape: [time], dtype: int64}}
network:
  - embedding: {vocabulary: 9, units: 6, from: words}
  - gru: 6
  - attention: {memory: image}
outputs: {said: attention1, brightness: {dense: {units: 1, from: image}}}
"""
    )
    assert ports(bundle, "inference_encode", "output", "outputs") == {"brightness": ["batch", 4, 1]}
    assert ports(bundle, "inference_step", "output", "outputs") == {"said": ["batch", 1, 6]}
    memory = ports(bundle, "inference_step", "memory")
    assert memory["image/memory"] == ["batch", 4, 6]
    run = runs(bundle)
    image = np.random.default_rng(0).normal(size=(2, 4, 6)).astype(np.float32)
    words = np.array([[1, 2, 3], [4, 5, 6]])
    whole = run["inference"]({"image": image, "words": words})
    encoded = run["inference_encode"]({"image": image})
    np.testing.assert_allclose(encoded.pop("brightness"), whole["brightness"], rtol=1e-5)
    state = np.zeros((2, 6), np.float32)
    for t in range(3):
        out = run["inference_step"]({"words": words[:, t : t + 1], "gru1/state": state, **encoded})
        np.testing.assert_allclose(out["said"], whole["said"][:, t : t + 1], rtol=1e-4, atol=1e-6)
        state = out["gru1/state.next"]


@pytest.mark.parametrize(
    "decoder",
    [
        "  - lstm: {units: 8, initial: learned}",
        "  - lstm: {units: 8, bidirectional: true}",
        "  - lstm: {units: 8, name: d}\n  - attention: {from: memory, memory: d}\n  - concat: {from: [d, d]}",
        "  - lstm: {units: 8, return: last, name: end}\n  - lstm: {units: 4, initial_from: end, from: embedding2}",
        "  - lstm: {units: 8, name: d}\n  - attention: {memory: d}",
        "  - gru: {units: 6, name: g}\n  - {shared: {layer: g, from: embedding2}}\n  - add: {from: [g, shared1]}",
        "  - attention: {memory: embedding1}",
    ],
    ids=["learned state", "backwards", "memory that moves", "state that moves", "itself whole", "twice", "no state"],
)
def test_no_step_form_where_a_step_needs_others(decoder: str) -> None:
    graphs = compiled(INPUTS + ENCODER + decoder + "\n").graphs
    assert not {"inference_step", "inference_encode"} & set(graphs)


def test_an_input_that_only_the_loss_reads_is_in_neither() -> None:
    text = INPUTS.replace("spanish:", "spanish_length: {shape: [], dtype: int64}\n  spanish:")
    training = """
  - dense: {units: 20, name: logits}
training:
  loss: {categorical_cross_entropy: {target: next, from: logits, lengths: spanish_length}}
"""
    bundle = compiled(text + ENCODER + DECODERS["dot product"] + training)
    for graph in ("inference_encode", "inference_step"):
        assert "spanish_length" not in ports(bundle, graph, "feature")
