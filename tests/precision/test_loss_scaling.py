"""Loss scaling on the CPU: what a skipped step leaves alone, how the scale moves, and that nothing else notices it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler import Bundle, compile_spec, load_spec_text
from netwright.compiler.optimizers import Optimizer
from support.bundles import Program, Tensors, first_state, next_state
from support.half import program
from support.pytorch import import_torch

SPEC = """\
netwright: 1
name: small
inputs: {x: [4]}
network:
  - dense: {units: 8, activation: relu, name: hidden}
  - dropout: 0.25
  - dense: {units: 3, name: logits}
training:
  loss: categorical_cross_entropy
  precision: float16
  loss_scaling: {growth_interval: 3}
"""
BATCH = {
    "x": np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32),
    "label": np.array([0, 1, 2, 0, 1, 2]),
}
OVERFLOWING = {**BATCH, "x": np.where(BATCH["x"] == BATCH["x"].max(), np.float32(np.inf), BATCH["x"])}
"""What a layer before may give in float16; the CPU provider computes most in float32, where numbers overflow late."""
SCALING = ("loss_scale", "good_steps")


def compiled(*lines: str, precision: str = "float16") -> Bundle:
    text = (
        SPEC
        if precision == "float16"
        else SPEC.replace("float16", precision).replace("  loss_scaling: {growth_interval: 3}\n", "")
    )
    return compile_spec(load_spec_text(text + "".join(f"  {line}\n" for line in lines)))


class Run:
    """The graphs of a bundle on the CPU provider, with its first state."""

    def __init__(self, bundle: Bundle, folder: Path) -> None:
        self.folder = folder / "bundle"
        bundle.write(self.folder)
        self.state = first_state(self.folder)

    @functools.cached_property
    def step(self) -> Program:
        return Program(self.folder / "training/step.onnx")

    @functools.cached_property
    def gradients(self) -> Program:
        return Program(self.folder / "training/gradients.onnx")

    @functools.cached_property
    def apply(self) -> Program:
        return Program(self.folder / "training/apply.onnx")


def advance(run: Run, batch: Mapping[str, Any]) -> Tensors:
    run.state = next_state(run.step({**batch, **run.state}))
    return run.state


def assert_skipped(before: Tensors, after: Tensors) -> None:
    """Nothing has changed, bit for bit, but the scale and the counters of steps and masks."""
    assert after["loss_scale"] == before["loss_scale"] / 2
    assert after["good_steps"] == 0
    assert after["random_counter"] == before["random_counter"] + 1
    for name in before.keys() - {*SCALING, "random_counter"}:
        assert after[name].tobytes() == before[name].tobytes(), name


def test_the_first_state(tmp_path: Path) -> None:
    run = Run(compiled(), tmp_path)
    assert (run.state["loss_scale"].dtype, run.state["loss_scale"]) == (np.float32, 65536)
    assert (run.state["good_steps"].dtype, run.state["good_steps"]) == (np.int64, 0)


def test_only_float16_scales_its_loss() -> None:
    for precision in ("float32", "bfloat16"):
        assert not {*SCALING} & compiled(precision=precision).built.state.keys()


@pytest.mark.parametrize("kind", sorted(Optimizer.registry))
def test_an_overflow_skips_the_step_with_every_optimizer(kind: str, tmp_path: Path) -> None:
    run = Run(compiled(f"optimizer: {kind}", "clip_global_norm: 1", "regularization: {l1: 1e-3, l2: 1e-3}"), tmp_path)
    for _ in range(2):
        advance(run, BATCH)
    before = run.state
    assert before["step"] == 2
    outputs = run.step({**OVERFLOWING, **before})
    assert not np.isfinite(outputs["loss"])
    assert_skipped(before, next_state(outputs))
    after = advance(run, BATCH)
    assert after["step"] == 3
    assert not np.array_equal(after["logits/weight"], before["logits/weight"])


def test_gradients_that_overflow_skip_a_step_whose_loss_is_finite(tmp_path: Path) -> None:
    """The scaled gradients leave float16, and the next scale is half."""
    bundle = compiled()
    run = Run(bundle, tmp_path)
    step = program(bundle, "step", tmp_path)
    before = {**run.state, "loss_scale": np.float32(2**30)}
    outputs = step({**BATCH, **before})
    assert np.isfinite(outputs["loss"])
    assert_skipped(before, next_state(outputs))


def test_an_infinite_loss_with_finite_gradients_skips_the_step(tmp_path: Path) -> None:
    """−ln softmax of an infinitely small logit has the gradient of any wrong answer."""
    text = """\
