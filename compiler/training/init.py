"""The graph that makes the first state of a run."""

from __future__ import annotations

from typing import Final

from .. import random
from ..errors import BuildError, Diagnostic, SpecError
from ..ir import DType, Graph, Value, graph_input, scope
from ..ops.cast import cast
from ..spec.model import Spec
from ..state import State
from ..trail import Trail
from ..variables import Variables
from .update import RANDOM_COUNTER

SEED: Final = "seed"


def build_init(spec: Spec, variables: Variables, trail: Trail) -> Graph:
    """`seed` -> every state tensor, each from a random stream named after it.

    Raises SpecError with every initializer that does not fit its tensor; `trail` says where that has its shape from.
    """
    seed = graph_input(SEED, DType.int64, ())
    key_of = random.keys(seed)
    outputs: dict[str, Value] = {}
    problems: list[Diagnostic] = []
    for name, state in variables.declared.items():
        with scope(name, state.origin):
            if name == RANDOM_COUNTER:
                outputs[name] = random.start(seed)
                continue
            try:
                key = key_of(random.stream_of(f"init:{name}"))
                value = state.initializer.build(key, state.shape, state.fan_in, state.fan_out)
            except BuildError as error:
                problems.append(_misfit(spec, state, error, trail))
                continue
            outputs[name] = cast(value, state.dtype)
    if problems:
        raise SpecError(problems)
    return Graph("init", (seed,), outputs)


def _misfit(spec: Spec, state: State, error: BuildError, trail: Trail) -> Diagnostic:
    """At the initializer where the layer has one of its own, else at the layer."""
    layer, _, parameter = state.name.rpartition("/")
    origin = state.origin or spec.origin_of(())
    for entry in spec.layers:
        given = (f"{parameter}_initializer", "initializer")
        if entry.name == layer:
            found = [spec.origin_of((*entry.path, field, *error.path)) for field in given]
            origin = next((place for place in found if place.path != spec.origin_of(entry.path).path), origin)
    shapes = trail.to(trail.steps[layer]) if layer in trail.steps else ()
    return Diagnostic(origin, f"{state.name}: {error.message}", error.hint, shapes)
