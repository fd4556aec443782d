"""The gradients of a convolution as a problem: its tensors, windows and groups, and the forms that solve it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from ..ir import Shape, Value, is_static
from ..ir.choices import Build, choose
from .windows import Window, attributes_of, known, padded


@dataclass(frozen=True)
class ConvGradient:
    """x (n, g·c, *size), dy (n, g·m, *positions), weight (g·m, c, *kernel) for g groups; a window for each spatial
    axis.

    The input's gradient needs of x the shape alone, the weight's gradient that of the weight.
    """

    x: Value
    dy: Value
    weight: Value
    windows: tuple[Window, ...]
    group: int

    @property
    def counts(self) -> Shape:
        """How many positions the window has along each axis."""
        return self.dy.shape[2:]

    @property
    def padded(self) -> Value:
        return padded(self.x, self.windows)

    @property
    def elements(self) -> int:
        """Numbers in the window of one channel."""
        return math.prod(known(window.size) for window in self.windows)

    @property
    def spatial(self) -> range:
        """The axes after the channels."""
        return range(2, self.x.rank)

    @property
    def strided(self) -> bool:
        return any(window.stride > 1 for window in self.windows)

    @property
    def sized(self) -> bool:
        """Whether kernel, filters and channels are numbers, which they are not where a batch serves as kernel."""
        return all(isinstance(dim, int) for dim in self.weight.shape)

    @property
    def measured(self) -> bool:
        """Whether the size of the images is known, but for how many there are."""
        return is_static(self.x.shape[2:]) and is_static(self.counts)

    @property
    def turnable(self) -> bool:
        """Whether the windows may be laid over dy from behind: without strides, and no padding beyond their reach."""
        return not self.strided and all(max(w.before, w.after) < known(w.extent) for w in self.windows)

    def __str__(self) -> str:
        rest = ", ".join(f"{name} {list(numbers)}" for name, numbers in attributes_of(self.windows).items())
        return f"x {self.x.type}, weight {self.weight.type}, {rest}, group {self.group}"


def turned(window: Window) -> Window:
    """The window over dy whose element k − 1 − i is dy moved by i toward the end, on the grid of x."""
    reach = known(window.extent) - 1
    return Window(window.size, 1, window.dilation, reach - window.before, reach - window.after)


def fits_any(p: ConvGradient) -> bool:
    del p
    return True


@dataclass(frozen=True)
class Form:
    """A way to compute a gradient, and which problems it fits."""

    build: Callable[[ConvGradient], Value]
    fits: Callable[[ConvGradient], bool] = fits_any


def solve(what: str, forms: Mapping[str, Form], default: str, problem: ConvGradient) -> Value:
    """The gradient in one of the forms that fit: the default one, or what whoever compiles has answered."""

    def over_tensors(form: Form) -> Build:
        return lambda x, dy, weight: form.build(replace(problem, x=x, dy=dy, weight=weight))

    fitting = {name: over_tensors(form) for name, form in forms.items() if form.fits(problem)}
    return choose(f"{what} of convolution: {problem}", fitting, default, problem.x, problem.dy, problem.weight)
