"""Reports of short runs: they hold what they must, load nothing, and survive hostile text."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from netwright.cli.main import app
from netwright.runtime import EnvironmentProblem, Partitions, UserError, train
from netwright.runtime.data.columns import ArrayColumns
from netwright.runtime.report import write_report
from report_pages import Page, assert_offline

UNREADABLE = "cannot be read: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"


def test_report_of_a_classifier(digits_run: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["report", str(digits_run), "-o", str(tmp_path / "page.html"), "--device", "cpu"])
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{tmp_path / 'page.html'}\n"
    page = Page(tmp_path / "page.html")
    assert_offline(page)
    summary = json.loads((digits_run / "summary.json").read_text(encoding="utf-8"))
    accuracy = summary["test"]["accuracy"]
    for expected in (
        "digits_mlp",
        "Trained for 2 epochs",
        "8,970",  # parameters
        f"accuracy test {accuracy:.4f}",
        f"loss test {summary['test']['loss']:.4f}",
        f"{100 * accuracy:.2f} % of 359 answers are right.",
        "the 359 test rows",
        "Confusion matrix",
        "Worst mistakes",
        "categorical_cross_entropy",  # the spec
        "epochs 2 of 2 planned",
        "batch size 32",
        "inference.onnx",
        "training/step.onnx",
        "ONNX Runtime",
    ):
        assert expected in page.text, expected
    assert page.tags.count("svg") == 4  # loss, accuracy, the network, seconds an epoch
    assert page.tags.count("img") == 12
    for layer in ("flatten1", "dense1", "dropout1", "dense2", "logits", "softmax1"):
        assert layer in page.text


def test_report_of_a_regression(line_run: Path) -> None:
    page = Page(write_report(line_run, device="cpu"))
    assert (line_run / "report.html").is_file()
    assert_offline(page)
    for expected in ("linear_regression", "rmse", "R²", "Predicted and true", "Residuals", "predicted − true"):
        assert expected in page.text, expected
    assert "Confusion matrix" not in page.text
    assert page.tags.count("svg") == 7  # loss, rmse, r2, scatter, residuals, the network, seconds an epoch
    summary = json.loads((line_run / "summary.json").read_text(encoding="utf-8"))
    assert f"root mean square error {summary['test']['rmse']:.4f}" in page.text


def test_report_of_an_autoencoder_shows_what_it_made_of_images(autoencoder_run: Path) -> None:
    page = Page(write_report(autoencoder_run, device="cpu"))
    assert_offline(page)
    assert page.tags.count("img") == 24
    assert "predicted image" in page.text


def test_report_of_a_question_with_yes_or_no(xor_run: Path) -> None:
    page = Page(write_report(xor_run, device="cpu"))
    assert_offline(page)
    assert "the 4 training rows" in page.text
    assert "of 4 answers are right." in page.text


def test_names_of_classes_are_shown_and_cannot_be_markup(digits_run: Path, tmp_path: Path) -> None:
    names = ["<script>alert(0)</script>", "<b>one", "two&", *"3456789"]
    page = Page(write_report(digits_run, tmp_path / "page.html", class_names={"label": names}, device="cpu"))
    assert_offline(page)
    for name in names:
        assert name in page.text
    assert "<script" not in page.source
    assert "<b>one" not in page.source


def test_wrong_number_of_names(digits_run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        write_report(digits_run, tmp_path / "page.html", class_names={"label": ["zero", "one"]}, device="cpu")
    assert str(caught.value) == "'label' has 10 classes, received 2 class names"


def test_the_spec_cannot_be_markup(xor_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(xor_run, tmp_path / "run")
    (run / "spec.yaml").write_text('a: "</pre></style><script>alert(1)</script>" # <img src=x>\n', encoding="utf-8")
    page = Page(write_report(run, device="cpu"))
    assert_offline(page)
    assert "<script>alert(1)</script>" in page.text
    assert "<script" not in page.source


def test_run_that_a_program_started(digits_run: Path, tmp_path: Path) -> None:
    """Through the Python API: data of its own, no spec. Given again, the data are looked at."""
    generator = np.random.default_rng(0)

    def columns(rows: int) -> ArrayColumns:
        image = generator.random((rows, 8, 8), dtype=np.float32)
        return ArrayColumns({"image": image, "label": generator.integers(0, 10, rows)})

    bundle = shutil.copytree(digits_run / "bundle", tmp_path / "bundle")
    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    (bundle / "manifest.json").write_text(json.dumps({**manifest, "data": None}), encoding="utf-8")
    partitions = Partitions(columns(64), columns(32), None)
    train(bundle, tmp_path / "run", partitions=partitions, device="cpu")
    page = Page(write_report(tmp_path / "run", device="cpu"))
    assert_offline(page)
    assert "A program started this run from a bundle" in page.text
    assert "The data were brought by the program that trained" in page.text
    again = Page(write_report(tmp_path / "run", partitions=partitions, device="cpu"))
    assert "the 32 validation rows" in again.text
    assert "Confusion matrix" in again.text


def test_retraining_forgets_the_old_spec(xor_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(xor_run, tmp_path / "run")
    train(xor_run / "bundle", run, device="cpu")
    assert not (run / "spec.yaml").exists()
    assert not (run / "network.json").exists()


def test_the_same_run_gives_the_same_page(digits_run: Path, tmp_path: Path) -> None:
    one, two = (write_report(digits_run, tmp_path / name, device="cpu").read_bytes() for name in ("a.html", "b.html"))
    assert one == two


def test_missing_packages(xor_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    gone = ("matplotlib", "pygraphviz")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in gone else found(name))
    with pytest.raises(EnvironmentProblem) as caught:
        write_report(xor_run)
    assert str(caught.value) == "a report needs packages that are not installed: Matplotlib, Graphviz"
    assert caught.value.hint == "install them with: pip install 'netwright[report]'"


def test_folder_that_is_not_there(xor_run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        write_report(xor_run, tmp_path / "no" / "page.html")
    assert str(caught.value) == f"{tmp_path / 'no'}: no such folder"


def test_no_run(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        write_report(tmp_path / "none")
    assert str(caught.value) == f"{tmp_path / 'none'}: no such folder"


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("spec.yaml", b"\xff", UNREADABLE),
        ("network.json", b"{", "not valid JSON: Expecting property name enclosed in double quotes"),
        ("network.json", b"[]", "must be an object, received a list"),
        ("summary.json", b"{}", "the key 'train' is missing"),
        ("run.json", b'{"base": 3}', "base: must be text or null, received 3"),
        ("metrics.jsonl", b'{"kind": "epoch"}\n', ":1: the key 'epoch' is missing"),
        ("metrics.jsonl", b'{"kind": "step"}\nx\n', ":2: not valid JSON: Expecting value"),
    ],
)
def test_damaged_files(xor_run: Path, tmp_path: Path, file: str, content: bytes, message: str) -> None:
    run = shutil.copytree(xor_run, tmp_path / "run")
    (run / file).write_bytes(content)
    with pytest.raises(UserError) as caught:
        write_report(run)
    place = f"{run / file}{'' if message.startswith(':') else ': '}"
    assert str(caught.value) == f"{place}{message}"
    assert caught.value.hint == "train again into this folder"
