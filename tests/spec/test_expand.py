"""Blocks, composites, repetition, sharing and formulas become plain layers that know where they come from."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from netwright.compiler import check_spec
from netwright.compiler.errors import SpecError
from netwright.compiler.spec import Spec, load, load_text
from netwright.compiler.spec.expand import expander, formulas

DATA = Path(__file__).parent / "data"
HEAD = "netwright: 1\ninputs: {x: [4]}\n"


def build(text: str, *overrides: str, head: str = HEAD) -> Spec:
    return load_text(head + text, "a.yaml", overrides=overrides)


def errors(text: str, head: str = HEAD) -> str:
    with pytest.raises(SpecError) as caught:
        build(text, head=head)
    return str(caught.value)


def wiring(spec: Spec) -> list[str]:
    return [f"{e.name} = {e.layer.kind}({', '.join(e.from_)})" for e in spec.layers]


def test_everything_at_once() -> None:
    spec = load(DATA / "resnet.yaml")
    check_spec(spec)
    unit = "repeat1/{}/repeat1/{}/unit1"
    expected = ["image/flatten1 = flatten(image)", "stem = dense(image)"]
    before = "stem"
    for stage, i in ((0, 0), (0, 1), (1, 0)):
        name = unit.format(stage, i)
        expected += [
            f"{name}/dense1 = dense({before})",
            f"{name}/layer_norm1 = layer_norm({name}/dense1)",
            f"{name}/last = dense({name}/layer_norm1)",
            f"{name}/add1 = add({name}/last, {before})",
        ]
        before = f"{name}/add1"
    expected += [
        f"residual1/unit1/dense1 = dense({before})",
        "residual1/unit1/last = dense(residual1/unit1/dense1)",
        f"residual1/unit1/add1 = add(residual1/unit1/last, {before})",
        "residual1/relu1 = relu(residual1/unit1/add1)",
        f"residual1 = add(residual1/relu1, {before})",
        "both/narrow/dense1 = dense(residual1)",
        "both = concat(both/narrow/dense1, residual1)",
        "residual2/dense1 = dense(both)",
        "residual2/tanh1 = tanh(residual2/dense1)",
        "residual2/shortcut/dense1 = dense(both)",
        "residual2 = add(residual2/tanh1, residual2/shortcut/dense1)",
        "logits/layer_norm1 = layer_norm(residual2)",
        "logits/dense1 = dense(logits/layer_norm1)",
        "softmax1 = softmax(logits/dense1)",
        "expression1 = expression(stem)",
    ]
    assert wiring(spec) == expected
    assert [vars(e.layer)["units"] for e in spec.network if e.layer.kind == "dense"][:7] == [16, 4, 16, 4, 16, 8, 16]
    assert [(o.name, o.from_) for o in spec.outputs] == [
        ("probabilities", "softmax1"),
        ("after_first_stage", unit.format(0, 1) + "/add1"),
        ("twice_stem", "expression1"),
    ]
    assert spec.training is not None
    assert spec.training.epochs == 4
    assert spec.training.loss[0].from_ == "logits/dense1"


def test_origins_point_at_the_text_and_say_through_which_uses_it_came() -> None:
    spec = load_text((DATA / "resnet.yaml").read_text(), "resnet.yaml", base=DATA)
    layers = {e.name: e for e in spec.layers}
    inner = layers["repeat1/1/repeat1/0/unit1/dense1"].origin
    assert (inner.file, inner.line, inner.column, inner.path) == (
        "resnet.yaml",
        15,
        9,
        "blocks.unit.layers[0].dense",
    )
    assert inner.within == (
        "in block 'unit' used on line 31",
        "in the repeat on line 28, i = 0",
        "in the repeat on line 24, stage = 1",
    )
    residual = layers["residual1"].origin
    assert (residual.line, residual.path, residual.within) == (32, "network[2].residual", ())
    units = spec.origin_of((*layers["residual1/unit1/dense1"].path, "units"))
    assert (units.line, units.path, units.within) == (
        15,
        "blocks.unit.layers[0].dense.units",
        ("in block 'unit' used on line 32",),
    )
    assert spec.training is not None
    assert spec.training.loss[0].origin.file == "parts/recipe.yaml"


def test_a_layer_that_does_not_fit_is_found_at_its_line_and_use() -> None:
    text = "blocks:\n  pair:\n    - dense: 3\n    - add: {from: [dense1, input]}\nnetwork:\n  - pair\n"
    with pytest.raises(SpecError) as caught:
        check_spec(build(text))
    assert str(caught.value) == (
        "a.yaml:6:12: blocks.pair[1].add: the inputs differ in axis 1: (batch, 3) and (batch, 4)\n"
        "  in block 'pair' used on line 8\n"
        "  shapes:\n"
        "    a.yaml:2:10: x (batch, 4)\n"
        "    a.yaml:5:7: x → pair1/dense1 (batch, 3), in block 'pair' used on line 8\n"
        "    a.yaml:6:7: pair1/dense1, x → pair1/add1, in block 'pair' used on line 8\n"
        "  hint: bring them to one size, or put them side by side with `concat`"
    )


def test_shared_groups() -> None:
    spec = load(DATA / "siamese.yaml")
    check_spec(spec)
    assert wiring(spec) == [
        "tower/flatten1 = flatten(left)",
        "tower/dense1 = dense(tower/flatten1)",
        "tower/residual1/dense1 = dense(tower/dense1)",
        "tower/residual1/relu1 = relu(tower/residual1/dense1)",
        "tower/residual1 = add(tower/residual1/relu1, tower/dense1)",
        "twin/flatten1 = shared(right)",
        "twin/dense1 = shared(twin/flatten1)",
        "twin/residual1/dense1 = shared(twin/dense1)",
        "twin/residual1/relu1 = shared(twin/residual1/dense1)",
        "twin/residual1 = shared(twin/residual1/relu1, twin/dense1)",
        "distance = expression(tower/residual1, twin/residual1)",
    ]
    assert [vars(e.layer)["layer"] for e in spec.layers if e.layer.kind == "shared"][2] == "tower/residual1/dense1"
    assert spec.layers[7].origin.line == 6


def test_sharing_what_is_shared_leads_to_the_first_owner() -> None:
    spec = build("""
