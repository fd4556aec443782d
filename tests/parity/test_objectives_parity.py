"""Two objectives train as the same loop in PyTorch does: 20 steps, losses, weights and running statistics to 1e-4."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.adversaries import adversaries, drawn, real, written
from support.bundles import Program, Tensors, first_state, next_state
from support.pytorch import import_torch

torch = import_torch()
F = torch.nn.functional

STEPS, ROWS = 20, 32


def network(state: Tensors, name: str, *activation: Any) -> Any:
    """`dense`, `batch_norm`, an activation, `dense`, with the weights of a state."""
    first, last = state[f"{name}/dense1/weight"], state[f"{name}/dense2/weight"]
    built = torch.nn.Sequential(
        torch.nn.Linear(*first.shape, bias=False),
        torch.nn.BatchNorm1d(first.shape[1]),
        *activation,
        torch.nn.Linear(*last.shape),
    )
    with torch.no_grad():
        for layer, weight in ((built[0], first), (built[-1], last)):
            layer.weight.copy_(torch.tensor(weight.T))
        built[-1].bias.zero_()
    return built


def weights(built: Any, name: str) -> Tensors:
    """The weights and statistics by the names that they have in the state."""
    tensors = {
        "dense1/weight": built[0].weight.T,
        "batch_norm1/scale": built[1].weight,
        "batch_norm1/bias": built[1].bias,
        "batch_norm1/running_mean": built[1].running_mean,
        "batch_norm1/running_variance": built[1].running_var,
        "dense2/weight": built[-1].weight.T,
        "dense2/bias": built[-1].bias,
    }
    return {f"{name}/{key}": tensor.detach().numpy() for key, tensor in tensors.items()}


@pytest.mark.parametrize(("l2", "clip"), [(0.0, None), (0.01, 0.3)])
def test_two_objectives_train_as_in_pytorch(l2: float, clip: float | None, tmp_path: Path) -> None:
    lines = [f"regularization: {{l2: {l2}}}", *([f"clip_global_norm: {clip}"] if clip else [])]
    folder = written(adversaries(*lines), tmp_path)
    step, state = Program(folder / "training/step.onnx"), first_state(folder)
    generator = network(state, "generator", torch.nn.Tanh())
    discriminator = network(state, "discriminator", torch.nn.Tanh())
    adam = torch.optim.Adam(discriminator.parameters(), eps=1e-3)
    sgd = torch.optim.SGD(generator.parameters(), lr=0.05, momentum=0.8)

    def penalty(built: Any) -> Any:
        return l2 * sum((layer.weight**2).sum() for layer in (built[0], built[-1]))

    for number in range(STEPS):
        batch = real(ROWS, seed=number)
        latent = torch.tensor(drawn("latent", state["random_counter"], ROWS, 4))
        said = discriminator(torch.tensor(batch["x"]))
        judged = discriminator(generator(latent))
        ones = torch.ones(ROWS, 1)
        of_discriminator = F.binary_cross_entropy_with_logits(said, ones)
        of_discriminator = of_discriminator + 0.5 * F.binary_cross_entropy_with_logits(judged, 0 * ones)
        of_discriminator = of_discriminator + penalty(discriminator)
        of_generator = F.binary_cross_entropy_with_logits(judged, ones) + penalty(generator)
        for built, loss in ((discriminator, of_discriminator), (generator, of_generator)):
            found = torch.autograd.grad(loss, list(built.parameters()), retain_graph=True)
            for parameter, gradient in zip(built.parameters(), found, strict=True):
                parameter.grad = gradient
            if clip is not None:
                torch.nn.utils.clip_grad_norm_(built.parameters(), clip)
        adam.param_groups[0]["lr"] = 0.005 * 0.5 * (1 + np.cos(np.pi * number / 30))
        adam.step()
        sgd.step()

        outputs = step({**batch, **state})
        state = next_state(outputs)
        expected = {"discriminator.loss": of_discriminator.item(), "generator.loss": of_generator.item()}
        expected["loss"] = sum(expected.values())
        for name, value in expected.items():
            np.testing.assert_allclose(outputs[name], value, rtol=1e-4, err_msg=f"{name}, step {number}")
    for name, value in (weights(generator, "generator") | weights(discriminator, "discriminator")).items():
        np.testing.assert_allclose(state[name], value, rtol=1e-4, atol=1e-4, err_msg=name)
