"""docs/contributing: the file on each page registers, keeps the contracts of its kind, and works in a spec."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import operator_contract as contract
import pytest
import test_kernels
import test_registries as kinds
from netwright.cli.reference import reference
from netwright.compiler import compile_spec, load_spec_text
from netwright.compiler.bundle import Bundle
from netwright.compiler.ir import OPERATORS, find
from netwright.compiler.layers import Layer
from netwright.compiler.losses import Loss
from netwright.compiler.optimizers import Optimizer
from netwright.runtime import UserError, train
from netwright.runtime.data import DataSource, build_source, source_schema
from netwright.schema import Registry
from netwright.schema.plugins import Group
from support.bundles import ROOT, Program, first_state, made_up_batch, next_state, read_manifest
from support.examples import whole_spec

PAGES = ROOT / "docs" / "contributing"
REGISTRIES: list[Registry[Any]] = [*kinds.REGISTRIES, DataSource.registry]

Use = Callable[[str], None]
"""Write the file of a page into a folder, and import it."""


def block(page: str, language: str) -> str:
    """The page's one code block of a language."""
    text = (PAGES / page).read_text(encoding="utf-8")
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.fixture
def use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Use]:
    source_schema()  # every kind of netwright is registered before those of the page
    before = [dict(registry.items()) for registry in REGISTRIES]
    operators = dict(OPERATORS)

    def load(page: str) -> None:
        name = f"page_{Path(page).stem.replace('-', '_')}"
        file = tmp_path / f"{name}.py"
        file.write_text(block(page, "python"), encoding="utf-8")
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)  # dataclasses look their module up
        spec.loader.exec_module(module)

    yield load
    for registry, registered in zip(REGISTRIES, before, strict=True):
        registry._kinds.clear()
        registry._kinds.update(registered)
    OPERATORS.clear()
    OPERATORS.update(operators)


def check_kind(registry: Registry[Any], kind: str) -> None:
    """The contracts of tests/contracts/test_registries.py, and those of the reference."""
    kinds.test_a_kind_is_a_reference_page(registry, kind)
    kinds.test_every_field_is_described(registry, kind)
    kinds.test_a_kind_builds_from_every_form(registry, kind)
    kinds.test_an_unknown_field_is_refused(registry, kind)
    (page,) = (page for page in reference()[registry.family].pages if page.name == kind)
    assert page.summary and kind in page.example
    compile_spec(whole_spec(page.example), train_rows=100)


def bundle_of(page: str) -> Bundle:
    return compile_spec(load_spec_text(block(page, "yaml"), page, data_schema=source_schema()))


def losses_of_steps(page: str, folder: Path, steps: int = 20) -> list[float]:
    """The losses of steps on one made-up batch."""
    bundle_of(page).write(folder)
    step, state = Program(folder / "training/step.onnx"), first_state(folder)
    batch = made_up_batch(read_manifest(folder), rows=16, seed=0)
    losses = []
    for _ in range(steps):
        outputs = step({**batch, **state})
        losses.append(float(outputs["loss"]))
        state = next_state(outputs)
    return losses


@pytest.mark.parametrize(
    ("page", "registry", "kind"),
    [
        ("layer.md", Layer.registry, "highway"),
        ("loss.md", Loss.registry, "log_cosh"),
        ("optimizer.md", Optimizer.registry, "lion"),
    ],
)
def test_a_page_of_a_kind(page: str, registry: Registry[Any], kind: str, use: Use, tmp_path: Path) -> None:
    use(page)
    check_kind(registry, kind)
    losses = losses_of_steps(page, tmp_path / "bundle")
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]


def test_the_page_of_operators(use: Use) -> None:
    use("operator.md")
    operator = find("Shrink")
    for number, sample in enumerate(operator.samples()):
        case = contract.Case(operator, sample, number)
        contract.check_types(case)
        contract.check_evaluate(case)
        contract.check_gradient(case)
        contract.check_second_order(case)
        contract.check_onnxruntime(case)
        assert contract.check_symbolic(case)
        test_kernels.test_kernels(case)


@pytest.fixture
def points(tmp_path: Path) -> Path:
    file = tmp_path / "points.jsonl"
    file.write_text(block("data-source.md", "json"), encoding="utf-8")
    return file


def test_the_page_of_data_sources(use: Use, points: Path, tmp_path: Path) -> None:
    use("data-source.md")
    kinds.test_a_kind_is_a_reference_page(DataSource.registry, "json_lines")
    kinds.test_every_field_is_described(DataSource.registry, "json_lines")
    source = build_source({"json_lines": "points.jsonl"})
    loaded = source.load(points.parent).train.take(slice(None))
    np.testing.assert_array_equal(loaded["x"], [[0, 1], [1, 0], [1, 1]])
    described = source.describe(points.parent)
    assert described.rows == {"train": 3}
    assert described.columns["x"].shape == (2,)
    bundle_of("data-source.md").write(tmp_path / "bundle")
    summary = train(tmp_path / "bundle", tmp_path / "run", base=points.parent)
    assert summary.steps == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "points.jsonl: no such file"),
        (b"\xff\n", "points.jsonl: is not UTF-8 text (byte 0)"),
        (b'{"x": 1}\n\n3\n', "points.jsonl, line 3: is not a JSON object"),
        (b'{"x": 1}\n{"x": \n', "points.jsonl, line 2: is not a JSON object"),
        (b'{"x": 1}\n{"y": 1}\n', "points.jsonl, line 2: has the keys y, the first line has x"),
        (b"\n", "points.jsonl: has no rows"),
    ],
)
def test_the_mistakes_of_the_source(content: bytes | None, message: str, use: Use, points: Path) -> None:
    use("data-source.md")
    if content is None:
        points.unlink()
    else:
        points.write_bytes(content)
    with pytest.raises(UserError) as caught:
        build_source({"json_lines": "points.jsonl"}).load(points.parent)
    assert str(caught.value) == f"{points.parent}/{message}"


def test_the_page_of_packages_names_the_groups() -> None:
    project = tomllib.loads(block("packages.md", "toml"))
    assert set(project["project"]["entry-points"]) == set(get_args(Group))


def test_links_lead_somewhere() -> None:
    for page in PAGES.glob("*.md"):
        links = re.findall(r"\]\(([^)#:]+)", page.read_text(encoding="utf-8"))
        assert [link for link in links if not (PAGES / link).exists()] == [], page.name
    assert {page.name for page in PAGES.glob("*.md")} == {
        "README.md",
        *re.findall(r"\]\((\S+?\.md)\)", (PAGES / "README.md").read_text(encoding="utf-8").split("The code on")[0]),
    } - {"../language.md"}


def test_json_of_the_page_is_json() -> None:
    assert [set(json.loads(line)) for line in block("data-source.md", "json").splitlines()] == [{"x", "target"}] * 3
