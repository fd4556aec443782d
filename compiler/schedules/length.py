"""Lengths of time in a spec: steps, or epochs where the horizon is known."""

from __future__ import annotations

from ..errors import BuildError
from .base import Horizon


def steps_of_epochs(epochs: float, horizon: Horizon, field: str, instead: str) -> int:
    """How many steps `epochs` take, at least one. Raises BuildError when the size of the data is not known."""
    if horizon.steps_per_epoch is None:
        raise BuildError(
            f"`{field}` needs to know how many steps an epoch has, but the size of the data is not known here",
            f"give `{instead}`",
            (field,),
        )
    return max(1, round(epochs * horizon.steps_per_epoch))


def only_one(steps: float | None, epochs: float | None, names: tuple[str, str]) -> None:
    """Raise BuildError when a length is given in both units."""
    if steps is not None and epochs is not None:
        raise BuildError(f"give `{names[0]}` or `{names[1]}`, not both", path=(names[1],))
