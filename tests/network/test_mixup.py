"""Mixup: what it draws, that a step with it is the step that PyTorch takes with the same draws, and where it is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler import Bundle, compile_spec, load_spec_text, mixup, random
from netwright.compiler.ir import Array, DType, graph_input
from netwright.compiler.ir.printer import to_text
from netwright.compiler.layer_context import BATCH
from netwright.runtime.bundle import load_bundle
from netwright.runtime.callbacks import Callback, StepDone
from netwright.runtime.checkpoint import load_checkpoint
from netwright.runtime.data.columns import ArrayColumns
from netwright.runtime.data.plan import Partitions
from netwright.runtime.trainer import train
from scipy import stats
from support.bundles import Program, Tensors, first_state, next_state
from support.half import HALVES, losses, program
from support.pytorch import import_torch
from support.running import Program as Function

SPEC = """\
netwright: 1
name: mixed
inputs:
  image: {shape: [2, 3], preprocess: [{rescale: 2}]}
  extra: [4]
network:
  - flatten: {from: image}
  - concat: {from: [flatten1, extra]}
  - dense: {units: 5, activation: tanh, name: hidden}
  - dense: {units: 3, name: logits}
  - dense: {units: 2, from: hidden, name: size}
training:
  loss:
    - categorical_cross_entropy: {from: logits, sample_weight: importance, class_weights: [1, 2, 0.5]}
    - squared_error: {from: size, target: measured, weight: 0.5}
  optimizer: {sgd: {learning_rate: 0.5}}
  metrics: [accuracy: {target: label, from: logits}]