netwright: 1
inputs: {x: [2]}
network: {w: {parameter: {shape: [2]}}, y: x * w}
training: {loss: perceptron, precision: float16}
"""
    run = Run(compile_spec(load_spec_text(text.replace("perceptron", "squared_error"))), tmp_path)
    batch = {"x": np.full((1, 2), 1e-30, np.float32), "target": np.full((1, 2), 3e38, np.float32)}
    outputs = run.gradients({**batch, **run.state})
    assert np.isinf(outputs["loss"])
    assert np.isnan(outputs["w/value.gradient"]).all()
    assert_skipped(run.state, next_state(run.step({**batch, **run.state})))


def test_the_scale_doubles_after_the_interval(tmp_path: Path) -> None:
    run = Run(compiled(), tmp_path)
    found = [(float(s["loss_scale"]), int(s["good_steps"])) for s in (advance(run, BATCH) for _ in range(7))]
    assert found == [(2**16, 1), (2**16, 2), (2**17, 0), (2**17, 1), (2**17, 2), (2**18, 0), (2**18, 1)]


def test_the_scale_has_bounds(tmp_path: Path) -> None:
    run = Run(compiled(), tmp_path)
    gradients = {port: np.zeros(shape, np.float32) for port, shape in gradient_shapes(run).items()}

    def scale_after(scale: float, gradients: Tensors) -> float:
        state = {**run.state, "loss_scale": np.float32(scale), "good_steps": np.int64(2)}
        return float(next_state(run.apply({**gradients, **state}))["loss_scale"])

    assert scale_after(2.0**127, gradients) == 2.0**127
    assert scale_after(2.0**-14, {name: g + np.float32(np.inf) for name, g in gradients.items()}) == 2.0**-14
    assert scale_after(2.0**-13, {name: g - np.float32(np.inf) for name, g in gradients.items()}) == 2.0**-14


def gradient_shapes(run: Run) -> dict[str, tuple[int, ...]]:
    return {f"{n}.gradient": v.shape for n, v in run.state.items() if f"{n}.gradient" in run.apply.inputs}


@pytest.mark.parametrize("batch", [BATCH, OVERFLOWING], ids=["good", "overflowing"])
def test_gradients_then_apply_is_a_step(batch: Tensors, tmp_path: Path) -> None:
    run = Run(compiled("clip_global_norm: 0.1"), tmp_path)
    advance(run, BATCH)
    whole, parts = next_state(run.step({**batch, **run.state})), run.gradients({**batch, **run.state})
    applied = next_state(run.apply({**parts, **run.state}))
    assert applied.keys() == whole.keys()
    for name, value in whole.items():
        np.testing.assert_allclose(applied[name], value, rtol=1e-6, atol=1e-7, err_msg=name)
    assert int(whole["step"]) == (1 if batch is OVERFLOWING else 2)


def test_one_part_that_overflows_spoils_the_average(tmp_path: Path) -> None:
    run = Run(compiled(), tmp_path)
    parts = [run.gradients({**batch, **run.state}) for batch in (BATCH, OVERFLOWING)]
    average = {name: (parts[0][name] + parts[1][name]) / 2 for name in parts[0]}
    assert_skipped(run.state, next_state(run.apply({**average, **run.state})))


def test_the_scale_is_gone_before_gradients_are_clipped(tmp_path: Path) -> None:
    """With any scale that overflows nothing, gradients and clipped steps are the same."""
    run = Run(compiled("clip_global_norm: 0.05", "regularization: {l2: 0.1}"), tmp_path)
    reference = Run(
        compiled("clip_global_norm: 0.05", "regularization: {l2: 0.1}", precision="float32"), tmp_path / "float32"
    )
    expected = reference.gradients({**BATCH, **reference.state})
    stepped = next_state(reference.step({**BATCH, **reference.state}))
    for scale in (2.0**4, 2.0**12, 1000.0):
        state = {**run.state, "loss_scale": np.float32(scale)}
        for name, value in run.gradients({**BATCH, **state}).items():
            np.testing.assert_allclose(value, expected[name], rtol=5e-3, atol=5e-4, err_msg=name)
        following = next_state(run.step({**BATCH, **state}))
        change = following["hidden/weight"] - state["hidden/weight"]
        np.testing.assert_allclose(change, stepped["hidden/weight"] - state["hidden/weight"], rtol=1e-2, atol=1e-5)


def test_a_skipped_step_keeps_the_statistics_of_batches(tmp_path: Path) -> None:
    bundle = compile_spec(load_spec_text(SPEC.replace("  - dropout: 0.25\n", "  - batch_norm\n")))
    statistics = list(bundle.built.variables.of_kind("statistic"))
    assert len(statistics) == 2
    run = Run(bundle, tmp_path)
    advance(run, BATCH)
    before = run.state
    assert_skipped(before, next_state(run.step({**OVERFLOWING, **before})))
    parts, good = (next_state(run.gradients({**batch, **before})) for batch in (OVERFLOWING, BATCH))
    for name in statistics:
        np.testing.assert_array_equal(parts[name], before[name])
        assert not np.array_equal(good[name], before[name])


def test_scale_and_weights_move_as_those_of_pytorch(tmp_path: Path) -> None:
    """`torch.amp.GradScaler` with Adam, fed the same gradients, some of them not finite."""
    torch = import_torch()
    run = Run(compiled("optimizer: {adam: {learning_rate: 0.01}}"), tmp_path)
    names = list(gradient_shapes(run))
    parameters = [torch.nn.Parameter(torch.tensor(run.state[name.removesuffix(".gradient")])) for name in names]
    optimizer = torch.optim.Adam(parameters, lr=0.01)
    scaler = torch.amp.GradScaler("cpu", init_scale=65536.0, growth_interval=3)
    random = np.random.default_rng(1)
    for number in range(24):
        scaler.scale(torch.zeros(()))  # GradScaler makes its state with the first loss
        bad = {3: np.inf, 7: np.nan, 8: -np.inf, 14: np.inf, 15: np.inf, 16: np.inf}.get(number)
        gradients = {n: random.normal(size=p.shape).astype(np.float32) for n, p in zip(names, parameters, strict=True)}
        if bad is not None:
            gradients[names[number % len(names)]].flat[0] = bad
        for name, parameter in zip(names, parameters, strict=True):
            parameter.grad = torch.tensor(gradients[name]) * scaler.get_scale()
        scaler.step(optimizer)
        scaler.update()
        run.state = next_state(run.apply({**gradients, **run.state}))
        assert float(run.state["loss_scale"]) == scaler.get_scale()
        assert int(run.state["good_steps"]) == scaler.state_dict()["_growth_tracker"]
        assert int(run.state["step"]) == (optimizer.state[parameters[0]]["step"].item() if number else 1)
        for name, parameter in zip(names, parameters, strict=True):
            ours = run.state[name.removesuffix(".gradient")]
            np.testing.assert_allclose(ours, parameter.detach().numpy(), rtol=1e-5, atol=1e-6)
