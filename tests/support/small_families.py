"""Small families of kinds, so that the road from YAML to a spec is tested apart from what the compiler ships."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from netwright.compiler.errors import BuildError
from netwright.compiler.spec import Families
from netwright.schema import Described, Registry, spec_field

LAYERS: Registry[Any] = Registry("layer")
LOSSES: Registry[Any] = Registry("loss")
OPTIMIZERS: Registry[Any] = Registry("optimizer")
INITIALIZERS: Registry[Any] = Registry("initializer")
SCHEDULES: Registry[Any] = Registry("schedule")
METRICS: Registry[Any] = Registry("metric")
FAMILIES = Families(LAYERS, LOSSES, OPTIMIZERS, INITIALIZERS, SCHEDULES, METRICS)


@dataclass(frozen=True, kw_only=True)
class Layer(Described):
    value_fields: ClassVar[tuple[str, ...]] = ()
    registry: ClassVar[Registry[Any]] = LAYERS

    @classmethod
    def reads(cls, arguments: Any) -> tuple[str, ...] | None:
        del arguments
        return None


@dataclass(frozen=True, kw_only=True)
class Loss(Described):
    registry: ClassVar[Registry[Any]] = LOSSES
    default_target: ClassVar[str] = "target"


@dataclass(frozen=True, kw_only=True)
class Optimizer(Described):
    registry: ClassVar[Registry[Any]] = OPTIMIZERS


@dataclass(frozen=True, kw_only=True)
class Initializer(Described):
    registry: ClassVar[Registry[Any]] = INITIALIZERS


@dataclass(frozen=True, kw_only=True)
class Schedule(Described):
    registry: ClassVar[Registry[Any]] = SCHEDULES


@dataclass(frozen=True, kw_only=True)
class Metric(Described):
    registry: ClassVar[Registry[Any]] = METRICS

    @property
    def label(self) -> str:
        return self.kind


@INITIALIZERS.register("zeros")
@dataclass(frozen=True, kw_only=True)
class Zeros(Initializer):
    """All zero."""


@INITIALIZERS.register("normal")
@dataclass(frozen=True, kw_only=True)
class Normal(Initializer):
    """Gaussian numbers."""

    shorthand: ClassVar[str | None] = "deviation"
    deviation: float = spec_field("standard deviation", default=0.05, exclusive_minimum=0)


@LAYERS.register("dense")
@dataclass(frozen=True, kw_only=True)
class Dense(Layer):
    """y = x W + b."""

    shorthand: ClassVar[str | None] = "units"
    units: int = spec_field("number of outputs", minimum=1)
    bias: bool = spec_field("add a bias", default=True)
    activation: Literal["relu", "tanh"] | None = spec_field("applied to the result", default=None)
    initializer: Initializer = spec_field("of the weight", default=Normal(deviation=0.1))


@LAYERS.register("relu")
@dataclass(frozen=True, kw_only=True)
class Relu(Layer):
    """max(x, 0)."""


@LAYERS.register("softmax")
@dataclass(frozen=True, kw_only=True)
class Softmax(Layer):
    """exp x / sum exp x."""

    axis: int = spec_field("axis that sums to one", default=-1)


@LAYERS.register("dropout")
@dataclass(frozen=True, kw_only=True)
class Dropout(Layer):
    """Sets elements to zero."""

    shorthand: ClassVar[str | None] = "rate"
    rate: float = spec_field("share of elements", minimum=0, exclusive_maximum=1)


@LAYERS.register("reshape")
@dataclass(frozen=True, kw_only=True)
class Reshape(Layer):
    """The same elements in another shape."""

    shorthand: ClassVar[str | None] = "shape"
    shape: tuple[int, ...] = spec_field("the new shape", min_items=1, minimum=1)

    def __post_init__(self) -> None:
        if len(self.shape) > 8:
            raise BuildError(f"has {len(self.shape)} axes, at most 8 are possible", path=("shape",))


@LAYERS.register("add")
@dataclass(frozen=True, kw_only=True)
class Add(Layer):
    """The sum of its inputs."""


@LAYERS.register("branches")
@dataclass(frozen=True, kw_only=True)
class Branches(Layer):
    """Layers side by side: a family that holds itself."""

    shorthand: ClassVar[str | None] = "layers"
    layers: tuple[Layer, ...] = spec_field("the branches", min_items=1)


@LAYERS.register("filled")
@dataclass(frozen=True, kw_only=True)
class Filled(Layer):
    """A kind whose shorthand is an entry of another family."""

    shorthand: ClassVar[str | None] = "start"
    start: Initializer = spec_field("of the values")


@LOSSES.register("squared_error")
@dataclass(frozen=True, kw_only=True)
class SquaredError(Loss):
    """(y - t)^2."""


@LOSSES.register("categorical_cross_entropy")
@dataclass(frozen=True, kw_only=True)
class CategoricalCrossEntropy(Loss):
    """-log softmax(y)[t]."""

    default_target: ClassVar[str] = "label"
    label_smoothing: float = spec_field("share spread over all classes", default=0.0, minimum=0, exclusive_maximum=1)


@SCHEDULES.register("cosine")
@dataclass(frozen=True, kw_only=True)
class Cosine(Schedule):
    """Half a cosine."""

    peak: float = spec_field("largest rate", exclusive_minimum=0)
    warmup_steps: int = spec_field("steps of linear growth", default=0, minimum=0)


@OPTIMIZERS.register("adam")
@dataclass(frozen=True, kw_only=True)
class Adam(Optimizer):
    """Adaptive moments."""

    shorthand: ClassVar[str | None] = "learning_rate"
    learning_rate: float | Schedule = spec_field("size of a step", default=1e-3, exclusive_minimum=0)
    beta1: float = spec_field("decay of the first moment", default=0.9, minimum=0, exclusive_maximum=1)


@OPTIMIZERS.register("sgd")
@dataclass(frozen=True, kw_only=True)
class Sgd(Optimizer):
    """Plain descent."""

    learning_rate: float | Schedule = spec_field("size of a step", exclusive_minimum=0)


@METRICS.register("accuracy")
@dataclass(frozen=True, kw_only=True)
class Accuracy(Metric):
    """Share of right answers."""


@METRICS.register("top_k")
@dataclass(frozen=True, kw_only=True)
class TopK(Metric):
    """Share of answers among the k likeliest."""

    shorthand: ClassVar[str | None] = "k"
    k: int = spec_field("how many", minimum=1)

    @property
    def label(self) -> str:
        return f"top_{self.k}"
