"""The bundle: ONNX graphs with a manifest (manifest.py) that says how they fit together, compiled and written.

Its format is docs/bundle.md.
"""

from __future__ import annotations

import contextlib
import gc
import json
import math
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from netwright.formats.ort_checkpoint import CheckpointFormatError, TrainingCheckpoint, encode_checkpoint

from .capture import BATCH, CaptureObstacle, capture_obstacles
from .errors import Diagnostic, Origin, SpecError
from .ir import Graph, reachable
from .ir.choices import Question, choosing
from .ir.evaluate import evaluate
from .ir.value import Array
from .manifest import CHECKPOINT, FORMAT, OPTIMIZER_MODEL, WITH_WEIGHTS, dims, file_of, manifest_of
from .network import rows_of, without_batch
from .passes import PASSES_OF
from .schedules.base import Horizon
from .spec.model import Spec
from .spec.settings import LayerEntry, TrainingSettings
from .state import State
from .tokenizer_files import TokenizerFile, check_sizes, file_of_tokenizer, require_tokenizers
from .training.graphs import Graphs, build_graphs
from .training.init import SEED
from .training.ort_training import TRAINING_MODEL, ApiOptimizer
from .training.update import RANDOM_COUNTER

if TYPE_CHECKING:
    import onnx

Target = Literal["portable", "ort", "ort-training"]
STEPPING = frozenset({"step", "evaluate"})
"""The graphs that `train` and `evaluate` run batch by batch."""


@dataclass(frozen=True)
class LayerRow:
    """A row of the layer table: output shape without the batch axis, number of trainable parameters.

    rows: the size of that axis; inside a `time_distributed` batch*time.
    """

    name: str
    kind: str
    shape: tuple[int | str, ...]
    parameters: int
    rows: str = "batch"


@dataclass(frozen=True)
class Bundle:
    """A compiled spec: the graphs by name, the manifest, and the first weights of the inference graph."""

    spec: Spec
    target: Target
    built: Graphs
    manifest: Mapping[str, Any]
    tokenizers: Mapping[str, TokenizerFile]
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
                dims(without_batch(self.built.forward.values[entry.name].shape)),
                sum(
                    math.prod(state.shape)
                    for state in self._trainable
                    if state.name.rpartition("/")[0] in _owners(entry)
                ),
                rows_of(self.built.forward.values[entry.name].shape),
            )
            for entry in self.spec.layers
        ]

    def recordings(self) -> dict[str, list[CaptureObstacle]]:
        """What prevents recording each graph as a CUDA graph; empty where it can be."""
        return {name: capture_obstacles(graph, _fixed_axes(self.spec, name)) for name, graph in self.graphs.items()}

    def models(self) -> dict[str, onnx.ModelProto]:
        """The ONNX model of every graph; `inference` holds the weights that `init` gives for the spec's seed."""
        return {name: self._model(name) for name in self.graphs}

    def _model(self, name: str) -> onnx.ModelProto:
        from .emit import emit
        from .emit_ort_training import emit_training_model

        graph, metadata = self.graphs[name], self._metadata(name)
        if name == TRAINING_MODEL and self.built.api_optimizer:
            return emit_training_model(graph, self.built.api_optimizer.trained, metadata)
        weights = self.initial_weights() if name in WITH_WEIGHTS else {}
        return emit(graph, initializers=weights, metadata=metadata)

    def files(self) -> Iterator[tuple[str, Iterable[bytes | memoryview]]]:
        """Every file of the bundle but the manifest: its path in the folder, and the parts of its content, made while
        they are iterated."""
        from .emit import file_parts

        for name, graph in self.graphs.items():
            weights = self._names_of_weights() if name in WITH_WEIGHTS else ()
            if weights:
                yield file_of(name), file_parts(graph, weights, self._first_of, self._metadata(name))
            else:
                yield file_of(name), [self._model(name).SerializeToString(deterministic=True)]
        for name, file in self.tokenizers.items():
            yield file_of_tokenizer(name), [file.content]
        optimizer = self.built.api_optimizer
        if optimizer is not None:
            from .emit_ort_training import emit_optimizer_model

            metadata = {"netwright.format": str(FORMAT)}
            yield OPTIMIZER_MODEL, [emit_optimizer_model(optimizer, metadata).SerializeToString(deterministic=True)]
            yield CHECKPOINT, [self._checkpoint(optimizer)]

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
        return self._first(self._names_of_weights())

    def _names_of_weights(self) -> Sequence[str]:
        if "init" not in self.graphs:
            return ()
        network = {value.name for value in self.graphs["inference"].inputs}
        return [name for name in self.graphs["init"].outputs if name in network]

    def _first_of(self, name: str) -> Array:
        return self._first([name])[name]

    def _first(self, names: Sequence[str]) -> dict[str, Array]:
        """These outputs of `init` for the spec's seed."""
        if not names:
            return {}
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
            folder.parent.mkdir(parents=True, exist_ok=True)
            staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
            with _no_search_for_garbage():
                for name, parts in self.files():
                    file = staging / name
                    file.parent.mkdir(exist_ok=True)
                    write_parts(file, parts)
            (staging / "manifest.json").write_text(manifest_text(self.manifest) + "\n", encoding="utf-8")
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
            "netwright.state": self._state,
        }

    @cached_property
    def _state(self) -> str:
        """What every model says of the state, made once: a deep network has megabytes of it."""
        return json.dumps(self.manifest["state"])


