"""Train with `onnxruntime.training.api` for another process. A script: it imports nothing of netwright.

The training wheel needs versions of NumPy and ONNX that netwright does not run on, so it has an environment of its own,
and this script is run there. It reads frames from its standard input and answers each on its standard output.

A frame is a length (8 bytes, little endian), so many bytes of JSON, and the arrays that `arrays` in the JSON lists as
[dtype, shape], one after the other. Requests say what to `do`:

open      artifacts (a folder), threads: remember where the models are; {"version": ONNX Runtime's}
load      checkpoint (a file), learning_rate: create module and optimizer from it
step      the user inputs of the training model: train; the outputs, in order. A loss that is not finite changes nothing
evaluate  the user inputs of the evaluation model, count: its first outputs, in order
save      checkpoint (a file): write the state with that of the optimizer

An answer with `error` says why there is none. The end of the input ends the process.
"""

from __future__ import annotations

import json
import math
import os
import sys
from typing import Any, BinaryIO

if __name__ == "__main__":
    sys.path.pop(0)  # this folder, whose modules are none of the script's


def main() -> None:
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever else prints goes where errors go
    requests = sys.stdin.buffer
    try:
        worker = Worker()
    except Exception as error:  # whatever an import raises: the other side says what to install
        write(answers, {"error": f"{type(error).__name__}: {error}"})
        return
    write(answers, {"version": worker.version})
    while True:
        frame = read(requests)
        if frame is None:
            return
        request, arrays = frame
        try:
            answer = worker.answer(request, arrays)
        except Exception as error:  # ONNX Runtime's exceptions share no base class but Exception
            write(answers, {"error": str(error)})
            continue
        write(answers, {}, answer)


class Worker:
    """The state of one training."""

    def __init__(self) -> None:
        import onnxruntime
        from onnxruntime.training import api

        if os.environ.get("NETWRIGHT_TELEMETRY") != "1":
            onnxruntime.disable_telemetry_events()
        onnxruntime.set_default_logger_severity(4)
        self.version = str(onnxruntime.__version__)
        self.onnxruntime = onnxruntime
        self.api = api
        self.artifacts = ""
        self.threads = 0

    def answer(self, request: dict[str, Any], arrays: list[Any]) -> list[Any]:
        do = request["do"]
        if do == "step":
            return self.step(arrays)
        if do == "evaluate":
            return self.evaluate(arrays)[: request["count"]]
        if do == "open":
            self.artifacts, self.threads = request["artifacts"], request["threads"]
        elif do == "load":
            self.load(request["checkpoint"], request["learning_rate"])
        elif do == "save":
            self.api.CheckpointState.save_checkpoint(self.state, request["checkpoint"], include_optimizer_state=True)
        else:
            raise ValueError("unknown request: " + do)
        return []

    def load(self, checkpoint: str, learning_rate: float) -> None:
        options = self.onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = self.threads
        # 1.19 polls without a bound, which takes the cores from the process that prepares the batches.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        training, evaluation, optimizer = (
            f"{self.artifacts}/{name}_model.onnx" for name in ("training", "eval", "optimizer")
        )
        self.state = self.api.CheckpointState.load_checkpoint(checkpoint)
        self.module = self.api.Module(training, self.state, evaluation, session_options=options)
        self.optimizer = self.api.Optimizer(optimizer, self.module)
        self.optimizer.set_learning_rate(learning_rate)
        self.names = self.module.train().output_names()

    def step(self, arrays: list[Any]) -> list[Any]:
        outputs = listed(self.module.train()(*arrays))
        if not math.isfinite(float(outputs[0])):
            return outputs
        for name, value in zip(self.names, outputs):  # noqa: B905 - Python 3.9 has no `strict`
            if name.endswith(".next"):  # a running statistic
                self.state.parameters[name[: -len(".next")]] = value
        self.optimizer.step()
        self.module.lazy_reset_grad()
        return [value for name, value in zip(self.names, outputs) if not name.endswith(".next")]  # noqa: B905

    def evaluate(self, arrays: list[Any]) -> list[Any]:
        return listed(self.module.eval()(*arrays))


def listed(outputs: Any) -> list[Any]:
    """A model with a single output gives it alone."""
    return list(outputs) if isinstance(outputs, tuple) else [outputs]


def read(stream: BinaryIO) -> tuple[dict[str, Any], list[Any]] | None:
    """A frame, or None at the end of the stream."""
    import numpy as np

    head = stream.read(8)
    if len(head) < 8:
        return None
    request = json.loads(stream.read(int.from_bytes(head, "little")))
    arrays = []
    for dtype, shape in request.pop("arrays"):
        size = math.prod(shape) * np.dtype(dtype).itemsize
        arrays.append(np.frombuffer(stream.read(size), dtype).reshape(shape))
    return request, arrays


def write(stream: BinaryIO, answer: dict[str, Any], arrays: Any = ()) -> None:
    contiguous = made_contiguous(arrays) if arrays else []  # a Python without NumPy says so
    head = json.dumps({**answer, "arrays": [[str(a.dtype), list(a.shape)] for a in contiguous]}).encode()
    stream.write(len(head).to_bytes(8, "little") + head)
    for array in contiguous:
        stream.write(array.tobytes())
    stream.flush()


def made_contiguous(arrays: Any) -> list[Any]:
    import numpy as np

    return [np.ascontiguousarray(array).reshape(np.shape(array)) for array in arrays]


if __name__ == "__main__":
    main()
