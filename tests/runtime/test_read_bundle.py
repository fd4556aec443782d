"""Reading a bundle: what is wrong is said exactly, wherever it is."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from handmade import GRAPHS
from netwright.runtime.bundle import load_bundle
from netwright.runtime.decode import DecodeError, decode
from netwright.runtime.errors import UserError
from netwright.runtime.manifest import EarlyStopping, Place, TrainingPlan

Edit = Callable[[dict[str, Any]], None]


def edit_manifest(folder: Path, edit: Edit) -> None:
    path = folder / "manifest.json"
    tree = json.loads(path.read_text())
    edit(tree)
    path.write_text(json.dumps(tree))


def test_a_whole_bundle_is_read(bundle_folder: Path) -> None:
    bundle = load_bundle(bundle_folder)
    manifest = bundle.manifest
    assert manifest.name == "handmade"
    assert manifest.training == TrainingPlan(epochs=4, batch_size=16, seed=0, monitor="loss")
    assert manifest.graphs["step"].outputs[2].feeds == "dense1/weight"
    assert manifest.graphs["step"].inputs[0].shape == ("batch", 4)
    assert manifest.state[0].origin == Place("specs/handmade.yaml", 6, 5, "network[0].dense")
    assert bundle.graph_file("evaluate") == bundle_folder / "training/evaluate.onnx"


def test_unknown_keys_are_left_to_later_versions(bundle_folder: Path) -> None:
    edit_manifest(bundle_folder, lambda m: m.update(novelty=1))
    assert load_bundle(bundle_folder).manifest.name == "handmade"


def test_early_stopping_is_read(bundle_folder: Path) -> None:
    rule = {"patience": 3, "monitor": "accuracy", "minimum_change": 0}
    edit_manifest(bundle_folder, lambda m: m["training"].update(early_stopping=rule))
    assert load_bundle(bundle_folder).training_plan().early_stopping == EarlyStopping(3, "accuracy", 0.0)


def _no_step(manifest: dict[str, Any]) -> None:
    del manifest["graphs"]["step"]


def _drop_weight(manifest: dict[str, Any]) -> None:
    del manifest["state"][0]


def _drop_bias_from_init(manifest: dict[str, Any]) -> None:
    del manifest["graphs"]["init"]["outputs"][1]


def _feed_nothing(manifest: dict[str, Any]) -> None:
    manifest["graphs"]["step"]["outputs"][2]["feeds"] = "dense9/weight"


EDITS: dict[str, tuple[Edit, str]] = {
    "newer format": (
        lambda m: m.update(bundle_format=2),
        "{folder}/manifest.json: bundle format 2, but this netwright reads format 1",
    ),
    "older format": (
        lambda m: m.update(bundle_format=0),
        "{folder}/manifest.json: bundle format 0, but this netwright reads format 1",
    ),
    "missing key": (lambda m: m.pop("name"), "{folder}/manifest.json: the key 'name' is missing"),
    "missing nested key": (
        lambda m: m["state"][1].pop("kind"),
        "{folder}/manifest.json: state[1]: the key 'kind' is missing",
    ),
    "text for a number": (
        lambda m: m["training"].update(epochs="ten"),
        "{folder}/manifest.json: training.epochs: must be an integer, received 'ten'",
    ),
    "truth for a number": (
        lambda m: m["training"].update(epochs=True),
        "{folder}/manifest.json: training.epochs: must be an integer, received true",
    ),
    "bad shape": (
        lambda m: m["graphs"]["step"]["inputs"][0].update(shape=["batch", 1.5]),
        "{folder}/manifest.json: graphs.step.inputs[0].shape[1]: must be an integer or text, received 1.5",
    ),
    "a list for an object": (
        lambda m: m.update(graphs=[]),
        "{folder}/manifest.json: graphs: must be an object, received a list",
    ),
    "no step graph": (_no_step, "{folder}: the manifest has a training plan but no 'step' graph"),
    "unknown state": (
        _drop_weight,
        "{folder}: the input 'dense1/weight' of the graph 'step' is not an entry of the state",
    ),
    "uninitialised state": (_drop_bias_from_init, "{folder}: the graph 'init' does not give the state 'dense1/bias'"),
    "feeds nothing": (
        _feed_nothing,
        "{folder}: the output 'dense1/weight.next' of the graph 'step' feeds 'dense9/weight', "
        "which is not an entry of the state",
    ),
    "unknown finalize": (
        lambda m: m["metrics"][1].update(finalize="median"),
        "{folder}: the metric 'accuracy' has the unknown finalize 'median'",
    ),
    "unknown sum": (
        lambda m: m["metrics"][1].update(sums=["accuracy.sum", "accuracy.count"]),
        "{folder}: the metric 'accuracy' needs 'accuracy.count', which the graph 'evaluate' does not give",
    ),
    "unknown monitor": (
        lambda m: m["training"].update(monitor="f1"),
        "{folder}: the training plan monitors 'f1', which is no metric of the bundle",
    ),
    "monitor without a direction": (
        lambda m: m["training"].update(early_stopping={"patience": 1, "monitor": "confusion"}),
        "{folder}: the training plan monitors 'confusion', which has no better direction",
    ),
}


@pytest.mark.parametrize("case", EDITS)
def test_a_wrong_manifest_is_refused(bundle_folder: Path, case: str) -> None:
    edit, message = EDITS[case]
    edit_manifest(bundle_folder, edit)
    with pytest.raises(UserError) as caught:
        load_bundle(bundle_folder)
    assert str(caught.value) == message.format(folder=bundle_folder)


def test_hints_say_what_to_do(bundle_folder: Path) -> None:
    edit_manifest(bundle_folder, lambda m: m.update(bundle_format=2))
    with pytest.raises(UserError) as caught:
        load_bundle(bundle_folder)
    assert caught.value.hint == "update netwright"
    edit_manifest(bundle_folder, lambda m: m.update(bundle_format=0))
    with pytest.raises(UserError) as caught:
        load_bundle(bundle_folder)
    assert caught.value.hint == "compile the spec again with this netwright"
    edit_manifest(bundle_folder, lambda m: m.update(bundle_format=1))
    edit_manifest(bundle_folder, lambda m: m["training"].update(monitor="f1"))
    with pytest.raises(UserError) as caught:
        load_bundle(bundle_folder)
    assert caught.value.hint == "monitor one of accuracy, loss"


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        load_bundle(tmp_path / "nothing")
    assert str(caught.value) == f"{tmp_path}/nothing: no such folder"
    assert caught.value.hint == "give the folder that `netwright compile` wrote"


def test_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        load_bundle(tmp_path)
    assert str(caught.value) == f"{tmp_path}: not a bundle: it has no manifest.json"


def test_an_unreadable_manifest(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").mkdir()
    with pytest.raises(UserError, match=r"manifest.json: cannot be read: \[Errno 21\] Is a directory"):
        load_bundle(tmp_path)


def test_a_torn_manifest(bundle_folder: Path) -> None:
    (bundle_folder / "manifest.json").write_text('{"bundle_format": 1,\n "name": ')
    with pytest.raises(UserError) as caught:
        load_bundle(bundle_folder)
    assert str(caught.value) == f"{bundle_folder}/manifest.json:2:10: not valid JSON: Expecting value"


def test_a_manifest_that_is_no_object(bundle_folder: Path) -> None:
    (bundle_folder / "manifest.json").write_text("[]")
    with pytest.raises(UserError) as caught:
        load_bundle(bundle_folder)
    assert str(caught.value) == f"{bundle_folder}/manifest.json: must be an object, received a list"


@pytest.mark.parametrize("graph", GRAPHS)
def test_a_missing_file(bundle_folder: Path, graph: str) -> None:
    file = GRAPHS[graph][0]
    (bundle_folder / file).unlink()
    with pytest.raises(UserError) as caught:
        load_bundle(bundle_folder)
    assert str(caught.value) == f"{bundle_folder}: the file '{file}' of the graph '{graph}' is missing"


def test_a_bundle_for_inference_alone(bundle_folder: Path) -> None:
    def strip(manifest: dict[str, Any]) -> None:
        manifest.update(training=None, state=[], metrics=[], graphs={"inference": manifest["graphs"]["inference"]})

    edit_manifest(bundle_folder, strip)
    bundle = load_bundle(bundle_folder)
    with pytest.raises(UserError) as caught:
        bundle.training_plan()
    assert str(caught.value) == f"{bundle_folder}: the bundle has no training plan"
    with pytest.raises(UserError) as caught:
        bundle.graph_file("step")
    assert str(caught.value) == f"{bundle_folder}: the bundle has no 'step' graph"
    assert caught.value.hint == "a spec without a `training` section compiles to inference alone"


def test_decode_names_every_kind_of_value() -> None:
    for hint, value, message in (
        (int, None, "must be an integer, received null"),
        (float, "x", "must be a number, received 'x'"),
        (str, 3, "must be text, received 3"),
        (bool, 1, "must be true or false, received 1"),
        (dict[str, int], 1, "must be an object, received 1"),
        (tuple[int, ...], {}, "must be a list, received an object"),
        (str | None, False, "must be text or null, received false"),
    ):
        with pytest.raises(DecodeError) as caught:
            decode(hint, value)
        assert str(caught.value) == message
    assert decode(tuple[float, ...], [1, 2.5]) == (1.0, 2.5)
    assert decode(dict[str, int], {"a": 1}) == {"a": 1}


def test_the_ways_to_finish_a_metric_are_listed(bundle_folder: Path) -> None:
    edit_manifest(bundle_folder, lambda m: m["metrics"][1].update(finalize="median"))
    with pytest.raises(UserError) as caught:
        load_bundle(bundle_folder)
    assert caught.value.hint == (
        "this netwright knows confusion, exponential_ratio, f1, precision, r2, ratio, recall, root_ratio, sum_of_ratios"
    )
