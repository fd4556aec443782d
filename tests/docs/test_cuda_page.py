"""docs/cuda.md tells the truth: its code runs, its options are read, its tables name what there is."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from netwright.cli.main import app
from netwright.compiler import load_spec
from netwright.runtime.data import source_schema
from netwright.runtime.doctor import Examination
from support.bundles import ROOT, SPECS, BundleFolder, Program, first_state, next_state, take_batches
from support.pytorch import import_torch

PAGE = (ROOT / "docs" / "cuda.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """The page's one code block of a language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    return str(found)


def test_the_loop_on_tensors_trains(
    tmp_path: Path,
    bundle_folder: BundleFolder,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    torch = import_torch()
    shutil.copytree(bundle_folder("digits_mlp"), tmp_path / "bundle")
    monkeypatch.chdir(tmp_path)
    given = take_batches(tmp_path / "bundle", 5, rows=64)
    code = block("python").replace('device="auto"', 'device="cpu"')  # so that this test says the same everywhere
    names = {"batches": [(torch.from_numpy(b["image"].copy()), torch.from_numpy(b["label"].copy())) for b in given]}
    exec(compile(code, "docs/cuda.md", "exec"), names)
    losses = [float(line) for line in capsys.readouterr().out.splitlines()]

    step, state, expected = Program(Path("bundle/training/step.onnx")), first_state(Path("bundle"), 0), []
    for batch in given:
        outputs = step({**batch, **state})
        expected.append(float(outputs["loss"]))
        state = next_state(outputs)
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    np.testing.assert_allclose(names["weights"].numpy(), state["dense1/weight"], rtol=1e-4, atol=1e-6)  # type: ignore[attr-defined]


def test_the_options_are_read(tmp_path: Path) -> None:
    spec = yaml.safe_load(SPECS["digits_mlp"].read_text(encoding="utf-8"))
    spec["training"] = yaml.safe_load(block("yaml"))["training"]
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    loaded = load_spec(tmp_path / "spec.yaml", data_schema=source_schema())
    assert loaded.training is not None
    options = {"tf32": False, "graph": True, "memory_limit": 6 * 2**30, "read_every": 16}
    assert loaded.training.device.entry() == {"name": "auto", "cuda": options}


def test_show_prints_what_the_page_shows() -> None:
    assert CliRunner().invoke(app, ["show", "digits_mlp", "--cuda"]).stdout == block("text")


def test_the_table_has_every_key_of_the_examination() -> None:
    table = PAGE[PAGE.index("| key |") :].split("\n\n")[0]
    assert re.findall(r"^\| `(\w+)`", table, flags=re.MULTILINE) == list(Examination.__dataclass_fields__)


def test_the_version_is_the_one_that_was_checked() -> None:
    checker = (ROOT / "tests" / "placement" / "cuda_checker.py").read_text(encoding="utf-8")
    (version,) = re.findall(r'^PROVEN_VERSION = "(.*)"$', checker, flags=re.MULTILINE)
    assert f"onnxruntime-gpu {version}" in PAGE


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#:]+)", PAGE)
    assert links
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
