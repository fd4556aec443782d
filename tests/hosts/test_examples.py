"""The examples for app developers run as they are, with onnxruntime alone."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from support.bundles import ROOT, BundleFolder
from support.node_host import node_runtime, run_node

EXAMPLES = ROOT / "examples"
LINE = re.compile(r"step (\d+): loss (\d\.\d{4}), accuracy (\d\.\d\d)")


def _check(printed: str) -> None:
    lines = [LINE.fullmatch(line) for line in printed.splitlines()]
    assert [match and match[1] for match in lines] == ["50", "100", "150", "200"]
    last = lines[-1]
    assert last is not None
    assert float(last[2]) < 0.1
    assert last[3] == "1.00"


def test_python(bundle_folder: BundleFolder) -> None:
    script = EXAMPLES / "python" / "train.py"
    command = [sys.executable, "-W", "error", str(script), str(bundle_folder("xor_mlp"))]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    _check(done.stdout)


def test_node(bundle_folder: BundleFolder) -> None:
    node_runtime()  # the example finds it by itself
    _check(run_node(EXAMPLES / "node" / "train.mjs", bundle_folder("xor_mlp")))


def test_the_browser_runs_the_loop_of_node() -> None:
    """No browser here: the page's loop must be the one that Node.js ran, the runtime is tested in test_hosts.py."""
    page = (EXAMPLES / "browser" / "index.html").read_text(encoding="utf-8")
    script = re.search(r'<script type="module">\n(.*?)</script>', page, flags=re.DOTALL)
    assert script is not None
    assert _loop(script[1]) == _loop((EXAMPLES / "node" / "train.mjs").read_text(encoding="utf-8"))


def _loop(script: str) -> str:
    """From the batch to the feedback of the state, without indentation."""
    lines = [line.strip() for line in script.splitlines()]
    first = lines.index("const batch = {")
    last = next(number for number, line in enumerate(lines) if line.startswith("for (const name"))
    return "\n".join(lines[first : last + 1])


@pytest.mark.parametrize("script", ["python/train.py", "node/train.mjs", "node/generate.mjs", "browser/index.html"])
def test_examples_need_nothing_of_netwright(script: str) -> None:
    text = (EXAMPLES / script).read_text(encoding="utf-8")
    imported = re.findall(r"^\s*import (?:\* as )?(\w+)(?: as ort)?(?: from \"([^\"]+)\")?", text, flags=re.MULTILINE)
    assert {source or name for name, source in imported} <= {
        *("sys", "numpy", "onnxruntime", "onnxruntime-node", "node:fs"),
        "./node_modules/onnxruntime-web/dist/ort.wasm.min.mjs",
    }
    assert any("onnxruntime" in (source or name) for name, source in imported)
