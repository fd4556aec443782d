"""docs/architecture.md tells the truth: its spec compiles, its manifest has real fields, its order is enforced."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

import pytest
from netwright.compiler import Bundle, compile_spec, load_spec
from netwright.runtime.data import source_schema
from netwright.runtime.finalize import FINALIZERS
from support.bundles import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def block(language: str) -> str:
    """The page's one code block of a language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    return str(found)


def rows(head: str) -> list[str]:
    """The first column of the table whose head begins with `head`."""
    table = PAGE[PAGE.index(f"| {head} |") :].split("\n\n")[0]
    return [line.split("|")[1] for line in table.splitlines()[2:]]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The page's spec, with a file for it to include."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "spec.yaml").write_text(block("yaml"), encoding="utf-8")
    included = "training: {optimizer: {sgd: {learning_rate: 0.1}}}\n"
    (folder / "optimizers.yaml").write_text(included, encoding="utf-8")
    return compile_spec(load_spec(folder / "spec.yaml", data_schema=source_schema()))


def test_the_order_of_imports_is_the_enforced_one() -> None:
    after = PAGE[PAGE.index("imports point down this list") :]
    listed = [line.strip() for line in after.split("\n\n")[1].splitlines()]
    contracts = SETTINGS["tool"]["importlinter"]["contracts"]
    (enforced,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    assert listed == [re.sub(" [|:] ", ", ", layer) for layer in enforced]


def test_every_folder_that_is_installed_is_named() -> None:
    named = re.findall(r"^    (\w+)/ ", PAGE.split("\n\n")[2], flags=re.MULTILINE)
    packages = SETTINGS["tool"]["setuptools"]["packages"]
    assert sorted(named) == sorted({package.split(".")[1] for package in packages})


def test_the_names_of_state_are_those_that_are_made(bundle: Bundle) -> None:
    names = {state["name"] for state in bundle.manifest["state"]}
    assert {"step", "random_counter", "learning_rate_scale", "image/normalize1/mean"} <= names
    assert any(name.startswith("repeat1/0/residual1/unit1/dense1/") for name in names)
    assert {state["kind"] for state in bundle.manifest["state"]} | {"statistic", "carried"} == {
        kind.strip(" `") for kind in rows("state kind")
    }


def test_the_graphs_are_those_that_are_made(bundle: Bundle) -> None:
    listed = [re.findall(r"`(\w+)`", row)[0] for row in rows("graph")]
    assert sorted(listed) == sorted([*bundle.manifest["graphs"], "inference_encode", "inference_step", "prepare"])


def test_the_manifest_has_the_fields_of_the_example(bundle: Bundle) -> None:
    example, real = json.loads(block("json")), json.loads(json.dumps(bundle.manifest))
    assert _fields(example) <= _fields(real)
    for part in ("training", "data"):
        assert example[part].keys() == real[part].keys()
    assert example.keys() == real.keys()


def _fields(manifest: dict[str, Any]) -> set[tuple[str, ...]]:
    """The keys that the entries of each list have, wherever the list is."""
    graph = manifest["graphs"]["step"]
    lists = {"inputs": graph["inputs"], "graph outputs": graph["outputs"]}
    lists |= {name: manifest[name] for name in ("state", "features", "targets", "outputs", "metrics", "fitting")}
    return {(name, *sorted(entry)) for name, entries in lists.items() for entry in entries}


def test_the_roles_are_all_there(bundle: Bundle) -> None:
    listed = re.search(r"^Roles are (.*?)\. ", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert listed is not None
    graphs = bundle.manifest["graphs"].values()
    used = {value["role"] for graph in graphs for value in graph["inputs"] + graph["outputs"]}
    assert set(re.findall(r"`(\w+)`", listed[1])) == used | {"statistic", "carried", "memory"}  # this spec has none


def test_every_way_to_finish_a_metric_is_listed() -> None:
    assert {name for row in rows("finalize") for name in re.findall(r"`(\w+)`", row)} == set(FINALIZERS)


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#:]+)", PAGE)
    assert links
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
