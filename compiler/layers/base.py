"""What a layer is, and what it may ask of the network it is built into."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Protocol, TypeVar

from netwright.schema import Described, Registry

from ..initializers.base import Initializer
from ..ir import DType, Shape, Value, symbol

if TYPE_CHECKING:
    from ..foreign.model import ForeignModel

PAST: Final = symbol("past")
"""The axis of what `LayerContext.kept` gives: the steps that came before."""
Statistic = Literal["mean", "root_mean", "minimum", "maximum"]
"""What can be fitted: Σx/n, √(Σx/n), min x, max x."""

A = TypeVar("A", bound="Activation")


class LayerContext(Protocol):
    """What the network offers to a layer while building it. Names are local to the layer."""

    @property
    def training(self) -> bool:
        """Whether the graph is one that trains (dropout acts, batch statistics are used)."""

    def parameter(
        self,
        name: str,
        shape: tuple[int, ...],
        initializer: Initializer,
        *,
        fan_in: int = 1,
        fan_out: int = 1,
        regularized: bool = False,
        dtype: DType = DType.float32,
        trainable: bool = True,
    ) -> Value:
        """A tensor that training changes, unless it is not `trainable`, called `<layer>/<name>`.

        Asking again for the same name gives the same value.
        """

    def statistic(self, name: str, shape: tuple[int, ...], initializer: Initializer) -> Value:
        """A tensor that training updates without a gradient, such as a running mean."""

    def update_statistic(self, name: str, value: Value) -> None:
        """The statistic's value after this step; ignored unless training."""

    def fitted(self, name: str, statistic: Statistic, of: Value, axes: tuple[int, ...]) -> Value:
        """A statistic of `of` over these axes (and all training examples), called `<layer>/<name>`.

        It is state that the runtime fills before training; its shape is that of `of` without the axes.
        """

    def vocabulary(self) -> tuple[str, ...]:
        """The words that were fitted for this layer. Raises BuildError when none were."""

    def carried_state(self, size: int, x: Value, stateful: bool, initial: Value | None = None) -> Value | None:
        """The layer's state before the first step of `x`, (batch, size), where the graph brings one from the batch
        before (`stateful`, while training) or from the step before (`inference_step`); else None. `initial` is where
        the first step of a sequence starts from, zeros if None."""

    def carry_state(self, value: Value) -> None:
        """The layer's state after the last step, (batch, size); kept where `carried_state` gave one."""

    def kept(self, name: str, shape: Shape, dtype: DType = DType.float32) -> Value | None:
        """What earlier calls of a graph that goes step by step left under this name; None in other graphs.

        Before the first call it is zeros; an axis `PAST` then has the length 0, later as many steps as came before.
        """

    def keep(self, name: str, value: Value) -> None:
        """Leave this value for the next call, where `kept` gave one."""

    def part(self, prefix: str) -> LayerContext:
        """The same layer's context for a part of it, whose names all begin with the prefix."""

    def run_cell(self, step: Value, states: Sequence[Value]) -> tuple[Sequence[Value], Value]:
        """One step of the cell that the spec's author wrote: the next states and the output."""

    def foreign(self, file: str) -> ForeignModel:
        """The ONNX model in a file, by its path from the folder of the spec; it is read once.

        Raises BuildError when it cannot be read.
        """

    def random_key(self, purpose: str = "") -> Value:
        """The random generator's scalar key for this layer, step and purpose. Only while training."""


@dataclass(frozen=True, kw_only=True)
class Layer(Described):
    """One step of a network. The fields are what a person writes; `build` adds its nodes."""

    registry: ClassVar[Registry[Layer]] = Registry("layer")
    arity: ClassVar[tuple[int, int | None]] = (1, 1)
    """Least and most inputs; None for any number."""

    value_fields: ClassVar[tuple[str, ...]] = ()
    """Fields that name a value each: those given are read after the inputs, in this order."""

    moving_fields: ClassVar[tuple[str, ...]] = ("mask",)
    """Those of `value_fields` that go step by step with the input; others are read whole at every step."""

    host_only: ClassVar[bool] = False
    """Whether its operators run on a host's CPU alone (text): training graphs then take its output as an input."""

    @classmethod
    def reads(cls, arguments: Any) -> tuple[str, ...] | None:
        """The values that a layer with these YAML arguments reads by naming them itself; such a layer takes no `from`.

        None for the usual rule: those under `from`, else the value before.
        """
        del arguments
        return None

    @property
    def causal(self) -> bool:
        """Whether what it makes of a step of (batch, time, …) depends on no later step, so that the network can go step
        by step (`inference_step.onnx`)."""
        return False

    @property
    def remembers(self) -> bool:
        """Whether, going step by step, it hands something on from each call to the next."""
        return False

    @property
    def index_limit(self) -> int | None:
        """A layer that looks its input up allows the whole numbers 0 … limit − 1; None for any other layer."""
        return None

    @abstractmethod
    def build(self, context: LayerContext, *inputs: Value) -> Value:
        """The layer's output. Raises BuildError for inputs that do not fit; the network adds the place."""


@dataclass(frozen=True, kw_only=True)
class Activation(Layer):
    """A layer without parameters, also usable as the `activation` of another layer."""

    registry: ClassVar[Registry[Activation]] = Registry("activation")  # type: ignore[assignment]

    @property
    def causal(self) -> bool:
        return getattr(self, "axis", -1) == -1

    @abstractmethod
    def apply(self, x: Value) -> Value:
        """The activation of x, in x's shape."""

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        del context
        return self.apply(inputs[0])


def activation(kind: str) -> Callable[[type[A]], type[A]]:
    """Register a class both as a layer and as an activation."""

    def add(cls: type[A]) -> type[A]:
        Layer.registry.register(kind)(cls)
        Activation.registry.register(kind)(cls)
        return cls

    return add
