"""Networks that PyTorch exports: their bundles fine-tune them as PyTorch does, for 20 steps of the same losses."""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler import compile_spec, load_spec_text
from netwright.compiler.ir import Array
from support.bundles import ROOT, Program, first_state, next_state
from support.pytorch import import_torch

torch = import_torch()
nn, F = torch.nn, torch.nn.functional

STEPS = 20
BATCH = 32
DIGITS = np.load(ROOT / "runtime" / "data" / "sources" / "digits.npz")
SGD = "sgd: {learning_rate: 0.05, momentum: 0.9}"


class Cnn(nn.Module):  # type: ignore[misc, name-defined]
    """Two convolutions with batch normalization, pooling of both kinds, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1, groups=2, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.AvgPool2d(2),
        )
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(64, 10)

    def forward(self, image: Any) -> Any:
        return self.head(self.dropout(self.features(image).flatten(1)))


class Mlp(nn.Module):  # type: ignore[misc, name-defined]
    """Layer normalization, a reshape by the input's own shape, and a tied weight."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Linear(64, 64), nn.LayerNorm(64)
        self.head = nn.Linear(64, 10)

    def forward(self, image: Any) -> Any:
        x = image.view(image.shape[0], -1)
        h = F.gelu(self.norm(self.first(x)))
        return self.head(h + F.linear(h, self.first.weight))


class Attention(nn.Module):  # type: ignore[misc, name-defined]
    """A transformer's layer over the rows of the image."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(8, 16)
        self.layer = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.0, batch_first=True)
        self.head = nn.Linear(16, 10)

    def forward(self, image: Any) -> Any:
        return self.head(self.layer(self.embed(image.squeeze(1))).mean(1))


def network(make: Callable[[], Any]) -> Any:
    """In inference mode, as one trained before: no tensors are equal by accident, and statistics are the data's."""
    torch.manual_seed(0)
    net = make().train()
    images = torch.from_numpy(np.concatenate([batch["image"] for batch in batches()]))
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.rand_like(parameter) * 0.2)
        for _ in range(30):
            net(images)
    return net.eval()


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Exporters announce what will be deprecated, and print what they do."""
    logging.disable(logging.WARNING)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


def export(net: Any, file: Path, opset: int) -> None:
    """By the exporter that traces, with every weight as it is: not folded into a convolution, not transposed."""
    with quietly():
        torch.onnx.export(
            net,
            (torch.zeros(2, 1, 8, 8),),
            str(file),
            dynamo=False,
            opset_version=opset,
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
            input_names=["image"],
            output_names=["logits"],
            dynamic_axes={"image": {0: "N"}, "logits": {0: "N"}},
        )


def export_by_dynamo(net: Any, file: Path, opset: int) -> None:
    """By the exporter that is PyTorch's default."""
    with quietly():
        torch.onnx.export(
            net,
            (torch.zeros(2, 1, 8, 8),),
            str(file),
            dynamo=True,
            opset_version=opset,
            input_names=["image"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("N")},),
            optimize=False,
            verbose=False,
        )


def batches() -> list[dict[str, Array]]:
    images = DIGITS["image"].astype(np.float32)[:, None] / 16
    rows = [slice(i * BATCH, (i + 1) * BATCH) for i in range(STEPS)]
    return [{"image": images[row], "label": DIGITS["label"][row].astype(np.int64)} for row in rows]


