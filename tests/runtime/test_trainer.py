"""Whole runs on the handmade bundle."""

import json
import math
import os
import shutil
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from handmade import make_bundle, make_columns, make_partitions
from netwright.runtime.bundle import Bundle, load_bundle
from netwright.runtime.callbacks import Callback, EpochDone, RunStarted, StepDone
from netwright.runtime.checkpoint import load_checkpoint
from netwright.runtime.data.columns import ArrayColumns
from netwright.runtime.data.plan import Partitions
from netwright.runtime.errors import EnvironmentProblem, UserError
from netwright.runtime.evaluation import evaluate
from netwright.runtime.interrupt import Interrupt
from netwright.runtime.predictor import predict
from netwright.runtime.run_folder import RunFolder
from netwright.runtime.summary import Summary
from netwright.runtime.trainer import TrainOptions, train


class Recorder(Callback):
    """Everything a run says."""

    def __init__(self) -> None:
        self.started: list[RunStarted] = []
        self.steps: list[StepDone] = []
        self.epochs: list[EpochDone] = []
        self.notices: list[str] = []
        self.ended: list[Summary] = []
        self.closed = 0

    def on_start(self, event: RunStarted) -> None:
        self.started.append(event)

    def on_step(self, event: StepDone) -> None:
        self.steps.append(event)

    def on_epoch(self, event: EpochDone) -> None:
        self.epochs.append(event)

    def on_notice(self, text: str) -> None:
        self.notices.append(text)

    def on_end(self, summary: Summary) -> None:
        self.ended.append(summary)

    def close(self) -> None:
        self.closed += 1


def plan(bundle_folder: Path, **changes: Any) -> Bundle:
    path = bundle_folder / "manifest.json"
    tree = json.loads(path.read_text())
    tree["training"].update(changes)
    path.write_text(json.dumps(tree))
    return load_bundle(bundle_folder)


def weights(run: Path, name: str = "last") -> dict[str, np.ndarray]:
    return load_checkpoint(run / "checkpoints" / f"{name}.safetensors").state


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def test_a_run_leaves_what_it_promises(bundle: Bundle, tmp_path: Path) -> None:
    recorder, run, parts = Recorder(), tmp_path / "run", make_partitions()
    summary = train(bundle, run, partitions=parts, callbacks=[recorder], options=TrainOptions(log_steps=5))
    assert sorted(p.relative_to(run).as_posix() for p in run.rglob("*") if p.is_file()) == [
        "bundle/inference.onnx",
        "bundle/manifest.json",
        "bundle/training/evaluate.onnx",
        "bundle/training/gradients.onnx",
        "bundle/training/init.onnx",
        "bundle/training/step.onnx",
        "checkpoints/best.safetensors",
        "checkpoints/last.safetensors",
        "metrics.jsonl",
        "run.json",
        "summary.json",
    ]
    written = json.loads((run / "summary.json").read_text())
    assert {"train", "validation", "test", "seconds", "steps"} <= written.keys()
    assert written["steps"] == summary.steps == 28
    assert written["test"] == summary.test
    assert summary.test is not None
    assert written["test"]["accuracy"] > 0.8

    image, label = parts.test.take(slice(None)).values()  # type: ignore[union-attr]
    guess = predict(run, {"image": image}, batch_size=16)["probabilities"].argmax(axis=1)
    assert (guess == label).mean() == pytest.approx(written["test"]["accuracy"])
    assert evaluate(run, partitions=parts)["test"] == summary.test

    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines if line["kind"] == "epoch"] == [1, 2, 3, 4]
    assert [line["step"] for line in lines if line["kind"] == "step"] == [5, 10, 15, 20, 25]
    assert all(math.isfinite(line["loss"]) for line in lines if line["kind"] == "step")

    assert recorder.started == [
        RunStarted("handmade", "cpu", 4, 7, 0, 0, {"train": 100, "validation": 40, "test": 50}, 15)
    ]
    assert [step.step for step in recorder.steps] == list(range(1, 29))
    assert [step.rows for step in recorder.steps[:7]] == [16] * 6 + [4]
    assert recorder.ended == [summary]
    assert recorder.closed == 1


def test_epoch_means_weigh_rows(bundle: Bundle, tmp_path: Path) -> None:
    recorder = Recorder()
    train(bundle, tmp_path / "run", partitions=make_partitions(), callbacks=[recorder])
    first = recorder.steps[:7]
    mean = sum(step.loss * step.rows for step in first) / 100
    assert recorder.epochs[0].train["loss"] == pytest.approx(mean, rel=1e-12)


