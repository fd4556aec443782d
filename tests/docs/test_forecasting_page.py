"""docs/forecasting.md: its spec trains on a table, beats what costs nothing, and forecasts beyond the table's end."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from netwright.cli.main import app
from support.bundles import ROOT

pytest.importorskip("pyarrow")
PAGE = (ROOT / "docs" / "forecasting.md").read_text(encoding="utf-8")
DAYS = 420


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


def sales() -> list[str]:
    """A week's rhythm on a level that moves slowly, with noise, and days that nobody counted."""
    days = np.arange(DAYS)
    week = np.array([20, 22, 21, 25, 40, 55, 5])[days % 7]
    level = 60 + 15 * np.sin(days / 20) + np.random.default_rng(0).normal(0, 0.5, DAYS)
    return ["" if day % 37 == 5 else f"{value:.1f}" for day, value in enumerate(week + level)]


def test_the_page(tmp_path: Path) -> None:
    lines = [f"{day},{value}" for day, value in enumerate(sales())]
    (tmp_path / "sales.csv").write_text("\n".join(["day,sales", *lines, ""]))
    (tmp_path / "sales.yaml").write_text(blocks("yaml")[0], encoding="utf-8")
    outputs = []
    with contextlib.chdir(tmp_path):
        for command in blocks("sh")[0].splitlines():
            result = CliRunner().invoke(app, command.split()[1:], prog_name="netwright", catch_exceptions=False)
            assert result.exit_code == 0, result.stderr
            outputs.append(result.stdout)
    test = json.loads((tmp_path / "run/summary.json").read_text())["test"]
    assert test["mae"] < 0.9 * min(test["mae_persistence"], test["mae_seasonal_naive"])
    head, *rows = outputs[-1].splitlines()
    assert head == ",".join(f"forecast[{day}]" for day in range(7))
    assert len(rows) == DAYS - 14 + 1
    weekend = [float(value) for value in rows[-1].split(",")]
    assert np.argmin(weekend) == (6 - DAYS) % 7  # of the week after the table, the day on which the shop is shut
