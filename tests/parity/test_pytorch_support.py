"""Parity tests are skipped where PyTorch is missing, but never in CI."""

from __future__ import annotations

import sys

import pytest
from support.pytorch import import_torch


@pytest.fixture
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)


@pytest.mark.usefixtures("no_torch")
def test_a_developer_may_do_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="PyTorch is not installed"):
        import_torch()


@pytest.mark.usefixtures("no_torch")
def test_ci_may_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "1")
    with pytest.raises(ImportError):
        import_torch()
