"""Let ONNX Runtime differentiate models itself: `own_gradients.py FOLDER`, run by the Python with the training wheel.

Each folder in FOLDER holds `forward.onnx`, whose only output is the loss, and `trained.json`, the initializers to
differentiate by. It gets `training_model.onnx`, `eval_model.onnx` and `checkpoint` as
`onnxruntime.training.artifacts` writes them, or `refused.txt` with the reason why it does not.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import onnx

sys.path.pop(0)
import onnxruntime
from onnxruntime.training import artifacts


def differentiate(folder: Path) -> None:
    model = onnx.load(folder / "forward.onnx")
    trained = json.loads((folder / "trained.json").read_text())
    frozen = [tensor.name for tensor in model.graph.initializer if tensor.name.endswith("/frozen")]
    try:
        artifacts.generate_artifacts(
            model, requires_grad=trained, frozen_params=frozen or None, artifact_directory=str(folder)
        )
    except Exception as error:  # whatever the gradient builder raises is the answer
        (folder / "refused.txt").write_text(f"{type(error).__name__}: {error}")


def main() -> None:
    onnxruntime.set_default_logger_severity(4)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # it prints each transformation of each graph
    os.dup2(1, 2)
    for folder in sorted(Path(sys.argv[1]).iterdir()):
        differentiate(folder)


if __name__ == "__main__":
    main()
