"""A spec compiles to the same bytes every time, in every process, whatever was compiled before."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from netwright.compiler import compile_spec
from netwright.compiler.bundle import Target
from support.bundles import TARGETS, TRAIN_ROWS, library_spec

SCRIPT = """
import sys
from pathlib import Path
from support.bundles import TRAIN_ROWS, compile_spec, library_spec

for name, target, folder in zip(*[iter(sys.argv[1:])] * 3):
    compile_spec(library_spec(name), target=target, train_rows=TRAIN_ROWS).write(folder)
"""


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    assert len(files) == 7
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("target", TARGETS)
def test_twice_in_one_process(target: Target, tmp_path: Path) -> None:
    for folder in ("first", "second"):
        compile_spec(library_spec("digits_mlp"), target=target, train_rows=TRAIN_ROWS).write(tmp_path / folder)
    assert digests(tmp_path / "first") == digests(tmp_path / "second")


def test_in_processes_that_hash_differently(tmp_path: Path) -> None:
    """One of them compiles another spec first."""
    jobs = {
        "0": [("digits_mlp", "portable"), ("digits_mlp", "ort")],
        "1": [("xor_mlp", "portable"), ("digits_mlp", "portable"), ("digits_mlp", "ort")],
    }
    for hash_seed, specs in jobs.items():
        arguments = [
            str(part) for name, target in specs for part in (name, target, tmp_path / hash_seed / name / target)
        ]
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, *arguments], env=environment, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    for target in TARGETS:
        one, other = (digests(tmp_path / hash_seed / "digits_mlp" / target) for hash_seed in jobs)
        assert one == other
