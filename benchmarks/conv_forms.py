"""Time a convolution, its input gradient and its weight gradient, in every form the compiler knows, beside PyTorch.

    python benchmarks/conv_forms.py [--threads 2] [--rounds 12] [--device cpu|cuda] [SHAPE …]

A SHAPE reads `batch,channels,filters,size,kernel,stride`, by default the thirteen below. All of a row takes turns in
one process, round by round; printed is the least time of each in milliseconds, the form taken by default with a star,
and the default's time divided by PyTorch's. One operator alone is what PyTorch's compiler would call as well, and ONNX
Runtime's own training build differentiates whole networks only: both are in `train_step.py`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from netwright.compiler.autodiff import gradients
from netwright.compiler.ir import DType, Graph, graph_input, op, symbol
from netwright.compiler.ir.choices import Question, choosing
from netwright.compiler.passes import choose_conv_forms
from netwright.compiler.tuning import candidate_models
from netwright.runtime.device import Device, select
from netwright.runtime.session import SessionSettings, open_session

SHAPES = [
    "64,1,32,28,5,1", "64,32,64,14,5,1", "64,3,32,32,3,1", "64,32,32,32,3,1", "64,64,64,16,3,1", "64,64,128,8,3,1",
    "64,16,16,32,3,1", "64,16,32,32,3,2", "64,64,16,32,1,1", "16,3,64,64,7,2", "16,128,128,8,3,1", "16,256,256,4,3,1",
    "16,512,512,2,3,1",
]  # fmt: skip


class Problem:
    """A convolution with `same` padding, its tensors, and what is timed of it."""

    def __init__(self, text: str, threads: int, folder: Path, device: Device) -> None:
        self.device = device
        self.batch, channels, filters, size, kernel, stride = (int(number) for number in text.split(","))
        pad = kernel // 2
        positions = (size + 2 * pad - kernel) // stride + 1
        random = np.random.default_rng(0)
        self.x = random.standard_normal((self.batch, channels, size, size), dtype=np.float32)
        self.weight = random.standard_normal((filters, channels, kernel, kernel), dtype=np.float32)
        self.dy = random.standard_normal((self.batch, filters, positions, positions), dtype=np.float32)
        self.label = f"{self.batch}, {channels} → {filters}, {kernel}×{kernel}, {size}²" + (
            f" / {stride}" * (stride > 1)
        )
        self.folder, self.settings = folder, SessionSettings(threads=threads)
        attributes = {"strides": (stride, stride), "pads": (pad,) * 4}
        x = graph_input("x", DType.float32, (symbol("batch"), *self.x.shape[1:]))
        weight = graph_input("weight", DType.float32, self.weight.shape)
        with choosing({}) as choices:
            y = op.Conv(x, weight, **attributes)
            gradients([y], [x, weight], [graph_input("dy", DType.float32, y.shape)])
            choose_conv_forms(Graph("forward", (x, weight), {"y": y}))
        self.questions: dict[str, Question] = {}
        for question in choices.questions.values():
            what = question.subject.partition(" of convolution")[0]
            self.questions["forward" if what == "output" else what] = question
        tensors = [torch.from_numpy(array).to(device.name) for array in (self.dy, self.x, self.weight)]
        self.torch_tensors, self.settings_of_torch = (
            tensors,
            ([filters], [stride] * 2, [pad] * 2, [1, 1], False, [0, 0], 1),
        )

    def runs(self, what: str) -> dict[str, Callable[[], Any]]:
        """What takes turns for a row, by name."""
        question, found = self.questions[what], {}
        arrays = [self.x, self.weight] if what == "forward" else [self.x, self.dy, self.weight]
        for name, model in candidate_models(question, "portable").items():
            file = self.folder / "form.onnx"
            file.write_bytes(model)
            session = open_session(file, self.device, axes={"batch": self.batch}, settings=self.settings)
            binding = session.io_binding()
            for port in session.get_inputs():
                array = arrays[int(port.name.removeprefix("input"))]
                value = onnxruntime.OrtValue.ortvalue_from_numpy(array, self.device.memory, 0)
                binding.bind_ortvalue_input(port.name, value)
            for port in session.get_outputs():
                binding.bind_output(port.name, self.device.memory)
            found[name] = lambda session=session, binding=binding: session.run_with_iobinding(binding)
        dy, x, weight = self.torch_tensors
        filters, stride, pad, *rest = self.settings_of_torch
        if what == "forward":
            found["PyTorch"] = lambda: torch.nn.functional.conv2d(x, weight, None, stride, pad)
        else:
            wanted = [what == "input gradient", what == "weight gradient", False]
            backward = torch.ops.aten.convolution_backward
            found["PyTorch"] = lambda: backward(dy, x, weight, filters, stride, pad, *rest, wanted)
        return found


def row(problem: Problem, what: str, rounds: int) -> str:
    runs = problem.runs(what)
    least = dict.fromkeys(runs, float("inf"))
    for _ in range(rounds):
        for name, run in runs.items():
            began = time.perf_counter()
            run()
            if problem.device.name == "cuda":
                torch.cuda.synchronize()
            least[name] = min(least[name], 1e3 * (time.perf_counter() - began))
    default = problem.questions[what].default
    ours = ", ".join(f"{name}{'*' * (name == default)} {ms:.2f}" for name, ms in least.items() if name != "PyTorch")
    ratio = least[default] / least["PyTorch"]
    return f"| {problem.label} | {what} | {ours} | {least['PyTorch']:.2f} | {ratio:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("shapes", nargs="*", default=SHAPES, metavar="SHAPE")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = select(options.device)
    print(
        "| batch, channels → filters, kernel, size / stride | what | netwright, ms (* default) | PyTorch, ms | ratio |"
    )
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for text in options.shapes:
            problem = Problem(text, options.threads, Path(folder), device)
            for what in ("forward", "input gradient", "weight gradient"):
                if what in problem.questions:
                    print(row(problem, what, options.rounds), flush=True)


if __name__ == "__main__":
    main()
