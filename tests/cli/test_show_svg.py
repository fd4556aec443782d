"""`netwright show --svg`."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from netwright.cli.drawing import detail_of, network_of
from netwright.cli.keep import resolved_yaml
from netwright.cli.specs import compile_loaded, load_spec
from netwright.compiler import load_spec_text
from support.command_line import Cli

BRANCHES = """
netwright: 1
name: branches
inputs: {image: [8, 8], extra: [5]}
network:
  - flatten: {from: image}
  - dense: {units: 5, activation: relu, name: wide, bias_initializer: {constant: 0.1}}
  - dropout: 0.2
  - add: {from: [dropout1, extra], name: sum}
  - dense: {units: 3, name: logits, from: sum}
outputs:
  probabilities: {softmax: {from: logits}}
  features: wide
training:
  loss: {categorical_cross_entropy: {target: label, from: logits}}
"""


def test_library_specs_are_drawn_whole(cli: Cli, here: Path) -> None:
    for name in ("digits_mlp", "sigmoid_mlp"):
        result = cli("show", name, "--svg", "network.svg")
        assert (result.exit_code, result.output) == (0, "")
        root = ElementTree.parse("network.svg").getroot()
        titles = " ".join(title.text or "" for title in root.iter("{http://www.w3.org/2000/svg}title"))
        network = network_of(compile_loaded(load_spec(name)))
        for layer in network.layers:
            assert f"{layer.kind}, {layer.name}, " in titles
        for output in network.outputs:
            assert f"output {output.name}: " in titles


def test_what_is_drawn(here: Path) -> None:
    Path("branches.yaml").write_text(BRANCHES, encoding="utf-8")
    network = network_of(compile_loaded(load_spec("branches.yaml")))
    assert [(n.name, n.kind, n.family, n.detail, n.shape, n.parameters, n.sources) for n in network.layers] == [
        ("flatten1", "flatten", "shape", "", (64,), 0, ("image",)),
        ("wide", "dense", "dense", "relu", (5,), 325, ("flatten1",)),
        ("dropout1", "dropout", "random", "rate 0.2", (5,), 0, ("wide",)),
        ("sum", "add", "merge", "", (5,), 0, ("dropout1", "extra")),
        ("logits", "dense", "dense", "", (3,), 18, ("sum",)),
        ("softmax1", "softmax", "activation", "", (3,), 0, ("logits",)),
    ]
    assert [(output.name, output.source, output.shape) for output in network.outputs] == [
        ("probabilities", "softmax1", (3,)),
        ("features", "wide", (5,)),
    ]
    (objective,) = network.objectives
    assert (objective.loss, objective.source, objective.target) == ("categorical_cross_entropy", "logits", "label")


def test_the_name_of_an_input_means_what_its_preprocessing_makes(here: Path) -> None:
    Path("prepared.yaml").write_text(
        "netwright: 1\n"
        "inputs: {x: {shape: [3], dtype: uint8, preprocess: [cast, {normalize: {mean: 3, deviation: 2}}]}}\n"
        "network:\n  - dense: {units: 4, from: x}\n"
        "outputs: {y: dense1, seen: x}\n",
        encoding="utf-8",
    )
    network = network_of(compile_loaded(load_spec("prepared.yaml")))
    cast, normalize, dense = network.layers
    assert cast.sources == ("x",)
    assert normalize.sources == (cast.name,)
    assert dense.sources == (normalize.name,)
    assert [output.source for output in network.outputs] == [dense.name, normalize.name]


def test_depth_folds_and_needs_a_drawing(cli: Cli, here: Path) -> None:
    assert cli("show", "xor_mlp", "--svg", "a.svg", "--depth", 0).exit_code == 0
    result = cli("show", "xor_mlp", "--depth", 0)
    assert result.exit_code == 2
    assert "--depth is for drawings: give --svg FILE as well" in " ".join(result.stderr.split())


@pytest.mark.parametrize("other", [["--json"], ["--dot"], ["--graph", "step"]])
def test_a_drawing_stands_alone(cli: Cli, here: Path, other: list[str]) -> None:
    result = cli("show", "xor_mlp", "--svg", "a.svg", *other)
    assert result.exit_code == 2
    assert "--svg cannot be given together with --json, --graph or --dot" in " ".join(result.stderr.split())
    assert not Path("a.svg").exists()


def test_without_graphviz(cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    result = cli("show", "xor_mlp", "--svg", "a.svg")
    assert (result.exit_code, result.stderr) == (
        3,
        "error: drawing a network needs Graphviz, which is not installed\n"
        "  hint: install it with: pip install 'netwright[pictures]'\n",
    )
    assert not Path("a.svg").exists()


def test_the_kept_spec_means_the_same() -> None:
    for name in ("digits_mlp", "xor_mlp", "linear_regression"):
        spec = load_spec(name, ["training.seed=7"]).spec
        text = resolved_yaml(spec)
        assert text.startswith(f"# specs/{name}.yaml as it was trained.")
        assert load_spec_text(text).tree == spec.tree
    assert "\n  - dropout: 0.2\n" in resolved_yaml(load_spec("digits_mlp").spec)


def test_details_leave_out_what_is_said_elsewhere(here: Path) -> None:
    Path("branches.yaml").write_text(BRANCHES, encoding="utf-8")
    wide = load_spec("branches.yaml").spec.network[1].layer
    assert detail_of(wide) == "relu"
    convolution = load_spec("digits_cnn").spec.layers[1].layer
    assert detail_of(convolution) == "no bias, kernel size 3, padding same"
