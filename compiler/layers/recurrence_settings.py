"""What every recurrent layer lets its author choose: apart from the layers, as reading a spec needs none of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

from netwright.schema import Described, spec_field

from ..errors import BuildError
from .checks import require_one_of_mask_and_lengths

VALUE: Final[dict[str, Any]] = {"type": "string", "x-expected": "the name of a value"}
RETURN: Final = (
    "`sequences`: the output of every step, (batch, time, …). `last`: that after the last step, (batch, …). `state`: "
    "the final state, (batch, …), as `initial_from` of another layer takes it."
)


@dataclass(frozen=True, kw_only=True)
class RecurrenceSettings(Described):
    """What every recurrent layer lets its author choose."""

    value_fields: ClassVar[tuple[str, ...]] = ("initial_from", "mask", "lengths")
    return_: Literal["sequences", "last", "state"] = spec_field(RETURN, default="sequences")
    initial: Literal["zeros", "learned"] = spec_field(
        "The state before the first step: zeros, or a parameter `initial_state`, first 0.", default="zeros"
    )
    initial_from: str | None = spec_field(
        "A value of shape (batch, size of the state) that the state starts from, instead.", default=None, schema=VALUE
    )
    mask: str | None = spec_field(
        "A value of shape (batch, time), numbers or truth values: steps where it is 0 are padding. They change "
        "neither the state nor any gradient, and their output is 0.",
        default=None,
        schema=VALUE,
    )
    lengths: str | None = spec_field(
        "A value of shape (batch), whole numbers: how many steps of each sequence are no padding, counted from its "
        "beginning. The same as a `mask`.",
        default=None,
        schema=VALUE,
    )
    stateful: bool = spec_field(
        "While training, start each batch from the state in which the batch before it ended (truncated "
        "back-propagation through time); every epoch starts from zeros. Data must then be in the order of time.",
        default=False,
    )
    backward: Literal["saved", "recomputed"] = spec_field(
        "What the gradient needs of each step is saved, or computed again from the state: slower, in less memory.",
        default="saved",
    )

    def __post_init__(self) -> None:
        if self.stateful and (self.initial != "zeros" or self.initial_from is not None):
            raise BuildError(
                "a stateful layer starts from the state before it, so it takes no 'initial' or 'initial_from'",
                path=("stateful",),
            )
        if self.initial == "learned" and self.initial_from is not None:
            raise BuildError("the state starts from 'initial' or from 'initial_from', not both", path=("initial_from",))
        require_one_of_mask_and_lengths(self.mask, self.lengths)
