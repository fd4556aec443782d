"""`netwright evaluate`: the metrics of a finished run, measured again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from .devices import device_option
from .output import table

if TYPE_CHECKING:
    from netwright.runtime.evaluator import Metrics


@click.command("evaluate")
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@device_option
@click.option("--json", "as_json", is_flag=True, help="Print {partition: {metric: value}} instead.")
def command(run: Path, device: str | None, as_json: bool) -> None:
    """Evaluate the trained weights of a run on the data it was trained with."""
    from netwright.runtime import evaluate
    from netwright.runtime.summary import jsonable

    results = evaluate(run, device=device)
    click.echo(json.dumps(jsonable(results), indent=2) if as_json else metrics_text(results))


def metrics_text(results: dict[str, Metrics]) -> str:
    """A table with a row for each partition and a column for each number; matrices follow below it."""
    partitions = list(results.items())
    names = list(partitions[0][1])
    numbers = [name for name in names if isinstance(partitions[0][1][name], float)]
    rows = [(part, *(f"{metrics[name]:.4f}" for name in numbers)) for part, metrics in partitions]
    parts = [table(("data", *numbers), rows, right=range(1, len(numbers) + 1))]
    for name in names:
        if name not in numbers:
            parts += [f"{name}, {part} (rows: true class)\n{_matrix(metrics[name])}" for part, metrics in partitions]
    return "\n\n".join(parts)


def _matrix(counts: object) -> str:
    assert isinstance(counts, list)  # a metric is a number or K×K counts
    titles = ("", *map(str, range(len(counts))))
    rows = [(str(index), *map(str, row)) for index, row in enumerate(counts)]
    return table(titles, rows, right=range(len(titles)))
