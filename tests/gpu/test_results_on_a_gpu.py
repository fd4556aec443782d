"""The kernels of CUDA give what those of the CPU give, for every spec of the library."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from netwright.compiler.bundle import Target
from netwright.runtime import CudaOptions, StepLoop
from netwright.runtime.bundle import load_bundle
from netwright.runtime.device import CPU, CUDA, Device
from netwright.runtime.loop import StepResult
from netwright.runtime.session import open_session
from support.bundles import (
    DEEPER,
    SPECS,
    TARGETS,
    BundleFolder,
    Tensors,
    first_state,
    has_training,
    library_bundle,
    read_manifest,
    take_batches,
)

CHAOTIC = {"googlenet"}
"""Nine layers deep and eight wide, fed noise: rounding grows by a factor of ten a step."""
EXACT = replace(CUDA, cuda=CudaOptions(tf32=False, read_every=4))
RECORDED = replace(CUDA, cuda=CudaOptions(tf32=False, graph=True, read_every=4))
TRAINED = [name for name in SPECS if name not in DEEPER and has_training(name)]
every_trained_spec = pytest.mark.parametrize("name", TRAINED)


def run(folder: Path, graph: str, device: Device, tensors: Tensors) -> Tensors:
    """One run of a graph of a bundle."""
    entry = load_bundle(folder).manifest.graphs[graph]
    rows = next((len(tensors[port.name]) for port in entry.inputs if port.shape[:1] == ("batch",)), None)
    axes = {} if rows is None else {"batch": rows}
    session = open_session(folder / entry.file, device, axes=axes, graph=entry)
    names = [port.name for port in entry.outputs]
    return dict(zip(names, session.run(names, {port.name: tensors[port.name] for port in entry.inputs}), strict=True))


@pytest.mark.parametrize("target", TARGETS)
@every_trained_spec
def test_gradients_are_those_of_the_cpu(name: str, target: Target, bundle_folder: BundleFolder) -> None:
    """Masks of dropout and drawn inputs too: random numbers are arithmetic on whole numbers."""
    folder = bundle_folder(name, target)
    (batch,) = take_batches(folder, 1, rows=8)
    tensors = {**first_state(folder), **batch}
    expected, found = (run(folder, "gradients", device, tensors) for device in (CPU, EXACT))
    for output, value in expected.items():
        difference = np.linalg.norm(np.asarray(found[output] - value, np.float64).ravel())
        size = np.linalg.norm(np.asarray(value, np.float64).ravel())
        assert difference <= 1e-3 * size + 1e-6, f"{output}: {difference:.2e} of {size:.2e}"


@every_trained_spec
def test_first_weights_are_those_of_the_cpu(name: str, bundle_folder: BundleFolder) -> None:
    folder = bundle_folder(name)
    seed = {"seed": np.array(7)}
    expected, found = (run(folder, "init", device, seed) for device in (CPU, EXACT))
    for state, value in expected.items():
        np.testing.assert_allclose(found[state], value, rtol=1e-5, atol=1e-6, err_msg=state)


def steps(folder: Path, device: Device, count: int) -> tuple[list[StepResult], Tensors]:
    """What some steps give, and the state after them. Skips the test where a loop cannot give them."""
    if read_manifest(folder)["fitting"]:
        pytest.skip("a loop does not see the data that statistics are fitted to")
    bundle = load_bundle(folder)
    loop = StepLoop.start(bundle, device=device, seed=5)
    batches = take_batches(folder, count)
    results = [result for batch in loop.feed(batches) for result in loop.step(batch)]
    return results + loop.read(), loop.state.numpy()


@every_trained_spec
def test_losses_of_some_steps_are_those_of_the_cpu(name: str, bundle_folder: BundleFolder) -> None:
    folder = bundle_folder(name)
    count = 2 if name in CHAOTIC else 8
    (expected, _), (found, _) = (steps(folder, device, count) for device in (CPU, EXACT))
    np.testing.assert_allclose([r.loss for r in found], [r.loss for r in expected], rtol=1e-3, atol=1e-6)


@every_trained_spec
def test_recorded_steps_give_what_plain_ones_give(name: str, bundle_folder: BundleFolder) -> None:
    obstacles = library_bundle(name).recordings()["step"]
    if obstacles:
        pytest.skip(str(obstacles[0]))
    folder = bundle_folder(name)
    count = 3 if name in CHAOTIC else 20
    (expected, state), (found, recorded) = (steps(folder, device, count) for device in (EXACT, RECORDED))
    np.testing.assert_allclose([r.loss for r in found], [r.loss for r in expected], rtol=1e-4, atol=1e-6)
    for entry, value in state.items():
        assert np.isfinite(recorded[entry]).all() == np.isfinite(value).all(), entry