network:
  - sequence: {name: a, layers: [dense: 4, {sequence: [relu]}]}
  - shared: {layer: a, name: b}
  - shared: {layer: b, name: c}
  - shared: c/dense1
  - shared: shared3
  - add: {from: [b/sequence1, c/sequence1]}
""")
    assert wiring(spec)[-3:] == [
        "shared3 = shared(c/sequence1/relu1)",
        "shared4 = shared(shared3)",
        "add1 = add(b/sequence1/relu1, c/sequence1/relu1)",
    ]
    assert {vars(e.layer)["layer"] for e in spec.layers if e.layer.kind == "shared"} == {
        "a/dense1",
        "a/sequence1/relu1",
    }


def test_a_network_of_formulas() -> None:
    spec = load(DATA / "goldberg.yaml")
    check_spec(spec)
    assert wiring(spec) == [
        "product = expression(a, b)",
        "y = expression(product)",
        "expression3 = expression(y, a)",
    ]
    assert spec.layers[1].origin.path == "network.y"


def test_layers_by_name_read_the_one_before() -> None:
    spec = build("network:\n  w: {parameter: [4]}\n  h: {dense: 4}\n  z: h * w\n  out: {relu: }\n")
    assert wiring(spec) == ["w = parameter()", "h = dense(x)", "z = expression(h, w)", "out = relu(z)"]
    assert spec.outputs[0].from_ == "out"


def test_names_inside_are_local_and_those_outside_are_seen_by_composites_alone() -> None:
    spec = build("""
network:
  - dense: {units: 4, name: start}
  - sequence: [{relu: {name: start}}, {add: {from: [start, input]}}]
  - residual: [{add: {from: [start, input]}}]
  - add: {from: [start, sequence1/start, sequence1/add1]}
