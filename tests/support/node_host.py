"""Run JavaScript in Node.js with onnxruntime-node, which is installed beside the Node.js example."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from .bundles import ROOT
from .requirements import missing

PROJECT = ROOT / "examples" / "node"
INSTALL = "npm install --prefix examples/node --ignore-scripts --no-package-lock"


def run_node(script: Path, *arguments: object, folder: Path | None = None) -> str:
    """What a script prints. Skips the calling test, or fails it in CI, where Node.js or onnxruntime-node is missing."""
    node = shutil.which("node")
    if node is None:
        missing("Node.js", "apt-get install nodejs npm")
    if not (PROJECT / "node_modules" / "onnxruntime-node").is_dir():
        missing("onnxruntime-node", INSTALL)
    command = [node, str(script), *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, env=os.environ, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
