"""What a table does about missing values: say so and stop, leave the row out, fill something in, or leave it to
`data.series`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Policy = str | float
"""`error`, `drop`, `mean`, `keep`, or the value that stands for a missing one (a number, or text for a category)."""

ERROR, DROP, MEAN, KEEP = "error", "drop", "mean", "keep"

MISSING_SCHEMA = {
    "type": ["string", "number", "object"],
    "additionalProperties": {"type": ["string", "number"]},
}


@dataclass(frozen=True)
class MissingRules:
    """The policy of each column; those that are not named have the default."""

    default: Policy = ERROR
    by_column: Mapping[str, Policy] | None = None

    @classmethod
    def of(cls, written: Policy | Mapping[str, Policy]) -> MissingRules:
        """From the spec's `missing`: one policy for all columns, or one for each column named."""
        return cls(by_column=written) if isinstance(written, Mapping) else cls(written)

    def policy(self, column: str) -> Policy:
        return (self.by_column or {}).get(column, self.default)

    def named(self) -> tuple[str, ...]:
        """The columns that the spec names."""
        return tuple(self.by_column or ())
