"""Several objectives: who trains what, what is reported, and that every graph of a bundle says the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from netwright.compiler import SpecError, compile_spec, load_spec_text
from netwright.compiler.bundle import Target
from support.adversaries import NETWORK, OBJECTIVES, adversaries, real, written
from support.bundles import TARGETS, Program, first_state, next_state, read_manifest

LOSSES = ["loss", "discriminator.loss", "generator.loss"]
PRECISIONS = ["precision: float32", "precision: float16"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(adversaries(), tmp_path_factory.mktemp("adversaries"))


def test_the_step_reports_the_sum_and_each_loss(folder: Path) -> None:
    manifest, step = read_manifest(folder), Program(folder / "training/step.onnx")
    assert step.outputs[:3] == LOSSES
    roles = [(port["name"], port["role"]) for port in manifest["graphs"]["step"]["outputs"][:3]]
    assert roles == [(LOSSES[0], "loss"), (LOSSES[1], "metric"), (LOSSES[2], "metric")]
    outputs = step({**real(8, seed=0), **first_state(folder)})
    assert outputs["loss"] == pytest.approx(outputs["discriminator.loss"] + outputs["generator.loss"], rel=1e-6)
    assert [(m["name"], m["finalize"], m["sums"], m["goal"]) for m in manifest["metrics"]] == [
        (name, "ratio", [f"{name}.sum", f"{name}.weight"], "min") for name in LOSSES
    ]


def test_each_parameter_has_the_slots_of_its_own_optimizer(folder: Path) -> None:
    slots = [item["name"].split("/") for item in read_manifest(folder)["state"] if item["kind"] == "slot"]
    assert {(name[1], name[-1]) for name in slots} == {
        ("discriminator", "first_moment"),
        ("discriminator", "second_moment"),
        ("generator", "velocity"),
    }


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_gradients_then_apply_is_a_step(precision: str, target: Target, tmp_path: Path) -> None:
    folder = written(adversaries(precision, "clip_global_norm: 0.3", "regularization: {l2: 0.01}"), tmp_path, target)
    step, gradients, apply = (Program(folder / f"training/{graph}.onnx") for graph in ("step", "gradients", "apply"))
    state = first_state(folder)
    for seed in range(3):
        batch = real(8, seed)
        whole, parts = step({**batch, **state}), gradients({**batch, **state})
        for name in LOSSES:
            np.testing.assert_allclose(parts[name], whole[name], rtol=1e-6)
        following = next_state(whole)
        found = {**next_state(parts), **next_state(apply({**parts, **state}))}
        assert found.keys() == following.keys()
        for name, value in following.items():
            np.testing.assert_allclose(found[name], value, rtol=1e-6, atol=1e-6, err_msg=name)
        assert any(not np.array_equal(following[name], state[name]) for name in following if name.startswith("gen"))
        state = following


def test_evaluation_agrees_with_the_step_where_nothing_is_of_the_batch(tmp_path: Path) -> None:
    """Without statistics and with losses on the data alone both see the same; examples that weigh keep pairs apart."""
    text = """\
netwright: 1
inputs: {x: [3]}
network:
  - dense: {units: 2, name: a}
  - dense: {units: 1, name: b, from: x}
