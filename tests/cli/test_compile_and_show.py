"""`validate`, `compile`, `show` and `schema`."""

from __future__ import annotations

import errno
import json
import os
import re
import tempfile
from pathlib import Path

import jsonschema
import pytest
from click.testing import Result
from netwright.cli.library import library
from netwright.compiler.spec.loader import read_file
from support.command_line import Cli

SHAPES = """
netwright: 1
inputs: {a: [3], b: [4]}
network:
  - dense: {units: 5, from: a, name: left}
  - dense: {units: 6, from: b, name: right}
  - add: {from: [left, right]}
"""


HEAD = """
netwright: 1
inputs: {x: [3]}
network:
  - dense: {units: 5, name: hidden}
  - dense: {units: 1, name: y}
  - dense: {units: 2, from: hidden, name: head}
outputs: {y: y}
training:
  loss:
    - squared_error: {from: y}
    - squared_error: {from: head, target: other}
"""


def test_show_counts_what_losses_alone_read_apart(cli: Cli, here: Path) -> None:
    Path("head.yaml").write_text(HEAD, encoding="utf-8")
    assert "\n26 trainable parameters, and 12 that losses alone read\n" in cli("show", "head.yaml").stdout
    shown = json.loads(cli("show", "head.yaml", "--json").stdout)
    assert (shown["parameters"], shown["parameters_for_losses"]) == (26, 12)
    assert "26 parameters" in cli("compile", "head.yaml", "-o", "bundle").stdout


def test_validate_as_json(cli: Cli, here: Path) -> None:
    Path("bad.yaml").write_text("netwright: 1\ninputs: {x: [2]}\nnetwork:\n  - dens: 3\n", encoding="utf-8")
    result = cli("validate", "bad.yaml", "--json")
    assert result.exit_code == 1
    assert result.stderr == ""
    assert json.loads(result.stdout) == [
        {
            "file": "bad.yaml",
            "line": 4,
            "column": 5,
            "path": "network[0].dens",
            "message": "unknown layer 'dens'",
            "hint": "did you mean 'dense'?",
        }
    ]
    good = cli("validate", "digits_mlp", "--json")
    assert (good.exit_code, good.stdout) == (0, "[]\n")


def test_validate_finds_what_only_building_shows(cli: Cli, here: Path) -> None:
    Path("shapes.yaml").write_text(SHAPES, encoding="utf-8")
    result = cli("validate", "shapes.yaml")
    assert result.exit_code == 1
    assert result.stderr == (
        "shapes.yaml:7:10: network[2].add: the inputs differ in axis 1: (batch, 5) and (batch, 6)\n"
        "  shapes:\n"
        "    shapes.yaml:3:10: a (batch, 3)\n"
        "    shapes.yaml:3:18: b (batch, 4)\n"
        "    shapes.yaml:5:5: a → left (batch, 5)\n"
        "    shapes.yaml:6:5: b → right (batch, 6)\n"
        "    shapes.yaml:7:5: left, right → add1\n"
        "  hint: bring them to one size, or put them side by side with `concat`\n"
    )


def test_validate_as_json_has_the_way_to_shapes_that_do_not_fit(cli: Cli, here: Path) -> None:
    Path("shapes.yaml").write_text(SHAPES, encoding="utf-8")
    (entry,) = json.loads(cli("validate", "shapes.yaml", "--json").stdout)
    assert list(entry) == ["file", "line", "column", "path", "message", "hint", "shapes"]
    assert entry["shapes"][3:] == [
        {
            "file": "shapes.yaml",
            "line": 6,
            "column": 5,
            "path": "network[1].dense",
            "name": "right",
            "reads": ["b"],
            "type": "(batch, 6)",
        },
        {
            "file": "shapes.yaml",
            "line": 7,
            "column": 5,
            "path": "network[2].add",
            "name": "add1",
            "reads": ["left", "right"],
            "type": "",
        },
    ]


def test_validate_finds_values_that_do_not_fit(cli: Cli) -> None:
    result = cli("validate", "perceptron", "--set", "network[0].dense.bias_initializer.values=[1, 2]")
    assert result.exit_code == 1
    assert "the values have the shape (2), but (1) is needed" in result.stderr


