"""`time_distributed` against PyTorch, where a batch's steps are folded into its rows and unfolded by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
from support.pytorch import import_torch
from support.trained_text import Compiled

torch = import_torch()
F = torch.nn.functional
ROWS, TIME = 3, 4
SPEC = """
netwright: 1
inputs: {frames: [time, 2, 6, 6]}
network:
  - time_distributed:
      name: each
      layers:
        - conv: {filters: 4, kernel_size: 3, padding: same, activation: relu, name: conv}
        - max_pool: 2
        - batch_norm: {name: norm}
        - flatten
        - dense: {units: 5, activation: tanh, name: dense}
  - gru: {units: 3, return: last, name: gru}
training: {loss: squared_error, optimizer: {sgd: {learning_rate: 0.1}}}
"""


def expected(w: dict[str, Any], frames: Any, *, training: bool) -> Any:
    """The network in PyTorch; running statistics change in place while training."""
    rows, time = frames.shape[:2]
    x = frames.reshape(rows * time, *frames.shape[2:])
    x = F.max_pool2d(torch.relu(F.conv2d(x, w["each/conv/weight"], w["each/conv/bias"], padding=1)), 2)
    statistics = w["each/norm/running_mean"], w["each/norm/running_variance"]
    x = F.batch_norm(x, *statistics, w["each/norm/scale"], w["each/norm/bias"], training=training)
    x = torch.tanh(x.flatten(1) @ w["each/dense/weight"] + w["each/dense/bias"]).reshape(rows, time, -1)
    h = torch.zeros(rows, 3)
    for number in range(time):
        r, z, n = (x[:, number] @ w["gru/weight"] + w["gru/bias"]).chunk(3, 1)
        u_r, u_z, u_n = (h @ w["gru/recurrent_weight"]).chunk(3, 1)
        r, z = torch.sigmoid(r + u_r), torch.sigmoid(z + u_z)
        h = (1 - z) * torch.tanh(n + r * (u_n + w["gru/recurrent_bias"])) + z * h
    return h


def tensors(model: Compiled) -> dict[str, Any]:
    found = {}
    for name, array in model.state.items():
        if name.startswith(("each/", "gru/")):
            found[name] = torch.tensor(array, requires_grad="running" not in name)
    return found


def test_outputs_gradients_and_five_updates() -> None:
    model = Compiled(SPEC)
    random = np.random.default_rng(0)
    w = tensors(model)
    for _ in range(5):
        frames = random.normal(size=(ROWS, TIME, 2, 6, 6)).astype(np.float32)
        target = random.normal(size=(ROWS, 3)).astype(np.float32)
        loss = F.mse_loss(expected(w, torch.tensor(frames), training=True), torch.tensor(target))
        loss.backward()
        found = model.gradients(frames=frames, target=target)
        assert set(found) == {name for name, tensor in w.items() if tensor.requires_grad}
        for name, gradient in found.items():
            np.testing.assert_allclose(gradient, w[name].grad.numpy(), rtol=1e-3, atol=1e-6, err_msg=name)
        np.testing.assert_allclose(model.step(frames=frames, target=target), loss.item(), rtol=1e-5)
        with torch.no_grad():
            for tensor in w.values():
                if tensor.grad is not None:
                    tensor.sub_(tensor.grad, alpha=0.1)
                    tensor.grad = None
    for name, tensor in w.items():
        np.testing.assert_allclose(model.state[name], tensor.detach().numpy(), rtol=1e-4, atol=1e-6, err_msg=name)
    longer = random.normal(size=(2, 7, 2, 6, 6)).astype(np.float32)
    with torch.no_grad():
        wanted = expected(w, torch.tensor(longer), training=False).numpy()
    np.testing.assert_allclose(model("inference", frames=longer)["output"], wanted, rtol=1e-4, atol=1e-5)
