"""ONNX Runtime's own training API: `ort_training_step.py NETWORK BATCH THREADS [cpu|cuda]`.

Runs in an environment of its own: onnxruntime-training==1.19.2, onnx<1.17, numpy<2, and torch, which exports it.
"""

from __future__ import annotations

import os
import sys
import tempfile
from itertools import cycle

import numpy as np
import onnx
import onnxruntime
import torch
from networks import NETWORKS, Network, module
from onnxruntime.training import api, artifacts
from worker import serve


def main() -> None:
    network, rows, threads = NETWORKS[sys.argv[1]], int(sys.argv[2]), int(sys.argv[3])
    device = sys.argv[4] if len(sys.argv) > 4 else "cpu"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        forward, trained = forward_model(network, rows)
        artifacts.generate_artifacts(
            forward,
            requires_grad=trained,
            frozen_params=[w.name for w in forward.graph.initializer if w.name not in trained],
            loss=artifacts.LossType.CrossEntropyLoss,
            optimizer=artifacts.OptimType.AdamW,
            artifact_directory=folder,
        )
        checkpoint = api.CheckpointState.load_checkpoint("checkpoint")
        session = api.Module("training_model.onnx", checkpoint, device=device, session_options=options)
        optimizer = api.Optimizer("optimizer_model.onnx", session)
        random = np.random.default_rng(0)
        batches = cycle(
            [
                (random.random((rows, *network.shape), dtype=np.float32), random.integers(0, network.classes, rows))
                for _ in range(8)
            ]
        )

        def step() -> None:
            image, label = next(batches)
            session(image, label)
            optimizer.step()
            session.lazy_reset_grad()

        serve(step)


def forward_model(network: Network, rows: int) -> tuple[onnx.ModelProto, list[str]]:
    """The network exported from PyTorch in training mode, and the names of its parameters."""
    net = module(network.name)
    torch.onnx.export(
        net,
        torch.rand(rows, *network.shape),
        "forward.onnx",
        training=torch.onnx.TrainingMode.TRAINING,
        do_constant_folding=False,
        opset_version=15,
        input_names=["x"],
        output_names=["y"],
        dynamo=False,
    )
    return onnx.load("forward.onnx"), [name for name, _ in net.named_parameters()]


if __name__ == "__main__":
    main()
