"""The state tensors of one network, declared once and shared by every graph built from it."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from .errors import BuildError
from .initializers import Tied
from .ir import Value, graph_input, shape_text
from .ops import op
from .state import State, StateKind

if TYPE_CHECKING:
    from .foreign import ForeignModel

LARGEST_STATE: Final = (2**31 - 2**24) // 4
"""Elements of float32 that one ONNX file can hold beside its nodes: protobuf's limit is 2 GiB."""
IN_FILES: Final = ("parameter", "statistic", "fitted")
"""The state that `inference.onnx` holds; what an optimizer keeps is in no file."""


@dataclass
class Variables:
    """State by name, in order of declaration, each with the graph input that stands for it."""

    declared: dict[str, State] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)
    foreign: dict[str, ForeignModel] = field(default_factory=dict)
    """The ONNX files that layers read, by their paths in the spec: what the state's first values come from."""
    _numbers_in_files: int = 0

    def declare(self, state: State) -> Value:
        """The value of a state tensor; declaring it again must say the same.

        Raises BuildError when it differs from the first declaration or the sum of all is more than a model can hold.
        """
        known = self.declared.get(state.name)
        if known is not None:
            if replace(known, trainable=state.trainable) != state:
                have, need = shape_text(known.shape), shape_text(state.shape)
                message = f"'{state.name}' has the shape {have}, but here {need} is needed"
                raise BuildError(message, "a layer can be shared by inputs of one size", state=state.name)
            return self.values[state.name]
        self._check_size(state)
        self.declared[state.name] = state
        self.values[state.name] = graph_input(state.name, state.dtype, state.shape)
        return self.values[state.name]

    def tied(self, name: str, shape: tuple[int, ...], tie: Tied) -> Value:
        """The earlier parameter that `name` is tied to, transposed if asked. Raises BuildError when none fits."""
        source = self.declared.get(tie.to)
        if source is None or source.kind != "parameter":
            known = [state.name for state in self.of_kind("parameter").values()]
            close = difflib.get_close_matches(tie.to, known, 1)
            advice = f"did you mean '{close[0]}'?" if close else "it must belong to an earlier layer"
            raise BuildError(f"'{name}' is tied to '{tie.to}', but no earlier parameter is called so", advice)
        if tie.transposed and len(source.shape) != 2:
            message = f"'{tie.to}' of shape {shape_text(source.shape)} cannot be transposed, it is no matrix"
            raise BuildError(message, state=tie.to)
        got = source.shape[::-1] if tie.transposed else source.shape
        if got != shape:
            turned = source.shape[::-1] if not tie.transposed else source.shape
            hint = f"write transposed: {'false' if tie.transposed else 'true'}" if turned == shape else None
            message = f"'{name}' needs the shape {shape_text(shape)}, '{tie.to}' has {shape_text(got)}"
            raise BuildError(message, hint, state=tie.to)
        value = self.values[tie.to]
        return op.Transpose(value, perm=[1, 0]) if tie.transposed else value

    def freeze(self, names: Iterable[str]) -> None:
        """Keep these parameters from being trained."""
        for name in names:
            self.declared[name] = replace(self.declared[name], trainable=False)

    def of_kind(self, *kinds: StateKind) -> dict[str, State]:
        return {name: state for name, state in self.declared.items() if state.kind in kinds}

    def _check_size(self, state: State) -> None:
        if state.kind not in IN_FILES:
            return
        total = self._numbers_in_files + math.prod(state.shape)
        if total > LARGEST_STATE:
            raise BuildError(
                f"'{state.name}' of shape {shape_text(state.shape)} brings the network to {total:,} numbers, "
                f"{4 * total / 1e9:,.0f} GB; one ONNX model holds {LARGEST_STATE:,}",
                "make the layer smaller",
            )
        self._numbers_in_files = total
