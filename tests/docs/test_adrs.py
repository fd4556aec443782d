"""The records of decisions: each number once, without gaps, and every record says where it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.bundles import ROOT

RECORDS = sorted((ROOT / "docs" / "adr").glob("*.md"))


def test_they_are_numbered_from_1_without_gaps() -> None:
    assert [int(record.name[:4]) for record in RECORDS] == list(range(1, len(RECORDS) + 1))


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_number_title_and_status(record: Path) -> None:
    title, blank, status, *_ = record.read_text(encoding="utf-8").splitlines()
    assert title.startswith(f"# {int(record.name[:4])}. ")
    assert blank == ""
    assert re.match(r"Status: (accepted|rejected|superseded by [1-9]\d*), \d{4}-\d\d-\d\d\.", status)
