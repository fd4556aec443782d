"""Library specs compiled and trained, and the figures they reach."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from netwright.cli.library import LIBRARY, library
from netwright.cli.specs import series_rows
from netwright.cli.vocabularies import fit_vocabularies
from netwright.compiler import compile_spec, load_spec
from netwright.runtime.data import source_schema
from netwright.runtime.data.plan import training_rows
from support.figures import VARIABLE, Figures
from support.trained import Compile, Train, Trained


@pytest.fixture(scope="session")
def figures() -> Iterator[Figures]:
    """Where tests put what they measured."""
    collected = Figures()
    yield collected
    if os.environ.get(VARIABLE):
        collected.write()


@pytest.fixture
def compiled(tmp_path: Path) -> Compile:
    """Compile a library spec, with changes, and return the bundle's folder."""

    def compile_it(name: str, *overrides: str) -> Path:
        spec = load_spec(library()[name].path, data_schema=source_schema(), overrides=overrides)
        data = {"source": spec.data.source, "split": vars(spec.data.split)} if spec.data else None
        folder = tmp_path / f"bundle{len(list(tmp_path.iterdir()))}"
        if spec.data and spec.data.series:
            rows = series_rows(spec, LIBRARY)
        else:
            rows = training_rows(data, LIBRARY) if data else None
        compile_spec(spec, train_rows=rows, vocabularies=fit_vocabularies(spec, LIBRARY)).write(folder)
        return folder

    return compile_it


@pytest.fixture
def trained(compiled: Compile) -> Train:
    """Compile and train a library spec, with changes."""

    def train_it(name: str, *overrides: str, seed: int | None = None) -> Trained:
        return Trained.of(compiled(name, *overrides), seed)

    return train_it
