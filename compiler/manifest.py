"""The manifest: what the graphs of a bundle take and give, and how it is trained. Its format is docs/bundle.md."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from .ir import OPSET, Graph, Value
from .ir.choices import Choices
from .layers.argmax import ArgMax
from .network import Forward, build_forward, without_batch
from .spec.model import InputSpec, Spec
from .spec.settings import DataSettings, TrainingSettings
from .state import State
from .tokenizer_files import TokenizerFile, tokenizer_entries
from .training.graphs import Graphs
from .training.init import SEED
from .training.loss_sums import loss_finalize, loss_sum_names
from .training.objective import Objective, Objectives, declare_targets
from .training.objective import Target as TargetInput
from .training.ort_training import API_GRAPHS, EVAL_MODEL, TRAINING_MODEL, ApiOptimizer, gradient_name
from .variables import IN_FILES, Variables

FORMAT: Final = 1
FILES: Final = {
    "inference": "inference.onnx",
    "inference_encode": "inference_encode.onnx",
    "inference_step": "inference_step.onnx",
    "init": "training/init.onnx",
    "step": "training/step.onnx",
    "evaluate": "training/evaluate.onnx",
    "gradients": "training/gradients.onnx",
    "apply": "training/apply.onnx",
    "fit": "training/fit.onnx",
    "prepare": "training/prepare.onnx",
}
API_FILES: Final = {name: f"{name}.onnx" for name in API_GRAPHS}
"""Of the graphs for ONNX Runtime's training API, beside its optimizer model and checkpoint (docs/ort-training.md)."""
OPTIMIZER_MODEL: Final = "optimizer_model.onnx"
CHECKPOINT: Final = "checkpoint"

WITH_WEIGHTS: Final = ("inference", "inference_encode", "inference_step")
"""The graphs that hold the weights."""


def manifest_of(
    spec: Spec,
    target: str,
    built: Graphs,
    choices: Choices,
    vocabularies: Mapping[str, Sequence[str]],
    tokenizers: Mapping[str, TokenizerFile],
) -> dict[str, Any]:
    """The manifest of the graphs of a spec, as `manifest.json` has it."""
    from . import __version__

    training, data = spec.training, spec.data
    texts = _texts_of_outputs(spec)
    return {
        "bundle_format": FORMAT,
        "netwright": __version__,
        "name": spec.name,
        "spec_sha256": spec.sha256,
        "target": target,
        "opset": OPSET,
        "graphs": {name: _graph_entry(name, graph, built) for name, graph in built.graphs.items()},
        "state": [_state_entry(state) for state in built.state.values()],
        **_data_columns(spec, built.forward, built.targets),
        "outputs": [
            {"name": name, "dtype": str(value.dtype), "shape": list(dims(without_batch(value.shape)))}
            | texts.get(name, {})
            for name, value in built.forward.outputs.items()
        ],
        "metrics": _metric_entries(training, built) if training else [],
        "training": _training_entry(training) if training else None,
        "data": data_entry(spec) if data else None,
        "fitting": [
            {"state": step.state, "statistic": step.statistic, "sums": list(step.outputs), "stage": step.stage}
            for step in built.fitting
        ],
        "forms": {subject: form for subject, form in choices.answers.items() if subject in choices.questions},
        **({"training_api": _api_entry(built.api_optimizer)} if built.api_optimizer else {}),
        "files": [{"path": path, "sha256": model.sha256} for path, model in sorted(built.variables.foreign.items())],
        "vocabularies": _vocabulary_entries(vocabularies),
        "tokenizers": tokenizer_entries(spec, tokenizers),
    }


