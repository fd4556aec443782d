"""Every layer does in a `time_distributed` what it does outside: the steps of two sequences are examples to it."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import onnxruntime
import pytest
import yaml
from netwright.compiler import compile_spec
from netwright.compiler.emit import emit
from netwright.compiler.layers import Layer
from netwright.compiler.spec.model import load_text

SEQUENCES, STEPS = 2, 3
AXES = {"time": 4, "source_time": 3, "words": 5}
OTHERWISE: dict[str, str] = {
    "bag_of_words": "works on text",
    "onnx": "reads a file",
}
EACH = "each"


def example(kind: str) -> dict[str, Any]:
    """Inputs and network of the example on the layer's page, as a spec that only predicts. Preprocessing counts as
    the network, and a single number as a vector of one."""
    tree = yaml.safe_load(Layer.registry[kind].example or kind)
    sections = isinstance(tree, dict) and bool({"inputs", "network"} & tree.keys())
    inputs, network = {}, tree.get("network", []) if sections else [tree]
    for name, given in tree.get("inputs", {"x": [4]}).items() if sections else [("x", [4])]:
        fields = given if isinstance(given, dict) else {"shape": given}
        network = [*fields.get("preprocess", []), *network]
        inputs[name] = {key: value for key, value in fields.items() if key != "preprocess"}
    if not any(fields["shape"] for fields in inputs.values()):
        inputs = {name: {**fields, "shape": [1]} for name, fields in inputs.items()}
    return {"netwright": 1, "inputs": inputs, "network": network}


def distributed(tree: dict[str, Any]) -> dict[str, Any]:
    inputs = {name: {**given, "shape": ["steps", *given["shape"]]} for name, given in tree["inputs"].items()}
    network = yaml.safe_load(yaml.safe_dump(tree["network"]).replace("to: ", f"to: {EACH}/"))  # tied weights
    composite = {"name": EACH, "from": list(inputs), "layers": network}
    return {**tree, "inputs": inputs, "network": [{"time_distributed": composite}]}


def run(tree: dict[str, Any], features: dict[str, Any]) -> Any:
    """The output for weights that depend on their names inside alone."""
    graph = compile_spec(load_text(yaml.safe_dump(tree, sort_keys=False))).graphs["inference"]
    session = onnxruntime.InferenceSession(emit(graph).SerializeToString(), providers=["CPUExecutionProvider"])
    feeds = dict(features)
    for value in graph.inputs:
        if value.name not in features:
            random = np.random.default_rng(zlib.crc32(value.name.removeprefix(f"{EACH}/").encode()))
            feeds[value.name] = random.uniform(0.5, 1.5, [int(str(size)) for size in value.shape]).astype(np.float32)
    read = {value.name for value in session.get_inputs()}
    return session.run(None, {name: array for name, array in feeds.items() if name in read})[0]


@pytest.mark.parametrize("kind", [kind for kind in Layer.registry if kind not in OTHERWISE])
def test_a_step_is_to_a_layer_what_an_example_is(kind: str) -> None:
    tree = example(kind)
    random = np.random.default_rng(0)
    features = {}
    for name, given in tree["inputs"].items():
        shape = (SEQUENCES, STEPS, *(AXES.get(size, size) for size in given["shape"]))
        dtype = np.dtype(given.get("dtype", "float32"))
        numbers = random.normal(size=shape) if dtype.kind == "f" else random.integers(0, 3, shape)
        features[name] = numbers.astype(dtype)
    rows = {name: array.reshape(-1, *array.shape[2:]) for name, array in features.items()}
    expected = run(tree, rows)
    found = run(distributed(tree), features)
    assert found.shape == (SEQUENCES, STEPS, *expected.shape[1:])
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-5, atol=1e-6)
