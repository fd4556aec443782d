"""`train`, `evaluate` and `predict`, on specs that train in a moment."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from netwright.runtime.ort_training.process import INSTALL, VARIABLE
from support.command_line import Cli

QUICK = ("--set", "training.epochs=2")


@pytest.fixture
def run(cli: Cli, here: Path) -> Path:
    """A finished run of two epochs."""
    result = cli("train", "xor_mlp", "-o", "run", *QUICK)
    assert result.exit_code == 0, result.stderr
    return Path("run")


def test_train_leaves_a_run_folder(run: Path) -> None:
    assert sorted(path.name for path in run.iterdir()) == [
        "bundle",
        "checkpoints",
        "metrics.jsonl",
        "network.json",
        "run.json",
        "spec.yaml",
        "summary.json",
    ]
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    assert summary["steps"] == 2
    assert set(summary["train"]) == {"loss", "accuracy"}


def test_train_reports_progress_and_where_the_weights_are(cli: Cli, here: Path) -> None:
    result = cli("train", "xor_mlp", *QUICK, "--seed", 3)
    assert result.stdout == "runs/xor_mlp: bundle/inference.onnx has the trained weights\n"
    assert "epoch 2/2  train: loss " in result.stderr
    assert json.loads(Path("runs/xor_mlp/summary.json").read_text(encoding="utf-8"))["seed"] == 3


def test_runs_without_a_name_are_numbered_and_the_last_is_resumed(cli: Cli, here: Path) -> None:
    for folder in ("xor_mlp", "xor_mlp-2", "xor_mlp-3"):
        assert cli("train", "xor_mlp", *QUICK).stdout.startswith(f"runs/{folder}: ")
    resumed = cli("train", "xor_mlp", "--set", "training.epochs=3", "--resume")
    assert resumed.stdout.startswith("runs/xor_mlp-3: ")
    assert json.loads(Path("runs/xor_mlp-3/summary.json").read_text(encoding="utf-8"))["epochs"] == 3


def test_train_does_not_overwrite(cli: Cli, run: Path) -> None:
    before = (run / "summary.json").read_bytes()
    result = cli("train", "xor_mlp", "-o", "run", *QUICK)
    assert (result.exit_code, result.stderr) == (
        1,
        "error: run: already exists\n  hint: go on with --resume, or choose another folder with -o\n",
    )
    assert (run / "summary.json").read_bytes() == before


def test_train_into_a_file(cli: Cli, here: Path) -> None:
    Path("run").write_text("precious", encoding="utf-8")
    result = cli("train", "xor_mlp", "-o", "run")
    assert (result.exit_code, result.stderr) == (
        1,
        "error: run: is a file, but a run is a folder\n  hint: choose another name with -o\n",
    )
    assert Path("run").read_text(encoding="utf-8") == "precious"


def test_nothing_to_resume(cli: Cli, here: Path) -> None:
    result = cli("train", "xor_mlp", "-o", "run", "--resume")
    assert (result.exit_code, result.stderr) == (
        1,
        "error: run: no such run to resume\n  hint: leave --resume out to start one\n",
    )
    assert list(here.iterdir()) == []


def test_nothing_to_train(cli: Cli, here: Path) -> None:
    result = cli("train", "perceptron")
    assert (result.exit_code, result.stderr) == (
        1,
        "error: specs/perceptron.yaml: has no `training` section, so there is nothing to train\n",
    )
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["data.source={npz: {path: none.npz}}"], "none.npz"),
        (["data.source.table.values.answer=[0, 1, 1, .nan]"], "answer"),
        (["data.split.test=0.1"], "data.split: 0.1 of 4 rows is not a single row"),
        (["training.loss=[{binary_cross_entropy: {target: wrong, from: logit}}]", "training.metrics=[]"], "'wrong'"),
    ],
)
def test_a_run_that_fails_before_its_first_step_leaves_nothing(
    cli: Cli, here: Path, settings: list[str], message: str
) -> None:
    options = [word for setting in settings for word in ("--set", setting)]
    result = cli("train", "xor_mlp", "-o", "deep/down/run", *options)
    assert result.exit_code == 1
    assert message in result.stderr
    assert list(here.iterdir()) == []


def test_a_folder_that_was_there_stays(cli: Cli, here: Path) -> None:
    Path("run").mkdir()
    assert cli("train", "xor_mlp", "-o", "run", "--set", "data.split.test=0.1").exit_code == 1
    assert list(here.iterdir()) == [here / "run"]


def test_a_run_that_diverges_keeps_its_checkpoint(cli: Cli, here: Path) -> None:
    bad = ("--set", "training.optimizer={sgd: {learning_rate: 1e+30}}")
    result = cli("train", "linear_regression", "-o", "run", *bad)
    assert result.exit_code == 1
    assert "the last good checkpoint is run/checkpoints/last.safetensors" in result.stderr
    assert Path("run/checkpoints/last.safetensors").is_file()


def test_relative_data_paths_start_at_the_spec(cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = here / "project"
    folder.mkdir()
    np.savez(folder / "rows.npz", x=np.eye(4, dtype=np.float32), y=np.arange(4.0))
    (folder / "line.yaml").write_text(
        "netwright: 1\ninputs: {x: [4]}\nnetwork:\n  - dense: 1\n"
        "training: {loss: {squared_error: {target: y}}, epochs: 1}\ndata: {source: {npz: {path: rows.npz}}}\n",
        encoding="utf-8",
    )
    assert cli("train", "project/line.yaml", "-o", "run").exit_code == 0
    monkeypatch.chdir(folder)
    assert "train" in json.loads(cli("evaluate", "../run", "--json").stdout)


def test_evaluate_agrees_with_the_summary(cli: Cli, run: Path) -> None:
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    measured = json.loads(cli("evaluate", run, "--json").stdout)
    assert measured["train"]["loss"] == pytest.approx(summary["train"]["loss"], rel=1e-6)
    lines = cli("evaluate", run).stdout.splitlines()
    assert lines[0].split() == ["data", "loss", "accuracy"]
    assert lines[2].split() == ["train", f"{summary['train']['loss']:.4f}", f"{summary['train']['accuracy']:.4f}"]


def test_evaluate_prints_a_confusion_matrix_below(cli: Cli, here: Path) -> None:
    assert cli("train", "xor_mlp", "-o", "run", *QUICK, "--set", "training.metrics=[confusion_matrix]").exit_code == 0
    lines = cli("evaluate", "run").stdout.splitlines()
    assert "confusion_matrix, train (rows: true class)" in lines
    counts = [[int(cell) for cell in line.split()[1:]] for line in lines[-2:]]
    assert sum(map(sum, counts)) == 4


@pytest.mark.parametrize("verb", [("evaluate", "run"), ("predict", "run", "--input", "x.npy")])
def test_no_such_run(cli: Cli, here: Path, verb: tuple[str, ...]) -> None:
    result = cli(*verb)
    assert (result.exit_code, result.stderr) == (
        1,
        "error: run: no such folder\n  hint: give the folder that `netwright train` wrote\n",
    )


def test_predict_prints_csv(cli: Cli, run: Path) -> None:
    np.save("bits.npy", np.array([[0, 0], [0, 1]]))
    title, *rows = cli("predict", run, "--input", "bits.npy").stdout.splitlines()
    assert title == "probability[0]"
    assert all(0 < float(row) < 1 for row in rows)
    assert len(rows) == 2


def test_predict_writes_a_file(cli: Cli, run: Path) -> None:
    np.savez("bits.npz", bits=np.array([[0, 0], [0, 1], [1, 1]]))
    result = cli("predict", run, "--input", "bits.npz", "--output", "out.npz")
    assert result.stdout == "out.npz: 3 rows of probability\n"
    assert np.load("out.npz")["probability"].shape == (3, 1)


def test_predict_with_a_bundle(cli: Cli, here: Path) -> None:
    assert cli("compile", "perceptron", "-o", "bundle").exit_code == 0
    np.save("x.npy", np.array([[-1, 2]]))
    printed = cli("predict", "bundle", "--input", "x.npy").stdout.splitlines()
    assert float(printed[1]) == pytest.approx(1 / (1 + np.exp(6)), rel=1e-5)


def test_predict_refuses_an_output_before_it_computes(cli: Cli, run: Path) -> None:
    result = cli("predict", run, "--input", "not-there.npz", "--output", "out.txt")
    assert (result.exit_code, result.stderr) == (
        1,
        "error: out.txt: output must be a file ending in .npz, .npy, .csv or .json, received '.txt'\n",
    )


def test_the_training_api_without_its_environment(cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    result = cli("train", "xor_mlp", "--backend", "ort-training")
    message = "error: the backend ort-training needs a Python with onnxruntime-training\n"
    hints = "".join(f"  hint: {line}\n" for line in INSTALL.splitlines())
    assert (result.exit_code, result.stderr) == (3, message + hints)
    assert list(here.iterdir()) == []


def test_a_python_for_another_backend(cli: Cli, here: Path) -> None:
    """Naming the Python is no way to choose the backend; training with the other one would go unnoticed."""
    result = cli("train", "xor_mlp", "--ort-training", "python")
    assert result.exit_code == 2
    assert "--ort-training goes together with --backend ort-training" in result.stderr
    assert list(here.iterdir()) == []
