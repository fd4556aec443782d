"""docs/bundle.md tells the truth: its code trains a bundle as it stands, and its tables name what there is."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from netwright.compiler import compile_spec
from netwright.compiler.manifest import FILES
from netwright.compiler.spec.model import load_text
from netwright.runtime.finalize import FINALIZERS
from safetensors.numpy import save_file
from support.bundles import ROOT, BundleFolder, Program, Tensors, first_state, next_state, take_batches
from support.node_host import node_runtime, run_node

PAGE = (ROOT / "docs" / "bundle.md").read_text(encoding="utf-8")
HOSTS = ROOT / "tests" / "hosts"


def blocks(language: str) -> list[str]:
    """The page's code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def batches(tmp_path: Path, bundle_folder: BundleFolder, monkeypatch: pytest.MonkeyPatch) -> list[Tensors]:
    """Batches of the digits; the current folder has the bundle in `bundle`, as the page's code expects."""
    shutil.copytree(bundle_folder("digits_mlp"), tmp_path / "bundle")
    monkeypatch.chdir(tmp_path)
    return take_batches(tmp_path / "bundle", 12)


def expected_losses(batches: list[Tensors]) -> list[float]:
    step = Program(Path("bundle/training/step.onnx"))
    state, losses = first_state(Path("bundle"), 0), []
    for batch in batches:
        outputs = step({**batch, **state})
        losses.append(float(outputs["loss"]))
        state = next_state(outputs)
    return losses


def test_the_python_loop_trains(batches: list[Tensors], capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(blocks("python")[0], "docs/bundle.md", "exec"), {"batches": batches})
    losses = [float(line) for line in capsys.readouterr().out.splitlines()]
    np.testing.assert_allclose(losses, expected_losses(batches), rtol=1e-5)


def test_the_python_loop_trains_two_networks_against_each_other(
    tmp_path: Path, bundle_folder: BundleFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(bundle_folder("dcgan_small"), tmp_path / "bundle")
    monkeypatch.chdir(tmp_path)
    batches = take_batches(tmp_path / "bundle", 3)
    assert [list(batch) for batch in batches] == [["image"]] * 3
    exec(compile(blocks("python")[0], "docs/bundle.md", "exec"), {"batches": batches})
    losses = [float(line) for line in capsys.readouterr().out.splitlines()]
    np.testing.assert_allclose(losses, expected_losses(batches), rtol=1e-5)


def test_the_javascript_loop_trains(batches: list[Tensors], tmp_path: Path) -> None:
    save_file({f"{i}/{name}": array for i, batch in enumerate(batches) for name, array in batch.items()}, "batches")
    script = tmp_path / "page.mjs"
    script.write_text(
        f"""\
import {{ readTensors }} from "{(HOSTS / "safetensors.mjs").as_uri()}";
import ort from "{node_runtime().as_uri()}";
const tensors = readTensors("batches", ort.Tensor);
const batches = [];
for (let i = 0; `${{i}}/image` in tensors; i++) {{
  batches.push({{ image: tensors[`${{i}}/image`], label: tensors[`${{i}}/label`] }});
}}
{blocks("js")[0]}""",
        encoding="utf-8",
    )
    losses = [float(line) for line in run_node(script, folder=tmp_path).splitlines()]
    np.testing.assert_allclose(losses, expected_losses(batches), rtol=1e-4)


def test_the_python_loop_goes_step_by_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    spec = """
netwright: 1
inputs: {question: [words, 3], answer: {shape: [time], dtype: int64}}
network:
  - gru: {units: 4, bidirectional: true, return: state, from: question, name: thought}
  - embedding: {vocabulary: 9, units: 5, from: answer}
  - gru: {units: 8, initial_from: thought}
"""
    compile_spec(load_text(spec)).write(Path("bundle"))
    question = np.random.default_rng(0).normal(size=(2, 4, 3)).astype(np.float32)
    answer = np.array([[1, 2, 3], [4, 5, 6]])
    tokens = [answer[:, [step]] for step in range(3)]
    found = {"ort": onnxruntime, "features": {"question": question}, "tokens": tokens}
    exec(compile(blocks("python")[1], "docs/bundle.md", "exec"), found)
    whole = Program(Path("bundle/inference.onnx"))({"question": question, "answer": answer})
    np.testing.assert_allclose(found["out"]["output"], whole["output"][:, 2:], rtol=1e-5, atol=1e-6)


def test_the_oldest_onnx_runtime_is_the_one_that_is_required() -> None:
    """README, page and package name one version; older ones cannot multiply the uint64 of `init.onnx` on the CPU."""
    (required,) = re.findall(r'"onnxruntime>=([\d.]+);', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (said,) = re.findall(r"ONNX Runtime from ([\d.]+) on", PAGE)
    (promised,) = re.findall(r"from ([\d.]+) on", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert said == promised == required


def test_the_files_are_those_that_are_written() -> None:
    assert re.findall(r"^\| `([\w/]+\.onnx)`", PAGE, flags=re.MULTILINE) == list(FILES.values())


def test_every_way_to_finish_a_metric_is_listed() -> None:
    table = PAGE[PAGE.index("| `finalize`") : PAGE.index("The loss is the first of them")]
    rows = re.findall(r"^\| (`.*?`) \|", table, flags=re.MULTILINE)[1:]
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(FINALIZERS)


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#:]+)", PAGE)
    assert links
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
