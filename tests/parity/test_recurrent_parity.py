"""`rnn`, `lstm` and `gru` are PyTorch's: outputs, every gradient, and the weights after five steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.pytorch import import_torch
from support.trained_text import Compiled

torch = import_torch()
BATCH, TIME, SIZE, UNITS = 3, 7, 4, 5
GATES = {"rnn": [0], "lstm": [0, 1, 3, 2], "gru": [0, 1, 2]}
"""Where our gates stand among PyTorch's."""

SPEC = """
    netwright: 1
    inputs: {{x: [time, 4]{inputs}}}
    network:
      - {kind}: {{name: layer, units: 5, {fields}}}
    training:
      loss: squared_error
      optimizer: {{sgd: {{learning_rate: 0.1, momentum: 0.9}}}}
    """
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("", {}),
    "recomputed": ("backward: recomputed", {}),
    "bidirectional": ("bidirectional: true", {"bidirectional": True}),
    "stacked and bidirectional": ("layers: 2, bidirectional: true", {"num_layers": 2, "bidirectional": True}),
}


def blocks(matrix: Any, kind: str) -> Any:
    """The gates along the first axis, in our order."""
    parts = matrix.reshape(len(GATES[kind]), UNITS, *matrix.shape[1:])
    return parts[GATES[kind]].reshape(matrix.shape)


def ours(layer: Any, kind: str, read: Any = lambda p: p.detach().numpy()) -> dict[str, Any]:
    """PyTorch's parameters, or what `read` makes of each, under our names."""
    found: dict[str, Any] = {}
    for number in range(layer.num_layers):
        for direction in ("", "_reverse") if layer.bidirectional else ("",):
            prefix = f"layer/{f'layer{number + 1}_' if number else ''}{'backward_' if direction else ''}"
            w, u, b, c = (
                blocks(read(getattr(layer, f"{name}_l{number}{direction}")), kind)
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            found[f"{prefix}weight"], found[f"{prefix}recurrent_weight"] = w.T, u.T
            found[f"{prefix}bias"] = b
            if kind == "gru":
                found[f"{prefix}recurrent_bias"] = c[2 * UNITS :]
    return found


def torch_layer(kind: str, **settings: Any) -> Any:
    """The second bias, which ours lack but for the candidate of `gru`, is 0 and stays so."""
    torch.manual_seed(3)
    layer = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[kind](
        SIZE, UNITS, batch_first=True, **settings
    )
    for name, parameter in layer.named_parameters():
        if name.startswith("bias_hh"):
            keep = torch.ones_like(parameter)
            keep[: 2 * UNITS if kind == "gru" else None] = 0
            parameter.data *= keep
            parameter.register_hook(lambda g, keep=keep: g * keep)
    return layer


@pytest.mark.parametrize(
    ("kind", "case"), [(kind, case) for kind in GATES for case in CASES if kind == "lstm" or case != "recomputed"]
)
def test_outputs_gradients_and_five_steps(kind: str, case: str) -> None:
    fields, settings = CASES[case]
    ours_model = Compiled(SPEC.format(kind=kind, fields=fields, inputs=""))
    layer = torch_layer(kind, **settings)
    start = {name: np.ascontiguousarray(array) for name, array in ours(layer, kind).items()}
    assert {n for n in ours_model.state if n.startswith("layer/")} == set(start)
    ours_model.state |= start
    random = np.random.default_rng(0)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9)
    for number in range(5):
        x = random.normal(size=(BATCH, TIME + number, SIZE)).astype(np.float32)  # any length
        y, _ = layer(torch.tensor(x))
        target = random.normal(size=y.shape).astype(np.float32)
        loss = torch.nn.functional.mse_loss(y, torch.tensor(target))
        optimizer.zero_grad()
        loss.backward()
        got = ours_model("inference", x=x)["output"]
        np.testing.assert_allclose(got, y.detach().numpy(), rtol=1e-4, atol=2e-6)
        found = ours_model.gradients(x=x, target=target)
        for name, expected in ours(layer, kind, lambda p: p.grad.numpy()).items():
            np.testing.assert_allclose(found[name], expected, rtol=1e-3, atol=2e-6, err_msg=name)
        assert ours_model.step(x=x, target=target) == pytest.approx(float(loss.detach()), rel=1e-5)
        optimizer.step()
    for name, expected in ours(layer, kind).items():
        np.testing.assert_allclose(ours_model.state[name], expected, rtol=1e-4, atol=2e-6, err_msg=name)


@pytest.mark.parametrize("kind", GATES)
def test_the_last_output_and_the_final_state_of_padded_sequences(kind: str) -> None:
    """As PyTorch's packed sequences, in both directions."""
    layer = torch_layer(kind, bidirectional=True)
    lengths = np.array([7, 2, 5])
    x = np.random.default_rng(1).normal(size=(BATCH, TIME, SIZE)).astype(np.float32)
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        torch.tensor(x), torch.tensor(lengths), batch_first=True, enforce_sorted=False
    )
    every, final = layer(packed)
    every = torch.nn.utils.rnn.pad_packed_sequence(every, batch_first=True)[0].detach().numpy()
    hidden, *cell = final if isinstance(final, tuple) else (final,)
    states = [hidden[0], *(c[0] for c in cell), hidden[1], *(c[1] for c in cell)]
    wanted = {
        "sequences": every,
        "last": torch.cat([hidden[0], hidden[1]], -1).detach().numpy(),
        "state": torch.cat(states, -1).detach().numpy(),
    }
    for name, expected in wanted.items():
        fields = f"bidirectional: true, lengths: n, from: x, return: {name}"
        model = Compiled(SPEC.format(kind=kind, fields=fields, inputs=", n: {shape: [], dtype: int64}"))
        model.state |= {name: np.ascontiguousarray(array) for name, array in ours(layer, kind).items()}
        np.testing.assert_allclose(model("inference", x=x, n=lengths)["output"], expected, rtol=1e-4, atol=2e-6)
