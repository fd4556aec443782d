"""The typed form of a bundle's `manifest.json`; docs/architecture.md says what each entry means."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

BUNDLE_FORMAT = 1
"""The version of the bundle contract that this runtime reads."""

Shape = tuple[int | str, ...]
"""Sizes and symbolic axes; the batch axis is called `batch`."""

BATCH_ROLES = frozenset({"feature", "target"})
"""Roles of the graph inputs that come from a batch; every other input but `seed` is state."""


@dataclass(frozen=True)
class Port:
    """One input or output of a graph. `feeds` names the state input that takes this output's value in the next step."""

    name: str
    dtype: str
    shape: Shape
    role: str
    feeds: str | None = None


@dataclass(frozen=True)
class GraphEntry:
    """One ONNX file of the bundle, relative to its folder, with its inputs and outputs in order."""

    file: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    @property
    def symbols(self) -> frozenset[str]:
        """The symbolic axes of the inputs; `batch` is one."""
        return frozenset(size for port in self.inputs for size in port.shape if isinstance(size, str))


@dataclass(frozen=True)
class Place:
    """Where the spec defines something: file, 1-based line and column, and the path of keys."""

    file: str
    line: int
    column: int
    path: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.path}" if self.path else f"{self.file}:{self.line}"


@dataclass(frozen=True)
class StateEntry:
    """One tensor that survives a step. `kind`: parameter, statistic, slot, counter, scale, fitted or carried."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    kind: str
    trainable: bool = False
    origin: Place | None = None


@dataclass(frozen=True)
class TokenPlan:
    """How a text becomes a row of tokens: the tokenizer, what is put around it, and where it is cut."""

    by: str
    begin: bool = False
    end: bool = False
    longest: int | None = None


@dataclass(frozen=True)
class Field:
    """A feature, target or output of the model. `shape` is without the batch axis.

    `column` names the data's column, or several that become one vector; `labels` are what the values 0, 1 … stand for,
    which a run learns from its data. A feature that is looked up (words for an embedding) is a whole number from 0 to
    `limit` - 1. A feature that is `drawn` has no column: training graphs draw it from that distribution, `normal` or
    `uniform` from -1 to 1, and `inference.onnx` takes it.

    `tokens`: the data are texts, and these their tokens. `length_of` and `next_of` name a feature with tokens: this one
    is how many each text has, or the same window of them one later. `tokens_of`: of an output, the target whose
    tokens its numbers are.
    """

    name: str
    dtype: str
    shape: Shape
    column: str | tuple[str, ...] | None = None
    classes: int | None = None
    labels: tuple[str, ...] | None = None
    limit: int | None = None
    drawn: str | None = None
    tokens: TokenPlan | None = None
    length_of: str | None = None
    next_of: str | None = None
    tokens_of: str | None = None

    @property
    def of_text(self) -> str | None:
        """The feature whose text this one is made of, itself perhaps; None where it is a column of the data."""
        return self.name if self.tokens is not None else self.length_of or self.next_of


@dataclass(frozen=True)
class Metric:
    """How the sums that `evaluate.onnx` gives become one number; `goal` (min, max or null) says which is better."""

    name: str
    finalize: str
    sums: tuple[str, ...]
    goal: str | None = None


@dataclass(frozen=True)
class FittingStep:
    """A statistic that the training data give before the first step: what `fit.onnx` gives for the state, and when.

    `statistic`: mean, root_mean, minimum or maximum. Later stages need the state of earlier ones.
    """

    state: str
    statistic: str
    sums: tuple[str, ...]
    stage: int


@dataclass(frozen=True)
class Vocabulary:
    """The words that a layer was fitted to: how many, and the SHA-256 of their JSON list."""

    layer: str
    words: int
    sha256: str


@dataclass(frozen=True)
class TokenizerEntry:
    """A tokenizer: its file in the bundle's folder, the SHA-256 of that, and how many tokens it has."""

    name: str
    file: str
    level: str
    size: int
    sha256: str


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when `monitor` has not improved by more than `minimum_change` for `patience` epochs."""

    patience: int
    monitor: str = "loss"
    minimum_change: float = 0.0


@dataclass(frozen=True)
class CudaOptions:
    """What the CUDA provider is told, and how its path runs; the reference says what each means. Limit in bytes."""

    tf32: bool = True
    graph: bool = False
    memory_limit: int | None = None
    read_every: int = 16


@dataclass(frozen=True)
class DevicePlan:
    """The device the spec asks for: auto, cpu or cuda, and the options it takes if it is CUDA."""

    name: str = "auto"
    cuda: CudaOptions = field(default_factory=CudaOptions)


@dataclass(frozen=True)
class TrainingPlan:
    """What the spec's `training` section says to the host. `precision`: the dtype the network computes in meanwhile."""

    epochs: int
    batch_size: int
    seed: int = 0
    precision: str = "float32"
    early_stopping: EarlyStopping | None = None
    restore_best: bool = True
    monitor: str = "loss"
    device: DevicePlan = field(default_factory=DevicePlan)


@dataclass(frozen=True)
class TrainingApi:
    """What a bundle for ONNX Runtime's training API holds beside its graphs (docs/ort-training.md).

    learning_rate: what the optimizer is set to; 1 where the model plans the rate. trained: the parameters with
    gradients. moments: the names of what the optimizer keeps for each.
    """

    optimizer_model: str
    checkpoint: str
    learning_rate: float
    trained: tuple[str, ...]
    moments: tuple[str, ...]


@dataclass(frozen=True)
class SourceFile:
    """A file that layers of the spec were made of, by its path in the spec."""

    path: str
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """All of `manifest.json`. `data` is kept as JSON: only the data sources know its form."""

    bundle_format: int
    netwright: str
    name: str
    spec_sha256: str
    target: str
    opset: int
    graphs: dict[str, GraphEntry]
    state: tuple[StateEntry, ...]
    features: tuple[Field, ...]
    outputs: tuple[Field, ...]
    targets: tuple[Field, ...] = ()
    metrics: tuple[Metric, ...] = ()
    training: TrainingPlan | None = None
    data: dict[str, Any] | None = None
    fitting: tuple[FittingStep, ...] = ()
    forms: dict[str, str] = field(default_factory=dict)
    vocabularies: tuple[Vocabulary, ...] = ()
    tokenizers: tuple[TokenizerEntry, ...] = ()
    training_api: TrainingApi | None = None
    files: tuple[SourceFile, ...] = ()

    @property
    def data_features(self) -> tuple[Field, ...]:
        """The features that the data give."""
        return tuple(field for field in self.features if field.drawn is None)

    @property
    def inference_features(self) -> tuple[Field, ...]:
        """The features that `inference.onnx` takes: those that an output depends on."""
        taken = {port.name for port in self.graphs["inference"].inputs}
        return tuple(field for field in self.features if field.name in taken)

    @property
    def step(self) -> GraphEntry:
        """The graph that computes the loss of a training step."""
        return self.graphs["step" if self.training_api is None else "training_model"]
