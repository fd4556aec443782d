"""ONNX Runtime's own training API on the MLP: `ort_training_mlp.py BATCH THREADS`.

Runs in an environment of its own: onnxruntime-training==1.19.2, onnx<1.17, numpy<2, torch.
"""

from __future__ import annotations

import os
import sys
import tempfile
from itertools import cycle

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.training import api, artifacts
from worker import serve


def main() -> None:
    rows, threads = int(sys.argv[1]), int(sys.argv[2])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        names = [f"{kind}{layer}" for layer in range(3) for kind in ("w", "b")]
        artifacts.generate_artifacts(
            forward_model(),
            requires_grad=names,
            loss=artifacts.LossType.CrossEntropyLoss,
            optimizer=artifacts.OptimType.AdamW,
            artifact_directory=folder,
        )
        checkpoint = api.CheckpointState.load_checkpoint("checkpoint")
        module = api.Module("training_model.onnx", checkpoint, "eval_model.onnx", session_options=options)
        optimizer = api.Optimizer("optimizer_model.onnx", module)
        random = np.random.default_rng(0)
        batches = cycle(
            [(random.random((rows, 784), dtype=np.float32), random.integers(0, 10, rows)) for _ in range(8)]
        )

        def step() -> None:
            image, label = next(batches)
            module(image, label)
            optimizer.step()
            module.lazy_reset_grad()

        serve(step)


def forward_model() -> onnx.ModelProto:
    random = np.random.default_rng(0)
    sizes, nodes, weights, value = [784, 512, 512, 10], [], [], "x"
    for layer in range(3):
        shape = (sizes[layer], sizes[layer + 1])
        weights.append(numpy_helper.from_array(random.normal(0, 0.05, shape).astype(np.float32), f"w{layer}"))
        weights.append(numpy_helper.from_array(np.zeros(shape[1], np.float32), f"b{layer}"))
        nodes.append(helper.make_node("Gemm", [value, f"w{layer}", f"b{layer}"], [f"y{layer}"]))
        value = f"y{layer}"
        if layer < 2:
            nodes.append(helper.make_node("Relu", [value], [f"r{layer}"]))
            value = f"r{layer}"
    graph = helper.make_graph(
        nodes,
        "mlp",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 784])],
        [helper.make_tensor_value_info(value, TensorProto.FLOAT, ["batch", 10])],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)


if __name__ == "__main__":
    main()
