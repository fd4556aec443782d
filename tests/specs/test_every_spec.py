"""What holds for every spec of the model library, today's and tomorrow's: they are found, not listed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import yaml
from netwright.compiler import load_spec_text
from netwright.compiler.bundle import Target
from netwright.compiler.layers import Shared
from netwright.compiler.layers.recurrence import Recurrence
from netwright.compiler.losses import SequenceLoss
from netwright.runtime.data import source_schema
from support.bundles import (
    DEEPER,
    REDUCED,
    SPECS,
    TARGETS,
    BundleFolder,
    Program,
    Tensors,
    compile_without_data,
    first_state,
    has_training,
    library_spec,
    made_up_batch,
    next_state,
    read_manifest,
    take_batches,
)

EVERY = [name for name in SPECS if name not in DEEPER]
TRAINED = [name for name in EVERY if has_training(name)]
UNLEARNABLE = {"perceptron_xor", "dcgan_small"}
"""Of the first training goes on for ever; of the second each network makes the loss of the other rise."""
ALONE = ("auxiliary", "discriminator/")
"""Layers with these names are read by losses alone."""
RECURRENT = [
    name
    for name in SPECS
    if (layers := [e.layer for e in library_spec(name).layers if not isinstance(e.layer, Shared)])
    and any(isinstance(layer, Recurrence) for layer in layers)
    and all(layer.causal for layer in layers)
]
"""Those that can go step by step."""
ENCODING = {"caption", "reverse", "translate"}
"""Those that read something before they write."""
KEPT = ("parameter", "statistic", "fitted")
"""The kinds of state that inference reads."""
STEPPING = [*RECURRENT, "gpt_mini", *ENCODING]
every_spec = pytest.mark.parametrize("name", EVERY)
every_trained_spec = pytest.mark.parametrize("name", TRAINED)
every_target = pytest.mark.parametrize("target", TARGETS)


def test_the_library_is_found() -> None:
    assert {"digits_mlp", "mnist_mlp", "xor_mlp", "linear_regression", "sigmoid_mlp", "perceptron"} <= set(SPECS)
    assert set(TRAINED) < set(SPECS)


@every_target
@every_spec
def test_models_pass_the_full_check_of_onnx(name: str, target: Target, bundle_folder: BundleFolder) -> None:
    folder = bundle_folder(name, target)
    manifest = read_manifest(folder)
    graphs = manifest["graphs"]
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    tokenizers = {entry["file"] for entry in manifest["tokenizers"]}
    assert files == {"manifest.json", *(entry["file"] for entry in graphs.values()), *tokenizers}
    assert set(graphs) == {
        "inference",
        *(["inference_step"] if name in STEPPING else []),
        *(["inference_encode"] if name in ENCODING else []),
        *(["init"] if manifest["state"] else []),
        *(["fit"] if manifest["fitting"] else []),
        *(["prepare"] if any(item["dtype"] == "string" for item in manifest["features"]) else []),
        *(["step", "evaluate", "gradients", "apply"] if name in TRAINED else []),
    }
    for entry in graphs.values():
        onnx.checker.check_model(folder / entry["file"], full_check=True)


@every_spec
def test_portable_models_use_plain_onnx(name: str, bundle_folder: BundleFolder) -> None:
    folder = bundle_folder(name)
    for entry in read_manifest(folder)["graphs"].values():
        model = onnx.load(folder / entry["file"])
        assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 21)]
        assert {node.domain for node in model.graph.node} <= {""}


@every_target
@every_spec
def test_inputs_and_outputs_are_those_of_the_manifest(name: str, target: Target, bundle_folder: BundleFolder) -> None:
    folder = bundle_folder(name, target)
    for entry in read_manifest(folder)["graphs"].values():
        graph = onnx.load(folder / entry["file"]).graph
        for listed, values in ((entry["inputs"], graph.input), (entry["outputs"], graph.output)):
            assert [_tensor(item) for item in listed] == [_described(value) for value in values]


def _tensor(entry: Mapping[str, Any]) -> tuple[str, str, list[int | str]]:
    return entry["name"], entry["dtype"], entry["shape"]


def _described(value: onnx.ValueInfoProto) -> tuple[str, str, list[int | str]]:
    tensor = value.type.tensor_type
    text = tensor.elem_type == onnx.TensorProto.STRING
    dtype = "string" if text else onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
    return value.name, str(dtype), [dim.dim_param or dim.dim_value for dim in tensor.shape.dim]


@every_target
@every_spec
def test_every_model_explains_itself(name: str, target: Target, bundle_folder: BundleFolder) -> None:
    folder = bundle_folder(name, target)
    manifest = read_manifest(folder)
    assert manifest["target"] == target
    for graph, entry in manifest["graphs"].items():
        properties = {item.key: item.value for item in onnx.load(folder / entry["file"]).metadata_props}
        assert properties["netwright.format"] == str(manifest["bundle_format"]) == "1"
        assert json.loads(properties["netwright.graph"]) == {"name": graph, **entry}
        assert json.loads(properties["netwright.state"]) == manifest["state"]


@every_trained_spec
def test_step_gives_loss_then_metrics_then_the_next_state(name: str, bundle_folder: BundleFolder) -> None:
    folder = bundle_folder(name)
    manifest = read_manifest(folder)
    metrics = [item["name"] for item in manifest["metrics"] if item["finalize"] == "ratio" and item["name"] != "loss"]
    state = [item["name"] for item in manifest["state"]]
    step = Program(folder / "training/step.onnx")
    assert step.outputs[: 1 + len(metrics)] == ["loss", *metrics]
    assert sorted(step.outputs[1 + len(metrics) :]) == sorted(f"{item}.next" for item in state)
    outputs = {item["name"]: item for item in manifest["graphs"]["step"]["outputs"]}
    assert {item["feeds"]: item["name"] for item in outputs.values() if "feeds" in item} == {
        item: f"{item}.next" for item in state
    }


@every_spec
def test_first_weights_of_inference_are_those_of_init(name: str, bundle_folder: BundleFolder) -> None:
    folder = bundle_folder(name)
    state = first_state(folder) if read_manifest(folder)["state"] else {}
    model = onnx.load(folder / "inference.onnx")
    weights = {item.name: onnx.numpy_helper.to_array(item) for item in model.graph.initializer if item.name in state}
    network = {item["name"] for item in read_manifest(folder)["state"] if item["kind"] in KEPT}
    assert set(weights) == {item for item in network if not item.startswith(ALONE)}
    for key, value in weights.items():
        assert value.dtype == state[key].dtype
        np.testing.assert_allclose(value, state[key], rtol=2e-6, atol=1e-7, err_msg=key)


@every_trained_spec
def test_another_seed_starts_elsewhere(name: str, bundle_folder: BundleFolder) -> None:
    folder = bundle_folder(name)
    one, again, other = first_state(folder, 1), first_state(folder, 1), first_state(folder, 2)
    for key, value in one.items():
        np.testing.assert_array_equal(value, again[key])
    assert any(not np.array_equal(value, other[key]) for key, value in one.items())


@every_target
@every_trained_spec
def test_a_step_runs_and_keeps_the_shape_of_the_state(name: str, target: Target, bundle_folder: BundleFolder) -> None:
    folder = bundle_folder(name, target)
    state = first_state(folder)
    step = Program(folder / "training/step.onnx")
    for rows in (1, 3, 64):
        outputs = step({**made_up_batch(read_manifest(folder), rows, seed=rows), **state})
        assert all(np.isfinite(value).all() for value in outputs.values())
        following = next_state(outputs)
        assert {key: (v.dtype, v.shape) for key, v in following.items()} == {
            key: (v.dtype, v.shape) for key, v in state.items()
        }
        assert following["step"] == state["step"] + 1
        assert following["random_counter"] == state["random_counter"] + 1


@pytest.mark.parametrize("name", sorted(set(TRAINED) - UNLEARNABLE))
def test_training_makes_the_loss_fall(name: str, bundle_folder: BundleFolder) -> None:
    folder = bundle_folder(name)
    batches = take_batches(folder, 4)
    step, evaluate = Program(folder / "training/step.onnx"), Program(folder / "training/evaluate.onnx")
    state = first_state(folder)

    def loss() -> float:
        sums = [evaluate({**batch, **state}) for batch in batches]
        return float(sum(s["loss.sum"] for s in sums) / sum(s["loss.weight"] for s in sums))

    before = loss()
    for number in range(32):
        state = next_state(step({**batches[number % len(batches)], **state}))
    assert loss() < 0.97 * before


@every_target
@every_trained_spec
def test_gradients_then_apply_is_a_step(name: str, target: Target, bundle_folder: BundleFolder) -> None:
    folder = bundle_folder(name, target)
    training = folder / "training"
    step, gradients, apply = (Program(training / f"{graph}.onnx") for graph in ("step", "gradients", "apply"))
    state = first_state(folder)
    for batch in take_batches(folder, 3):
        whole = step({**batch, **state})
        parts = gradients({**batch, **state})
        following = {**next_state(parts), **next_state(apply({**parts, **state}))}
        np.testing.assert_allclose(parts["loss"], whole["loss"], rtol=1e-6)
        _assert_same(following, next_state(whole))
        state = next_state(whole)


def _assert_same(found: Tensors, expected: Tensors) -> None:
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], value, rtol=1e-6, atol=1e-6, err_msg=key)


@every_trained_spec
def test_without_dropout_evaluation_agrees_with_the_step(name: str, tmp_path: Path) -> None:
    tree = yaml.safe_load(SPECS[name].read_text(encoding="utf-8"))
    without = _without_dropout(tree)
    if without == tree:
        spec = library_spec(name)
    else:
        text = yaml.safe_dump(without, sort_keys=False)
        spec = load_spec_text(text, f"{name}.yaml", data_schema=source_schema(), overrides=REDUCED.get(name, ()))
    folder = tmp_path / "bundle"
    compile_without_data(spec).write(folder)
    manifest = read_manifest(folder)
    if any(item["kind"] == "statistic" for item in manifest["state"]):
        pytest.skip("statistics of the batch while training, of the past in evaluation: the losses differ")
    step, evaluate = Program(folder / "training/step.onnx"), Program(folder / "training/evaluate.onnx")
    state = first_state(folder)
    carried = {entry["name"]: state[entry["name"]] for entry in manifest["state"] if entry["kind"] == "carried"}
    for batch in take_batches(folder, 3, rows=7):
        state |= carried  # evaluation starts every batch from nothing
        outputs, sums = step({**batch, **state}), evaluate({**batch, **state})
        (entry, *_) = spec.training.loss if spec.training else []
        by_row = entry.lengths is None or isinstance(entry.loss, SequenceLoss)
        counted = len(next(iter(batch.values()))) if by_row else batch[entry.lengths].sum()
        assert sums["loss.weight"] == counted
        for metric in manifest["metrics"]:
            if metric["finalize"] == "ratio":
                total, weight = (sums[part] for part in metric["sums"])
                np.testing.assert_allclose(total / weight, outputs[metric["name"]], rtol=2e-6, err_msg=metric["name"])
        state = next_state(outputs)


def _without_dropout(tree: Any) -> Any:
    """The same tree without the layers called dropout."""
    if isinstance(tree, dict):
        return {key: _without_dropout(value) for key, value in tree.items()}
    if isinstance(tree, list):
        kept = (item for item in tree if item != "dropout" and not (isinstance(item, dict) and "dropout" in item))
        return [_without_dropout(item) for item in kept]
    return tree