""")
    assert wiring(spec) == [
        "start = dense(x)",
        "sequence1/start = relu(start)",
        "sequence1/add1 = add(sequence1/start, start)",
        "residual1/add1 = add(start, sequence1/add1)",
        "residual1 = add(residual1/add1, sequence1/add1)",
        "add1 = add(start, sequence1/start, sequence1/add1)",
    ]


def test_a_block_of_several_values() -> None:
    head = "netwright: 1\ninputs: {a: [4], b: [4]}\n"
    text = "blocks: {join: [concat, {dense: 4}, {add: {from: [input, dense1]}}]}\nnetwork: [{join: {from: [b, a]}}]\n"
    assert wiring(build(text, head=head)) == [
        "join1/concat1 = concat(b, a)",
        "join1/dense1 = dense(join1/concat1)",
        "join1/add1 = add(b, a, join1/dense1)",
    ]


def test_branches_may_each_choose_an_input() -> None:
    head = "netwright: 1\ninputs: {a: [4], b: [4]}\n"
    text = "network:\n  - parallel: [[{dense: {units: 2, from: a}}], [{dense: {units: 3, from: b}}]]\n"
    assert wiring(build(text, head=head)) == [
        "parallel1/0/dense1 = dense(a)",
        "parallel1/1/dense1 = dense(b)",
        "parallel1 = concat(parallel1/0/dense1, parallel1/1/dense1)",
    ]


def test_a_bare_value_is_the_only_parameter_that_must_be_given() -> None:
    blocks = "blocks: {b: {parameters: {n: integer, a: {type: activation, default: tanh}}, layers: [%s]}}\n"
    spec = build(blocks % '{dense: {units: "${n}", activation: "${a}"}}' + "network: [{b: 3}, {b: {n: 4, a: relu}}]\n")
    assert [(vars(e.layer)["units"], vars(e.layer)["activation"].kind) for e in spec.layers] == [
        (3, "tanh"),
        (4, "relu"),
    ]
    assert "network[0].b: must be an integer or a mapping, received 'x'" in errors(
        blocks % "relu" + "network: [{b: x}]\n"
    )


def test_a_layer_as_parameter_with_its_own_fields() -> None:
    blocks = "blocks: {b: {parameters: {l: layer}, layers: ['${l}', '${l}']}}\n"
    spec = build(blocks + "network: [{b: {l: {dense: {units: 3}}}}, {b: relu}, {b: {l: {b: tanh}}}]\n")
    assert [e.name for e in spec.layers] == [
        "b1/dense1",
        "b1/dense2",
        "b2/relu1",
        "b2/relu2",
        "b3/b1/tanh1",
        "b3/b1/tanh2",
        "b3/b2/tanh1",
        "b3/b2/tanh2",
    ]


def test_formulas_keep_the_type_of_a_whole_scalar_and_are_text_inside_one() -> None:
    text = """
constants: {n: 3, rate: 0.25, flag: false, kind: relu}
network:
  - dense: {units: "${n}", use_bias: "${flag}", name: "layer_${n}_${rate * 4}_${flag}"}
  - ${kind}
  - dropout: ${rate}
