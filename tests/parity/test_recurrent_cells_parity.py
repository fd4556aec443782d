"""What PyTorch's recurrent layers lack, against the formulas written out in PyTorch: outputs, and every gradient.

Peepholes, Jordan networks, `reset: before`, states that are learned or given, and recurrent dropout, whose mask is told
by the gradients that it leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.pytorch import import_torch
from support.trained_text import Compiled

torch = import_torch()
BATCH, TIME, SIZE, UNITS = 3, 6, 4, 5
State = Any
Weights = dict[str, Any]
Step = Callable[[Any, State, Weights], "tuple[Any, State]"]
"""(one step of the input, the state (batch, size), parameters by local name) -> (output, next state)"""


def lstm(x: Any, state: State, w: Weights) -> tuple[Any, State]:
    """Gers and Schmidhuber 2000: i and f see the cell before, o the cell after."""
    h, c = state.chunk(2, 1)
    i, f, o, g = (x @ w["weight"] + h @ w["recurrent_weight"] + w["bias"]).chunk(4, 1)
    of_i, of_f, of_o = w["peephole"].chunk(3) if "peephole" in w else (0, 0, 0)
    following = torch.sigmoid(f + c * of_f) * c + torch.sigmoid(i + c * of_i) * torch.tanh(g)
    output = torch.sigmoid(o + following * of_o) * torch.tanh(following)
    return output, torch.cat([output, following], 1)


def gru_before(x: Any, h: State, w: Weights) -> tuple[Any, State]:
    """Cho et al. 2014: r acts on the state, before its product."""
    r_x, z_x, n_x = (x @ w["weight"] + w["bias"]).chunk(3, 1)
    u_r, u_z, u_n = w["recurrent_weight"].chunk(3, 1)
    r, z = torch.sigmoid(r_x + h @ u_r), torch.sigmoid(z_x + h @ u_z)
    following = (1 - z) * torch.tanh(n_x + (r * h) @ u_n) + z * h
    return following, following


def jordan(x: Any, y: State, w: Weights) -> tuple[Any, State]:
    """Jordan 1986: what comes back is the output."""
    hidden = torch.tanh(x @ w["weight"] + y @ w["recurrent_weight"] + w["bias"])
    output = torch.sigmoid(hidden @ w["output_weight"] + w["output_bias"])
    return output, output


CASES: dict[str, tuple[str, int, Step]] = {
    "peepholes": ("lstm: {peepholes: true, FIELDS}", 2 * UNITS, lstm),
    "lstm": ("lstm: {FIELDS}", 2 * UNITS, lstm),
    "reset before": ("gru: {reset: before, FIELDS}", UNITS, gru_before),
    "jordan": ("rnn: {jordan: 2, output_activation: sigmoid, FIELDS}", 2, jordan),
}
STARTS = {"zeros": "", "learned": "initial: learned,", "given": "initial_from: first,"}


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("case", CASES)
def test_outputs_and_gradients_are_those_of_the_formulas(case: str, start: str) -> None:
    layer, size, step = CASES[case]
    model = Compiled(f"""
    netwright: 1
    inputs: {{x: [time, {SIZE}], s: [{size}]}}
    network:
      - dense: {{units: {size}, from: s, name: first}}
      - {layer.replace("FIELDS", f"{STARTS[start]} name: layer, units: {UNITS}, from: x")}
    outputs: {{y: layer, unused: first}}
    training: {{loss: squared_error}}
    """)
    random = np.random.default_rng(0)
    for name, array in model.state.items():
        if name.startswith(("layer/", "first/")):
            model.state[name] = random.normal(size=array.shape).astype(np.float32) / 2
    x, s = (random.normal(size=shape).astype(np.float32) for shape in ((BATCH, TIME, SIZE), (BATCH, size)))

    tensors = {
        n: torch.tensor(a, requires_grad=True) for n, a in model.state.items() if "/" in n and "optimizer" not in n
    }
    weights = {name.removeprefix("layer/"): tensor for name, tensor in tensors.items()}
    state = torch.zeros(BATCH, size)
    if start == "learned":
        state = weights["initial_state"].expand(BATCH, size)
    elif start == "given":
        state = torch.tensor(s) @ weights["first/weight"] + weights["first/bias"]
    outputs = []
    for number in range(TIME):
        output, state = step(torch.tensor(x[:, number]), state, weights)
        outputs.append(output)
    expected = torch.stack(outputs, 1)
    target = random.normal(size=expected.shape).astype(np.float32)
    torch.nn.functional.mse_loss(expected, torch.tensor(target)).backward()

    np.testing.assert_allclose(model("inference", x=x, s=s)["y"], expected.detach().numpy(), rtol=1e-5, atol=2e-6)
    found = model.gradients(x=x, s=s, target=target)
    read = {name for name, tensor in tensors.items() if tensor.grad is not None}
    assert {name for name in tensors if name.startswith("layer/")} <= read
    assert ("first/weight" in read) == (start == "given")
    for name in read:
        np.testing.assert_allclose(found[name], tensors[name].grad.numpy(), rtol=1e-4, atol=2e-6, err_msg=name)


def test_recurrent_dropout_leaves_out_the_same_numbers_of_the_state_at_every_step() -> None:
    """The mask is read from a first training step whose loss shows it; then all gradients are those with this mask."""
    model = Compiled(f"""
    netwright: 1
    inputs: {{x: [time, {SIZE}]}}
    network: [{{lstm: {{units: {UNITS}, recurrent_dropout: 0.4, name: layer}}}}]
    training: {{loss: squared_error}}
    """)
    random = np.random.default_rng(1)
    for name in ("layer/weight", "layer/recurrent_weight", "layer/bias"):
        model.state[name] = random.normal(size=model.state[name].shape).astype(np.float32)
    x = random.normal(size=(1, TIME, SIZE)).astype(np.float32)
    target = random.normal(size=(1, TIME, UNITS)).astype(np.float32)
    found = model.gradients(x=x, target=target)
    matching = []
    for bits in np.ndindex(*[2] * UNITS):  # every mask there is
        mask = torch.tensor(np.array(bits, np.float32) / 0.6)
        weights = {n.removeprefix("layer/"): torch.tensor(model.state[n], requires_grad=True) for n in found}
        state, outputs = torch.zeros(1, 2 * UNITS), []
        for number in range(TIME):
            h, c = state.chunk(2, 1)
            output, state = lstm(torch.tensor(x[:, number]), torch.cat([h * mask, c], 1), weights)
            outputs.append(output)
        torch.nn.functional.mse_loss(torch.stack(outputs, 1), torch.tensor(target)).backward()
        if all(np.allclose(found[f"layer/{n}"], w.grad.numpy(), rtol=1e-3, atol=1e-5) for n, w in weights.items()):
            matching.append(bits)
    assert len(matching) == 1
    assert 0 < sum(matching[0]) < UNITS
