"""State, steps and evaluation of the trainer, done by ONNX Runtime's training API in a process of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from netwright.formats.ort_checkpoint import (
    CheckpointFormatError,
    OptimizerState,
    Property,
    TrainingCheckpoint,
    decode_checkpoint,
    encode_checkpoint,
)

from ..atomic import write_atomically
from ..bundle import Bundle
from ..engine import Engine
from ..errors import UserError
from ..evaluator import Metrics, finalize, sum_batches
from ..loop import StepResult
from ..manifest import BATCH_ROLES, TrainingApi
from ..session import SessionSettings, run_problem
from ..state import Array
from ..upload import Batch
from .process import Refused, TrainingProcess

STEP, RANDOM_COUNTER, SCALE = "step", "random_counter", "learning_rate_scale"


def open_engine(
    bundle: Bundle, values: Mapping[str, Array], process: TrainingProcess, settings: SessionSettings
) -> Engine:
    """The engine of a bundle made for the training API, at the state `values`."""
    api = bundle.training_api()
    process.ready()
    process.call("open", artifacts=str(bundle.folder.resolve()), threads=settings.threads)
    state = ApiState(bundle, api, values, process)
    return Engine(state, ApiLoop(bundle, state, process), ApiEvaluator(bundle, process), state.export)


class ApiState:
    """The state in the process; `random_counter` and `learning_rate_scale`, which the API does not know, are here.

    It comes and goes as the API's own checkpoint file, so a run resumes bit for bit.
    """

    def __init__(self, bundle: Bundle, api: TrainingApi, values: Mapping[str, Array], process: TrainingProcess) -> None:
        self._bundle = bundle
        self._api = api
        self._process = process
        self._names = [entry.name for entry in bundle.manifest.state]
        self.random_counter = np.array(0, np.int64)
        self._scale = np.array(1, np.float32)
        self.load(values)

    def load(self, values: Mapping[str, Array]) -> None:
        """Put the process into this state. `values` has every state name."""
        self.random_counter = np.array(values[RANDOM_COUNTER], np.int64)
        self._scale = np.array(values[SCALE], np.float32)
        moments = {
            parameter: {moment: values[f"optimizer/{parameter}/{moment}"] for moment in self._api.moments}
            for parameter in self._api.trained
        }
        optimizer = OptimizerState(int(values[STEP]), self._api.learning_rate, moments)
        try:
            data = encode_checkpoint(self._checkpoint(values, optimizer))
        except CheckpointFormatError as error:
            raise UserError(f"{self._bundle.folder}: {error}", "leave --backend ort-training out") from error
        with tempfile.TemporaryDirectory(prefix="netwright-") as folder:
            path = Path(folder) / "checkpoint"
            path.write_bytes(data)
            rate = self._api.learning_rate * float(self._scale)
            _call(self._process, self._model, "load", checkpoint=str(path), learning_rate=rate)

    def numpy(self) -> dict[str, Array]:
        """Copies of the state, by name."""
        with tempfile.TemporaryDirectory(prefix="netwright-") as folder:
            path = Path(folder) / "checkpoint"
            _call(self._process, self._model, "save", checkpoint=str(path))
            saved = decode_checkpoint(path.read_bytes())
        assert saved.optimizer is not None
        values = {**saved.trained, **saved.frozen}
        for parameter, moments in saved.optimizer.moments.items():
            values.update({f"optimizer/{parameter}/{moment}": array for moment, array in moments.items()})
        values[STEP] = np.array(saved.optimizer.step, np.int64)
        values[RANDOM_COUNTER], values[SCALE] = self.random_counter.copy(), self._scale.copy()
        return {name: values[name] for name in self._names}

    def scalar(self, name: str) -> float:
        """The current value of a scalar."""
        return float(self.numpy()[name])

    def advance(self) -> None:
        """Count a step: what the step graph does to the random counter, wrapping as int64 does in a graph."""
        following = (int(self.random_counter) + 1 + 2**63) % 2**64 - 2**63
        self.random_counter = np.array(following, np.int64)

    def previous(self) -> dict[str, Array]:
        """The state before the last step where its loss was not finite: such a step changes nothing."""
        return self.numpy()

    def export(self) -> None:
        """Write the state as the bundle's `checkpoint`, for whoever goes on with the training API."""
        values = self.numpy()
        write_atomically(self._bundle.folder / self._api.checkpoint, encode_checkpoint(self._checkpoint(values, None)))

    @property
    def _model(self) -> Path:
        return self._bundle.graph_file("training_model")

    def _checkpoint(self, values: Mapping[str, Array], optimizer: OptimizerState | None) -> TrainingCheckpoint:
        kinds = ("parameter", "statistic", "fitted")
        network = [entry.name for entry in self._bundle.manifest.state if entry.kind in kinds]
        trained = {name: np.asarray(values[name]) for name in self._api.trained}
        frozen = {name: np.asarray(values[name]) for name in network if name not in trained}
        properties: dict[str, Property] = {"learning_rate": self._api.learning_rate}
        if any(port.name == RANDOM_COUNTER for port in self._bundle.manifest.graphs["training_model"].inputs):
            properties[RANDOM_COUNTER] = int(values[RANDOM_COUNTER])
        return TrainingCheckpoint(trained, frozen, optimizer, properties)


