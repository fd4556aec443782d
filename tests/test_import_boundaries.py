"""Which way imports point, what each command pays for, and that the package lists every folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from netwright.compiler.spec import installed_families
from netwright.runtime.data import DataSource, source_schema

ROOT = Path(__file__).parent.parent
CODE = sorted(path.parent.name for path in ROOT.glob("*/__init__.py"))
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONTRACTS = [contract["name"] for contract in SETTINGS["tool"]["importlinter"]["contracts"]]

PLANTED = {
    "runtime/planted.py": "import onnx\nimport yaml\n",
    "compiler/planted.py": "import onnx\nimport onnxruntime\n",
    "pictures/planted.py": "import numpy\n",
    "compiler/ir/planted.py": "from ..emit import emit\n",
    "schema/planted.py": "import numpy\n",
    "formats/planted.py": "import onnx\n",
}


@pytest.fixture
def copied_sources(tmp_path: Path) -> Path:
    """A folder with pyproject.toml and an importable copy of the sources."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name in CODE:
        shutil.copytree(ROOT / name, tmp_path / "netwright" / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_import_linter_and_the_type_checker_see_every_top_level_package() -> None:
    roots = [name.removeprefix("netwright.") for name in SETTINGS["tool"]["importlinter"]["root_packages"]]
    assert sorted(roots) == CODE
    assert [name for name in CODE if not (ROOT / name / "py.typed").is_file()] == []


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("importlinter")
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as main; main()", "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_imports_keep_every_contract(copied_sources: Path) -> None:
    result = lint_imports(copied_sources)
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in result.stdout, result.stdout + result.stderr
    assert result.returncode == 0


def test_planted_imports_break_every_contract(copied_sources: Path) -> None:
    for file, source in PLANTED.items():
        (copied_sources / "netwright" / file).write_text(source, encoding="utf-8")
    result = lint_imports(copied_sources)
    kept = [name for name in CONTRACTS if f"{name} BROKEN" not in result.stdout]
    assert kept == [], result.stdout + result.stderr
    assert result.returncode == 1


def modules_after(code: str) -> set[str]:
    """The modules that are loaded in a new interpreter after `code`."""
    script = f"{code}\nimport sys; print(' '.join(sys.modules))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(result.stdout.splitlines()[-1].split())


def test_runtime_loads_neither_compiler_nor_yaml() -> None:
    code = """
import importlib, pkgutil, netwright.runtime
for module in pkgutil.walk_packages(netwright.runtime.__path__, "netwright.runtime."):
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:  # a library of an extra that is not installed
        if error.name.startswith("netwright"):
            raise
"""
    loaded = modules_after(code)
    assert "netwright.runtime.trainer" in loaded
    assert loaded.isdisjoint({"netwright.compiler", "netwright.cli", "yaml", "jsonschema"})


def test_validate_does_not_pay_for_what_it_does_not_use() -> None:
    code = """
from netwright.cli.main import app
assert not app(["validate", "digits_mlp"], standalone_mode=False)
"""
    loaded = modules_after(code)
    assert "netwright.compiler.spec" in loaded
    assert loaded.isdisjoint({"onnx", "onnxruntime", "safetensors", "torch", "pydantic", "rich.console", "email"})


def test_validate_imports_the_kinds_that_the_spec_names() -> None:
    code = """
from netwright.cli.main import app
assert not app(["validate", "digits_mlp"], standalone_mode=False)
"""
    families = (*installed_families(), DataSource.registry)
    source_schema()  # declares the sources
    homes = {module for family in families for module in family._homes.values()}
    assert {name.removeprefix("netwright.") for name in modules_after(code) & homes} == {
        *(f"compiler.layers.{module}" for module in ("activations", "dense", "dropout", "flatten")),
        *(f"compiler.initializers.{module}" for module in ("constant", "fan")),
        *("compiler.losses.categorical", "compiler.optimizers.adam", "compiler.metrics.accuracy"),
        "runtime.data.sources.digits",
        *("compiler.layers.shared", "compiler.initializers.tied"),  # the network asks whether there are any
    }


@pytest.mark.parametrize(("given", "threads"), [(None, "1"), ("2", "2")])
def test_the_command_starts_no_threads_for_blas_and_searches_no_garbage_at_its_end(
    given: str | None, threads: str
) -> None:
    code = """
import atexit, gc, os, sys
from netwright.cli.main import main
atexit.register(lambda: print(gc.get_freeze_count() > 10_000, os.environ["OPENBLAS_NUM_THREADS"]))
sys.argv = ["netwright", "validate", "digits_mlp"]
main()
"""
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    environment |= {} if given is None else {"OPENBLAS_NUM_THREADS": given}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert result.stdout.splitlines() == ["specs/digits_mlp.yaml: valid", f"True {threads}"]


def test_setuptools_lists_every_package() -> None:
    folders = {file.parent for name in CODE for file in (ROOT / name).rglob("*.py")}
    expected = {"netwright." + ".".join(folder.relative_to(ROOT).parts) for folder in folders} | {"netwright.specs"}
    listed = SETTINGS["tool"]["setuptools"]["packages"]
    assert sorted(listed) == sorted(expected)


def test_every_package_folder_has_an_init() -> None:
    folders = {file.parent for name in CODE for file in (ROOT / name).rglob("*.py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").is_file()] == []
