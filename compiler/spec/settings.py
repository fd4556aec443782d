"""The fixed sections of a spec as described dataclasses: their fields are schema, defaults and reference page.

Kinds from the registries are held in small entry classes together with the names that connect them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from netwright.schema import Described, spec_field

from ..errors import Origin
from .device import DeviceSettings
from .positions import Path

if TYPE_CHECKING:
    from ..layers.base import Layer
    from ..losses.base import Loss
    from ..metrics.base import Metric
    from ..optimizers.base import Optimizer

NOWHERE = Origin("", 1, 1, "")

MAX_REPORTED = 200
"""Mistakes listed from one kind of check; a text with more of them is no spec."""

RESERVED = frozenset(
    [
        *("batch", "good_steps", "lazy_reset_grad", "learning_rate_scale", "loss", "loss_scale", "optimizer"),
        *("random_counter", "seed", "step"),
    ]
)
"""Names of the bundle's own inputs, outputs, state and axis."""

NAME_PATTERN = "^[A-Za-z_][A-Za-z0-9_-]*$"
NAME: dict[str, Any] = {"type": "string", "pattern": NAME_PATTERN}
"""Names become tensor names in every host language."""

REFERENCE: dict[str, Any] = {"type": "string", "x-expected": "the name of a value"}
REFERENCES: dict[str, Any] = {
    "type": ["string", "array"],
    "items": REFERENCE,
    "minItems": 1,
    "x-expected": "the name of a value, or a list of names",
}

DEFAULT_OPTIMIZER = "adam"


def one_or_list_of(family: str) -> dict[str, Any]:
    """Schema of an entry of a family, or a list of them."""
    reference = {"$ref": f"#/$defs/{family}"}
    return {
        "type": ["string", "object", "array"],
        "if": {"type": "array"},
        "then": {"items": reference, "minItems": 1},
        "else": reference,
    }


@dataclass(frozen=True)
class LayerEntry:
    """A layer of the network (or of an output) with its name and the values it reads."""

    name: str
    layer: Layer
    from_: tuple[str, ...]
    origin: Origin
    path: Path
    """Where its arguments stand in the spec, for `Spec.origin_of(entry.path + ("units",))`."""
    cell: CellEntry | None = None
    """What a `recurrent` layer does in one step."""
    each_step: bool = False
    """Whether it is inside a `time_distributed`: applied to every step by itself, so that its rows are steps."""


@dataclass(frozen=True)
class CellEntry:
    """The layers of one step, and the names of the values they start from and end in."""

    layers: tuple[LayerEntry, ...]
    input: str
    states: tuple[str, ...]
    following: tuple[str, ...]
    """For each state the value it takes for the next step."""
    output: str


@dataclass(frozen=True)
class OptimizerEntry:
    optimizer: Optimizer
    origin: Origin
    path: Path


@dataclass(frozen=True)
class LossEntry:
    """A loss, the value it judges, the target it compares with (which may be an input, or a number that stands for
    every target), and its share in the total."""

    loss: Loss
    from_: str
    target: str | float
    weight: float
    origin: Origin
    path: Path
    class_weights: tuple[float, ...] | None = None
    """For each class how much its examples count."""
    sample_weight: str | None = None
    """The column that says how much each example counts."""
    mask: str | None = None
    """The value (batch, time) that is 0 where a step does not count."""
    lengths: str | None = None
    """The value (batch) that says how many steps count."""
    label_lengths: str | None = None
    """The column that says how many labels each example has."""


@dataclass(frozen=True)
class ObjectiveEntry:
    """Losses whose sum one optimizer makes small by the parameters that fit `trains` alone.

    name: None for what `training.loss` says, the only objective there is, which trains every parameter.
    """

    name: str | None
    trains: tuple[str, ...]
    loss: tuple[LossEntry, ...]
    optimizer: OptimizerEntry
    origin: Origin
    path: Path


@dataclass(frozen=True)
class MetricEntry:
    """A metric under the name it is reported by."""

    name: str
    metric: Metric
    from_: str
    target: str
    origin: Origin
    path: Path