training:
  objectives:
    first: {trains: a/*, loss: {squared_error: {from: a, target: t}}}
    second:
      trains: b/*
      loss: [{squared_error: {from: b, target: 2, sample_weight: w}}, {absolute_error: {from: b, target: 0}}]
  regularization: {l2: 0.1}
"""
    folder = written(load_spec_text(text), tmp_path)
    numbers = np.random.default_rng(0)
    batch = {"x": numbers.normal(size=(5, 3)), "t": numbers.normal(size=(5, 2)), "w": numbers.random(5)}
    batch = {name: array.astype(np.float32) for name, array in batch.items()}
    state = first_state(folder)
    step = Program(folder / "training/step.onnx")({**batch, **state})
    sums = Program(folder / "training/evaluate.onnx")({**batch, **state})
    for metric in read_manifest(folder)["metrics"]:
        parts = [sums[name] for name in metric["sums"]]
        value = sum(total / weight for total, weight in zip(parts[::2], parts[1::2], strict=True))
        np.testing.assert_allclose(value, step[metric["name"]], rtol=1e-5, err_msg=metric["name"])
    assert [(m["name"], m["finalize"], len(m["sums"])) for m in read_manifest(folder)["metrics"]] == [
        ("loss", "sum_of_ratios", 6),
        ("first.loss", "ratio", 2),
        ("second.loss", "sum_of_ratios", 4),
    ]


def test_one_objective_by_name_is_the_same_training(tmp_path: Path) -> None:
    """`loss` is an objective without a name."""
    head = "netwright: 1\ninputs: {x: [3]}\nnetwork:\n  - dense: {units: 2, name: a}\ntraining:\n"
    plain = written(load_spec_text(f"{head}  loss: {{squared_error: {{target: t}}}}\n"), tmp_path / "plain")
    objectives = "  objectives: {only: {trains: '*', loss: {squared_error: {target: t}}}}\n"
    named = written(load_spec_text(head + objectives), tmp_path / "named")
    numbers = np.random.default_rng(0)
    batch = {"x": numbers.normal(size=(5, 3)), "t": numbers.normal(size=(5, 2))}
    batch = {name: array.astype(np.float32) for name, array in batch.items()}
    one, other = (Program(f / "training/step.onnx")({**batch, **first_state(f)}) for f in (plain, named))
    assert other.pop("only.loss") == other["loss"]
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_array_equal(other[name], value, err_msg=name)


def test_a_proximal_objective_leaves_the_penalty_of_another_alone(tmp_path: Path) -> None:
    """The L1 penalty is in the gradients of `a`, and applied by the optimizer of `b`."""
    text = """\
netwright: 1
inputs: {x: [3]}
network:
  - dense: {units: 1, name: a, use_bias: false}
  - dense: {units: 1, name: b, from: x, use_bias: false}
training:
  objectives:
    first: {trains: a/*, loss: {squared_error: {from: a, target: 0}}, optimizer: {sgd: {learning_rate: 0.1}}}
    second:
      trains: b/*
      loss: {squared_error: {from: b, target: 0}}
      optimizer: {proximal_gradient: {learning_rate: 0.1}}
  regularization: {l1: 100}
"""
    folder = written(load_spec_text(text), tmp_path)
    state, batch = first_state(folder), {"x": np.zeros((2, 3), np.float32)}
    outputs = Program(folder / "training/step.onnx")({**batch, **state})
    np.testing.assert_allclose(outputs["a/weight.next"], state["a/weight"] - 10 * np.sign(state["a/weight"]), rtol=1e-6)
    np.testing.assert_array_equal(outputs["b/weight.next"], np.zeros((3, 1)))
    for name in ("a", "b"):
        penalty = 100 * np.abs(state[f"{name}/weight"]).sum()
        np.testing.assert_allclose(outputs["first.loss" if name == "a" else "second.loss"], penalty, rtol=1e-6)


def test_a_step_that_overflows_leaves_both_networks_alone(tmp_path: Path) -> None:
    folder = written(adversaries("precision: float16"), tmp_path)
    step, state = Program(folder / "training/step.onnx"), first_state(folder)
    taken = next_state(step({**real(8, seed=0), **state}))
    skipped = next_state(step({"x": np.full((8, 6), np.inf, np.float32), **state}))
    assert taken["step"] == 1
    assert skipped["loss_scale"] == state["loss_scale"] / 2
    assert skipped["random_counter"] == state["random_counter"] + 1
    for name in set(state) - {"loss_scale", "random_counter"}:
        np.testing.assert_array_equal(skipped[name], state[name], err_msg=name)


def test_frozen_parameters_are_nobodys(tmp_path: Path) -> None:
    folder = written(adversaries("frozen: ['*/dense2/bias']"), tmp_path)
    state = first_state(folder)
    following = next_state(Program(folder / "training/step.onnx")({**real(8, seed=0), **state}))
    same = {name for name in state if name.count("/") == 2 and np.array_equal(following[name], state[name])}
    assert same == {"generator/dense2/bias", "discriminator/dense2/bias"}


def test_the_training_api_has_one_loss() -> None:
    with pytest.raises(SpecError) as caught:
        compile_spec(adversaries(), target="ort-training")
    assert str(caught.value) == (
        "adversaries.yaml:27:5: training.objectives: ONNX Runtime's training API has one loss and one optimizer\n"
        "  hint: the targets portable and ort train several objectives"
    )


def test_the_training_api_draws_nothing() -> None:
    text = NETWORK + "training:\n  loss: {squared_error: {from: discriminator, target: 1}}\n"
    with pytest.raises(SpecError) as caught:
        compile_spec(load_spec_text(text, "drawn.yaml"), target="ort-training")
    assert str(caught.value) == (
        "drawn.yaml:5:3: inputs.latent: ONNX Runtime's training API draws no inputs\n"
        "  hint: the targets portable and ort do"
    )


def test_text_does_not_say_how_large_a_batch_is() -> None:
    text = (NETWORK + OBJECTIVES).replace("x: [6]", "x: {shape: [], dtype: string}")
    with pytest.raises(SpecError) as caught:
        load_spec_text(text, "text.yaml")
    assert str(caught.value).splitlines()[:2] == [
        "text.yaml:3:1: inputs: nothing says how large a batch is: every input with numbers is drawn",
        "  hint: add an input that the data give",
    ]
