"""`netwright import`: a spec around an ONNX model, which works as it is and once its comments are taken away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from netwright.compiler import check_spec, compile_spec, load_spec
from netwright.runtime.data import source_schema
from support.command_line import Cli
from support.foreign import classifier, model_of, node, run_model

W = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)


def import_model(cli: Cli, model: onnx.ModelProto, *options: str, name: str = "net.onnx") -> str:
    """The text of the spec, which is checked with and without its training."""
    Path(name).parent.mkdir(exist_ok=True)
    onnx.save(model, name)
    result = cli("import", name, *options)
    assert result.exit_code == 0, result.stderr
    file = Path(options[options.index("-o") + 1]) if "-o" in options else Path(name).with_suffix(".yaml").name
    text = Path(file).read_text(encoding="utf-8")
    check_spec(load_spec(file))
    head, _, training = text.partition("# To train it, name your data and take the first # of each line away.\n")
    if not training:
        return text
    uncommented = "".join(line.removeprefix("#") for line in training.splitlines(keepends=True))
    trained = Path(file).with_name("trained.yaml")
    trained.write_text(head + uncommented, encoding="utf-8")
    check_spec(load_spec(trained, data_schema=source_schema()))
    return text


def test_a_classifier(cli: Cli, here: Path) -> None:
    """Its softmax is written under `outputs`, because the loss contains it."""
    text = import_model(cli, classifier())
    assert text == (
        """\
# The network of net.onnx (handmade, opset 17), to be trained further.
netwright: 1
name: net
inputs:
  x: [4]
network:
  - onnx:
      name: model
      file: net.onnx
      output: logits
      # freeze: true  # keep its weights as they are
      # output: features  # what its last weights read, for a head of your own
outputs:
  probabilities: {softmax: {from: model}}