@dataclass(frozen=True, kw_only=True)
class TokenizerSettings(Described):
    """What makes whole numbers of text: fitted to the training texts, and kept in the bundle as a file.

    `${name}` is how many tokens it has. There are four besides those of the texts: 0 pads, 1 is an unknown token, 2 and
    3 are begin and end.
    """

    shorthand: ClassVar[str | None] = "level"
    level: Literal["char", "word", "space", "bpe"] = spec_field(
        "`char`: every character. `word`: runs of letters and digits, apostrophes inside included, and every other "
        "character that is no space. `space`: what stands between spaces, for words that are cut already, and tags. "
        "`bpe`: byte pairs, which needs the extra `text`."
    )
    size: int | None = spec_field(
        "How many tokens there are at most (default: all that occur, of `bpe` 4096).", default=None, minimum=5
    )
    minimum_count: int = spec_field("Rarer tokens are unknown.", default=1, minimum=1)
    lower: bool = spec_field("Put text into lower case first.", default=False)

    @property
    def stand_in(self) -> int:
        """How many tokens to reckon with where the texts are not read."""
        return self.size or (4096 if self.level == "bpe" else 256)


@dataclass(frozen=True, kw_only=True)
class TokensSettings(Described):
    """How a text becomes one row of whole numbers."""

    shorthand: ClassVar[str | None] = "by"
    by: str = spec_field("The name of a tokenizer.")
    begin: bool = spec_field("Put the token `begin` before the text.", default=False)
    end: bool = spec_field("Put the token `end` after the text.", default=False)
    longest: int | None = spec_field(
        "Cut a text that has more tokens, begin and end included.", default=None, minimum=1
    )


@dataclass(frozen=True, kw_only=True)
class InputSettings(Described):
    """A value that the network is given, one per example of the batch."""

    shorthand: ClassVar[str | None] = "shape"
    shape: tuple[int | str, ...] = spec_field(
        "Size of each axis without the batch axis; a name such as `time` makes the axis symbolic.",
        schema={
            "type": "array",
            "items": {"type": ["integer", "string"], "minimum": 1, "pattern": NAME_PATTERN},
        },
    )
    dtype: Literal["float32", "float64", "float16", "int64", "int32", "uint8", "bool", "string"] = spec_field(
        "Type of the elements.", default="float32"
    )
    preprocess: tuple[LayerEntry, ...] = spec_field(
        "Layers applied to it first, inside the model; its name then means what they make of it.",
        default=(),
        schema={"type": "array", "items": {"$ref": "#/$defs/layer"}, "minItems": 1},
    )
    tokens: TokensSettings | None = spec_field(
        "The data are texts, whose tokens these are. Needs dtype int64 and one symbolic axis; with a second one the "
        "text is cut at spaces, and each word is a row of tokens, which is cut or padded where that axis has a size.",
        default=None,
    )
    length_of: str | None = spec_field(
        "The input with `tokens` whose number of tokens this is. Needs dtype int64 and shape [].", default=None
    )
    drawn: Literal["normal", "uniform"] | None = spec_field(
        "Random numbers in place of data, float32: training draws new ones in each step, from the standard normal "
        "distribution or between -1 and 1. `inference.onnx` takes them as an input.",
        default=None,
    )


@dataclass(frozen=True, kw_only=True)
class Regularization(Described):
    """Penalties on the weights, added to the loss."""

    l1: float = spec_field("Factor of the sum of absolute weights.", default=0.0, minimum=0)
    l2: float = spec_field("Factor of the sum of squared weights.", default=0.0, minimum=0)


@dataclass(frozen=True, kw_only=True)
class Mixup(Described):
    """How examples are mixed with one another: `compiler/mixup.py`."""

    shorthand: ClassVar[str | None] = "alpha"
    alpha: float = spec_field(
        "λ = max(β, 1 − β) for β ~ Beta(α, α), one for each step: near 0 examples are hardly mixed, at 1 every share "
        "is as likely.",
        minimum=0.001,
        maximum=1000,
    )
    inputs: tuple[str, ...] = spec_field(
        "The inputs to mix, after their `preprocess` (default: all).",
        default=(),
        schema={"type": "array", "items": NAME, "minItems": 1},
    )


@dataclass(frozen=True, kw_only=True)
class EarlyStopping(Described):
    """Stop when the monitored number no longer improves on the validation data."""

    shorthand: ClassVar[str | None] = "patience"
    patience: int = spec_field("Epochs without improvement before training stops.", minimum=1)
    monitor: str = spec_field("`loss`, or the name of a metric.", default="loss")
    minimum_change: float = spec_field("A smaller change is not an improvement.", default=0.0, minimum=0)