def test_settings_from_the_command_line(cli: Cli) -> None:
    wrong = cli("validate", "digits_mlp", "--set", "training.epochs=many")
    assert (wrong.exit_code, wrong.stderr) == (
        1,
        "--set:1:17: training.epochs: must be a positive integer, received 'many'\n",
    )
    units = json.loads(cli("show", "digits_mlp", "--json", "--set", "network[1].dense.units=7").stdout)
    assert units["layers"][1] == {"name": "dense1", "kind": "dense", "shape": [7], "parameters": 455}


def test_compile_writes_a_bundle(cli: Cli, here: Path) -> None:
    result = cli("compile", "digits_mlp", "-o", "out/bundle")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == (
        "out/bundle: 8,970 parameters; graphs: inference, init, step, evaluate, gradients, apply\n"
    )
    manifest = json.loads(Path("out/bundle/manifest.json").read_text(encoding="utf-8"))
    assert manifest["target"] == "portable"
    assert all(Path("out/bundle", graph["file"]).is_file() for graph in manifest["graphs"].values())
    assert {state["origin"]["file"] for state in manifest["state"] if state["origin"]} == {"specs/digits_mlp.yaml"}


def test_compile_for_onnx_runtime_alone(cli: Cli, here: Path) -> None:
    assert cli("compile", "xor_mlp", "-o", "bundle", "--target", "ort").exit_code == 0
    assert json.loads(Path("bundle/manifest.json").read_text(encoding="utf-8"))["target"] == "ort"


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_compile_does_not_overwrite(cli: Cli, here: Path, kind: str) -> None:
    if kind == "file":
        Path("bundle").write_text("precious", encoding="utf-8")
    else:
        Path("bundle").mkdir()
        Path("bundle/precious").touch()
    result = cli("compile", "xor_mlp", "-o", "bundle")
    assert (result.exit_code, result.stderr) == (
        1,
        "error: bundle: already exists\n  hint: choose another folder, or remove this one\n",
    )


def test_compile_below_a_file(cli: Cli, here: Path) -> None:
    Path("file").touch()
    result = cli("compile", "xor_mlp", "-o", "file/bundle")
    assert (result.exit_code, result.stderr) == (
        3,
        "error: file: cannot be written: file exists\n"
        "  hint: choose another folder, or make room and give write permission\n",
    )


