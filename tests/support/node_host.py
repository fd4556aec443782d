"""Run JavaScript in Node.js with the ONNX Runtime modules of the examples."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from .bundles import ROOT
from .requirements import missing

NODE, BROWSER = ROOT / "examples" / "node", ROOT / "examples" / "browser"
INSTALL = "npm install --prefix {} --ignore-scripts --no-package-lock"


def node_runtime() -> Path:
    """onnxruntime-node, installed beside the Node.js example."""
    return _module(NODE, "onnxruntime-node", "dist/index.js")


def web_runtime() -> Path:
    """onnxruntime-web as the browser example loads it, installed beside that."""
    return _module(BROWSER, "onnxruntime-web", "dist/ort.wasm.min.mjs")


def _module(project: Path, package: str, file: str) -> Path:
    module = project / "node_modules" / package / file
    if not module.is_file():
        missing(package, INSTALL.format(project.relative_to(ROOT)))
    return module


def run_node(script: Path, *arguments: object, folder: Path | None = None) -> str:
    """What a script prints. Skips the calling test, or fails it in CI, where Node.js is missing."""
    node = shutil.which("node")
    if node is None:
        missing("Node.js", "apt-get install nodejs npm")
    command = [node, str(script), *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