class ApiLoop:
    """Steps in the process. Every step is read at once."""

    def __init__(self, bundle: Bundle, state: ApiState, process: TrainingProcess) -> None:
        graph = bundle.manifest.graphs["training_model"]
        self._model = bundle.graph_file("training_model")
        self._inputs = [port.name for port in graph.inputs if port.role in BATCH_ROLES or port.name == RANDOM_COUNTER]
        self._outputs = [port.name for port in graph.outputs if port.feeds is None]
        self._state = state
        self._process = process

    def feed(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The batches as they are."""
        return iter(batches)

    def step(self, batch: Batch, rows: int) -> list[StepResult]:
        """One training step on `rows` rows, and its result."""
        feeds = {**batch, RANDOM_COUNTER: self._state.random_counter}
        values = _call(self._process, self._model, "step", [feeds[name] for name in self._inputs])
        self._state.advance()
        numbers = {name: float(value) for name, value in zip(self._outputs, values, strict=False)}
        return [StepResult(rows, numbers.pop("loss"), numbers)]

    def read(self) -> list[StepResult]:
        """Nothing is left to read."""
        return []


class ApiEvaluator:
    """`eval_model.onnx` over the parameters in the process."""

    def __init__(self, bundle: Bundle, process: TrainingProcess) -> None:
        graph = bundle.manifest.graphs["eval_model"]
        self._model = bundle.graph_file("eval_model")
        self._metrics = bundle.manifest.metrics
        self._inputs = [port.name for port in graph.inputs if port.role in BATCH_ROLES]
        self._outputs = [port.name for port in graph.outputs if port.role in ("loss", "sum")]
        self._process = process

    def evaluate(self, batches: Iterable[Batch]) -> Metrics:
        """Metrics by name over all batches, summed in float64. `loss` is among them.

        Raises:
            UserError: there are no batches.
        """
        return finalize(self._metrics, sum_batches(self._sums(batch) for batch in batches))

    def _sums(self, batch: Batch) -> dict[str, Array]:
        inputs = [batch[name] for name in self._inputs]
        values = _call(self._process, self._model, "evaluate", inputs, count=len(self._outputs))
        return dict(zip(self._outputs, values, strict=True))


def _call(
    process: TrainingProcess, model: Path, do: str, arrays: Iterable[Array] = (), **fields: object
) -> list[Array]:
    """Raises UserError or EnvironmentProblem with ONNX Runtime's words."""
    try:
        return process.call(do, arrays, **fields)
    except Refused as error:
        raise run_problem(model, error) from error
