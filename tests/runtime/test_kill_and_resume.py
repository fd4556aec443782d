"""A run killed at a random step resumes to the very bits of a run that was not, masks included."""

import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from netwright.runtime.bundle import Bundle
from netwright.runtime.checkpoint import load_checkpoint

EPOCHS = 5
SCRIPT = """
import os, signal, sys
sys.path.insert(0, {here!r})
from handmade import make_partitions
from netwright.runtime import Callback, TrainOptions, program, train
from recording import cuda_path, open_recording

program.open_session = open_recording
class Kill(Callback):
    def on_step(self, event):
        if event.step == {kill_at}:
            os.kill(os.getpid(), signal.SIGKILL)

train({bundle!r}, {run!r}, partitions=make_partitions(), resume={resume}, callbacks=[Kill()], device={device},
      options=TrainOptions(checkpoint_steps={checkpoint_steps}))
"""


def run_script(
    bundle: Path, run: Path, device: str, *, kill_at: int = -1, resume: bool = False, checkpoint_steps: int = 3
) -> int:
    script = SCRIPT.format(
        here=str(Path(__file__).parent),
        bundle=str(bundle),
        run=str(run),
        device=device,
        kill_at=kill_at,
        resume=resume,
        checkpoint_steps=checkpoint_steps,
    )
    return subprocess.run([sys.executable, "-c", script], check=False).returncode


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
@pytest.mark.parametrize("device", ["'cpu'", "cuda_path(graph=True, read_every=4)"])
def test_killed_at_random_steps(bundle: Bundle, tmp_path: Path, device: str) -> None:
    """Also when batches are uploaded ahead, losses are read now and then, and steps are recorded; against a run on
    the CPU. A step's callback comes with its reading then, so a kill strikes up to three steps later."""
    seed = time.time_ns()
    steps = sorted(random.Random(seed).sample(range(2, 28), 3))
    whole, run = tmp_path / "whole", tmp_path / "run"
    assert run_script(bundle.folder, whole, "'cpu'") == 0
    for number, step in enumerate(steps):
        assert run_script(bundle.folder, run, device, kill_at=step, resume=number > 0) == -9, f"seed {seed}"
        assert not (run / "summary.json").exists()
    assert run_script(bundle.folder, run, device, resume=True) == 0, f"seed {seed}"

    for name in ("last", "best"):
        file = f"checkpoints/{name}.safetensors"
        one, other = load_checkpoint(whole / file), load_checkpoint(run / file)
        for state, value in one.state.items():
            np.testing.assert_array_equal(other.state[state], value, err_msg=f"seed {seed}, {name}, {state}")
        assert one.position.best == other.position.best
    assert (whole / "bundle/inference.onnx").read_bytes() == (run / "bundle/inference.onnx").read_bytes()