@dataclass(frozen=True, kw_only=True)
class LossScaling(Described):
    """The loss is multiplied by a factor before it is differentiated, so that no gradient is too small for float16, and
    the gradients are divided by it. A step whose gradients are not all finite is skipped, and halves the factor."""

    shorthand: ClassVar[str | None] = "initial"
    initial: float = spec_field("The first factor.", default=65536.0, minimum=1, maximum=1e9)
    growth_interval: int = spec_field(
        "Steps in a row without an overflow, after which the factor doubles.", default=2000, minimum=1
    )


@dataclass(frozen=True, kw_only=True)
class ObjectiveSettings(Described):
    """Losses of their own, for some of the parameters."""

    trains: tuple[str, ...] = spec_field(
        "The parameters that these losses change, with `*` for any text, such as `generator/*`; one or a list.",
        schema={
            "type": ["string", "array"],
            "items": {"type": "string"},
            "minItems": 1,
            "x-expected": "names of parameters, such as 'generator/*', or a list of them",
        },
    )
    loss: tuple[LossEntry, ...] = spec_field("What they make small, as `training.loss`.", schema=one_or_list_of("loss"))
    optimizer: OptimizerEntry = spec_field(
        "How the gradients of these losses change the weights (default: that of `training`).",
        default=None,
        schema={"$ref": "#/$defs/optimizer"},
    )


@dataclass(frozen=True, kw_only=True)
class TrainingSettings(Described):
    """How the network learns. Without this section a spec can only predict."""

    loss: tuple[LossEntry, ...] = spec_field(
        "What training makes small: a loss, or a list of losses that are added. Required without `objectives`.",
        default=(),
        schema=one_or_list_of("loss"),
    )
    objectives: tuple[ObjectiveEntry, ...] = spec_field(
        "In place of `loss`, several objectives by name, each with the parameters that it trains: networks that work "
        "against each other. A step updates all of them at once.",
        default=(),
        schema={"type": "object", "minProperties": 1, "propertyNames": {"pattern": NAME_PATTERN}},
    )
    optimizer: OptimizerEntry = spec_field(
        f"How the gradient changes the weights (default: {DEFAULT_OPTIMIZER}).",
        default=None,
        schema={"$ref": "#/$defs/optimizer"},
    )
    regularization: Regularization = spec_field("Penalties on the weights.", default_factory=lambda: Regularization())
    mixup: Mixup | None = spec_field(
        "Mix each example of a training batch with another of it: inputs become λ·own + (1 − λ)·other, and each loss "
        "λ·loss(own target) + (1 − λ)·loss(the other's target). Metrics of a step compare with the own targets; "
        "evaluation mixes nothing. Zhang et al., mixup: Beyond Empirical Risk Minimization, ICLR 2018.",
        default=None,
    )
    clip_global_norm: float | None = spec_field(
        "Scale all gradients down together when their joint norm is larger than this.",
        default=None,
        exclusive_minimum=0,
    )
    frozen: tuple[str, ...] = spec_field(
        "Names of parameters that keep their first values, with `*` for any text: `conv1/*`.", default=()
    )
    epochs: int = spec_field("Passes over the training data.", default=10, minimum=1)
    batch_size: int = spec_field("Examples in one step.", default=32, minimum=1)
    seed: int = spec_field("Seed of the initial weights, of shuffling and of random masks.", default=0, minimum=0)
    precision: Literal["float32", "float16", "bfloat16"] = spec_field(
        "What the network computes in while it trains. With `float16` or `bfloat16` products and activations are in "
        "half precision; parameters, optimizer, losses and sums stay in float32, and so do evaluation and prediction. "
        "`bfloat16` needs CUDA.",
        default="float32",
    )
    loss_scaling: LossScaling = spec_field(
        "How the loss is scaled. Only for `precision: float16`, where it always is.",
        default_factory=lambda: LossScaling(),
    )
    metrics: tuple[MetricEntry, ...] = spec_field(
        "Numbers to report besides the loss.", default=(), schema={"type": "array", "items": {"$ref": "#/$defs/metric"}}
    )
    early_stopping: EarlyStopping | None = spec_field("Stop when nothing improves.", default=None)
    restore_best: bool = spec_field("End with the weights of the best epoch instead of the last.", default=False)
    device: DeviceSettings = spec_field("Where training runs.", default_factory=lambda: DeviceSettings())
    origin: Origin = dataclasses.field(default=NOWHERE, compare=False)

    @property
    def scaling(self) -> LossScaling | None:
        """How the loss is scaled, if it is: bfloat16 has the range of float32 and needs none."""
        return self.loss_scaling if self.precision == "float16" else None

    @property
    def monitor(self) -> str:
        """The number that decides which epoch is best."""
        return self.early_stopping.monitor if self.early_stopping else "loss"