"""
    with pytest.raises(SpecError) as caught:
        build(text)
    assert "a name holds letters, digits, _ and -, and begins with a letter or _, received 'layer_3_1.0_false'" in str(
        caught.value
    )
    spec = build(text.replace("_${rate * 4}", ""))
    assert [e.name for e in spec.layers] == ["layer_3_false", "relu1", "dropout1"]
    assert vars(spec.layers[0].layer)["use_bias"] is False
    assert vars(spec.layers[2].layer)["rate"] == 0.25


def test_two_dollars_write_a_formula_as_text() -> None:
    data = {"type": "object"}
    text = HEAD + "network: [relu]\ndata: {source: {table: 'a $${x} $5 ${1 + 1}'}}\n"
    spec = load_text(text, "a.yaml", data_schema=data)
    assert spec.data is not None
    assert spec.data.source == {"table": "a ${x} $5 2"}


def test_constants_can_be_set_from_outside() -> None:
    text = "constants: {n: 3, twice: '${2 * n}'}\nnetwork: [{dense: '${twice}'}]\n"
    assert vars(build(text).layers[0].layer)["units"] == 6
    assert vars(build(text, "constants.n=5").layers[0].layer)["units"] == 10
    assert build(text).sha256 != build(text, "constants.n=5").sha256


def test_inputs_may_be_calculated() -> None:
    head = "netwright: 1\nconstants: {n: 3, all: [2, 3]}\ninputs: {a: ['${n}'], b: '${all}', c: {shape: ['${n}']}}\n"
    spec = build("network: [{add: {from: [a, c]}}]\n", head=head)
    assert [i.shape for i in spec.inputs] == [(3,), (2, 3), (3,)]
    assert "inputs.a[0]: must be a positive integer, received 0" in errors(
        "network: [relu]\n", head.replace("n: 3,", "n: 0,")
    )


def test_a_parameter_in_a_chain_is_passed_over() -> None:
    spec = build("network: [{parameter: {shape: [3], name: w}}, {dense: 3}, {expression: dense1 * w}]\n")
    assert wiring(spec) == ["w = parameter()", "dense1 = dense(x)", "expression1 = expression(dense1, w)"]


def test_mistakes_in_a_block_are_told_once() -> None:
    text = "blocks: {b: [{dense: {units: x}}]}\nnetwork: [b, b, {repeat: {times: 3, layers: [b]}}]\n"
    assert errors(text) == "a.yaml:3:30: blocks.b[0].dense.units: must be a positive integer, received 'x'"


def test_what_a_short_spec_may_stand_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expander, "MAX_LAYERS", 50)
    doubling = "network:\n  - sequence: {name: s0, layers: [relu, relu]}\n" + "".join(
        f"  - sequence: {{name: s{i}, layers: [{{shared: s{i - 1}}}, {{shared: s{i - 1}}}]}}\n" for i in range(1, 25)
    )
    assert "the spec stands for more than 50 layers" in errors(doubling)
    assert "the spec stands for more than 50 layers" in errors(
        "network: [{repeat: {times: 1000000000, layers: [nonsense]}}]\n"
    )
    monkeypatch.setattr(formulas, "MOST_VALUES", 100)
    numbers = "constants: {a: [1, 2, 3, 4, 5, 6, 7, 8, 9]}\n"
    assert errors(numbers + "network: [" + ", ".join(["{reshape: '${a}'}"] * 20) + "]\n").endswith(
        "the formulas of this spec make more than 100 values\n  hint: keep data and weights in files of their own"
    )


def test_the_true_limits_hold_in_little_time() -> None:
    started = time.process_time()
    assert "the spec stands for more than 10,000 layers" in errors(
        "network: [{repeat: {times: 1000000000, layers: [relu]}}]\n"
    )
    assert errors("network: [{repeat: {times: 1000000000000, layers: []}}]\n").count("\n") == 0
    assert time.process_time() - started < 5


def test_constants_and_texts_are_bounded() -> None:
    lists = "constants:\n  a: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
    lists += "".join(f"  {b}: [{', '.join([f'${{{a}}}'.join(chr(34) * 2)] * 10)}]\n" for a, b in ("ab", "bc", "cd"))
    assert "constants.c: a constant holds at most 1,000 values, received 1,110" in errors(lists + "network: [relu]\n")
    texts = "constants:\n  a: aaaaaaaaaa\n"
    texts += "".join(f"  {b}: '{f'${{{a}}}' * 10}'\n" for a, b in ("ab", "bc", "cd", "de", "ef"))
    assert "constants.e: the text has more than 10,000 characters" in errors(texts + "network: [relu]\n")
    assert "a formula makes at most 1,000 values, received 1,801" in errors(
        f"constants: {{a: [{', '.join('1' * 899)}]}}\nnetwork: [{{reshape: '${{[a, a]}}'}}]\n"
    )


def test_the_number_of_blocks_is_bounded() -> None:
    blocks = "".join(f"  b{i}: [relu]\n" for i in range(501))
    assert errors("blocks:\n" + blocks + "network: [relu]\n") == (
        "a.yaml:3:1: blocks: a spec has at most 500 blocks, received 501\n"
        "  hint: keep those of other networks in files of their own"
    )