def _vocabulary_entries(vocabularies: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """What a run is held to when it goes on: weights are for words, in their order."""
    return [
        {"layer": name, "words": len(words), "sha256": hashlib.sha256(json.dumps(list(words)).encode()).hexdigest()}
        for name, words in vocabularies.items()
    ]


def _api_entry(optimizer: ApiOptimizer) -> dict[str, Any]:
    return {
        "optimizer_model": OPTIMIZER_MODEL,
        "checkpoint": CHECKPOINT,
        "learning_rate": optimizer.learning_rate,
        "trained": list(optimizer.trained),
        "moments": list(optimizer.moments),
    }


def file_of(graph: str) -> str:
    """Where the bundle's folder holds a graph."""
    return API_FILES.get(graph) or FILES[graph]


def _graph_entry(name: str, graph: Graph, built: Graphs) -> dict[str, Any]:
    weights = built.variables.of_kind(*IN_FILES) if name in WITH_WEIGHTS else {}
    inputs = [value for value in graph.inputs if value.name not in weights]
    api = built.api_optimizer if name == TRAINING_MODEL else None
    hidden = {gradient_name(parameter) for parameter in api.trained} if api else ()  # they stay in the API's buffers
    return {
        "file": file_of(name),
        "inputs": [{**_tensor(v.name, v), "role": _input_role(v.name, built)} for v in inputs],
        "outputs": [
            _output_entry(name, output, value, built) for output, value in graph.outputs.items() if output not in hidden
        ],
    }


def _input_role(name: str, built: Graphs) -> str:
    if name in built.state:
        return built.state[name].kind
    if name in built.step_form.carried:
        return "carried"
    if name in built.step_form.memory:
        return "memory"
    if name in built.forward.features or name in built.prepared:
        return "feature"
    if name in built.targets:
        return "target"
    return "seed" if name == SEED else "gradient"


def _output_entry(graph: str, name: str, value: Value, built: Graphs) -> dict[str, Any]:
    entry = _tensor(name, value)
    stem, _, suffix = name.rpartition(".")
    if graph == "inference_step" and suffix == "next" and stem in built.step_form.carried:
        return {**entry, "role": "carried", "feeds": stem}
    if graph == "inference_encode" and name not in built.forward.outputs:
        return {**entry, "role": _input_role(name, built)}
    if graph in WITH_WEIGHTS:
        return {**entry, "role": "output"}
    if graph == "prepare":
        return {**entry, "role": "feature"}
    if graph == "init":
        return {**entry, "role": built.state[name].kind}
    if suffix == "next":
        return {**entry, "role": built.state[stem].kind, "feeds": stem}
    if suffix == "gradient":
        return {**entry, "role": "gradient", "of": stem}
    if graph == EVAL_MODEL and name in built.forward.outputs:
        return {**entry, "role": "output"}
    if graph in ("evaluate", "fit") or (graph == EVAL_MODEL and name != "loss"):
        return {**entry, "role": "sum"}
    return {**entry, "role": "loss" if name == "loss" else "metric"}


def _tensor(name: str, value: Value) -> dict[str, Any]:
    return {"name": name, "dtype": str(value.dtype), "shape": list(dims(value.shape))}


def dims(shape: tuple[Any, ...]) -> tuple[int | str, ...]:
    """A shape of numbers and of the names of its symbolic axes."""
    return tuple(dim if isinstance(dim, int) else str(dim) for dim in shape)


def _state_entry(state: State) -> dict[str, Any]:
    return {
        "name": state.name,
        "dtype": str(state.dtype),
        "shape": list(state.shape),
        "kind": state.kind,
        "trainable": state.trainable,
        "origin": state.origin.as_json() if state.origin else None,
    }


def _column_entry(value: Value, columns: Mapping[str, str | list[str]]) -> dict[str, Any]:
    return {
        "name": value.name,
        "dtype": str(value.dtype),
        "shape": list(dims(value.shape[1:])),
        "column": columns.get(value.name, value.name),
    }


def data_columns(spec: Spec) -> dict[str, list[dict[str, Any]]]:
    """The manifest's `features` and `targets`, which no fitted vocabulary changes. Raises SpecError."""
    stand_in = {entry.name: ("word",) for entry in spec.layers if entry.layer.host_only}
    forward = build_forward(spec, Variables(), vocabularies=stand_in)
    targets = declare_targets(spec, spec.training, forward) if spec.training else {}
    return _data_columns(spec, forward, targets)


def _data_columns(spec: Spec, forward: Forward, targets: Mapping[str, TargetInput]) -> dict[str, list[dict[str, Any]]]:
    columns = spec.data.columns if spec.data else {}
    limits = {name: {"limit": limit} for name, limit in forward.limits.items()}
    drawn = {item.name: {"column": None, "drawn": item.drawn} for item in spec.inputs if item.drawn}
    features = [
        _column_entry(value, columns) | limits.get(name, {}) | drawn.get(name, {})
        for name, value in forward.features.items()
    ]
    classes = [{**_column_entry(item.value, columns), "classes": item.classes} for item in targets.values()]
    made = {item.name: _made_of_text(item) for item in spec.inputs}
    made |= {name: {"tokens": vars(tokens)} for name, tokens in (spec.data.tokens if spec.data else {}).items()}
    if spec.data is not None:
        made |= {target: {"next_of": item} for target, item in spec.data.next_tokens.items()}
    windows = spec.data.windows if spec.data else None
    if windows is not None:
        made[windows.target] = {"next_of": next(item.name for item in spec.inputs if item.tokens is not None)}
    return {
        "features": [entry | made.get(entry["name"], {}) for entry in features],
        "targets": [entry | made.get(entry["name"], {}) for entry in classes],
    }


def _texts_of_outputs(spec: Spec) -> dict[str, dict[str, Any]]:
    """For each output that chooses one of the tokens of a target's text, the target."""
    tokens = spec.data.tokens if spec.data else {}
    losses = spec.training.loss if spec.training else ()
    judged = {loss.from_: loss.target for loss in losses if isinstance(loss.target, str) and loss.target in tokens}
    chosen = {entry.name: entry.from_[0] for entry in spec.layers if isinstance(entry.layer, ArgMax)}
    made = {item.name: item.layers[-1].name if item.layers else item.from_ for item in spec.outputs}
    found = {name: judged.get(chosen.get(value, "")) for name, value in made.items()}
    return {name: {"tokens_of": target} for name, target in found.items() if target is not None}


def _made_of_text(item: InputSpec) -> dict[str, Any]:
    """How the host makes a feature of the texts in the data."""
    if item.tokens is not None:
        return {"tokens": vars(item.tokens)}
    return {"length_of": item.length_of} if item.length_of is not None else {}


def _metric_entries(training: TrainingSettings, built: Graphs) -> list[dict[str, Any]]:
    objectives = built.objectives
    assert objectives is not None
    losses: dict[str, Objective | Objectives] = {"loss": objectives, **objectives.named}
    return [
        {"name": name, "finalize": loss_finalize(loss), "sums": loss_sum_names(loss, name), "goal": "min"}
        for name, loss in losses.items()
    ] + [
        {
            "name": entry.name,
            "finalize": entry.metric.finalize,
            "sums": [f"{entry.name}.{suffix}" for suffix in objectives.metrics[entry.name]],
            "goal": entry.metric.goal,
        }
        for entry in training.metrics
    ]


def _training_entry(training: TrainingSettings) -> dict[str, Any]:
    early = training.early_stopping
    return {
        "epochs": training.epochs,
        "batch_size": training.batch_size,
        "seed": training.seed,
        "precision": training.precision,
        "monitor": training.monitor,
        "restore_best": training.restore_best,
        "early_stopping": None
        if early is None
        else {"patience": early.patience, "monitor": early.monitor, "minimum_change": early.minimum_change},
        "device": training.device.entry(),
    }


def data_entry(spec: Spec) -> dict[str, Any]:
    """The manifest's `data`, of a spec that has the section."""
    data = spec.data
    assert data is not None
    split = data.split
    return {
        "source": data.source,
        "split": {
            "validation": split.validation,
            "test": split.test,
            "seed": split.seed,
            "stratify": split.stratify,
        },
        "shuffle": data.shuffle,
        "balance": None if data.balance is None else {"method": data.balance.method, "by": data.balance.by},
        **({} if data.series is None else {"series": vars(data.series)}),
        **_text_entry(spec, data),
    }


def _text_entry(spec: Spec, data: DataSettings) -> dict[str, Any]:
    """How texts become batches; nothing where they do not."""
    entry: dict[str, Any] = {}
    if data.windows is not None:
        windows = data.windows
        streams = spec.training.batch_size if spec.training and not data.shuffle else None
        lengths = {"length": windows.length, "evaluation_length": windows.evaluation_length or windows.length}
        entry["windows"] = {**lengths, "streams": streams}
    if data.bucket_by is not None:
        entry["bucket_by"] = data.bucket_by
    return entry
