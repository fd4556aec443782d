"""Create ONNX Runtime sessions, and turn its failures into messages a person can act on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .device import CUDA_PROVIDER, Device
from .errors import EnvironmentProblem, RuntimeProblem, UserError
from .manifest import GraphEntry
from .ort import FATAL, first_line, onnx_runtime


@dataclass(frozen=True)
class SessionSettings:
    """What a host may tune. The defaults are measured; see docs/adr.

    threads: intra-op threads; 0 takes one per physical core.
    spin_microseconds: how long an idle thread polls for work before it sleeps. A step is many short operators, and
        waking a thread costs as much as some of them: 200 µs take a fifth off the time of the MNIST MLP's step. Polling
        without a bound is no faster, and on a busy machine twice as slow. 0: sleep at once.
    """

    threads: int = 0
    spin_microseconds: int = 200


def open_session(
    model: Path,
    device: Device,
    *,
    axes: Mapping[str, int] | None = None,
    graph: GraphEntry | None = None,
    settings: SessionSettings | None = None,
    record: bool = False,
) -> Any:
    """An `InferenceSession` of a model file, every optimisation on.

    axes: sizes of symbolic axes, such as `batch`: static shapes let ONNX Runtime fold shape arithmetic and plan memory.
    graph: what the manifest says of the model. Where an input of it has an axis that stays symbolic, arithmetic on
        sizes may run on the CPU in a CUDA session; no tensor is copied for that (docs/bundle.md). Any other node that
        could only run on the CPU is an error there, because it would silently cost two copies a step.
    record: make a session whose runs are recorded as CUDA graphs, by their run option `gpu_graph_id`.

    Raises:
        UserError: the file is missing or is not a model that ONNX Runtime can load.
        EnvironmentProblem: the model cannot run wholly on CUDA, or memory ran out.
    """
    ort = onnx_runtime()
    settings = settings or SessionSettings()
    options = ort.SessionOptions()
    options.log_severity_level = FATAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = settings.threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if settings.spin_microseconds else "0")
    options.add_session_config_entry("session.intra_op.spin_duration_us", str(settings.spin_microseconds))
    axes = axes or {}
    for axis, size in axes.items():
        options.add_free_dimension_override_by_name(axis, size)
    if device.provider == CUDA_PROVIDER and (graph is None or graph.symbols <= axes.keys()):
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    if not model.is_file():
        raise UserError(f"{model}: no such file", "compile the spec again")
    try:
        providers = device.providers(record=record)
        return ort.InferenceSession(os.fspath(model), options, providers=providers, enable_fallback=0)
    except Exception as error:  # ONNX Runtime's exceptions share no base class but Exception
        raise load_problem(model, device, error) from error


def load_problem(model: Path, device: Device, error: Exception) -> RuntimeProblem:
    """What a failure to create a session means for a person."""
    words = first_line(error)
    if _is_memory(words):
        return EnvironmentProblem(f"{model}: not enough memory to load the model: {words}")
    if device.name == "cuda" and "fallback" in words:
        return EnvironmentProblem(
            f"{model}: the model cannot run wholly on CUDA: {words}", "run it on the CPU with --device cpu"
        )
    if device.name == "cuda" and "graph capture" in words:
        return EnvironmentProblem(
            f"{model}: ONNX Runtime cannot record the model as a CUDA graph: {words}",
            "train without: --set training.device.cuda.graph=false",
        )
    return UserError(f"{model}: ONNX Runtime cannot load the model: {words}", "compile the spec again")


def run_problem(model: Path, error: Exception) -> RuntimeProblem:
    """What a failure while a session ran means for a person."""
    words = first_line(error)
    if _is_memory(words):
        return EnvironmentProblem(
            f"{model}: not enough memory: {words}", "a smaller batch needs less: --set training.batch_size=N"
        )
    return UserError(f"{model}: ONNX Runtime stopped: {words}", "check the data that were given")


def _is_memory(words: str) -> bool:
    signs = ("failed to allocate memory", "available memory of", "bad_alloc", "out of memory")
    return any(sign in words.lower() for sign in signs)
