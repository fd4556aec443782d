"""Rewrites that keep the meaning of a graph and make it cheaper.

A pass is a function `graph -> (graph, changed)`, one file each; nearly all work through the bodies of loops too. Code
that nobody reads needs no pass: a graph is what its outputs reach (what a loop makes for nobody does need one). The
passes repeat until none changes anything; each only ever shrinks or reshapes a graph toward its own normal form, so
that ends, and a bound turns a mistake in one into an error instead of a hang.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from ..errors import InternalError
from ..ir import Graph, Node
from ..ir.verify import verify
from .algebra import simplify_algebra
from .common_subexpressions import merge_common_subexpressions
from .constant_folding import fold_constants
from .contrib import use_contrib
from .conv_forms import choose_conv_forms
from .gated import use_gated_add
from .gelu import share_gelu
from .linear import use_gemm
from .loops import in_bodies, merge_loops, trim_loops
from .masks import use_masks
from .occurring_rows import use_occurring_rows
from .pooling_order import pool_before_relu
from .row_sums import use_row_products
from .scaling import fold_scaling
from .signed import use_signed_integers

Pass = Callable[[Graph], "tuple[Graph, bool]"]

PASSES: Final[tuple[Pass, ...]] = (
    in_bodies(merge_loops),  # first: it knows loops of the same steps by the body that differentiation gave them
    in_bodies(trim_loops),
    in_bodies(fold_constants),
    in_bodies(share_gelu),
    use_occurring_rows,  # before algebra, which scatters each of these sums into what it is added to
    in_bodies(simplify_algebra),
    in_bodies(use_gemm),
    use_row_products,  # not in bodies, where the ones would be made at every step
    in_bodies(fold_scaling),
    in_bodies(merge_common_subexpressions),
)
PASSES_OF: Final[dict[str, tuple[Pass, ...]]] = {
    "portable": PASSES,
    "ort": (*PASSES, in_bodies(use_contrib), in_bodies(use_gated_add), in_bodies(use_masks)),
    "ort-training": PASSES,
}
"""By emission target."""
_MOST_ROUNDS: Final = 50


def optimize(graph: Graph, passes: Sequence[Pass] = PASSES, checked: set[Node] | None = None) -> Graph:
    """Apply the passes until nothing changes; the graph is verified before the first and after the last.

    `checked` are the nodes that were verified already, which graphs over the same nodes share. Most nodes live from one
    pass to the next, so that checking every graph in between would be a tenth of a deep network's compilation: it is
    done when something went wrong, and says after which pass.
    """
    checked = set() if checked is None else checked
    verify(graph, checked=checked)
    try:
        optimized = _settle(graph, passes)
        verify(optimized, checked=checked)
    except Exception:
        _settle(graph, passes, verify)
        raise
    return optimized


def _settle(graph: Graph, passes: Sequence[Pass], check: Callable[[Graph, str], None] | None = None) -> Graph:
    """The passes one after the other, until each of them has found nothing to change."""
    settled = 0  # passes in a row that found nothing
    for _ in range(_MOST_ROUNDS):
        for one in passes:
            graph, changed = one(graph)
            settled = 0 if changed else settled + 1
            if changed and check is not None:
                check(graph, one.__name__)
            if settled == len(passes):
                return graph
    raise InternalError(f"the passes did not settle on graph '{graph.name}' in {_MOST_ROUNDS} rounds")


__all__ = [
    "PASSES",
    "PASSES_OF",
    "Pass",
    "choose_conv_forms",
    "fold_constants",
    "fold_scaling",
    "in_bodies",
    "merge_common_subexpressions",
    "merge_loops",
    "optimize",
    "pool_before_relu",
    "share_gelu",
    "simplify_algebra",
    "trim_loops",
    "use_contrib",
    "use_gated_add",
    "use_gemm",
    "use_masks",
    "use_occurring_rows",
    "use_row_products",
    "use_signed_integers",
]
