"""docs/operators.md: what can be imported, from the records of operators and the forms of foreign ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netwright.compiler.ir import Operator

_HEAD = """\
# Operators that can be imported

This page is generated from netwright itself (`make docs`). A model is imported when every operator that the value asked
for depends on is here, in any form that it has had from opset {oldest} to {newest} ([how](import.md)). Where a gradient
reaches an input, weights there are trained. Outputs other than the first can be used of
{several}.

"""


def operators_page() -> str:
    """The whole page."""
    import netwright.compiler.ops  # noqa: F401  (registers the records)
    from netwright.compiler.foreign import OPSETS
    from netwright.compiler.foreign.forms import REPLACED, REWRITTEN
    from netwright.compiler.ir import OPERATORS

    rows = {
        name: (_gradient(record), _first_line(REWRITTEN[name].__doc__) if name in REWRITTEN else "")
        for (domain, name), record in OPERATORS.items()
        if not domain and not record.host_only and name not in REPLACED and "body" not in record.attributes
    }
    oldest, newest = OPSETS
    several = sorted(name for name in rows if any(s.outputs > 1 for s in OPERATORS["", name].samples()))
    listed = ", ".join(f"`{name}`" for name in several)
    rows |= {name: ("as its parts have", f"becomes {becomes}") for name, (_, becomes) in REPLACED.items()}
    return _HEAD.format(oldest=oldest, newest=newest, several=listed) + _table(
        [("operator", "gradient reaches", "remark"), *((f"`{name}`", *rows[name]) for name in sorted(rows))]
    )


def _gradient(record: Operator) -> str:
    """Which inputs have a rule: `every input`, `input 1`, `none`."""
    from netwright.compiler.ir import NotDifferentiable

    ruled = [index for index, rule in enumerate(record.gradients, 1) if not isinstance(rule, NotDifferentiable)]
    if len(ruled) == len(record.gradients):
        return "every input"
    return f"input {' and '.join(map(str, ruled))}" if ruled else "none"


def _first_line(docstring: str | None) -> str:
    assert docstring is not None  # every form says what is different
    return docstring.strip().splitlines()[0]


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *rest = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, "|---|---|---|", *rest, ""])
