"""Packages that bring kinds of their own: found by their entry points, named when they fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.machinery import PathFinder
from pathlib import Path

import pytest
from netwright.schema import plugins

Install = Callable[..., None]

LAYER = '''
"""A layer from another package."""

from dataclasses import dataclass

from netwright.compiler.ir import Value
from netwright.compiler.layers.base import Activation, activation
from netwright.compiler.ops import op


@activation("softlog")
@dataclass(frozen=True, kw_only=True)
class SoftLog(Activation):
    """y = sign(x) · ln(1 + |x|)."""

    def apply(self, x: Value) -> Value:
        return op.Sign(x) * op.Log(op.Abs(x) + 1)
'''

SOURCE = '''
"""A data source from another package."""

from dataclasses import dataclass
from pathlib import Path

from netwright.runtime.data import Dataset, DataSource


@DataSource.registry.register("ones")
@dataclass(frozen=True, kw_only=True)
class Ones(DataSource):
    """Ten rows of ones."""

    def load(self, base: Path) -> Dataset:
        import numpy as np
        from netwright.runtime.data.columns import ArrayColumns

        return Dataset(ArrayColumns({"x": np.ones((10, 4), np.float32), "target": np.ones((10, 1), np.float32)}))
'''

SPEC = """\
netwright: 1
inputs: {x: [4]}
network: [softlog, dense: 1]
training: {loss: squared_error, epochs: 1}
data: {source: ones}
"""


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Make a distribution in `tmp_path`, as pip leaves it: a module, and metadata that names it."""

    def make(name: str, group: str, module: str, code: str) -> None:
        (tmp_path / f"{module}.py").write_text(code, encoding="utf-8")
        folder = tmp_path / f"{name.replace('-', '_')}-1.2.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n", encoding="utf-8")
        (folder / "entry_points.txt").write_text(f"[{group}]\n{module} = {module}\n", encoding="utf-8")

    return make


def run(code_or_verb: str, *words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A process that finds the packages in `folder`: a verb of netwright, or code after `-c`."""
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, *(("-c",) if code_or_verb == "-c" else ("-m", "netwright.cli", code_or_verb)), *words]
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_plugin_is_used_like_any_other_kind(install: Install, tmp_path: Path) -> None:
    install("netwright-softlog", "netwright.compiler", "softlog_layer", LAYER)
    install("netwright-ones", "netwright.runtime", "ones_source", SOURCE)
    (tmp_path / "mine.yaml").write_text(SPEC, encoding="utf-8")
    trained = run("train", "mine.yaml", "-o", "out", folder=tmp_path)
    assert (trained.returncode, trained.stderr.count("error")) == (0, 0), trained.stderr
    assert json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))["steps"] == 1
    explained = run("explain", "softlog", folder=tmp_path)
    assert "y = sign(x) · ln(1 + |x|)." in explained.stdout


def test_without_the_package_its_kinds_are_unknown(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(SPEC, encoding="utf-8")
    result = run("validate", "mine.yaml", folder=tmp_path)
    assert result.returncode == 1
    assert "'softlog'" in result.stderr and "'ones'" in result.stderr


@pytest.mark.parametrize(
    ("group", "code", "reason"),
    [
        ("netwright.compiler", "import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        (
            "netwright.compiler",
            LAYER.replace("softlog", "relu"),
            "ValueError: layer 'relu' is registered twice",
        ),
        (
            "netwright.runtime",
            SOURCE.replace('"ones"', '"digits"'),
            "ValueError: data source 'digits' is registered twice",
        ),
    ],
)
def test_a_plugin_that_fails_is_named(install: Install, tmp_path: Path, group: str, code: str, reason: str) -> None:
    install("netwright-broken", group, "broken_plugin", code)
    result = run("validate", "xor_mlp", folder=tmp_path)
    assert (result.returncode, result.stdout) == (3, "")
    assert result.stderr == (
        "error: the package netwright-broken 1.2 cannot be used: its plugin 'broken_plugin' fails with"
        f" {reason}\n  hint: upgrade it, or remove it with `pip uninstall netwright-broken`\n"
    )


def test_the_runtime_loads_no_plugin_of_the_compiler(install: Install, tmp_path: Path) -> None:
    install("netwright-softlog", "netwright.compiler", "softlog_layer", LAYER)
    code = "import sys; from netwright.runtime.data import build_source; build_source('digits'); "
    code += "print([m for m in sys.modules if 'softlog' in m or m.startswith('netwright.compiler')])"
    result = run("-c", code, folder=tmp_path)
    assert (result.stdout, result.stderr) == ("[]\n", "")


def test_plugins_are_loaded_once(install: Install, tmp_path: Path) -> None:
    install("netwright-counting", "netwright.compiler", "counting_plugin", "print('loaded')")
    code = "from netwright.schema import load_plugins; load_plugins('netwright.compiler'); "
    code += "load_plugins('netwright.compiler')"
    assert run("-c", code, folder=tmp_path).stdout == "loaded\n"


@pytest.mark.parametrize(
    ("folder", "file", "text", "looked_up"),
    [
        ("a-1.dist-info", "entry_points.txt", "[netwright.compiler]\nx = x\n", True),
        ("A.EGG-INFO", "entry_points.txt", "[console_scripts]\nx = x:x\n\n[netwright.compiler]\nx = x\n", True),
        ("EGG-INFO", "entry_points.txt", "[netwright.compiler]\nx = x\n", True),
        ("a-1.dist-info", "entry_points.txt", "[netwright.runtime]\nx = x\n", False),
        ("a-1.dist-info", "METADATA", "[netwright.compiler]\n", False),
        ("a", "entry_points.txt", "[netwright.compiler]\nx = x\n", False),
    ],
)
def test_the_metadata_library_is_imported_where_the_group_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, file: str, text: str, looked_up: bool
) -> None:
    (tmp_path / folder).mkdir()
    (tmp_path / folder / file).write_text(text, encoding="utf-8")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "missing"), str(tmp_path)])
    monkeypatch.setattr(sys, "meta_path", [PathFinder])
    assert plugins._may_be_named("netwright.compiler") is looked_up


def test_archives_and_other_finders_are_left_to_the_metadata_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Finder:
        def find_distributions(self) -> None: ...

    (tmp_path / "packages.zip").touch()
    monkeypatch.setattr(sys, "meta_path", [PathFinder])
    monkeypatch.setattr(sys, "path", [str(tmp_path / "packages.zip")])
    assert plugins._may_be_named("netwright.compiler")
    monkeypatch.setattr(sys, "path", [])
    assert not plugins._may_be_named("netwright.compiler")
    monkeypatch.setattr(sys, "meta_path", [Finder(), PathFinder])
    assert plugins._may_be_named("netwright.compiler")
