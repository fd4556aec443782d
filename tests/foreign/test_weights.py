"""What of a file is trained, what is kept, what it is called, and where its numbers go."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from netwright.compiler import Bundle, SpecError, emit
from onnx import external_data_helper
from support.bundles import Program, first_state, next_state, read_manifest
from support.examples import INCLUDED
from support.foreign import classifier, imported, model_of, node, run_model, spec_text

W = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)
V = np.linspace(0.5, 2, 4, dtype=np.float32)
X = np.random.default_rng(0).uniform(-2, 2, (5, 4)).astype(np.float32)
TRAINING = "training: {loss: squared_error, optimizer: {sgd: {learning_rate: 0.1}}}\n"


def parameters(bundle: Bundle) -> dict[str, bool]:
    """Name below the layer's -> whether it is trained."""
    states = bundle.built.variables.of_kind("parameter")
    return {name.removeprefix("net/"): state.trainable for name, state in states.items()}


def test_the_example_file_is_what_its_code_makes() -> None:
    assert (INCLUDED / "classifier.onnx").read_bytes() == classifier().SerializeToString(deterministic=True)


@pytest.mark.parametrize(
    ("nodes", "tensors", "expected"),
    [
        ([node("MatMul", "x w", "h"), node("Add", "h b")], {"w": W, "b": W[0]}, {"w": True, "b": True}),
        ([node("Mul", "x s")], {"s": V}, {"s": True}),
        ([node("Transpose", "w", "t"), node("Gemm", "x t", transB=1)], {"w": W}, {"w": True}),
        ([node("Mul", "x s")], {"s": np.float32(2)}, {}),
        ([node("Mul", "x s")], {"s": np.float32([2])}, {}),
        ([node("Add", "x s")], {"s": np.float32([2])}, {"s": True}),
        ([node("PRelu", "x s")], {"s": np.float32([0.1])}, {"s": True}),
        ([node("Sub", "x m", "c"), node("Div", "c s")], {"m": V, "s": V}, {}),
        ([node("Add", "x m")], {"m": np.float32([0, 0, 0, -np.inf])}, {}),
        ([node("Reshape", "x s")], {"s": np.int64([-1, 2, 2])}, {}),
        ([node("Clip", "x l h")], {"l": np.float32(-1), "h": np.float32(1)}, {}),
        (
            [node("BatchNormalization", "x s b m v")],
            {"s": V, "b": -V, "m": V / 2, "v": V * 2},
            {"s": True, "b": True, "m": False, "v": False},
        ),
        ([node("Add", "x a", "h"), node("Mul", "h a")], {"a": V}, {"a": True}),
        ([node("Relu", "x")], {"unused": W}, {}),
    ],
    ids=[
        "a matrix and a bias",
        "a scale",
        "transposed before use",
        "a scalar",
        "one number that is multiplied",
        "one number that is added",
        "a slope",
        "a normalization of the input",
        "a mask",
        "a shape",
        "bounds",
        "statistics",
        "used twice",
        "unused",
    ],
)
def test_what_becomes_a_parameter(
    nodes: list[onnx.NodeProto], tensors: dict[str, Any], expected: dict[str, bool], tmp_path: Path
) -> None:
    bundle = imported(tmp_path, model_of(nodes, tensors=tensors), spec_text("output: y"))
    assert parameters(bundle) == expected


def test_names_are_cleaned_and_stay_apart(tmp_path: Path) -> None:
    names = ["a.b/c", "a.b:c", "/onnx::Mul_3", "::", "é"]
    nodes = [node("Identity", "x", "v0"), *(node("Mul", f"v{i} {name}", f"v{i + 1}") for i, name in enumerate(names))]
    tensors = {name: V + i for i, name in enumerate(names)}
    model = model_of(nodes, outputs=["v5"], tensors=tensors)
    whole = imported(tmp_path, model, spec_text())
    assert list(parameters(whole)) == ["a.b_c", "a.b_c_1", "onnx_Mul_3", "initializer", "initializer_1"]
    part = imported(tmp_path, None, spec_text("inputs: [v1], output: v3"))
    assert list(parameters(part)) == ["a.b_c_1", "onnx_Mul_3"], "names do not depend on the part that is used"


