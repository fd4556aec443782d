"""A missing tool skips a test on a developer's machine and fails it in CI, with the command that installs it."""

from __future__ import annotations

import pytest
from support import node_host
from support.bundles import ROOT
from support.requirements import missing


def test_on_a_developers_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"^gcc is missing; install it with: apt-get install gcc$"):
        missing("gcc", "apt-get install gcc")


def test_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=r"^gcc is missing; install it with: apt-get install gcc$"):
        missing("gcc", "apt-get install gcc")


def test_onnxruntime_for_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setattr(node_host, "NODE", ROOT / "docs")
    with pytest.raises(pytest.fail.Exception) as caught:
        node_host.node_runtime()
    assert str(caught.value) == (
        "onnxruntime-node is missing; install it with: npm install --prefix docs --ignore-scripts --no-package-lock"
    )


def test_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(pytest.fail.Exception) as caught:
        node_host.run_node(ROOT / "tests" / "hosts" / "host.mjs")
    assert str(caught.value) == "Node.js is missing; install it with: apt-get install nodejs npm"
