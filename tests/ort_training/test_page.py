"""docs/ort-training.md tells the truth: its program trains with the artifacts its command writes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from netwright.cli.main import app
from netwright.compiler.manifest import API_FILES, CHECKPOINT, OPTIMIZER_MODEL
from netwright.runtime.ort_training.process import INSTALL
from support.bundles import ROOT, Program, first_state, next_state, take_batches

PAGE = (ROOT / "docs" / "ort-training.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


def netwright(line: str) -> None:
    """Run a command line of the page in this process."""
    words = line.split()
    assert words[0] == "netwright"
    app(words[1:], standalone_mode=False)


def test_the_files_are_those_that_are_written() -> None:
    named = re.findall(r"^\| `([\w.]+)` \|", PAGE, flags=re.MULTILINE)
    assert named[: len(API_FILES) + 2] == [*API_FILES.values(), OPTIMIZER_MODEL, CHECKPOINT]


def test_the_environment_is_the_one_that_errors_name() -> None:
    made, trained = blocks("sh")[1].splitlines()
    assert made in INSTALL
    assert trained.split()[-2:] == ["--ort-training", "ort-training/bin/python"]


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#:]+)", PAGE)
    assert links
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []


def test_the_program_trains(
    training_python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bundle_folder
) -> None:
    """As `step.onnx` does on stock ONNX Runtime, and the model it exports predicts."""
    monkeypatch.chdir(tmp_path)
    netwright(blocks("sh")[0].strip())
    batches = take_batches(tmp_path / "artifacts", 10)
    np.savez(
        "batches.npz", **{f"{i}/{name}": array for i, batch in enumerate(batches) for name, array in batch.items()}
    )
    (program,) = blocks("python")
    Path("program.py").write_text(
        "import numpy\n"
        "file = numpy.load('batches.npz')\n"
        "batches = [{name: file[f'{i}/{name}'] for name in ('image', 'label')} for i in range(10)]\n" + program,
        encoding="utf-8",
    )
    done = subprocess.run([training_python, "program.py"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    losses = [float(line) for line in done.stdout.splitlines() if re.fullmatch(r"[\d.]+", line)]

    folder = bundle_folder("digits_mlp")
    step, state, expected = Program(folder / "training/step.onnx"), first_state(folder), []
    for batch in batches:
        outputs = step({**batch, **state})
        state = next_state(outputs)
        expected.append(float(outputs["loss"]))
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    exported = Program(Path("trained.onnx"))
    assert exported.inputs == ["image"]
    np.testing.assert_allclose(exported(batches[0])["probabilities"].sum(axis=1), 1, rtol=1e-5)