def test_freeze_keeps_everything(tmp_path: Path) -> None:
    model = model_of([node("Gemm", "x w b")], tensors={"w": W, "b": W[0]})
    assert parameters(imported(tmp_path, model, spec_text("freeze: true"))) == {"w": False, "b": False}
    frozen = "training: {loss: squared_error, frozen: ['net/b']}\n"
    assert parameters(imported(tmp_path, model, spec_text(training=frozen))) == {"w": True, "b": False}


def test_penalties_are_on_matrices(tmp_path: Path) -> None:
    model = model_of([node("Gemm", "x w b")], tensors={"w": W, "b": W[0]})
    states = imported(tmp_path, model, spec_text()).built.state
    assert {name: state.regularized for name, state in states.items()} == {"net/w": True, "net/b": False}


def test_a_vector_that_was_merged_is_apart_again_and_a_matrix_is_not(tmp_path: Path) -> None:
    nodes = [
        node("Identity", "s1", "s2"),
        node("Identity", "w1", "w2"),
        node("Mul", "x s1", "a"),
        node("Mul", "a s2", "b"),
        node("MatMul", "b w1", "c"),
        node("MatMul", "c w2"),
    ]
    model = model_of(nodes, tensors={"s1": V, "w1": np.eye(4, dtype=np.float32)})
    assert parameters(imported(tmp_path, model, spec_text())) == {"s1": True, "s2": True, "w1": True}


def test_a_weight_that_is_a_statistic_elsewhere_is_two_tensors(tmp_path: Path) -> None:
    """Optimizing exporters store the scales and the variances of an untrained network as one tensor of ones."""
    model = model_of([node("BatchNormalization", "x one nil nil one")], tensors={"one": V, "nil": V - 1})
    bundle = imported(tmp_path, model, spec_text(training=TRAINING))
    assert parameters(bundle) == {"one": True, "nil": True, "nil.statistic": False, "one.statistic": False}


def test_the_first_state_is_the_files_and_frozen_tensors_stay(tmp_path: Path) -> None:
    tensors = {"s": V, "b": -V, "m": V / 2, "v": V * 2}
    model = model_of([node("BatchNormalization", "x s b m v")], tensors=tensors)
    imported(tmp_path, model, spec_text(training=TRAINING)).write(tmp_path / "bundle")
    for seed in (0, 1):
        state = first_state(tmp_path / "bundle", seed)
        for name, array in tensors.items():
            np.testing.assert_array_equal(state[f"net/{name}"], array)
    step = Program(tmp_path / "bundle" / "training" / "step.onnx")
    after = next_state(step({"x": X, "target": X, **state}))
    changed = {name for name in tensors if not np.array_equal(after[f"net/{name}"], tensors[name])}
    assert changed == {"s", "b"}
    assert not {"net/m.gradient", "net/v.gradient"} & set(Program(tmp_path / "bundle/training/gradients.onnx").outputs)


def test_one_layer_twice_shares_its_weights(tmp_path: Path) -> None:
    model = model_of([node("Gemm", "x w", transB=1)], tensors={"w": np.eye(4, dtype=np.float32) * 2})
    bundle = imported(tmp_path, model, spec_text(more="  - shared: {layer: net, from: net}\n"))
    assert parameters(bundle) == {"w": True}
    (result,) = run_model(bundle.models()["inference"], {"x": X})
    np.testing.assert_allclose(result, X * 4, rtol=1e-6)


def test_values_inside_the_file_can_be_fed_and_returned(tmp_path: Path) -> None:
    model = classifier()
    text = spec_text("inputs: [features], output: logits", shape="[8]")
    bundle = imported(tmp_path, model, text)
    assert parameters(bundle) == {"head.weight": True, "head.bias": True}
    features = np.random.default_rng(2).normal(size=(3, 8)).astype(np.float32)
    (result,) = run_model(bundle.models()["inference"], {"x": features})
    tensors = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    np.testing.assert_allclose(result, features @ tensors["head.weight"].T + tensors["head.bias"], rtol=1e-5)


