"""The bundle: ONNX graphs and the manifest that says how they fit together. Its format is docs/bundle.md."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import json
import math
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from netwright.formats.ort_checkpoint import CheckpointFormatError, TrainingCheckpoint, encode_checkpoint

from .capture import capture_obstacles
from .errors import Diagnostic, Origin, SpecError
from .ir import OPSET, Graph, Value, reachable
from .ir.choices import Choices, Question, choosing
from .ir.evaluate import evaluate
from .ir.value import Array
from .network import Forward, build_forward, without_batch
from .passes import PASSES_OF
from .schedules.base import Horizon
from .spec.model import Spec
from .spec.settings import LayerEntry, TrainingSettings
from .state import State
from .training.graphs import SEED, Graphs, build_graphs
from .training.loss_sums import loss_finalize, loss_sum_names
from .training.objective import Target as TargetInput
from .training.objective import declare_targets
from .training.ort_training import API_GRAPHS, EVAL_MODEL, TRAINING_MODEL, ApiOptimizer, gradient_name
from .training.update import RANDOM_COUNTER
from .variables import IN_FILES, Variables

if TYPE_CHECKING:
    import onnx

Target = Literal["portable", "ort", "ort-training"]
FORMAT: Final = 1
FILES: Final = {
    "inference": "inference.onnx",
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

WITH_WEIGHTS: Final = ("inference", "inference_step")
"""The graphs that hold the weights."""


@dataclass(frozen=True)
class LayerRow:
    """A row of the layer table: output shape without the batch axis, number of trainable parameters."""

    name: str
    kind: str
    shape: tuple[int | str, ...]
    parameters: int


@dataclass(frozen=True)
class Bundle:
    """A compiled spec: the graphs by name, the manifest, and the first weights of the inference graph."""

    spec: Spec
    target: Target
    built: Graphs
    manifest: Mapping[str, Any]
    questions: Mapping[str, Question]
    """The computations that may be built in several forms; `compile_spec(forms=…)` answers them."""

    @property
    def graphs(self) -> Mapping[str, Graph]:
        return self.built.graphs

    @property
    def parameters(self) -> int:
        """How many trainable numbers the outputs depend on, those of `inference.onnx`."""
        read = {value for node in reachable(self.built.forward.outputs.values()) for value in node.given_inputs}
        return sum(math.prod(s.shape) for s in self._trainable if self.built.variables.values[s.name] in read)

    @property
    def parameters_for_losses(self) -> int:
        """How many trainable numbers losses alone depend on, such as those of auxiliary heads: no app gets them."""
        return sum(math.prod(state.shape) for state in self._trainable) - self.parameters

    @property
    def _trainable(self) -> list[State]:
        return [state for state in self.built.variables.of_kind("parameter").values() if state.trainable]

    @property
    def layers(self) -> list[LayerRow]:
        """Every layer in order, those of the outputs last."""
        return [
            LayerRow(
                entry.name,
                entry.layer.kind,
                _dims(without_batch(self.built.forward.values[entry.name].shape)),
                sum(
                    math.prod(state.shape)
                    for state in self._trainable
                    if state.name.rpartition("/")[0] in _owners(entry)
                ),
            )
            for entry in self.spec.layers
        ]

    def models(self) -> dict[str, onnx.ModelProto]:
        """The ONNX model of every graph; `inference` holds the weights that `init` gives for the spec's seed."""
        from .emit import emit
        from .emit_ort_training import emit_training_model

        models = {}
        for name, graph in self.graphs.items():
            if name == TRAINING_MODEL and self.built.api_optimizer:
                models[name] = emit_training_model(graph, self.built.api_optimizer.trained, self._metadata(name))
                continue
            weights = self.initial_weights() if name in WITH_WEIGHTS else {}
            models[name] = emit(graph, initializers=weights, metadata=self._metadata(name))
        return models

    def files(self) -> dict[str, bytes]:
        """Every file of the bundle but the manifest, by its path in the folder."""
        files = {_file(name): model.SerializeToString(deterministic=True) for name, model in self.models().items()}
        optimizer = self.built.api_optimizer
        if optimizer is not None:
            from .emit_ort_training import emit_optimizer_model

            metadata = {"netwright.format": str(FORMAT)}
            files[OPTIMIZER_MODEL] = emit_optimizer_model(optimizer, metadata).SerializeToString(deterministic=True)
            files[CHECKPOINT] = self._checkpoint(optimizer)
        return files

    def _checkpoint(self, optimizer: ApiOptimizer) -> bytes:
        """The first state for ONNX Runtime's training API."""
        kinds = ("parameter", "statistic", "fitted")
        first = self._first([name for name, state in self.built.state.items() if state.kind in kinds])
        properties = {"learning_rate": optimizer.learning_rate}
        if any(value.name == RANDOM_COUNTER for value in self.graphs[TRAINING_MODEL].inputs):
            properties[RANDOM_COUNTER] = int(self._first([RANDOM_COUNTER])[RANDOM_COUNTER])
        trained = {name: first[name] for name in optimizer.trained}
        frozen = {name: array for name, array in first.items() if name not in trained}
        try:
            return encode_checkpoint(TrainingCheckpoint(trained, frozen, properties=properties))
        except CheckpointFormatError as error:
            raise SpecError([Diagnostic(self.spec.origin_of(("network",)), str(error))]) from None

    def initial_weights(self) -> dict[str, Array]:
        """The state that the network itself reads, as `init` makes it from the spec's seed, computed with numpy."""
        if "init" not in self.graphs:
            return {}
        network = {value.name for value in self.graphs["inference"].inputs}
        return self._first([name for name in self.graphs["init"].outputs if name in network])

    def _first(self, names: Sequence[str]) -> dict[str, Array]:
        """These outputs of `init` for the spec's seed."""
        import numpy as np

        init = self.graphs["init"]
        wanted = Graph(init.name, init.inputs, {name: init.outputs[name] for name in names})
        seed = self.spec.training.seed if self.spec.training else 0
        return evaluate(wanted, {SEED: np.int64(seed)})

    def write(self, folder: Path | str) -> None:
        """Write the bundle as a new folder, all of it or nothing.

        Raises SpecError when the folder exists already or cannot be written.
        """
        folder = Path(folder)
        staging: Path | None = None
        try:
            _require_vacant(folder)
            files = self.files()
            folder.parent.mkdir(parents=True, exist_ok=True)
            staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
            for name, content in files.items():
                file = staging / name
                file.parent.mkdir(exist_ok=True)
                file.write_bytes(content)
            (staging / "manifest.json").write_text(json.dumps(self.manifest, indent=2) + "\n", encoding="utf-8")
            staging.chmod(0o755)
            staging.replace(folder)
        except OSError as error:
            if staging is not None:
                shutil.rmtree(staging, ignore_errors=True)
            reason = error.strerror or str(error)
            raise SpecError([Diagnostic(_origin(folder), f"cannot be written: {reason}")]) from error
        except BaseException:
            if staging is not None:
                shutil.rmtree(staging, ignore_errors=True)
            raise

    def _metadata(self, name: str) -> dict[str, str]:
        return {
            "netwright.format": str(FORMAT),
            "netwright.graph": json.dumps({"name": name, **self.manifest["graphs"][name]}),
            "netwright.state": json.dumps(self.manifest["state"]),
        }


