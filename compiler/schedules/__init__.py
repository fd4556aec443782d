"""The schedule family. Importing this package registers all kinds."""

from .base import Horizon, Schedule
from .constant import ConstantRate
from .cosine import Cosine
from .step import StepDecay

__all__ = ["ConstantRate", "Cosine", "Horizon", "Schedule", "StepDecay"]
