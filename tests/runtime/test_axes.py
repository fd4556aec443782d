"""Which axes sessions are made for: windows of a text have one length, other sequences have many."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from netwright.runtime import program
from netwright.runtime import session as module
from netwright.runtime.axes import FixedAxes
from netwright.runtime.bundle import load_bundle
from netwright.runtime.device import CPU, CUDA, Device
from netwright.runtime.loop import StepLoop
from netwright.runtime.session import open_session
from recording import RecordingSession, cuda_path, open_recording
from support.bundles import library_bundle, take_batches

BATCH = {"text": np.zeros((4, 9), np.int64), "label": np.zeros((4, 9), np.int64)}


@pytest.fixture(scope="module")
def gpt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle whose data are windows of a text."""
    folder = tmp_path_factory.mktemp("gpt") / "bundle"
    library_bundle("gpt_mini").write(folder)
    return folder


def test_windows_fix_their_length(gpt: Path) -> None:
    bundle = load_bundle(gpt)
    axes = FixedAxes(bundle, bundle.manifest.graphs["step"])
    assert axes.all
    assert axes.of(BATCH, 4) == (("batch", 4), ("time", 9))


def test_other_sequences_fix_the_batch_alone(tmp_path: Path) -> None:
    library_bundle("spam_rnn").write(tmp_path / "bundle")
    bundle = load_bundle(tmp_path / "bundle")
    axes = FixedAxes(bundle, bundle.manifest.graphs["step"])
    assert not axes.all
    assert axes.of({"text": np.zeros((4, 9), np.int64)}, 4) == (("batch", 4),)


@pytest.mark.parametrize("batch", [{}, {"text": np.zeros(4, np.int64), "label": np.zeros(4, np.int64)}])
def test_what_does_not_fit_is_left_to_the_run(gpt: Path, batch: dict[str, Any]) -> None:
    bundle = load_bundle(gpt)
    assert FixedAxes(bundle, bundle.manifest.graphs["step"]).of(batch, 4) == (("batch", 4),)


def settings_of_a_session(monkeypatch: pytest.MonkeyPatch, model: Path, device: Device, **named: Any) -> dict[str, Any]:
    """What ONNX Runtime is told about a session."""
    seen: dict[str, Any] = {}
    options = SimpleNamespace(
        add_session_config_entry=seen.__setitem__, add_free_dimension_override_by_name=seen.__setitem__
    )
    fake = SimpleNamespace(
        SessionOptions=lambda: options,
        GraphOptimizationLevel=SimpleNamespace(ORT_ENABLE_ALL=99),
        InferenceSession=lambda *arguments, **given: None,
    )
    monkeypatch.setattr(module, "onnx_runtime", lambda: fake)
    open_session(model, device, **named)
    return seen


@pytest.mark.parametrize(("axes", "strict"), [({"batch": 4}, False), ({"batch": 4, "time": 9}, True)])
def test_sizes_are_calculated_on_the_cpu_where_an_axis_stays_symbolic(
    monkeypatch: pytest.MonkeyPatch, gpt: Path, axes: dict[str, int], strict: bool
) -> None:
    bundle = load_bundle(gpt)
    entry = bundle.manifest.graphs["step"]
    seen = settings_of_a_session(monkeypatch, bundle.graph_file("step"), CUDA, axes=axes, graph=entry)
    assert ("session.disable_cpu_ep_fallback" in seen) == strict
    assert {axis: seen[axis] for axis in axes} == axes


@pytest.mark.parametrize("graph", [False, True])
def test_a_text_trains_on_the_path_of_cuda_to_the_same_bits(
    monkeypatch: pytest.MonkeyPatch, gpt: Path, graph: bool
) -> None:
    monkeypatch.setattr(RecordingSession, "made", [])
    monkeypatch.setattr(program, "open_session", open_recording)
    batches = take_batches(gpt, 6)
    losses = []
    for device in (CPU, cuda_path(graph=graph, read_every=2)):
        loop = StepLoop.start(gpt, device=device, seed=5)
        results = [result for batch in loop.feed(batches) for result in loop.step(batch)] + loop.read()
        losses.append([result.loss for result in results])
    assert losses[0] == losses[1]
    assert len(losses[0]) == 6
    assert [len(session.recorded) for session in RecordingSession.made] == [0, 2 if graph else 0]
