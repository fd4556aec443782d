"""What the command line says about CUDA: which graphs can be recorded, and which device is taken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from netwright import runtime
from netwright.compiler.capture import capture_obstacles
from netwright.compiler.ir import DType, Graph, graph_input, op
from support.bundles import library_bundle
from support.command_line import Cli

RAGGED = """
netwright: 1
inputs: {words: {shape: [time, 3]}}
network:
  - dense: 4
training:
  loss: {squared_error: {target: answer}}
"""
TIME = "the axis 'time' of '{}' has another size in each batch, and a recording has fixed ones"


def test_every_graph_of_a_plain_network_can_be_recorded(cli: Cli) -> None:
    result = cli("show", "digits_mlp", "--cuda")
    assert result.exit_code == 0
    assert result.stdout == (
        "graph      can be recorded as a CUDA graph\n"
        "─────────  ───────────────────────────────\n"
        "inference  yes\n"
        "init       yes\n"
        "step       yes\n"
        "evaluate   yes\n"
        "gradients  yes\n"
        "apply      yes\n"
    )


def test_what_prevents_a_recording_is_said_with_its_place(cli: Cli, here: Path) -> None:
    Path("ragged.yaml").write_text(RAGGED, encoding="utf-8")
    lines = cli("show", "ragged.yaml", "--cuda").stdout.splitlines()
    assert lines[2:4] == ["inference  no", "init       yes"]
    assert lines[lines.index("") + 1 :] == [
        f"{graph}: {TIME.format(name)}"
        for graph, names in (
            ("inference", ["words"]),
            ("step", ["words", "answer"]),
            ("evaluate", ["words", "answer"]),
            ("gradients", ["words", "answer"]),
        )
        for name in names
    ]


def test_as_json(cli: Cli, here: Path) -> None:
    Path("ragged.yaml").write_text(RAGGED, encoding="utf-8")
    found = json.loads(cli("show", "ragged.yaml", "--cuda", "--json").stdout)
    assert found["apply"] == []
    assert found["inference"] == [{"reason": TIME.format("words"), "origin": None}]


def test_text_keeps_a_graph_from_being_recorded() -> None:
    graphs = library_bundle("spam_filter").graphs
    assert capture_obstacles(graphs["step"]) == []
    text, *operators = capture_obstacles(graphs["inference"])
    assert str(text) == "the input 'text' is text, which is not on a GPU"
    assert [obstacle.reason for obstacle in operators] == [
        "StringNormalizer runs on the CPU alone",
        "Scan is control flow, which the CPU steers",
    ]
    assert all("spam_filter.yaml:8:5: network[0].bag_of_words: " in str(obstacle) for obstacle in operators)


@pytest.mark.parametrize("count", [32, 33])
def test_many_values_joined_keep_a_graph_from_being_recorded(count: int) -> None:
    values = [graph_input(f"x{number}", DType.float32, (2,)) for number in range(count)]
    found = capture_obstacles(Graph("joined", tuple(values), {"y": op.Concat(*values, axis=0)}))
    reasons = ["Concat joins 33 values, of which a recording takes at most 32"] if count == 33 else []
    assert [obstacle.reason for obstacle in found] == reasons


def test_windows_let_a_text_be_recorded(cli: Cli) -> None:
    found = json.loads(cli("show", "gpt_mini", "--cuda", "--json").stdout)
    assert (found["step"], found["evaluate"]) == ([], [])
    assert found["inference"] == [{"reason": TIME.format("text"), "origin": None}]


@pytest.mark.parametrize("other", [["--dot"], ["--graph", "step"], ["--svg", "a.svg"]])
def test_one_answer_at_a_time(cli: Cli, other: list[str]) -> None:
    result = cli("show", "digits_mlp", "--cuda", *other)
    assert result.exit_code == 2
    assert "--cuda cannot be given together with --graph, --dot or --svg" in result.stderr


def test_a_step_that_cannot_be_recorded_is_not_asked_to_be(cli: Cli, here: Path) -> None:
    Path("ragged.yaml").write_text(RAGGED + "  device: {cuda: {graph: true}}\n", encoding="utf-8")
    result = cli("compile", "ragged.yaml", "-o", "bundle")
    assert result.exit_code == 1
    assert result.stderr == (
        "ragged.yaml:8:26: training.device.cuda.graph: a training step of this network cannot be recorded as a CUDA"
        f" graph: {TIME.format('words')}; {TIME.format('answer')}\n"
        "  hint: leave training.device.cuda.graph out\n"
    )
    assert not Path("bundle").exists()


def test_options_travel_in_the_manifest(cli: Cli, here: Path) -> None:
    setting = "training.device={name: auto, cuda: {tf32: false, memory_limit: 1.5GiB}}"
    assert cli("compile", "xor_mlp", "-o", "bundle", "--set", setting).exit_code == 0
    device = json.loads(Path("bundle/manifest.json").read_text())["training"]["device"]
    options = {"tf32": False, "graph": False, "memory_limit": 1610612736, "read_every": 16}
    assert device == {"name": "auto", "cuda": options}


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ([], (None, "auto")),
        (["--set", "training.device=cpu"], (None, "cpu")),
        (["--device", "auto", "--set", "training.device=cpu"], ("auto", "cpu")),
        (["--set", "training.device.cuda.tf32=false", "--device", "cpu"], ("cpu", "cuda")),
    ],
)
def test_the_command_line_goes_before_the_spec(
    cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], asked: tuple[str | None, str]
) -> None:
    from netwright.runtime import backend

    seen: list[tuple[Any, str]] = []

    def note(device: Any, plan: Any) -> Any:
        seen.append((device, plan.name))
        return runtime.select("cpu")

    monkeypatch.setattr(backend, "select", note)
    assert cli("train", "xor_mlp", "--set", "training.epochs=1", *arguments).exit_code == 0
    assert seen == [asked]
