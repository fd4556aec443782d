"""The typed spec: names, references, defaults, origins, and what is refused."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
from netwright.compiler.errors import Origin, SpecError
from netwright.compiler.spec import EarlyStopping, Families, Regularization, Spec, Split, load, load_text

HEAD = "netwright: 1\ninputs: {image: [8, 8], other: {shape: [time, 3], dtype: int64}}\n"

FULL = """
netwright: 1
name: digits_mlp
inputs:
  image: [8, 8]
network:
  - reshape: [64]
  - dense: {units: 64, activation: relu, name: hidden}
  - dropout: 0.2
  - dense: 32
  - dense: {units: 10, name: logits, from: hidden}
outputs:
  probabilities: {softmax: {from: logits}}
  hidden: hidden
  two: [{dense: {units: 3, from: dense2}}, relu]
training:
  loss: {categorical_cross_entropy: {from: probabilities, label_smoothing: 0.1}}
  optimizer: {adam: {learning_rate: {cosine: 1e-3}}}
  regularization: {l2: 1}
  metrics: [accuracy, {top_k: 3}]
  early_stopping: 5
data:
  source: digits
  split: {validation: 0.1}
  columns: {label: digit}
""".replace("{cosine: 1e-3}", "{cosine: {peak: 1e-3}}")


def build(text: str, families: Families, *overrides: str) -> Spec:
    return load_text(text, "a.yaml", families=families, overrides=overrides)


def errors(text: str, families: Families) -> list[str]:
    with pytest.raises(SpecError) as caught:
        build(text, families)
    return str(caught.value).splitlines()


def test_a_full_spec(families: Families) -> None:
    spec = build(FULL, families)
    assert spec.name == "digits_mlp"
    assert [(i.name, i.shape, i.dtype) for i in spec.inputs] == [("image", (8, 8), "float32")]
    assert [(e.name, e.layer.kind, e.from_) for e in spec.network] == [
        ("reshape1", "reshape", ("image",)),
        ("hidden", "dense", ("reshape1",)),
        ("dropout1", "dropout", ("hidden",)),
        ("dense2", "dense", ("dropout1",)),  # the count goes over every dense layer, so naming one renames no other
        ("logits", "dense", ("hidden",)),
    ]
    assert [(o.name, o.from_, [(e.name, e.from_) for e in o.layers]) for o in spec.outputs] == [
        ("probabilities", "softmax1", [("softmax1", ("logits",))]),
        ("hidden", "hidden", []),
        ("two", "relu1", [("dense4", ("dense2",)), ("relu1", ("dense4",))]),
    ]
    assert [e.name for e in spec.layers][-3:] == ["softmax1", "dense4", "relu1"]
    training = spec.training
    assert training is not None
    (loss,) = training.loss
    assert (loss.from_, loss.target, loss.weight) == ("softmax1", "label", 1.0)  # an output stands for its value
    assert [(m.name, m.from_, m.target) for m in training.metrics] == [
        ("accuracy", "softmax1", "label"),
        ("top_3", "softmax1", "label"),
    ]
    assert training.regularization == Regularization(l1=0.0, l2=1.0)
    assert training.early_stopping == EarlyStopping(patience=5)
    assert training.monitor == "loss"
    assert (training.epochs, training.batch_size, training.seed) == (10, 32, 0)
    assert spec.targets == ("label",)
    assert spec.data is not None
    assert spec.data.split == Split(validation=0.1)
    assert (spec.data.source, spec.data.shuffle, dict(spec.data.columns)) == ("digits", True, {"label": "digit"})


def test_origins(families: Families) -> None:
    spec = build(FULL, families)
    hidden = spec.network[1]
    assert hidden.origin == Origin("a.yaml", 8, 5, "network[1].dense")
    assert hidden.path == ("network", 1, "dense")
    assert spec.origin_of((*hidden.path, "activation")) == Origin("a.yaml", 8, 36, "network[1].dense.activation")
    assert spec.origin_of((*spec.network[2].path, "rate")) == Origin("a.yaml", 9, 14, "network[2].dropout")
    assert spec.inputs[0].origin == Origin("a.yaml", 5, 3, "inputs.image")
    assert spec.outputs[1].origin == Origin("a.yaml", 14, 3, "outputs.hidden")
    assert spec.outputs[2].layers[1].origin == Origin("a.yaml", 15, 44, "outputs.two[1]")
    assert spec.training is not None
    assert spec.training.origin == Origin("a.yaml", 16, 1, "training")
    assert spec.training.loss[0].origin == Origin("a.yaml", 17, 10, "training.loss.categorical_cross_entropy")
    assert spec.training.optimizer.path == ("training", "optimizer", "adam")
    assert spec.data is not None
    assert spec.data.origin.line == 22
    assert build(FULL, families, "training.seed=4").origin_of(("training", "seed")).file == "--set"


def test_the_smallest_spec(families: Families) -> None:
    spec = build("netwright: 1\ninputs: {x: []}\nnetwork: [relu]\n", families)
    assert (spec.name, spec.training, spec.data) == ("a", None, None)
    assert spec.inputs[0].shape == ()
    assert [(o.name, o.from_) for o in spec.outputs] == [("output", "relu1")]
    assert spec.targets == ()


@pytest.mark.parametrize(
    ("file", "name"), [("a b.yaml", "a_b"), ("<text>", "text"), ("7.yaml", "network_7"), ("é.yaml", "network")]
)
def test_without_a_name_the_file_gives_it(file: str, name: str, families: Families) -> None:
    spec = load_text("netwright: 1\ninputs: {x: [2]}\nnetwork: [relu]\n", file, families=families)
    assert spec.name == name


def test_automatic_names_pass_over_every_name_there_is(families: Families) -> None:
    text = """