def compile_spec(
    spec: Spec,
    *,
    target: Target = "portable",
    train_rows: int | None = None,
    vocabularies: Mapping[str, Sequence[str]] = MappingProxyType({}),
    forms: Mapping[str, str] = MappingProxyType({}),
) -> Bundle:
    """Build every graph of a spec.

    `train_rows` is the number of training examples, for schedules that count in epochs; `vocabularies` are the words
    fitted to the training texts, by layer name. `forms` are answers to a bundle's `questions`, by their subjects.
    Raises SpecError.
    """
    api = target == "ort-training"
    with choosing(forms) as choices, _no_search_for_garbage():
        horizon = _horizon(spec.training, train_rows)
        built = build_graphs(spec, horizon, PASSES_OF[target], vocabularies, training_api=api)
    if not api:
        _check_recording(spec, built)
    manifest = _manifest(spec, target, built, choices) | {"vocabularies": _vocabulary_entries(vocabularies)}
    return Bundle(spec, target, built, manifest, choices.questions)


@contextlib.contextmanager
def _no_search_for_garbage() -> Iterator[None]:
    """Values and nodes point at each other, and nearly all live: Python would go through them again and again, for a
    third of the time that a deep network takes."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _check_recording(spec: Spec, built: Graphs) -> None:
    """A step that is to be recorded as a CUDA graph must allow it."""
    training = spec.training
    if training is None or training.device.cuda is None or not training.device.cuda.graph:
        return
    obstacles = capture_obstacles(built.graphs["step"])
    if obstacles:
        origin = spec.origin_of(("training", "device", "cuda", "graph"))
        reasons = "; ".join(map(str, obstacles))
        message = f"a training step of this network cannot be recorded as a CUDA graph: {reasons}"
        raise SpecError([Diagnostic(origin, message, "leave training.device.cuda.graph out")])


def _owners(entry: LayerEntry) -> set[str]:
    """The layers whose parameters count as those of an entry: itself, and the layers of its cell."""
    inner = entry.cell.layers if entry.cell is not None else ()
    return {entry.name}.union(*(_owners(layer) for layer in inner))


def _require_vacant(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        hint = "choose another folder, or remove this one"
        raise SpecError([Diagnostic(_origin(folder), "already exists", hint)])


def _origin(folder: Path) -> Origin:
    return Origin(str(folder), 1, 1, "")


def _horizon(training: TrainingSettings | None, train_rows: int | None) -> Horizon:
    if training is None or train_rows is None:
        return Horizon(None, None)
    steps = math.ceil(train_rows / training.batch_size)
    return Horizon(steps, steps * training.epochs)


def _manifest(spec: Spec, target: Target, built: Graphs, choices: Choices) -> dict[str, Any]:
    from . import __version__

    training, data = spec.training, spec.data
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
            {"name": name, "dtype": str(value.dtype), "shape": list(_dims(without_batch(value.shape)))}
            for name, value in built.forward.outputs.items()
        ],
        "metrics": _metric_entries(training, built) if training else [],
        "training": _training_entry(training) if training else None,
        "data": _data_entry(spec) if data else None,
        "fitting": [
            {"state": step.state, "statistic": step.statistic, "sums": list(step.outputs), "stage": step.stage}
            for step in built.fitting
        ],
        "forms": {subject: form for subject, form in choices.answers.items() if subject in choices.questions},
        **({"training_api": _api_entry(built.api_optimizer)} if built.api_optimizer else {}),
        "files": [{"path": path, "sha256": model.sha256} for path, model in sorted(built.variables.foreign.items())],
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


def _file(graph: str) -> str:
    return API_FILES.get(graph) or FILES[graph]


def _graph_entry(name: str, graph: Graph, built: Graphs) -> dict[str, Any]:
    weights = built.variables.of_kind(*IN_FILES) if name in WITH_WEIGHTS else {}
    inputs = [value for value in graph.inputs if value.name not in weights]
    api = built.api_optimizer if name == TRAINING_MODEL else None
    hidden = {gradient_name(parameter) for parameter in api.trained} if api else ()  # they stay in the API's buffers
    return {
        "file": _file(name),
        "inputs": [{**_tensor(v.name, v), "role": _input_role(v.name, built)} for v in inputs],
        "outputs": [
            _output_entry(name, output, value, built) for output, value in graph.outputs.items() if output not in hidden
        ],
    }


def _input_role(name: str, built: Graphs) -> str:
    if name in built.state:
        return built.state[name].kind
    if name in built.carried:
        return "carried"
    if name in built.forward.features or name in built.prepared:
        return "feature"
    if name in built.targets:
        return "target"
    return "seed" if name == SEED else "gradient"


def _output_entry(graph: str, name: str, value: Value, built: Graphs) -> dict[str, Any]:
    entry = _tensor(name, value)
    stem, _, suffix = name.rpartition(".")
    if graph == "inference_step" and suffix == "next" and stem in built.carried:
        return {**entry, "role": "carried", "feeds": stem}
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
    return {"name": name, "dtype": str(value.dtype), "shape": list(_dims(value.shape))}


def _dims(shape: tuple[Any, ...]) -> tuple[int | str, ...]:
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
        "shape": list(_dims(value.shape[1:])),
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
    features = [_column_entry(value, columns) | limits.get(name, {}) for name, value in forward.features.items()]
    classes = [{**_column_entry(item.value, columns), "classes": item.classes} for item in targets.values()]
    return {"features": features, "targets": classes}


def _metric_entries(training: TrainingSettings, built: Graphs) -> list[dict[str, Any]]:
    assert built.objective is not None
    sums, finalize = loss_sum_names(built.objective), loss_finalize(built.objective)
    loss = {"name": "loss", "finalize": finalize, "sums": sums, "goal": "min"}
    return [loss] + [
        {
            "name": entry.name,
            "finalize": entry.metric.finalize,
            "sums": [f"{entry.name}.{suffix}" for suffix in built.objective.metrics[entry.name]],
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


def _data_entry(spec: Spec) -> dict[str, Any]:
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
    }
