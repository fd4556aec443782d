"""The target `ort-training`: what its bundle holds, and what ONNX Runtime's training API cannot do."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest
from netwright.compiler import SpecError, compile_spec, load_spec_text
from netwright.formats import ort_checkpoint
from netwright.runtime import UserError
from netwright.runtime.bundle import load_bundle
from support.bundles import BundleFolder, library_bundle

SPEC = """\
netwright: 1
name: small
inputs: {x: [3]}
network:
  - dense: {units: 2, name: y}
training:
  loss: {squared_error: {target: t}}
  optimizer: {adam: {}}
"""


def refusal(*changes: tuple[str, str]) -> str:
    text = SPEC
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    with pytest.raises(SpecError) as caught:
        compile_spec(load_spec_text(text, "small.yaml"), target="ort-training")
    return str(caught.value)


@pytest.fixture
def folder(bundle_folder: BundleFolder) -> Path:
    return bundle_folder("digits_mlp", "ort-training")


def test_the_files(folder: Path) -> None:
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == {
        "manifest.json", "inference.onnx", "training_model.onnx", "eval_model.onnx", "optimizer_model.onnx",
        "checkpoint", "training/init.onnx", "training/evaluate.onnx",
    }  # fmt: skip


def names(values: object) -> list[str]:
    return [value.name for value in values]  # type: ignore[attr-defined]


def test_the_training_model_keeps_the_contract_of_the_api(folder: Path) -> None:
    graph = onnx.load(folder / "training_model.onnx").graph
    parameters = list(load_bundle(folder).training_api().trained)
    assert parameters[0] == "dense1/weight"
    state = [name for name in names(graph.input) if "/" in name and not name.endswith(".buffer")]
    assert set(parameters) <= set(state)
    buffers = [f"{name}_grad.accumulation.buffer" for name in parameters]
    assert names(graph.input) == ["image", "label", "random_counter", *state, *buffers, "lazy_reset_grad"]
    assert names(graph.output) == ["loss", "accuracy", *(f"{name}_grad.accumulation.out" for name in parameters)]
    added = [(list(node.input), list(node.output)) for node in graph.node if node.domain]
    assert added == [
        ([f"{name}_grad.accumulation.buffer", f"{name}_grad", "lazy_reset_grad"], [f"{name}_grad.accumulation.out"])
        for name in parameters
    ]
    evaluation = onnx.load(folder / "eval_model.onnx").graph
    assert names(evaluation.input) == ["image", "label", *state]
    assert names(evaluation.output)[:3] == ["loss", "loss.sum", "loss.weight"]
    assert names(evaluation.output)[-1] == "probabilities"


def test_no_operator_of_the_api_models_takes_unsigned_integers(folder: Path) -> None:
    model = onnx.shape_inference.infer_shapes(onnx.load(folder / "training_model.onnx"))
    kinds = {value.type.tensor_type.elem_type for value in model.graph.value_info}
    assert onnx.TensorProto.INT64 in kinds
    assert onnx.TensorProto.UINT64 not in kinds


def test_the_optimizer_model(bundle_folder: BundleFolder) -> None:
    scheduled = onnx.load(bundle_folder("digits_residual", "ort-training") / "optimizer_model.onnx").graph
    inputs = ["learning_rate", "step", "params", "gradients", "first_order_moments", "second_order_moments"]
    assert names(scheduled.input) == inputs
    (kernel,) = [node for node in scheduled.node if node.domain]
    assert (kernel.op_type, kernel.input[1:]) == ("AdamWOptimizer", ["step", *inputs[2:]])
    plain = onnx.load(bundle_folder("linear_regression", "ort-training") / "optimizer_model.onnx").graph
    assert names(plain.input) == inputs[:5]
    (kernel,) = [node for node in plain.node if node.domain]
    assert (kernel.op_type, kernel.input[1:]) == ("SGDOptimizerV2", ["params", "gradients"])


def test_every_model_loads_in_a_checker(folder: Path) -> None:
    for file in ("inference.onnx", "training/init.onnx", "training/evaluate.onnx", "eval_model.onnx"):
        onnx.checker.check_model(folder / file, full_check=True)


def test_the_manifest(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert set(manifest["graphs"]) == {"inference", "init", "evaluate", "training_model", "eval_model"}
    api = load_bundle(folder).training_api()
    assert (api.learning_rate, api.moments) == (pytest.approx(2e-3), ("momentum0", "momentum1"))
    slots = [entry["name"] for entry in manifest["state"] if entry["kind"] == "slot"]
    assert slots == [f"optimizer/{name}/{moment}" for name in api.trained for moment in api.moments]
    assert "training_api" not in library_bundle("digits_mlp").manifest


def test_a_bundle_for_another_target(bundle_folder: BundleFolder) -> None:
    folder = bundle_folder("xor_mlp")
    with pytest.raises(UserError) as caught:
        load_bundle(folder).training_api()
    assert caught.value.message == f"{folder}: the bundle was compiled for the target 'portable'"
    assert caught.value.hint == "compile the spec with --target ort-training"


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    library_bundle("xor_mlp", "ort-training").write(tmp_path / "bundle")
    (tmp_path / "bundle/checkpoint").unlink()
    with pytest.raises(UserError) as caught:
        load_bundle(tmp_path / "bundle")
    assert caught.value.message == f"{tmp_path / 'bundle'}: the file 'checkpoint' is missing"


HINT = "\n  hint: it has sgd without momentum, adam and adamw; the targets portable and ort have every optimizer"


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        ("rmsprop: {}", "ONNX Runtime's training API has no optimizer like 'rmsprop'"),
        ("momentum: {}", "ONNX Runtime's training API has no optimizer like 'momentum'"),
        ("proximal_gradient: {}", "ONNX Runtime's training API has no optimizer like 'proximal_gradient'"),
        ("sgd: {momentum: 0.9}", "ONNX Runtime's training API has no momentum"),
    ],
)
def test_optimizers_that_the_api_lacks(optimizer: str, message: str) -> None:
    assert (
        refusal(("adam: {}", optimizer))
        == f"small.yaml:8:15: training.optimizer.{optimizer.split(':', maxsplit=1)[0]}: {message}{HINT}"
    )


def test_weight_decay_of_sgd_after_clipping() -> None:
    changed = ("optimizer: {adam: {}}", "optimizer: {sgd: {weight_decay: 0.1}}\n  clip_global_norm: 1.0")
    message = "ONNX Runtime's training API cannot add weight_decay to gradients that it clips"
    assert refusal(changed) == f"small.yaml:8:15: training.optimizer.sgd: {message}{HINT}"


def test_nothing_has_a_gradient() -> None:
    """The loss reads the weights, but only through steps."""
    changed = (
        "  - dense: {units: 2, name: y}",
        "  - dense: {units: 2, name: u}\n  - expression: {formula: sign(u), name: y}",
    )
    message = "ONNX Runtime's training API needs a parameter that is trained"
    assert refusal(changed) == f"small.yaml:7:1: training: {message}"


def test_half_precision() -> None:
    changed = ("optimizer: {adam: {}}", "optimizer: {adam: {}}\n  precision: float16")
    assert refusal(changed) == (
        "small.yaml:9:14: training.precision: ONNX Runtime's training API trains in float32, received float16\n"
        "  hint: the targets portable and ort train in half precision"
    )


def test_no_training_section() -> None:
    without = (SPEC[SPEC.index("training:") :], "")
    message = "has no `training` section, so there is nothing for ONNX Runtime's training API"
    assert refusal(without) == f"small.yaml:1:1: {message}"


def test_the_name_that_the_api_uses() -> None:
    assert refusal(("{x: [3]}", "{lazy_reset_grad: [3]}")) == (
        "small.yaml:3:10: inputs.lazy_reset_grad: the name 'lazy_reset_grad' is reserved for the bundle itself\n"
        "  hint: choose another name"
    )


def test_more_weights_than_a_checkpoint_holds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ort_checkpoint, "LARGEST", 20)
    with pytest.raises(SpecError) as caught:
        compile_spec(load_spec_text(SPEC, "small.yaml"), target="ort-training").write(tmp_path / "bundle")
    assert str(caught.value) == "small.yaml:5:3: network: the state has 32 bytes; a checkpoint holds 20"
    assert list(tmp_path.iterdir()) == []