def test_inputs_are_read_in_the_files_order_or_by_name(tmp_path: Path) -> None:
    model = model_of([node("Sub", "z x")], inputs={"x": ("N", 4), "z": ("M", 4), "unused": ("N", 2)})
    head = "netwright: 1\ninputs: {a: [4], b: [4]}\nnetwork: [{onnx: {file: model.onnx, from: [a, b]%s}}]\n"
    feeds = {"a": X, "b": X[::-1].copy()}
    for fields, sign in (("", -1), (", inputs: [z, x]", 1)):
        (result,) = run_model(imported(tmp_path, model, head % fields).models()["inference"], feeds)
        np.testing.assert_array_equal(result, sign * (feeds["a"] - feeds["b"]))


def test_a_model_exported_for_one_example_works_where_nothing_depends_on_it(tmp_path: Path) -> None:
    model = model_of([node("Gemm", "x w")], inputs={"x": (1, 4)}, tensors={"w": W})
    (result,) = run_model(imported(tmp_path, model, spec_text()).models()["inference"], {"x": X})
    np.testing.assert_allclose(result, X @ W, rtol=1e-5)


def test_the_file_is_read_once_and_named_by_its_path_and_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    read_model = emit.read_model

    def counted(path: Path, shown: str) -> Any:
        reads.append(shown)
        return read_model(path, shown)

    monkeypatch.setattr(emit, "read_model", counted)
    (tmp_path / "models").mkdir()
    model = model_of([node("Gemm", "x w")], tensors={"w": W})
    onnx.save(model, tmp_path / "models" / "a.onnx")
    text = spec_text(training=TRAINING, more="  - onnx: {file: models/a.onnx, from: x}\n")
    bundle = imported(tmp_path, model, text.replace("model.onnx", "models/a.onnx"))
    assert reads == ["models/a.onnx"]
    sha256 = hashlib.sha256((tmp_path / "models/a.onnx").read_bytes()).hexdigest()
    assert bundle.manifest["files"] == [{"path": "models/a.onnx", "sha256": sha256}]


def test_tensors_in_a_file_of_their_own(tmp_path: Path) -> None:
    model = model_of([node("Gemm", "x w b")], tensors={"w": W, "b": W[0]})
    external_data_helper.convert_model_to_external_data(model, location="parts/w.data", size_threshold=0)
    (tmp_path / "parts").mkdir()
    onnx.save(model, tmp_path / "model.onnx")
    bundle = imported(tmp_path, None, spec_text())
    (result,) = run_model(bundle.models()["inference"], {"x": X})
    np.testing.assert_allclose(result, X @ W + W[0], rtol=1e-5)

    before = bundle.manifest["files"]
    data = bytearray((tmp_path / "parts" / "w.data").read_bytes())
    data[0] ^= 1
    (tmp_path / "parts" / "w.data").write_bytes(data)
    assert imported(tmp_path, None, spec_text()).manifest["files"] != before


def test_the_same_file_gives_the_same_bytes(tmp_path: Path) -> None:
    def files(folder: str) -> dict[str, bytes]:
        imported(tmp_path, classifier(), spec_text("output: logits", training=TRAINING)).write(tmp_path / folder)
        return {str(p.relative_to(tmp_path / folder)): p.read_bytes() for p in (tmp_path / folder).rglob("*.*")}

    assert files("one") == files("two")
    assert read_manifest(tmp_path / "one")["files"][0]["path"] == "model.onnx"


CONTENT = classifier().SerializeToString(deterministic=True)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(st.tuples(st.integers(0, len(CONTENT) - 1), st.integers(0, 255)), min_size=1, max_size=4),
    cut=st.booleans(),
)
def test_a_damaged_file_is_imported_or_refused(changes: list[tuple[int, int]], cut: bool, tmp_path: Path) -> None:
    """Whatever its bytes, it never ends in another error."""
    content = bytearray(CONTENT)
    for place, byte in changes:
        content[place] = byte
    (tmp_path / "model.onnx").write_bytes(content[: changes[0][0]] if cut else content)
    try:
        imported(tmp_path, None, spec_text("output: logits"))
    except SpecError as error:
        assert "model.onnx" in str(error)