"""
SEED = 3


def compiled(settings: str = "mixup: 0.4", text: str = SPEC) -> Bundle:
    return compile_spec(load_spec_text(f"{text}  {settings}\n"), train_rows=60)


def batch(rows: int = 7) -> Tensors:
    generator = np.random.default_rng(rows)
    return {
        "image": generator.normal(size=(rows, 2, 3)).astype(np.float32),
        "extra": generator.normal(size=(rows, 4)).astype(np.float32),
        "label": generator.integers(0, 3, rows),
        "importance": generator.uniform(0.5, 2, rows).astype(np.float32),
        "measured": generator.normal(size=(rows, 2)).astype(np.float32),
    }


class Draws:
    """λ and the partners of a step, by its random counter."""

    def __init__(self, alpha: float) -> None:
        counter, rows = graph_input("counter", DType.int64, ()), graph_input("rows", DType.float32, (BATCH,))
        keys = [random.key(counter, random.stream_of(f"training.mixup:{what}")) for what in ("share", "partner")]
        mixing = mixup.draw(alpha, *keys, rows)
        self._function = Function([counter, rows], [mixing.share, mixing.partners])

    def __call__(self, counter: Any, rows: int) -> tuple[float, Array]:
        share, partners = self._function(np.int64(counter), np.zeros(rows, np.float32))
        return float(share), partners


@pytest.mark.parametrize("alpha", [0.5, 1, 4])
def test_the_share_is_the_larger_part_of_a_beta(alpha: float) -> None:
    draws = Draws(alpha)
    shares = np.array([draws(counter, 2)[0] for counter in range(1000)])
    assert 0.5 <= shares.min() < shares.max() <= 1
    assert stats.kstest(2 * stats.beta(alpha, alpha).cdf(1 - shares), "uniform").pvalue > 1e-3


def test_partners_are_a_permutation_without_oneself_and_each_is_as_likely() -> None:
    draws = Draws(1)
    first = []
    for counter in range(1000):
        _, partners = draws(counter, 6)
        assert sorted(partners) == list(range(6))
        assert (partners != np.arange(6)).all()
        first.append(partners[0])
    assert stats.chisquare(np.bincount(first, minlength=6)[1:]).pvalue > 1e-3
    assert draws(5, 1)[1].tolist() == [0]
    assert draws(5, 2)[1].tolist() == [1, 0]


@pytest.mark.parametrize("rows", [7, 1])
@pytest.mark.parametrize(("settings", "mixed"), [("mixup: 0.4", True), ("mixup: {alpha: 0.4, inputs: [image]}", False)])
def test_steps_are_those_of_pytorch_with_the_same_draws(settings: str, mixed: bool, rows: int, tmp_path: Path) -> None:
    torch = import_torch()
    compiled(settings).write(tmp_path)
    step, state = Program(tmp_path / "training/step.onnx"), first_state(tmp_path, SEED)
    gradients, apply = (Program(tmp_path / f"training/{name}.onnx") for name in ("gradients", "apply"))
    theirs = {name: torch.tensor(value, requires_grad=True) for name, value in state.items() if "/" in name}
    optimizer, draws = torch.optim.SGD(theirs.values(), 0.5), Draws(0.4)
    for number in range(4):
        given = batch(rows)
        share, order = draws(state["random_counter"], rows)
        tensors = {name: torch.tensor(value) for name, value in given.items()}

        def mix(own: Any, other: Any, share: float = share) -> Any:
            return share * own + (1 - share) * other

        image = mix(2 * tensors["image"], 2 * tensors["image"][order])
        extra = mix(tensors["extra"], tensors["extra"][order]) if mixed else tensors["extra"]
        hidden = torch.cat([image.flatten(1), extra], 1) @ theirs["hidden/weight"] + theirs["hidden/bias"]
        logits = hidden.tanh() @ theirs["logits/weight"] + theirs["logits/bias"]
        size = hidden.tanh() @ theirs["size/weight"] + theirs["size/bias"]

        def loss(rows: Any, tensors: Any = tensors, logits: Any = logits, size: Any = size) -> Any:
            label, importance = tensors["label"][rows], tensors["importance"][rows]
            weights = torch.tensor([1, 2, 0.5])[label] * importance
            losses = torch.nn.functional.cross_entropy(logits, label, reduction="none")
            return (losses * weights).sum() / weights.sum() + 0.5 * (size - tensors["measured"][rows]).square().mean()

        total = mix(loss(list(range(rows))), loss(order))
        optimizer.zero_grad()
        total.backward()
        optimizer.step()

        outputs = step({**given, **state})
        halves = gradients({**given, **state})
        applied = next_state(apply({**halves, **state}))
        state = next_state(outputs)
        assert outputs["loss"] == pytest.approx(total.item(), rel=1e-5), number
        assert halves["loss"] == outputs["loss"]
        assert outputs["accuracy"] == pytest.approx((logits.argmax(1) == tensors["label"]).float().mean().item())
        for name, value in theirs.items():
            np.testing.assert_allclose(state[name], value.detach().numpy(), rtol=1e-5, atol=1e-6, err_msg=name)
            np.testing.assert_allclose(applied[name], state[name], rtol=1e-6, atol=1e-7, err_msg=name)


def test_a_step_repeats_and_the_next_one_draws_anew(tmp_path: Path) -> None:
    compiled().write(tmp_path)
    step, state = Program(tmp_path / "training/step.onnx"), first_state(tmp_path, SEED)
    first, again = (step({**batch(), **state}) for _ in range(2))
    for name, value in first.items():
        assert value.tobytes() == again[name].tobytes(), name
    later = step({**batch(), **state, "random_counter": state["random_counter"] + 1})
    assert later["loss"] != first["loss"]


def test_evaluation_and_inference_mix_nothing() -> None:
    mixed, plain = compiled(), compiled("epochs: 10")
    for name in ("inference", "evaluate", "init", "apply"):
        assert to_text(mixed.graphs[name]) == to_text(plain.graphs[name])
    assert to_text(mixed.graphs["step"]) != to_text(plain.graphs["step"])


class Stop(Callback):
    def on_step(self, event: StepDone) -> None:
        if event.step == 9:
            raise KeyboardInterrupt


def test_a_run_that_stopped_resumes_to_the_very_bits(tmp_path: Path) -> None:
    compiled().write(tmp_path / "bundle")
    bundle, parts = load_bundle(tmp_path / "bundle"), Partitions(ArrayColumns(batch(60)), None, None)
    train(bundle, tmp_path / "whole", partitions=parts)
    with pytest.raises(KeyboardInterrupt):
        train(bundle, tmp_path / "run", partitions=parts, callbacks=[Stop()])
    train(bundle, tmp_path / "run", partitions=parts, resume=True)
    whole, resumed = (
        load_checkpoint(tmp_path / run / "checkpoints/last.safetensors").state for run in ("whole", "run")
    )
    assert whole.keys() == resumed.keys()
    assert all(whole[name].tobytes() == resumed[name].tobytes() for name in whole)


@pytest.mark.parametrize("precision", HALVES, ids=str)
def test_in_half_precision_the_loss_is_nearly_that_of_float32(precision: DType, tmp_path: Path) -> None:
    found = []
    for settings in ("mixup: 0.4", f"precision: {precision}\n  mixup: 0.4"):
        bundle, folder = compiled(settings), tmp_path / str(len(found))
        bundle.write(folder)
        step = program(bundle, "step", folder)
        found.append(losses(step, first_state(folder, SEED), [batch()] * 3)[0])
    np.testing.assert_allclose(found[1], found[0], rtol=2e-2 if precision is DType.bfloat16 else 2e-3)
