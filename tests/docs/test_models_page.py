"""The page of models has a row for every spec of the library, and each says truly what the spec is."""

from __future__ import annotations

import pytest
from support.bundles import SPECS
from support.figures import HEAD, PAGE, data_of, link_to, rows_of_page


def test_every_spec_has_a_row_in_alphabetical_order() -> None:
    assert list(rows_of_page()) == sorted(SPECS), "write the page: make models"


@pytest.mark.parametrize("spec", SPECS)
def test_a_row_has_what_the_spec_says(spec: str) -> None:
    _, name, data, figure, _, measured, _ = (cell.strip() for cell in rows_of_page()[spec].split("|"))
    assert name == f"[{spec}]({link_to(spec)})"
    assert (PAGE.parent / link_to(spec)).is_file()
    assert data == data_of(spec)
    assert figure
    assert measured


def test_the_head_is_the_one_that_is_written() -> None:
    assert PAGE.read_text(encoding="utf-8").startswith(HEAD)
