"""The state tensors of one network, declared once and shared by every graph built from it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from .errors import BuildError
from .ir import Value, graph_input, shape_text
from .state import State, StateKind

LARGEST_STATE: Final = 2**31 // 4
"""Elements of float32 state that one ONNX file can hold: protobuf's limit is 2 GiB."""


@dataclass
class Variables:
    """State by name, in order of declaration, each with the graph input that stands for it."""

    declared: dict[str, State] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)

    def declare(self, state: State) -> Value:
        """The value of a state tensor; declaring it again must say the same.

        Raises BuildError when it differs from the first declaration or the sum of all is more than a model can hold.
        """
        known = self.declared.get(state.name)
        if known is not None:
            if known != state:
                raise BuildError(
                    f"'{state.name}' is declared as {shape_text(known.shape)} and again as {shape_text(state.shape)}"
                )
            return self.values[state.name]
        self._check_size(state)
        self.declared[state.name] = state
        self.values[state.name] = graph_input(state.name, state.dtype, state.shape)
        return self.values[state.name]

    def of_kind(self, *kinds: StateKind) -> dict[str, State]:
        return {name: state for name, state in self.declared.items() if state.kind in kinds}

    def _check_size(self, state: State) -> None:
        size = math.prod(state.shape)
        total = size + sum(math.prod(other.shape) for other in self.declared.values())
        if total > LARGEST_STATE:
            raise BuildError(
                f"'{state.name}' of shape {shape_text(state.shape)} brings the network to {total:,} numbers, "
                f"{4 * total / 1e9:,.0f} GB; one ONNX model holds {LARGEST_STATE:,}",
                "make the layer smaller",
            )