# To train it, name your data and take the first # of each line away.
#training:
#  loss: {categorical_cross_entropy: {target: label, from: model}}
#  optimizer: {adam: {learning_rate: 1e-4}}
#  metrics: [accuracy]
#  epochs: 5
#  batch_size: 32
#data:
#  source: {npz: train.npz}  # arrays `x`, `label`; `netwright explain "data source"` lists other sources
#  split: {validation: 0.1}
"""
    )
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    bundle = compile_spec(load_spec("net.yaml"))
    (result,) = run_model(bundle.models()["inference"], {"x": x})
    np.testing.assert_allclose(result, run_model(classifier(), {"x": x})[0], rtol=1e-5)


def test_it_says_what_it_wrote(cli: Cli, here: Path) -> None:
    onnx.save(classifier(), "net.onnx")
    result = cli("import", "net.onnx", "-o", "mine.yaml")
    assert (result.exit_code, result.stdout) == (
        0,
        "mine.yaml: a spec around net.onnx; `netwright compile mine.yaml -o DIR` compiles it as it is\n",
    )


def test_paths_start_at_the_folder_of_the_spec(cli: Cli, here: Path) -> None:
    (here / "specs").mkdir()
    text = import_model(cli, classifier(), "-o", "specs/a.yaml", name="models/a b.onnx")
    assert '      file: "../models/a b.onnx"\n' in text
    assert "\nname: a_b\n" in text


def test_a_part_of_the_network(cli: Cli, here: Path) -> None:
    text = import_model(cli, classifier(), "--until", "features")
    assert "      output: features\n" in text
    assert "outputs:\n  features: model\n" in text


@pytest.mark.parametrize(
    ("nodes", "inputs", "tensors", "expected"),
    [
        (
            [node("Gemm", "x w")],
            {"x": (None, 4)},
            {"w": W},
            ["  x: [4]\n", "{categorical_cross_entropy:", "  y: model\n"],
        ),
        ([node("Gemm", "x w")], {"x": (1, 4)}, {"w": W[:, :1]}, ["{squared_error: {target: target", "metrics: [mae]"]),
        (
            [node("Gemm", "x w", "h"), node("Sigmoid", "h")],
            {"x": ("N", 4)},
            {"w": W[:, :1]},
            ["{binary_cross_entropy: {target: label", "  y: {sigmoid: {from: model}}\n", "      output: h\n"],
        ),
        ([node("Relu", "input.1")], {"input.1": ("N", "H", "W", "H", None)}, {}, ["  input_1: [H, W, H, axis4]\n"]),
        ([node("Relu", "model")], {"model": ("N", "step", 3)}, {}, ["  model_1: [step_1, 3]\n"]),
        ([node("Gemm", "0 w")], {"0": ("N", 4)}, {"w": W}, ["  input_0: [4]\n", "arrays `input_0`"]),
        ([node("Add", "a b")], {"a": ("N", 3), "b": ("N", 3)}, {}, ["  a: [3]\n  b: [3]\n", "      from: [a, b]\n"]),
        ([node("Relu", "x", "true")], {"x": ("N", 3)}, {}, ["outputs:\n  true_1: model\n"]),
    ],
    ids=[
        "classes",
        "a number",
        "a probability",
        "axes",
        "taken names",
        "a number as name",
        "two inputs",
        "an odd name",
    ],
)
def test_what_is_written(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Sequence[int | str | None]],
    tensors: Mapping[str, object],
    expected: Sequence[str],
    cli: Cli,
    here: Path,
) -> None:
    text = import_model(cli, model_of(nodes, inputs=inputs, tensors=tensors, outputs=[nodes[-1].output[0]]))
    assert [part for part in expected if part not in text] == []


def test_a_network_without_weights_is_not_trained(cli: Cli, here: Path) -> None:
    assert import_model(cli, model_of([node("Relu", "x")])).endswith("outputs:\n  y: model\n")


def test_whole_numbers_as_input(cli: Cli, here: Path) -> None:
    model = model_of([node("Gather", "w x")], tensors={"w": W}, dtype=onnx.TensorProto.INT64)
    assert "  x: {shape: [4], dtype: int64}\n" in import_model(cli, model)


def refused(cli: Cli, *words: str) -> str:
    result = cli("import", *words)
    assert (result.exit_code, result.stdout) == (1, "")
    assert not list(Path().glob("*.yaml"))
    return result.stderr


def test_no_such_file(cli: Cli, here: Path) -> None:
    assert refused(cli, "net.onnx") == "error: net.onnx: no such file\n"


def test_no_such_value(cli: Cli, here: Path) -> None:
    onnx.save(classifier(), "net.onnx")
    assert refused(cli, "net.onnx", "--until", "feature") == (
        "error: 'net.onnx' computes no value called 'feature'\n  hint: did you mean 'features'?\n"
    )


def test_an_operator_without_a_record(cli: Cli, here: Path) -> None:
    onnx.save(model_of([node("Det", "x", name="volume")], inputs={"x": ("N", 4, 4)}), "net.onnx")
    assert refused(cli, "net.onnx") == (
        "error: 'net.onnx' uses an operator without a record: Det (node 'volume')\n"
        "  hint: `--until NAME` takes the network up to a value before the node\n"
    )


def test_an_input_without_a_batch(cli: Cli, here: Path) -> None:
    onnx.save(model_of([node("Relu", "x")], inputs={"x": ()}), "net.onnx")
    assert refused(cli, "net.onnx") == (
        "error: the input 'x' has no axis for the batch, so no spec can be written around it\n"
    )


def test_nothing_is_overwritten(cli: Cli, here: Path) -> None:
    onnx.save(classifier(), "net.onnx")
    Path("net.yaml").write_text("mine", encoding="utf-8")
    result = cli("import", "net.onnx")
    assert (result.exit_code, result.stderr) == (
        1,
        "error: net.yaml: already exists\n  hint: choose another file with -o\n",
    )
    assert Path("net.yaml").read_text(encoding="utf-8") == "mine"


def test_a_run_does_not_go_on_with_another_file(cli: Cli, here: Path) -> None:
    onnx.save(classifier(), "net.onnx")
    x = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    np.savez("train.npz", x=x, label=np.arange(40) % 3)
    Path("spec.yaml").write_text(
        "netwright: 1\ninputs: {x: [4]}\nnetwork: [{onnx: {file: net.onnx, output: logits}}]\n"
        "training: {loss: categorical_cross_entropy, epochs: 1}\ndata: {source: {npz: train.npz}}\n",
        encoding="utf-8",
    )
    assert cli("train", "spec.yaml", "-o", "run").exit_code == 0
    assert cli("train", "spec.yaml", "-o", "run", "--resume", "--set", "training.epochs=2").exit_code == 0
    changed = classifier()
    changed.doc_string = "another"
    onnx.save(changed, "net.onnx")
    result = cli("train", "spec.yaml", "-o", "run", "--resume", "--set", "training.epochs=3")
    assert (result.exit_code, result.stderr) == (
        1,
        "error: run: the run was started with another 'net.onnx' than the one there is now\n"
        "  hint: put that file back, or train into another folder\n",
    )
