"""Specs written in a test, compiled and run in memory."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import dedent
from typing import Any

import numpy as np
import onnxruntime
from netwright.compiler import compile_spec
from netwright.compiler.bundle import Bundle, Target
from netwright.compiler.spec.model import load_text

Tensors = dict[str, Any]


class Compiled:
    """The graphs of a spec as functions of tensors by name, and the state from `init`."""

    def __init__(self, text: str, target: Target = "portable") -> None:
        self.bundle: Bundle = compile_spec(load_text(dedent(text)), target=target, train_rows=100)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self.sessions = {
            name: onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
            for name, model in self._models().items()
        }
        self.state: Tensors = self(
            "init", seed=np.int64(self.bundle.spec.training.seed if self.bundle.spec.training else 0)
        )

    def _models(self) -> Mapping[str, Any]:
        from netwright.compiler.emit import emit

        return {name: emit(graph) for name, graph in self.bundle.graphs.items()}

    def __call__(self, graph: str, **tensors: Any) -> Tensors:
        """Run a graph on the state and the given tensors."""
        session = self.sessions[graph]
        given = {**(self.state if hasattr(self, "state") else {}), **tensors}
        feeds = {value.name: np.asarray(given[value.name]) for value in session.get_inputs()}
        return dict(zip((value.name for value in session.get_outputs()), session.run(None, feeds), strict=True))

    def step(self, **batch: Any) -> float:
        """One training step; the state advances."""
        out = self("step", **batch)
        self.state = {name: out[f"{name}.next"] for name in self.state}
        return float(out["loss"])

    def gradients(self, **batch: Any) -> Tensors:
        out = self("gradients", **batch)
        return {name.removesuffix(".gradient"): g for name, g in out.items() if name.endswith(".gradient")}
