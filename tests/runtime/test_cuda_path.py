"""The CUDA path gives, bit for bit, what the plain path gives. Here it has the memory and the provider of the CPU, and
sessions that replay recorded runs as CUDA does (recording.py); tests/placement runs it on the real provider."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from handmade import STATE, make_columns, make_partitions
from netwright.compiler import compile_spec
from netwright.compiler.spec.model import load_text
from netwright.runtime import program, train
from netwright.runtime.bundle import Bundle, load_bundle
from netwright.runtime.data.batches import Batches
from netwright.runtime.data.columns import ArrayColumns
from netwright.runtime.data.plan import Partitions
from netwright.runtime.device import CPU, CUDA, Device
from netwright.runtime.errors import UserError
from netwright.runtime.evaluator import Evaluator
from netwright.runtime.initial_state import initial_state
from netwright.runtime.loop import StepLoop, StepResult
from netwright.runtime.manifest import Port
from netwright.runtime.program import Program, result_buffers
from netwright.runtime.state import DeviceState
from netwright.runtime.trainer import TrainOptions
from netwright.runtime.upload import Uploaded, Uploader
from recording import RecordingSession, cuda_path, open_recording
from support.bundles import library_bundle, take_batches

Batch = dict[str, np.ndarray[Any, Any]]


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> list[RecordingSession]:
    """Those that are made."""
    monkeypatch.setattr(RecordingSession, "made", [])
    monkeypatch.setattr(program, "open_session", open_recording)
    return RecordingSession.made


def batches_of(bundle: Bundle, epochs: int = 4) -> list[Batch]:
    """Full batches of the plan's size, and a smaller one at the end of each epoch."""
    size = bundle.training_plan().batch_size
    columns = make_columns(5 * size + 3, 1)
    return [batch for epoch in range(epochs) for batch in Batches(columns, size, shuffle=True).epoch(epoch)]


def steps(bundle: Bundle, device: Device, batches: list[Batch]) -> tuple[list[StepResult], Batch]:
    loop = StepLoop.start(bundle, device=device, seed=5)
    results = [result for batch in loop.feed(iter(batches)) for result in loop.step(batch)]
    return results + loop.read(), loop.state.numpy()


@pytest.mark.parametrize("read_every", [1, 3, 16])
@pytest.mark.parametrize("graph", [False, True])
def test_the_same_bits_as_the_plain_path(
    bundle: Bundle, sessions: list[RecordingSession], graph: bool, read_every: int
) -> None:
    batches = batches_of(bundle)
    expected, state = steps(bundle, CPU, batches)
    del sessions[:]
    results, found = steps(bundle, cuda_path(graph=graph, read_every=read_every), batches)
    assert results == expected
    assert len(results) == len(batches)
    for name, value in state.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)

    full, smaller = sessions
    assert (full.record, smaller.record) == (graph, False)
    turns = {step % math.lcm(2, read_every) for step in range(24) if step % 6 != 5}  # every sixth batch is smaller
    recordings = len(turns) if graph else 0
    assert len(full.recorded) == recordings
    assert full.executions == 5 * 4 + 2 * recordings
    assert smaller.executions == 4