def test_data_are_found_again_from_another_folder(
    bundle_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data/rows.npz", **make_columns(100, 1).take(slice(None)))
    path = bundle_folder / "manifest.json"
    tree = json.loads(path.read_text())
    tree["data"] = {"source": {"npz": {"path": "rows.npz"}}, "split": {"test": 0.2}, "shuffle": True}
    path.write_text(json.dumps(tree))
    monkeypatch.chdir(tmp_path / "data")
    summary = train(bundle_folder, tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    assert evaluate(tmp_path / "run")["test"] == summary.test


def test_two_runs_are_bit_identical(bundle: Bundle, tmp_path: Path) -> None:
    for name in ("a", "b"):
        train(bundle, tmp_path / name, partitions=make_partitions())
    assert same(weights(tmp_path / "a"), weights(tmp_path / "b"))
    files = [tmp_path / name / "bundle/inference.onnx" for name in ("a", "b")]
    assert files[0].read_bytes() == files[1].read_bytes()
    train(bundle, tmp_path / "c", partitions=make_partitions(), seed=1)
    assert not same(weights(tmp_path / "a"), weights(tmp_path / "c"))


def test_reading_losses_later_changes_nothing(bundle: Bundle, tmp_path: Path) -> None:
    recorders = []
    for name, read_every in (("a", 1), ("b", 5)):
        recorder = Recorder()
        options = TrainOptions(read_every=read_every)
        train(bundle, tmp_path / name, partitions=make_partitions(), callbacks=[recorder], options=options)
        recorders.append(recorder)
    assert same(weights(tmp_path / "a"), weights(tmp_path / "b"))
    assert recorders[0].steps == recorders[1].steps


def test_the_smaller_last_batch_is_trained_on(bundle: Bundle, tmp_path: Path) -> None:
    for name, rows in (("whole", 100), ("without", 96)):
        parts = make_partitions()
        columns = ArrayColumns({k: v[:rows] for k, v in parts.train.take(slice(None)).items()})
        train(plan(bundle.folder, epochs=1), tmp_path / name, partitions=Partitions(columns, None, None))
    assert int(weights(tmp_path / "whole")["step"]) == 7
    assert int(weights(tmp_path / "without")["step"]) == 6
    assert not same(weights(tmp_path / "whole"), weights(tmp_path / "without"))


def test_early_stopping_and_restoring_the_best(tmp_path: Path) -> None:
    """A learning rate at which the loss soon rises again."""
    folder = make_bundle(tmp_path / "b", learning_rate=3.0, epochs=30, early_stopping={"patience": 3})
    recorder, run, parts = Recorder(), tmp_path / "run", make_partitions()
    summary = train(folder, run, partitions=parts, callbacks=[recorder])
    losses = [event.validation["loss"] for event in recorder.epochs if event.validation]
    best = int(np.argmin(losses))
    assert len(losses) == best + 4 < 30
    assert summary.stopped_early
    assert summary.best_epoch == best + 1
    assert summary.validation is not None
    assert summary.validation["loss"] == losses[best] < losses[-1]
    assert recorder.notices == [f"stopped early: loss has not improved for 3 epochs (best: epoch {best + 1})"]
    assert evaluate(run, partitions=parts)["validation"]["loss"] == losses[best]
    assert same(weights(run, "best"), RunFolder(run).kept_checkpoint(load_bundle(folder)).state)
    image, label = parts.validation.take(slice(None)).values()  # type: ignore[union-attr]
    guess = predict(run, {"image": image})["probabilities"].argmax(axis=1)
    assert (guess == label).mean() == pytest.approx(summary.validation["accuracy"])


def test_the_last_weights_where_the_best_are_not_wanted(tmp_path: Path) -> None:
    folder = make_bundle(tmp_path / "b", learning_rate=3.0, epochs=8, restore_best=False)
    recorder, run, parts = Recorder(), tmp_path / "run", make_partitions()
    summary = train(folder, run, partitions=parts, callbacks=[recorder])
    assert recorder.epochs[-1].validation == summary.validation
    assert evaluate(run, partitions=parts)["validation"] == summary.validation


def test_without_validation_rows_training_is_monitored(bundle: Bundle, tmp_path: Path) -> None:
    recorder = Recorder()
    parts = make_partitions(validation=None, test=None)
    summary = train(bundle, tmp_path / "run", partitions=parts, callbacks=[recorder])
    assert summary.validation is None
    assert summary.test is None
    losses = [event.train["loss"] for event in recorder.epochs]
    assert summary.best_epoch == int(np.argmin(losses)) + 1
    assert json.loads((tmp_path / "run/summary.json").read_text())["test"] is None


def test_a_monitor_that_only_validation_measures(bundle_folder: Path, tmp_path: Path) -> None:
    path = bundle_folder / "manifest.json"
    tree = json.loads(path.read_text())
    tree["metrics"].append({"name": "f1", "finalize": "f1", "sums": ["confusion.counts"], "goal": "max"})
    tree["training"]["monitor"] = "f1"
    path.write_text(json.dumps(tree))
    train(bundle_folder, tmp_path / "run", partitions=make_partitions())
    with pytest.raises(UserError) as caught:
        train(bundle_folder, tmp_path / "other", partitions=make_partitions(validation=None))
    assert str(caught.value) == (
        f"{bundle_folder}: the training plan monitors 'f1', which only validation measures, "
        "and there are no validation rows"
    )
    assert caught.value.hint == "set data.split.validation, or monitor one of loss, accuracy"
    assert not (tmp_path / "other").exists()


def test_a_loss_that_overflows_stops_with_its_cause(tmp_path: Path) -> None:
    folder = make_bundle(tmp_path / "b", learning_rate=math.inf)
    run, recorder = tmp_path / "run", Recorder()
    with pytest.raises(UserError) as caught:
        train(folder, run, partitions=make_partitions(), callbacks=[recorder])
    assert len(recorder.steps) == 1
    last = run / "checkpoints/last.safetensors"
    assert str(caught.value) == (
        f"the loss became nan at step 2 (epoch 1): the first value that is not finite is in 'dense1/weight' "
        f"(specs/handmade.yaml:6:5: network[0].dense), from the step before; "
        f"the last good checkpoint is {last} (step 0)"
    )
    assert caught.value.hint == "lower training.optimizer.learning_rate, or set training.clip_global_norm"
    assert all(np.isfinite(value).all() for value in load_checkpoint(last).state.values())
    assert recorder.closed == 1


def poisoned(value: float) -> Partitions:
    arrays = {name: array.copy() for name, array in make_columns(32, 1).take(slice(None)).items()}
    arrays["image"][20, 2] = value
    return Partitions(ArrayColumns(arrays), None, None)


def test_a_value_in_the_batch_that_is_not_finite(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data are checked before training; should one slip through, the loss tells."""
    monkeypatch.setattr("netwright.runtime.trainer.given_partitions", lambda bundle, partitions: partitions)
    run = tmp_path / "run"
    with pytest.raises(UserError, match=r"the batch holds a value that is not finite in 'image'; the last good"):
        train(bundle, run, partitions=poisoned(math.inf))


def test_a_gradient_that_overflows(bundle: Bundle, tmp_path: Path) -> None:
    """One feature of 3e38 gives logits of ±inf, so a loss of inf or NaN, while the state is still finite."""
    with pytest.raises(UserError) as caught:
        train(bundle, tmp_path / "run", partitions=poisoned(3e38), seed=6)
    assert "is in the gradient of 'dense1/weight' (specs/handmade.yaml:6:5: network[0].dense); " in str(caught.value)


def test_a_loss_that_overflows_by_itself(tmp_path: Path) -> None:
    """Logits of 1e38 give a probability of zero: its gradient is finite, and 0 · log 0 is NaN."""
    folder = make_bundle(tmp_path / "b", learning_rate=1e38, epochs=50)
    with pytest.raises(UserError, match="the weights and their gradients are finite, so the loss itself overflows; "):
        train(folder, tmp_path / "run", partitions=make_partitions())


def test_a_state_that_is_not_finite_is_never_saved(tmp_path: Path) -> None:
    """With one step an epoch, the loss is finite and the update is not."""
    folder = make_bundle(tmp_path / "b", learning_rate=math.inf, batch_size=100, epochs=1)
    run = tmp_path / "run"
    with pytest.raises(UserError) as caught:
        train(folder, run, partitions=Partitions(make_columns(100, 1), None, None), seed=1)
    assert str(caught.value).startswith("the state stopped being finite by step 1 (epoch 2): the first value that is ")
    assert "'dense1/weight'" in str(caught.value)
    assert int(weights(run)["step"]) == 0
    assert not (run / "checkpoints/best.safetensors").exists()


def test_an_initial_state_that_is_not_finite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from netwright.runtime import trainer

    original = trainer.initial_state

    def broken(bundle: Bundle, seed: int) -> dict[str, np.ndarray]:
        state = original(bundle, seed)
        state["dense1/bias"][1] = np.nan
        return state

    monkeypatch.setattr(trainer, "initial_state", broken)
    with pytest.raises(UserError) as caught:
        train(make_bundle(tmp_path / "b"), tmp_path / "run", partitions=make_partitions())
    assert "'dense1/bias'" in str(caught.value)
    assert str(caught.value).endswith("there is no checkpoint yet")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(EnvironmentProblem, match="cannot be written: permission denied"):
        train(bundle, tmp_path / "locked/run", partitions=make_partitions())


def test_a_run_folder_that_is_a_file(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine")
    with pytest.raises(EnvironmentProblem) as caught:
        train(bundle, tmp_path / "run", partitions=make_partitions())
    assert str(caught.value) == f"{tmp_path}/run: cannot be written: file exists"
    assert (tmp_path / "run").read_text() == "mine"


def test_a_finished_run_is_replaced(bundle: Bundle, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(bundle, run, partitions=make_partitions())
    train(bundle, run, partitions=make_partitions(), seed=3)
    assert len((run / "metrics.jsonl").read_text().splitlines()) == 4
    assert json.loads((run / "summary.json").read_text())["seed"] == 3


def test_a_bundle_that_lies_in_the_run_is_trained_in_place(tmp_path: Path) -> None:
    make_bundle(tmp_path / "run" / "bundle")
    train(tmp_path / "run" / "bundle", tmp_path / "run", partitions=make_partitions())
    assert (tmp_path / "run" / "summary.json").is_file()


class PressCtrlC(Callback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_step(self, event: StepDone) -> None:
        if event.step == self.step:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("step", [3, 7, 9])  # inside an epoch, at its end, in the next
def test_ctrl_c_leaves_a_checkpoint_that_resumes_bit_for_bit(bundle: Bundle, tmp_path: Path, step: int) -> None:
    whole, run, parts = tmp_path / "whole", tmp_path / "run", make_partitions()
    expected = train(bundle, whole, partitions=parts)
    with pytest.raises(KeyboardInterrupt) as caught:
        train(bundle, run, partitions=parts, callbacks=[PressCtrlC(step)])
    last = run / "checkpoints/last.safetensors"
    epoch = 1 if step <= 7 else 2
    assert str(caught.value) == f"stopped at epoch {epoch}, step {step}; saved {last}; go on with --resume"
    assert not (run / "summary.json").exists()

    with pytest.raises(UserError) as refused:
        train(bundle, run, partitions=parts)
    assert str(refused.value) == f"{run}: holds an unfinished run of this spec (epoch {epoch}, step {step})"
    assert refused.value.hint == f"go on with --resume, or remove {run}/checkpoints to start again"

    with pytest.raises(UserError) as unfinished:
        predict(run, {"image": np.zeros((1, 4), np.float32)})
    assert str(unfinished.value) == f"{run}: the run has not ended, so it has no trained weights yet"
    assert unfinished.value.hint == "finish it with `netwright train SPEC -o RUN --resume`"

    recorder = Recorder()
    summary = train(bundle, run, partitions=parts, resume=True, callbacks=[recorder])
    assert recorder.started[0].step == step
    assert same(weights(run), weights(whole))
    assert summary.test == expected.test
    assert (run / "bundle/inference.onnx").read_bytes() == (whole / "bundle/inference.onnx").read_bytes()
    pairs = [(whole / "metrics.jsonl").read_text().splitlines(), (run / "metrics.jsonl").read_text().splitlines()]
    kept = [[{k: v for k, v in json.loads(x).items() if k not in ("seconds", "rate")} for x in xs] for xs in pairs]
    assert kept[0] == kept[1]


def test_a_second_ctrl_c_does_not_wait() -> None:
    with pytest.raises(KeyboardInterrupt), Interrupt() as interrupt:
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupt.requested
        os.kill(os.getpid(), signal.SIGINT)


def test_training_works_outside_the_main_thread(bundle: Bundle, tmp_path: Path) -> None:
    summaries: list[Summary] = []
    thread = threading.Thread(
        target=lambda: summaries.append(train(bundle, tmp_path / "run", partitions=make_partitions()))
    )
    thread.start()
    thread.join()
    assert summaries[0].steps == 28


def test_resuming_a_finished_run_changes_nothing(bundle: Bundle, tmp_path: Path) -> None:
    run = tmp_path / "run"
    first = train(bundle, run, partitions=make_partitions())
    state = weights(run)
    again = train(bundle, run, partitions=make_partitions(), resume=True)
    assert (again.steps, again.test, again.best_epoch) == (first.steps, first.test, first.best_epoch)
    assert same(state, weights(run))


def test_more_epochs_for_a_finished_run(bundle: Bundle, tmp_path: Path) -> None:
    """Only the plan differs, so the state fits and the run goes on to where one of 6 epochs would have come."""
    run, whole = tmp_path / "run", tmp_path / "whole"
    train(bundle, run, partitions=make_partitions())
    path = bundle.folder / "manifest.json"
    path.write_text(path.read_text().replace("0" * 64, "1" * 64))
    longer = plan(bundle.folder, epochs=6)
    summary = train(longer, run, partitions=make_partitions(), resume=True)
    assert (summary.epochs, summary.steps) == (6, 42)
    train(longer, whole, partitions=make_partitions())
    assert same(weights(run), weights(whole))


def test_nothing_to_resume(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        train(bundle, tmp_path / "run", partitions=make_partitions(), resume=True)
    assert str(caught.value) == f"{tmp_path}/run/checkpoints/last.safetensors: there is no checkpoint"
    assert not (tmp_path / "run").exists()


def test_another_seed_on_resume(bundle: Bundle, tmp_path: Path) -> None:
    train(bundle, tmp_path / "run", partitions=make_partitions(), seed=4)
    with pytest.raises(UserError) as caught:
        train(bundle, tmp_path / "run", partitions=make_partitions(), seed=5, resume=True)
    assert str(caught.value) == f"{tmp_path}/run: the run was started with seed 4, received seed 5"
    assert caught.value.hint == "leave --seed out to resume"


def test_missing_columns(bundle: Bundle, tmp_path: Path) -> None:
    parts = make_partitions()
    bare = ArrayColumns({"image": np.zeros((3, 4), np.float32)})
    with pytest.raises(UserError) as caught:
        train(bundle, tmp_path / "run", partitions=Partitions(parts.train, bare, None))
    assert str(caught.value) == "the validation data have no column 'label'"


def test_a_bundle_without_data(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        train(bundle, tmp_path / "run")
    assert str(caught.value) == f"{bundle.folder}: the bundle names no data"
    assert caught.value.hint == "add a `data` section to the spec, or pass `partitions`"
    assert not (tmp_path / "run").exists()


def test_a_bundle_that_cannot_be_copied(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any) -> None:
        reason = str(OSError(28, "No space left on device", "a/step.onnx", None, "b/step.onnx"))
        raise shutil.Error([("a/step.onnx", "b/step.onnx", reason), ("a/init.onnx", "b/init.onnx", reason)])

    monkeypatch.setattr(shutil, "copytree", fail)
    with pytest.raises(EnvironmentProblem) as caught:
        train(bundle, tmp_path / "run", partitions=make_partitions())
    assert str(caught.value) == f"{tmp_path}/run/bundle: cannot be written: no space left on device"


def test_leftovers_that_cannot_be_removed(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "run/metrics.jsonl").mkdir(parents=True)
    with pytest.raises(EnvironmentProblem) as caught:
        train(bundle, tmp_path / "run", partitions=make_partitions())
    assert str(caught.value) == f"{tmp_path}/run: cannot be written: is a directory"


def test_what_is_no_run(tmp_path: Path, bundle: Bundle) -> None:
    for folder, message in (
        (tmp_path / "nothing", f"{tmp_path}/nothing: no such folder"),
        (tmp_path, f"{tmp_path}: not a run: it has no bundle"),
    ):
        with pytest.raises(UserError) as caught:
            evaluate(folder)
        assert str(caught.value) == message
        assert caught.value.hint == "give the folder that `netwright train` wrote"


def test_a_damaged_run_file(bundle: Bundle, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(bundle, run, partitions=make_partitions())
    (run / "run.json").write_text("{}")
    with pytest.raises(UserError) as caught:
        evaluate(run)
    assert str(caught.value) == f"{run}/run.json: cannot be read: 'base'"