def compile_spec(
    spec: Spec,
    *,
    target: Target = "portable",
    train_rows: int | None = None,
    vocabularies: Mapping[str, Sequence[str]] = MappingProxyType({}),
    tokenizers: Mapping[str, TokenizerFile] = MappingProxyType({}),
    forms: Mapping[str, str] = MappingProxyType({}),
) -> Bundle:
    """Build every graph of a spec.

    `train_rows` is the number of training examples, for schedules that count in epochs; `vocabularies` are the words
    fitted to the training texts, by layer name, and `tokenizers` the spec's, as they were fitted. `forms` are answers
    to a bundle's `questions`, by their subjects.
    Raises SpecError.
    """
    api = target == "ort-training"
    require_tokenizers(spec, tokenizers)
    with choosing(forms) as choices, _no_search_for_garbage():
        horizon = _horizon(spec.training, train_rows)
        built = build_graphs(spec, horizon, PASSES_OF[target], vocabularies, training_api=api)
    if not api:
        _check_recording(spec, built)
    check_sizes(spec, built.forward, built.targets, tokenizers)
    manifest = manifest_of(spec, target, built, choices, vocabularies, tokenizers)
    return Bundle(spec, target, built, manifest, tokenizers, choices.questions)


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


def manifest_text(value: Any, margin: str = "") -> str:
    """JSON with an entry a line, items of lists on one each: a deep network has thousands, for which the encoder that
    indents is slow."""
    inner = margin + "  "
    if isinstance(value, Mapping) and value:
        lines = [f"{inner}{json.dumps(key)}: {manifest_text(one, inner)}" for key, one in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{margin}}}"
    if isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
        return "[\n" + ",\n".join(f"{inner}{json.dumps(one)}" for one in value) + f"\n{margin}]"
    return json.dumps(value)


def write_parts(file: Path, parts: Iterable[bytes | memoryview]) -> None:
    """A new file with these parts, one after the other."""
    with file.open("wb") as content:
        content.writelines(parts)


def _fixed_axes(spec: Spec, graph: str) -> frozenset[str]:
    """The symbolic axes that sessions of a graph fix; the windows of a text all have one length."""
    if graph not in STEPPING or spec.data is None or spec.data.windows is None:
        return BATCH
    return BATCH.union(size for field in spec.inputs for size in field.shape if isinstance(size, str))


def _check_recording(spec: Spec, built: Graphs) -> None:
    """A step that is to be recorded as a CUDA graph must allow it."""
    training = spec.training
    if training is None or training.device.cuda is None or not training.device.cuda.graph:
        return
    obstacles = capture_obstacles(built.graphs["step"], _fixed_axes(spec, "step"))
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