def torch_losses(net: Any, optimizer: Any) -> list[float]:
    losses = []
    for batch in batches():
        loss = F.cross_entropy(net(torch.from_numpy(batch["image"])), torch.from_numpy(batch["label"]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def bundle_losses(folder: Path, spec: str) -> tuple[list[float], dict[str, Array], dict[str, Array]]:
    """The losses of 20 steps, the first state and the last."""
    bundle = compile_spec(load_spec_text(spec, "spec.yaml", base=folder))
    bundle.write(folder / "bundle")
    step = Program(folder / "bundle" / "training" / "step.onnx")
    first = state = first_state(folder / "bundle")
    losses = []
    for batch in batches():
        outputs = step({**batch, **state})
        losses.append(float(outputs["loss"]))
        state = next_state(outputs)
    return losses, first, state


def spec(layers: str, optimizer: str = SGD) -> str:
    return (
        f"netwright: 1\ninputs: {{image: [1, 8, 8]}}\nnetwork:\n{layers}"
        f"training:\n  loss: categorical_cross_entropy\n  optimizer: {{{optimizer}}}\n"
    )


@dataclass(frozen=True)
class Case:
    make: Callable[[], Any]
    export: Callable[[Any, Path, int], None]
    opset: int
    optimizer: str = SGD


CASES = {
    "cnn": Case(Cnn, export, 17),
    "cnn, Adam": Case(Cnn, export, 20, "adam: {learning_rate: 0.003}"),
    "mlp": Case(Mlp, export, 13),
    "attention": Case(Attention, export, 17),
    "cnn by dynamo": Case(Cnn, export_by_dynamo, 20),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_losses_are_those_of_pytorch(case: Case, tmp_path: Path) -> None:
    net = network(case.make)
    case.export(net, tmp_path / "net.onnx", case.opset)
    if "adam" in case.optimizer:
        optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
    else:
        optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    expected = torch_losses(net, optimizer)
    layers = "  - onnx: {name: net, file: net.onnx}\n"
    losses, first, state = bundle_losses(tmp_path, spec(layers, case.optimizer))
    assert expected[-1] < 0.85 * expected[0]
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    trained = {name: tensor.detach().numpy() for name, tensor in net.named_parameters()}
    for name, tensor in trained.items():
        np.testing.assert_allclose(state[f"net/{name}"], tensor, rtol=1e-3, atol=1e-4)
    for name in net.state_dict():
        if name.endswith(("running_mean", "running_var")):
            np.testing.assert_array_equal(state[f"net/{name}"], first[f"net/{name}"])


def test_a_frozen_backbone_with_a_new_head(tmp_path: Path) -> None:
    """The layers before the old head keep the file's weights; the new head begins as PyTorch's."""
    net = network(Cnn)
    export(net, tmp_path / "net.onnx", 17)
    head = nn.Linear(64, 10)
    values = head.weight.detach().numpy().T.tolist(), head.bias.detach().numpy().tolist()
    layers = (
        "  - onnx: {name: net, file: net.onnx, freeze: true, output: /Flatten_output_0}\n"
        f"  - dense: {{name: head, units: 10, weight_initializer: {{values: {values[0]}}}, "
        f"bias_initializer: {{values: {values[1]}}}}}\n"
    )
    backbone = copy.deepcopy(net.features).requires_grad_(False)
    expected = torch_losses(
        nn.Sequential(backbone, nn.Flatten(), head), torch.optim.SGD(head.parameters(), lr=0.05, momentum=0.9)
    )
    losses, first, state = bundle_losses(tmp_path, spec(layers))
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    np.testing.assert_allclose(state["head/weight"], head.weight.detach().numpy().T, rtol=1e-3, atol=1e-5)
    kept = [name for name in state if name.startswith("net/")]
    assert kept
    assert not [name for name in kept if "head" in name]
    for name in kept:
        np.testing.assert_array_equal(state[name], first[name])
    assert not [name for name in state if name.startswith("optimizer/net/")]


def test_equal_tensors_that_the_exporter_merged_are_apart_again(tmp_path: Path) -> None:
    """In a network that was never trained, scales and variances are all 1 and biases and means 0."""
    torch.manual_seed(0)
    net = Cnn().eval()
    export(net, tmp_path / "net.onnx", 17)
    expected = torch_losses(net, torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9))
    losses, _, state = bundle_losses(tmp_path, spec("  - onnx: {name: net, file: net.onnx}\n"))
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    assert {name for name in state if name.startswith("net/")} == {
        f"net/{name}" for name in net.state_dict() if "num_batches" not in name
    }