def test_a_recording_would_be_noticed_that_replays_other_buffers(
    bundle: Bundle, sessions: list[RecordingSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every binding under one graph id: what the ids are for."""
    batches = batches_of(bundle)
    _, state = steps(bundle, CPU, batches)
    real = RecordingSession.run_with_iobinding

    def one_graph(self: RecordingSession, binding: Any, options: Any = None) -> None:
        if options is not None:
            options.add_run_config_entry("gpu_graph_id", "1")
        real(self, binding, options)

    monkeypatch.setattr(RecordingSession, "run_with_iobinding", one_graph)
    _, found = steps(bundle, cuda_path(graph=True), batches)
    assert any(not np.array_equal(found[name], state[name]) for name in state)


@pytest.mark.parametrize("name", ["digits_mlp", "digits_two_tasks", "diabetes_lasso", "digits_residual"])
def test_a_step_may_be_executed_again(name: str, tmp_path: Path) -> None:
    """What protects the state from a first run that executes three times: outputs are other buffers than inputs."""
    bundle = load_bundle(write_library_bundle(name, tmp_path))
    (batch,) = take_batches(bundle.folder, 1)
    graph = bundle.manifest.graphs["step"]
    state = DeviceState(bundle.manifest.state, initial_state(bundle, 3), [e.name for e in bundle.manifest.state], CPU)
    slots = [result_buffers(graph, CPU)]
    one = Program(
        bundle.graph_file("step"), graph, state, CPU, (("batch", len(next(iter(batch.values())))),), slots=slots
    )
    seen = []
    for _ in range(3):
        one.run(batch)
        written = {key: np.array(value.numpy()) for key, value in (state.sides[1] | slots[0]).items()}
        seen.append({key: value.tobytes() for key, value in written.items()} | {"read": repr(state.numpy())})
    assert seen[0] == seen[1] == seen[2]
    assert written["step"] == 1


@pytest.mark.parametrize("graph", [False, True])
def test_a_run_is_the_same_bits_twice_and_on_the_cpu(
    bundle: Bundle, sessions: list[RecordingSession], tmp_path: Path, graph: bool
) -> None:
    files = []
    for name, device in (("one", cuda_path(graph=graph)), ("two", cuda_path(graph=graph)), ("cpu", CPU)):
        train(bundle, tmp_path / name, partitions=make_partitions(), device=device, options=TrainOptions())
        files.append((tmp_path / name / "bundle/inference.onnx").read_bytes())
    assert files[0] == files[1] == files[2]


def test_evaluation_uploads_ahead(bundle: Bundle) -> None:
    columns = make_columns(37, 4)
    found = []
    for device in (CPU, cuda_path()):
        state = DeviceState(bundle.manifest.state, initial_state(bundle, 5), (), device)
        found.append(Evaluator(bundle, state, device).evaluate(Batches(columns, 16).epoch()))
    assert found[0] == found[1]


CARRIED = """
netwright: 1
name: carried
inputs: {x: [4, 2]}
network:
  - gru: {units: 3, stateful: true, return: last, name: cell}
  - dense: {units: 1, name: out}
training:
  loss: {squared_error: {target: y, from: out}}
  batch_size: 8
  epochs: 2
"""


def test_states_that_go_from_batch_to_batch_are_cleared_on_the_device(tmp_path: Path) -> None:
    """Two epochs with a smaller last batch: what the second begins from was written by the host between two steps."""
    compile_spec(load_text(CARRIED)).write(tmp_path / "bundle")
    bundle = load_bundle(tmp_path / "bundle")
    random = np.random.default_rng(0)
    columns = ArrayColumns(
        {"x": random.standard_normal((21, 4, 2)).astype("f"), "y": random.standard_normal((21, 1)).astype("f")}
    )
    partitions = Partitions(columns, None, None)
    files = []
    for name, device in (("cuda", cuda_path(read_every=2)), ("cpu", CPU)):
        train(bundle, tmp_path / name, partitions=partitions, device=device)
        files.append((tmp_path / name / "bundle/inference.onnx").read_bytes())
    assert files[0] == files[1]


# --- uploading ------------------------------------------------------------------------------------------------------


@pytest.fixture
def uploader(bundle: Bundle) -> Uploader:
    return Uploader(bundle.manifest.graphs["step"], cuda_path(), threading.Lock(), steady=True)


def test_buffers_take_turns_and_the_next_is_filled_meanwhile(uploader: Uploader) -> None:
    given = [batch_of(i) for i in range(6)]
    taken: list[int] = []

    def loading() -> Iterator[Batch]:
        for number, batch in enumerate(given):
            taken.append(number)
            yield batch

    pointers, values = [], []
    for number, batch in enumerate(uploader.feed(loading())):
        assert isinstance(batch, Uploaded)
        deadline = time.monotonic() + 10
        while len(taken) < min(number + 2, 6) and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(0.01)  # the next batch is written while this one is in use
        assert len(taken) == min(number + 2, 6), "one batch ahead, and no more"
        pointers.append(batch.on_device["image"].data_ptr())
        values.append(np.array(batch.on_device["image"].numpy()))
        assert batch["image"] is given[number]["image"], "the rows on the host stay known, to find the cause of a NaN"
    assert pointers == pointers[:2] * 3
    assert len(set(pointers)) == 2
    np.testing.assert_array_equal(values, [batch["image"] for batch in given])


def test_uploading_waits_while_a_step_is_recorded(bundle: Bundle) -> None:
    quiet = threading.Lock()
    uploader = Uploader(bundle.manifest.graphs["step"], cuda_path(), quiet, steady=True)
    done = threading.Event()
    thread = threading.Thread(target=lambda: (uploader.upload(batch_of(1)), done.set()))
    with quiet:
        thread.start()
        assert not done.wait(0.05)
    assert done.wait(10)
    thread.join()


def test_recording_holds_the_lock(
    bundle: Bundle, sessions: list[RecordingSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = StepLoop.start(bundle, device=cuda_path(graph=True, read_every=1), seed=5)
    held = []
    real = RecordingSession.run_with_iobinding

    def watch(self: RecordingSession, binding: Any, options: Any = None) -> None:
        held.append(loop._quiet.locked())
        real(self, binding, options)

    monkeypatch.setattr(RecordingSession, "run_with_iobinding", watch)
    for batch in batches_of(bundle, 1)[:5]:
        loop.step(batch)
    assert held == [True, True, False, False, False]


def test_leaving_early_ends_both_threads(uploader: Uploader) -> None:
    columns = make_columns(96, 1)
    feed = uploader.feed(Batches(columns, 16, prefetch=2).epoch())
    next(feed)
    assert [t.name for t in threading.enumerate() if t.name.startswith("netwright-batches")]
    feed.close()  # type: ignore[attr-defined]  # it is a generator
    assert [t.name for t in threading.enumerate() if t.name.startswith("netwright-batches")] == []


def test_an_error_while_loading_arrives_at_its_batch(uploader: Uploader) -> None:
    def loading() -> Iterator[Batch]:
        yield batch_of(0)
        raise UserError("a file is gone")

    feed = uploader.feed(loading())
    next(feed)
    with pytest.raises(UserError, match="a file is gone"):
        next(feed)


@pytest.mark.parametrize(
    ("name", "wrong", "words"),
    [
        ("image", np.zeros((16, 4)), "float64 (16, 4), but the graph takes float32 (16, 4)"),
        ("image", np.zeros((16, 5), np.float32), "float32 (16, 5), but the graph takes float32 (16, 4)"),
        ("label", np.zeros((16, 1), np.int64), "int64 (16, 1), but the graph takes int64 (16)"),
        ("label", np.zeros(17, np.int64), "int64 (17), but the graph takes int64 (16)"),
    ],
)
def test_a_batch_that_does_not_fit(uploader: Uploader, name: str, wrong: Any, words: str) -> None:
    with pytest.raises(UserError) as caught:
        uploader.upload({**batch_of(0), name: wrong})
    assert str(caught.value) == f"the batch's '{name}' is {words}"
    assert caught.value.hint == "check the data that were given"


def test_axes_without_a_fixed_size_get_memory_of_their_own() -> None:
    ports = (Port("words", "int64", ("batch", "time"), "feature"),)
    graph = type("Graph", (), {"inputs": ports})()
    uploader = Uploader(graph, cuda_path(), threading.Lock(), steady=False)
    one, two = (uploader.upload({"words": np.arange(2 * n).reshape(2, n)}) for n in (3, 4))
    assert (one.turn, two.turn) == (None, None)
    assert one.on_device["words"].shape() == [2, 3]
    assert two.on_device["words"].shape() == [2, 4]


def test_the_plain_path_uploads_nothing(bundle: Bundle) -> None:
    loop = StepLoop.start(bundle, device="cpu", seed=5)
    given = [batch_of(0)]
    assert next(loop.feed(given)) is given[0]


def test_statistics_must_be_fitted_before_a_loop(tmp_path: Path) -> None:
    folder = write_library_bundle("diabetes_ridge", tmp_path)
    with pytest.raises(UserError) as caught:
        StepLoop.start(folder)
    assert str(caught.value) == (
        f"{folder}: 'x/normalize1/mean', 'x/normalize1/deviation' must be fitted to the training data first"
    )
    assert caught.value.hint == "use train()"


def test_the_devices_differ_where_they_should() -> None:
    assert (CPU.uploads, CPU.records, CPU.read_every) == (False, False, 1)
    assert (CUDA.uploads, CUDA.records, CUDA.read_every) == (True, False, 16)
    assert cuda_path(graph=True, read_every=3).records
    assert set(STATE)  # the handmade bundle advances every tensor of its state


def batch_of(seed: int) -> Batch:
    return make_columns(16, seed).take(slice(None))


def write_library_bundle(name: str, folder: Path) -> Path:
    library_bundle(name).write(folder / name)
    return folder / name