netwright: 1
inputs: {relu1: [2]}
network: [relu, {relu: {name: relu3}}, relu, relu]
outputs: {relu5: relu3}
training: {loss: {squared_error: {target: relu6}}}
"""
    assert [e.name for e in build(text, families).network] == ["relu2", "relu3", "relu4", "relu7"]


def test_several_inputs_losses_and_targets(families: Families) -> None:
    text = (
        HEAD
        + """
network:
  - add: {from: [image, other]}
  - dense: {units: 1, name: size}
  - dense: {units: 2, name: sort, from: add1}
training:
  optimizer: sgd
  loss:
    - squared_error: {from: size, weight: 2}
    - categorical_cross_entropy: {from: sort}
    - squared_error: {target: image, from: add1}
  metrics:
    - accuracy: {target: label}
    - accuracy: {target: target, name: near}
    - accuracy: {target: image, from: sort, name: image_accuracy}
"""
    )
    spec = build(text.replace("sgd", "{sgd: {learning_rate: 1}}"), families)
    training = spec.training
    assert training is not None
    assert [(entry.from_, entry.target, entry.weight) for entry in training.loss] == [
        ("size", "target", 2.0),
        ("sort", "label", 1.0),
        ("add1", "image", 1.0),
    ]
    assert [(entry.name, entry.from_, entry.target) for entry in training.metrics] == [
        ("accuracy", "sort", "label"),
        ("near", "size", "target"),
        ("image_accuracy", "sort", "image"),
    ]
    assert spec.targets == ("target", "label")  # an input that is compared with is no further target
    assert type(training.optimizer.optimizer.learning_rate) is float  # type: ignore[attr-defined]


def test_the_hash_is_of_what_is_said_not_how(families: Families) -> None:
    one = build("netwright: 1\ninputs: {x: [2]}\nnetwork:\n  - dense: {units: 3, bias: true}\n", families)
    two = build("network: [{dense: {bias: true, units: 0x3}}] # same\ninputs:\n  x:\n  - 2\nnetwright: 1\n", families)
    assert one.sha256 == two.sha256
    assert len(one.sha256) == 64
    assert (
        build("netwright: 1\ninputs: {x: [2]}\nnetwork: [{dense: 3}]\n", families, "inputs.x=[3]").sha256 != one.sha256
    )


def test_specs_are_frozen_and_equal_by_value(families: Families) -> None:
    spec = build(FULL, families)
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.name = "other"  # type: ignore[misc]
    assert spec == build(FULL, families)


def test_what_a_kind_refuses_is_named_at_its_field(families: Families) -> None:
    many = "[" + ", ".join("1" * 9) + "]"
    text = f"netwright: 1\ninputs: {{x: [2]}}\nnetwork:\n  - reshape: {many}\n  - reshape: {{shape: {many}}}\n"
    assert errors(text, families) == [
        "a.yaml:4:14: network[0].reshape: has 9 axes, at most 8 are possible",
        "a.yaml:5:22: network[1].reshape.shape: has 9 axes, at most 8 are possible",
    ]


def test_mistakes_of_every_stage_after_reading_come_together(families: Families) -> None:
    text = "netwright: 1\ninputs: {x: [2]}\nnetwork:\n  - dense: ten\n  - relu: {from: y}\nnetwork: []\n"
    assert errors(text, families) == [
        "a.yaml:4:12: network[0].dense: must be a positive integer or a mapping, received 'ten'",
        "a.yaml:5:18: network[1].relu.from: there is no value named 'y'",
        "  hint: known values: dense1, x",
        "a.yaml:6:1: the key 'network' is given twice in one mapping, first on line 3",
        "  hint: remove one of them",
    ]


def test_a_reference_to_an_uncertain_automatic_name_is_not_held_against_the_author(families: Families) -> None:
    text = "netwright: 1\ninputs: {x: [2]}\nnetwork: [{dence: 3}, {relu: {from: dense1}}]\n"
    assert errors(text, families) == [
        "a.yaml:3:12: network[0].dence: unknown layer 'dence'",
        "  hint: did you mean 'dense'?",
    ]


def test_unknown_kinds_in_every_form_and_family(families: Families) -> None:
    text = """netwright: 1
