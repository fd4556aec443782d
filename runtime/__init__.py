"""Train, evaluate and predict with bundles, on stock ONNX Runtime. Knows nothing of specs or the compiler.

    from netwright.runtime import train, evaluate, predict, load_bundle

    summary = train("digits.bundle", "runs/digits")        # a Summary; the run folder has everything else
    evaluate("runs/digits")["test"]["accuracy"]
    predict("runs/digits", {"image": images})["probabilities"]

Names are imported when they are first used: importing this package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .alignment import best_path
    from .bundle import Bundle, load_bundle
    from .callbacks import Callback, EpochDone, RunStarted, StepDone
    from .data.plan import Partitions, load_partitions
    from .device import Device, select
    from .errors import EnvironmentProblem, RuntimeProblem, UserError
    from .evaluation import evaluate
    from .generation.beam import Beam
    from .generation.decoding import Sampling
    from .generation.generator import Generated, Generator, Greedy
    from .loop import StepLoop, StepResult
    from .manifest import CudaOptions
    from .predictor import Predictor, predict
    from .progress import terminal_progress
    from .session import SessionSettings
    from .summary import Summary
    from .tokenizers import Tokenizer
    from .trainer import TrainOptions, train

_HOME = {
    "Beam": "generation.beam",
    "Bundle": "bundle",
    "Callback": "callbacks",
    "CudaOptions": "manifest",
    "Device": "device",
    "EnvironmentProblem": "errors",
    "EpochDone": "callbacks",
    "Generated": "generation.generator",
    "Generator": "generation.generator",
    "Greedy": "generation.generator",
    "Partitions": "data.plan",
    "Predictor": "predictor",
    "RunStarted": "callbacks",
    "RuntimeProblem": "errors",
    "Sampling": "generation.decoding",
    "SessionSettings": "session",
    "StepDone": "callbacks",
    "StepLoop": "loop",
    "StepResult": "loop",
    "Summary": "summary",
    "Tokenizer": "tokenizers",
    "TrainOptions": "trainer",
    "UserError": "errors",
    "best_path": "alignment",
    "evaluate": "evaluation",
    "load_bundle": "bundle",
    "load_partitions": "data.plan",
    "predict": "predictor",
    "select": "device",
    "terminal_progress": "progress",
    "train": "trainer",
}

__all__ = [
    "Beam",
    "Bundle",
    "Callback",
    "CudaOptions",
    "Device",
    "EnvironmentProblem",
    "EpochDone",
    "Generated",
    "Generator",
    "Greedy",
    "Partitions",
    "Predictor",
    "RunStarted",
    "RuntimeProblem",
    "Sampling",
    "SessionSettings",
    "StepDone",
    "StepLoop",
    "StepResult",
    "Summary",
    "Tokenizer",
    "TrainOptions",
    "UserError",
    "best_path",
    "evaluate",
    "load_bundle",
    "load_partitions",
    "predict",
    "select",
    "terminal_progress",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