@dataclass(frozen=True, kw_only=True)
class Split(Described):
    """Fractions of the data kept apart from training."""

    validation: float = spec_field("Fraction that judges each epoch.", default=0.0, minimum=0, exclusive_maximum=1)
    test: float = spec_field("Fraction that judges the finished network.", default=0.0, minimum=0, exclusive_maximum=1)
    seed: int = spec_field("Seed of the random split.", default=0, minimum=0)
    stratify: str | None = spec_field("Column whose values every part holds in equal shares.", default=None)


@dataclass(frozen=True, kw_only=True)
class Balance(Described):
    """Show every class equally often in an epoch of training. Evaluation counts each example once."""

    shorthand: ClassVar[str | None] = "method"
    method: Literal["oversample"] = spec_field(
        "`oversample` repeats the examples of rare classes until each class has as many as the largest."
    )
    by: str | None = spec_field("The target whose classes count (default: the only one with classes).", default=None)


@dataclass(frozen=True, kw_only=True)
class Windows(Described):
    """Join the texts to one stream and cut that into windows, for a language model.

    With `shuffle: false` the training stream is cut into `batch_size` streams side by side, and row i of a batch goes
    on where row i of the batch before ended, as `stateful` layers need. Otherwise the windows come in a new order every
    epoch. Tokens at the end of a stream that fill no window are left out.
    """

    shorthand: ClassVar[str | None] = "length"
    length: int = spec_field("Tokens of a window that is trained on.", minimum=1)
    evaluation_length: int | None = spec_field(
        "Tokens of a window that evaluates, each beginning from nothing (default: `length`).", default=None, minimum=1
    )
    target: str = spec_field("The target that is the same window one token later.", default="label")


@dataclass(frozen=True, kw_only=True)
class Series(Described):
    """How examples are cut from a series: `runtime/data/series.py`."""

    shorthand: ClassVar[str | None] = "length"
    length: int = spec_field("Rows in a row that are an example's features.", minimum=1)
    horizon: int = spec_field("Rows after them that are its targets.", default=1, minimum=1)
    stride: int = spec_field("Rows from the start of an example to that of the next.", default=1, minimum=1)
    missing: Literal["error", "drop", "previous"] = spec_field(
        "What to do about missing numbers: `error`; `drop` the examples that lack one; let the `previous` known number "
        "stand for a missing feature, and drop the examples whose target is missing.",
        default="error",
    )


@dataclass(frozen=True, kw_only=True)
class DataSettings(Described):
    """Where the examples come from."""

    source: Any = spec_field("An entry of the data sources.", schema={"type": ["string", "object"]})
    split: Split = spec_field("Parts kept apart from training.", default_factory=lambda: Split())
    series: Series | None = spec_field(
        "Cut examples from a series, whose rows are in the order of time and evenly spaced: each feature is `length` "
        "rows of its column, each target the `horizon` rows after them. `split` is by time then: the last rows are the "
        "test data, those before them the validation data, and an example belongs where its targets are.",
        default=None,
    )
    shuffle: bool = spec_field("A new order of the training examples in each epoch.", default=True)
    columns: Mapping[str, str | list[str]] = spec_field(
        "Input or target name -> column of the source, where the two differ; a list of columns makes one vector.",
        default_factory=dict,
        schema={
            "type": "object",
            "additionalProperties": {
                "type": ["string", "array"],
                "items": {"type": "string"},
                "minItems": 1,
                "x-expected": "the name of a column, or a list of columns",
            },
        },
    )
    next_tokens: Mapping[str, str] = spec_field(
        "Target -> the input with `tokens` that it is one token ahead of: of the input `begin a b` the target is "
        "`a b end`, so that a decoder learns to say what comes next.",
        default_factory=dict,
        schema={
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {"type": "string", "x-expected": "the name of an input with tokens"},
        },
    )
    balance: Balance | None = spec_field("Show rare classes more often.", default=None)
    tokens: dict[str, TokensSettings] = spec_field(
        "Target name -> its tokens, where the data are texts: tags, or the sentence to translate into.",
        default_factory=dict,
    )
    windows: Windows | None = spec_field("Cut the texts into windows, for a language model.", default=None)
    bucket_by: str | None = spec_field(
        "An input with `length_of`: training batches are made of texts of similar length.", default=None
    )
    origin: Origin = dataclasses.field(default=NOWHERE, compare=False)