inputs: {x: [2]}
network: [{dence: 3}, relo]
training:
  loss: {squarederror: {}}
  optimizer: {adem: {}}
  metrics: [{acuracy: {}}, acuracy, {top_k: {}}, {top_k: 0}]
  early_stopping: 1
"""
    assert [line for line in errors(text, families) if "hint" not in line] == [
        "a.yaml:3:12: network[0].dence: unknown layer 'dence'",
        "a.yaml:3:23: network[1]: unknown layer 'relo'",
        "a.yaml:5:10: training.loss.squarederror: unknown loss 'squarederror'",
        "a.yaml:6:15: training.optimizer.adem: unknown optimizer 'adem'",
        "a.yaml:7:14: training.metrics[0].acuracy: unknown metric 'acuracy'",
        "a.yaml:7:28: training.metrics[1]: unknown metric 'acuracy'",
        "a.yaml:7:38: training.metrics[2].top_k: the key 'k' is missing",
        "a.yaml:7:58: training.metrics[3].top_k: must be a positive integer, received 0",
    ]


def test_the_number_of_mistakes_listed_is_bounded(families: Families) -> None:
    head = "netwright: 1\ninputs: {x: [2]}\n"
    for network in ("a", "{dense: ten}", "{relu: {from: nowhere}}", "{dense: {units: 3, a: 1, b: 2, c: 3}}"):
        text = head + "network: [" + ", ".join([network] * 300) + "]\n"
        with pytest.raises(SpecError) as caught:
            build(text, families)
        assert len(caught.value.diagnostics) == 200


def test_long_lists_of_numbers_are_checked_as_any_other(families: Families) -> None:
    numbers = ", ".join(["1"] * 100)
    text = f"netwright: 1\ninputs: {{x: [2]}}\nnetwork: [relu]\ndata: {{source: [{numbers}, a, .inf, 2]}}\n"
    schema = {"type": "array", "items": {"type": "number"}}
    with pytest.raises(SpecError) as caught:
        load_text(text, "a.yaml", families=families, data_schema=schema)
    assert [str(d) for d in caught.value.diagnostics] == [
        "a.yaml:4:317: data.source[100]: must be a number, received 'a'",
        "a.yaml:4:320: data.source[101]: must be a number, received .inf",
    ]


def test_keywords_of_schemas_from_outside(families: Families) -> None:
    source = {
        "type": "object",
        "properties": {
            "rows": {"type": "integer", "multipleOf": 2},
            "path": {"type": "string", "pattern": "[.]csv$"},
            "mode": {"const": "fast"},
            "pair": {"type": "object", "minProperties": 2, "maxProperties": 2},
        },
    }
    text = "netwright: 1\ninputs: {x: [2]}\nnetwork: [relu]\n"
    text += "data: {source: {rows: 3, path: a.txt, mode: slow, pair: %s}}\n"
    with pytest.raises(SpecError) as caught:
        load_text(text % "{a: 1}", "a.yaml", families=families, data_schema=source)
    assert str(caught.value).splitlines() == [
        "a.yaml:4:23: data.source.rows: must satisfy multipleOf 2, received 3",
        "a.yaml:4:32: data.source.path: must match [.]csv$, received 'a.txt'",
        "a.yaml:4:45: data.source.mode: must be 'fast', received 'slow'",
        "a.yaml:4:57: data.source.pair: must hold at least 2 entries, received {a: 1}",
    ]
    with pytest.raises(SpecError) as caught:
        load_text(text % "{a: 1, b: 2, c: 3}", "a.yaml", families=families, data_schema=source)
    assert "pair: must satisfy maxProperties 2, received {a: 1, b: 2, c: 3}" in str(caught.value)


def test_load_reads_files(tmp_path: Path, families: Families) -> None:
    file = tmp_path / "small.yaml"
    file.write_text("netwright: 1\ninputs: {x: [2]}\nnetwork: [relu]\n")
    spec = load(file, families=families)
    assert (spec.name, spec.file) == ("small", str(file))


def test_validation_imports_no_runtime_and_no_onnx() -> None:
    program = """
import sys
from netwright.compiler.spec import load_text
load_text("netwright: 1\\ninputs: {x: [2]}\\nnetwork: [{dense: 3}]\\n")
print(sorted({"onnx", "onnxruntime", "torch", "pandas", "scipy"} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
