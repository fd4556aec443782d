"""The schedule family. A kind is imported when it is first used."""

from typing import TYPE_CHECKING, Final

from netwright.schema import lazy_kinds

from .base import Horizon, Schedule

if TYPE_CHECKING:
    from .constant import ConstantRate
    from .cosine import Cosine
    from .step import StepDecay

__all__ = ["ConstantRate", "Cosine", "Horizon", "Schedule", "StepDecay"]

_KINDS: Final = {
    "constant": "constant.ConstantRate",
    "cosine": "cosine.Cosine",
    "step": "step.StepDecay",
}

if not TYPE_CHECKING:
    __getattr__ = lazy_kinds(__name__, _KINDS, Schedule.registry)