@pytest.mark.parametrize("command", ["compile", "train"])
def test_a_disk_that_is_full_is_the_machine_s_failure(
    cli: Cli, here: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a mistake on line 1 of a spec; nothing is left."""

    def full(path: Path, parts: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "tempdir", str(here))
    monkeypatch.setattr("netwright.compiler.bundle.write_parts", full)
    result = cli(command, "xor_mlp", "-o", "out")
    assert result.exit_code == 3
    assert re.fullmatch(
        r"error: (out|.*/netwright-\w+/bundle): cannot be written: no space left on device\n"
        r"  hint: choose another folder, or make room and give write permission\n",
        result.stderr,
    )
    assert list(here.iterdir()) == []


def test_a_spec_that_does_not_compile_leaves_no_folder(cli: Cli, here: Path) -> None:
    assert cli("compile", "digits_mlp", "-o", "a/b", "--set", "network[1].dense.units=1000000000000").exit_code == 1
    assert list(here.iterdir()) == []


def test_compile_needs_the_data_only_for_a_schedule_of_epochs(cli: Cli, here: Path) -> None:
    """The size of the data plans the learning rate; a file that is not there matters only then."""
    no_file = ("--set", "data.source={npz: {path: none.npz}}")

    def show(learning_rate: str, *more: str) -> Result:
        return cli("show", "xor_mlp", "--set", f"training.optimizer={{sgd: {{learning_rate: {learning_rate}}}}}", *more)

    assert show("0.1", *no_file).exit_code == 0
    assert show("{cosine: {peak: 0.1, steps: 100}}", *no_file).exit_code == 0
    assert show("{cosine: {peak: 0.1}}").exit_code == 0
    missing = show("{cosine: {peak: 0.1}}", *no_file)
    assert missing.exit_code == 1
    assert "none.npz: there is no such file" in missing.stderr


def test_mnist_compiles_before_it_is_fetched(cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETWRIGHT_CACHE", str(here / "empty"))
    assert cli("show", "mnist_mlp").exit_code == 0
    result = cli("train", "mnist_mlp", "-o", "run")
    assert (result.exit_code, result.stderr) == (
        1,
        f"error: data source 'mnist': {here / 'empty' / 'mnist'}: train-images-idx3-ubyte is missing\n"
        "  hint: fetch the data set with: netwright fetch mnist\n",
    )
    assert not Path("run").exists()


def test_show_prints_the_layers(cli: Cli) -> None:
    text = cli("show", "xor_mlp").stdout
    table, parameters, nodes = text[: text.index("\n\n")], *text.splitlines()[-2:]
    assert table.splitlines() == [
        "name      kind     output shape  parameters",
        "────────  ───────  ────────────  ──────────",
        "bits      input    (batch, 2)",
        "dense1    dense    (batch, 8)            24",
        "logit     dense    (batch, 1)             9",
        "sigmoid1  sigmoid  (batch, 1)             0",
    ]
    assert parameters == "33 trainable parameters"
    assert nodes.startswith("nodes: inference ")


def test_show_as_json(cli: Cli) -> None:
    shown = json.loads(cli("show", "xor_mlp", "--json").stdout)
    assert shown["name"] == "xor_mlp"
    assert shown["parameters"] == 33
    assert shown["layers"][0] == {"name": "dense1", "kind": "dense", "shape": [8], "parameters": 24}
    assert set(shown["nodes"]) == {"inference", "init", "step", "evaluate", "gradients", "apply"}
    assert all(count > 0 for count in shown["nodes"].values())


def test_show_prints_a_graph_as_text(cli: Cli) -> None:
    lines = cli("show", "perceptron", "--graph", "inference").stdout.splitlines()
    assert lines[0] == "graph inference"
    assert lines[-1].strip() == "y"
    assert any("Gemm(x, dense1/weight, dense1/bias)" in line for line in lines)


def test_show_prints_graphviz(cli: Cli) -> None:
    inference, step = (cli("show", "xor_mlp", "--dot", *more).stdout for more in ((), ("--graph", "step")))
    assert inference.startswith('digraph "inference" {')
    assert step.startswith('digraph "step" {')
    assert step.count("{") == step.count("}")


def test_show_without_training_has_two_graphs(cli: Cli) -> None:
    assert set(json.loads(cli("show", "perceptron", "--json").stdout)["nodes"]) == {"inference", "init"}
    result = cli("show", "perceptron", "--graph", "step")
    assert result.exit_code == 2
    assert "the spec has no 'step' graph" in " ".join(result.stderr.split())


def test_show_json_stands_alone(cli: Cli) -> None:
    assert cli("show", "xor_mlp", "--json", "--dot").exit_code == 2


def test_schema_describes_every_spec_of_the_library(cli: Cli, here: Path) -> None:
    assert cli("schema", "-o", "schema.json").exit_code == 0
    schema = json.loads(Path("schema.json").read_text(encoding="utf-8"))
    assert cli("schema").stdout == Path("schema.json").read_text(encoding="utf-8")
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for file in library().values():
        validator.validate(read_file(file.path)[0].plain())


def test_schema_into_a_folder_that_is_not_there(cli: Cli, here: Path) -> None:
    result = cli("schema", "-o", "no/schema.json")
    assert (result.exit_code, result.stderr) == (1, "error: no: no such folder\n")


@pytest.mark.parametrize("other", [["--graph", "step"], ["--dot"]])
def test_layers_as_json_stand_alone(cli: Cli, other: list[str]) -> None:
    result = cli("show", "xor_mlp", "--json", *other)
    assert result.exit_code == 2
    assert "--json cannot be given together with --graph or --dot" in " ".join(result.stderr.split())


def test_a_graph_that_needs_training(cli: Cli) -> None:
    result = cli("show", "perceptron", "--graph", "step")
    assert result.exit_code == 2
    words = " ".join(result.stderr.replace("│", " ").split())
    assert "the spec has no 'step' graph, because it has no `training` section; its graphs are inference" in words
