"""Every layer computes what PyTorch's does, and so do its gradients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler import layers
from netwright.compiler.autodiff import gradients
from netwright.compiler.ir import Array
from netwright.compiler.layers import Layer
from support.layer_context import RecordingContext
from support.pytorch import import_torch
from support.running import Program, batch_input, fixed_input

torch = import_torch()
F = torch.nn.functional

Expected = Callable[..., Any]
"""(parameters by name, inputs…) -> the layer's output, in torch."""


@dataclass(frozen=True)
class Case:
    layer: Layer
    expected: Expected
    shapes: tuple[tuple[int, ...], ...] = ((4, 5),)
    differentiable: bool = True
    dtype: str = "float32"
    indices: int = 0
    """The inputs are whole numbers from 0 to one less than this, without a gradient; 0: they are floats."""

    def inputs(self) -> list[Array]:
        random = np.random.default_rng(1)
        if self.indices:
            return [random.integers(0, self.indices, shape).astype(self.dtype) for shape in self.shapes]
        return [random.uniform(-3, 3, shape).astype(self.dtype) for shape in self.shapes]


def activation(entry: Any, expected: Callable[[Any], Any], **settings: Any) -> Case:
    return Case(Layer.registry.build(entry), lambda p, x: expected(x), **settings)


def lookup(p: Any, x: Any) -> Any:
    return F.embedding(x, p["weight"])


GIVEN = [1.0, 2.0, 3.0, 4.0, 1.0]  # a deviation of 0 divides by 1
CUBE = ((4, 3, 5),)


def spread(x: Any) -> Any:
    return torch.where(x > 0, x, 1.0)


NEAREST = "nearest-exact"


def interpolated(x: Any, size: tuple[int, int], mode: str) -> Any:
    """torch's images have a channel axis."""
    return F.interpolate(x[:, None], size, mode=mode)[:, 0] if x.ndim == 3 else F.interpolate(x, size, mode=mode)


def one_hot(p: Any, x: Any) -> Any:
    """Numbers that are no class are all 0."""
    return (x[..., None] == torch.arange(3)).float()


PAIR = ((4, 5), (4, 5))
VISION = "tests/parity/test_vision_parity.py"
ATTENTION = "tests/parity/test_attention_parity.py"
ELSEWHERE = {
    "shared": "tests/network/test_parameters.py",  # the network builds it, as the layer it names
    **dict.fromkeys(["gru", "lstm", "rnn"], "tests/parity/test_recurrent_parity.py"),
    **dict.fromkeys(["attention", "multi_head_attention", "positional_encoding"], ATTENTION),
    **dict.fromkeys(["transformer_decoder", "transformer_encoder"], ATTENTION),
    "onnx": "tests/foreign/test_fine_tuning.py",  # its parameters are those of a file
    "bag_of_words": "tests/network/test_bag_of_words.py",  # PyTorch takes no text
    **dict.fromkeys(
        ["average_pool", "batch_norm", "conv", "conv_transpose", "crop", "depthwise_conv", "expand_dims"], VISION
    ),
    **dict.fromkeys(["global_average_pool", "global_max_pool", "group_norm", "instance_norm", "max_pool"], VISION),
    **dict.fromkeys(["local_response_norm", "pixel_shuffle", "reflect_pad", "rms_norm", "spatial_dropout"], VISION),
    **dict.fromkeys(["adaptive_average_pool", "squeeze", "upsample", "zero_pad"], VISION),
    **dict.fromkeys(["cutout", "gaussian_noise", "random_crop", "random_flip", "random_rotation"], VISION),
}
dense, relu = {"units": 3}, layers.activations.Relu()
CASES = {
    "identity": [activation("identity", lambda x: x * 1)],
    "linear": [activation("linear", lambda x: x * 1)],
    "relu": [activation("relu", F.relu)],
    "leaky_relu": [
        activation("leaky_relu", F.leaky_relu),
        activation({"leaky_relu": 0.3}, lambda x: F.leaky_relu(x, 0.3)),
    ],
    "elu": [activation("elu", F.elu), activation({"elu": 0.5}, lambda x: F.elu(x, 0.5))],
    "selu": [activation("selu", F.selu)],
    "gelu": [activation("gelu", F.gelu), activation({"gelu": "tanh"}, lambda x: F.gelu(x, approximate="tanh"))],
    "silu": [activation("silu", F.silu)],
    "softplus": [activation("softplus", F.softplus)],
    "softsign": [activation("softsign", F.softsign)],
    "sigmoid": [activation("sigmoid", torch.sigmoid)],
    "hard_sigmoid": [activation("hard_sigmoid", F.hardsigmoid)],
    "tanh": [activation("tanh", torch.tanh)],
    "softmax": [
        activation("softmax", lambda x: F.softmax(x, -1)),
        activation({"softmax": 1}, lambda x: F.softmax(x, 1), shapes=((2, 3, 4),)),
    ],
    "log_softmax": [
        activation("log_softmax", lambda x: F.log_softmax(x, -1)),
        activation({"log_softmax": -2}, lambda x: F.log_softmax(x, 1), shapes=((2, 3, 4),)),
    ],
    "exponential": [activation("exponential", torch.exp)],
    "step": [
        activation("step", lambda x: (x >= 0).float(), differentiable=False),
        activation({"step": {"low": -1}}, lambda x: torch.where(x >= 0, 1.0, -1.0), differentiable=False),
    ],
    "dense": [
        Case(layers.Dense(units=3), lambda p, x: x @ p["weight"] + p["bias"]),
        Case(layers.Dense(units=3, use_bias=False), lambda p, x: x @ p["weight"]),
        Case(layers.Dense(units=3, activation=relu), lambda p, x: F.relu(F.linear(x, p["weight"].T, p["bias"]))),
        Case(layers.Dense(units=3), lambda p, x: F.linear(x, p["weight"].T, p["bias"]), ((2, 6, 5),)),
        Case(layers.Dense(units=1), lambda p, x: F.linear(x, p["weight"].T, p["bias"]), ((2, 3, 4, 5),)),
    ],
    "flatten": [
        Case(layers.Flatten(), lambda p, x: x.flatten(1), ((2, 3, 4),)),
        Case(layers.Flatten(), lambda p, x: x.reshape(4, 1), ((4,),)),
    ],
    "reshape": [
        Case(layers.Reshape(shape=(2, 6)), lambda p, x: x.reshape(2, 2, 6), ((2, 3, 4),)),
        Case(layers.Reshape(shape=(3, -1, 2)), lambda p, x: x.reshape(2, 3, 2, 2), ((2, 3, 4),)),
    ],
    "add": [
        Case(layers.Add(), lambda p, x, y: x + y, ((2, 3), (2, 3))),
        Case(layers.Add(), lambda p, x, y, z: x + y + z, ((2, 3, 4), (2, 3, 1), (2, 1, 4))),
    ],
    "multiply": [
        Case(layers.Multiply(), lambda p, x, y: x * y, ((2, 3), (2, 3))),
        Case(layers.Multiply(), lambda p, x, y, z: x * y * z, ((2, 3, 4), (2, 1, 1), (2, 3, 4))),
    ],
    "concat": [
        Case(layers.Concat(), lambda p, x, y: torch.cat([x, y], -1), ((2, 3), (2, 4))),
        Case(layers.Concat(axis=1), lambda p, *xs: torch.cat(xs, 1), ((2, 3, 4), (2, 1, 4), (2, 2, 4))),
    ],
    "argmax": [
        Case(layers.ArgMax(), lambda p, x: x.argmax(-1), ((4, 5),), differentiable=False),
        Case(layers.ArgMax(), lambda p, x: x.argmax(-1), ((2, 3, 4),), differentiable=False),
    ],
    "embedding": [
        Case(layers.Embedding(vocabulary=7, units=3), lookup, ((4, 5),), dtype="int64", indices=7),
        Case(layers.Embedding(vocabulary=300, units=2), lookup, ((6,),), dtype="int32", indices=300),
    ],
    "expression": [
        Case(layers.Expression(formula="a * b + 1"), lambda p, a, b: a * b + 1, ((4, 5), (4, 5))),
        Case(
            layers.Expression(formula="sum(exp(-a / 2)) ** 2 - tanh(b)"),
            lambda p, a, b: torch.exp(-a / 2).sum(1) ** 2 - torch.tanh(b),
            ((4, 5), (4,)),
        ),
        Case(layers.Expression(formula="a if a > b else 2 * b"), lambda p, a, b: torch.where(a > b, a, 2 * b), PAIR),
        Case(layers.Expression(formula="grad(sum(a * a * b), a)"), lambda p, a, b: 2 * a * b, PAIR),
    ],
    "parameter": [Case(layers.Parameter(shape=(2, 3)), lambda p: p["value"] * 1, ())],
    "constant": [
        Case(layers.Constant(values=[[1, -2]]), lambda p: torch.tensor([[1.0, -2.0]]), (), differentiable=False)
    ],
    "normalize": [
        Case(layers.Normalize(), lambda p, x: (x - p["mean"]) / spread(p["deviation"])),
        Case(layers.Normalize(per="all"), lambda p, x: (x - p["mean"]) / spread(p["deviation"]), ((4, 3, 5),)),
        Case(layers.Normalize(mean=2, deviation=[1, 2, 3, 4, 0]), lambda p, x: (x - 2) / torch.tensor(GIVEN)),
    ],
    "min_max": [
        Case(layers.MinMax(), lambda p, x: (x - p["minimum"]) / spread(p["maximum"] - p["minimum"])),
        Case(layers.MinMax(minimum=-3, maximum=3, low=-1), lambda p, x: x / 3),
        Case(layers.MinMax(per="channel", high=255, minimum=0), lambda p, x: 255 * x / spread(p["maximum"]), CUBE),
    ],
    "resize": [
        Case(layers.Resize(size=(7, 3)), lambda p, x: interpolated(x, (7, 3), "bilinear"), ((2, 5, 4),)),
        Case(layers.Resize(size=(2, 9)), lambda p, x: interpolated(x, (2, 9), "bilinear"), ((2, 3, 5, 4),)),
        Case(layers.Resize(size=(7, 3), method="nearest"), lambda p, x: interpolated(x, (7, 3), NEAREST), CUBE),
    ],
    "rescale": [Case(layers.Rescale(scale=0.5, offset=1), lambda p, x: x / 2 + 1)],
    "cast": [Case(layers.Cast(), lambda p, x: x * 1)],
    "one_hot": [
        Case(layers.OneHot(classes=3), one_hot, ((4,),), differentiable=False, dtype="int64", indices=4),
        Case(layers.OneHot(classes=3), one_hot, ((4, 2),), differentiable=False, dtype="int32", indices=4),
    ],
    "dropout": [Case(layers.Dropout(rate=0.5), lambda p, x: x * 1)],  # while training: tests/layers/test_dropout.py
    "layer_norm": [
        Case(layers.LayerNorm(), lambda p, x: F.layer_norm(x, (5,), p["scale"], p["bias"])),
        Case(layers.LayerNorm(epsilon=1e-3, bias=False), lambda p, x: F.layer_norm(x, (5,), p["scale"], eps=1e-3)),
        Case(layers.LayerNorm(scale=False), lambda p, x: F.layer_norm(x, (5,)) + p["bias"]),
        Case(layers.LayerNorm(axis=1), lambda p, x: F.layer_norm(x, (3, 4), p["scale"], p["bias"]), ((2, 3, 4),)),
    ],
}


def all_cases() -> list[Any]:
    return [pytest.param(case, id=f"{kind}-{i}") for kind in CASES for i, case in enumerate(CASES[kind])]


@pytest.mark.parametrize("kind", list(Layer.registry))
def test_every_layer_has_a_case(kind: str) -> None:
    assert CASES.get(kind) or Path(ELSEWHERE[kind]).is_file()


@pytest.mark.parametrize("case", all_cases())
def test_output_and_gradients_are_those_of_pytorch(case: Case) -> None:
    arrays = case.inputs()
    context = RecordingContext()
    inputs = [batch_input(f"x{i}", array) for i, array in enumerate(arrays)]
    output = case.layer.build(context, *inputs)
    parameters = context.random_values()

    torch_inputs = [torch.tensor(array, requires_grad=not case.indices) for array in arrays]
    torch_parameters = {name: torch.tensor(array, requires_grad=True) for name, array in parameters.items()}
    expected = case.expected(torch_parameters, *torch_inputs)
    dy = np.random.default_rng(2).uniform(0.5, 1.5, expected.shape).astype(np.float32)

    wrt = [*([] if case.indices else inputs), *context.values.values()]
    seed = batch_input("dy", dy) if inputs else fixed_input("dy", dy)
    found = gradients([output], wrt, [seed])
    if not case.differentiable:
        assert found == [None] * len(wrt)
        found = []
    assert None not in found
    program = Program([*inputs, *context.values.values(), seed], [output, *(g for g in found if g is not None)])
    y, *dxs = program(*arrays, *parameters.values(), dy)

    np.testing.assert_allclose(y, expected.detach().numpy(), rtol=1e-5, atol=1e-6, strict=True)
    if case.differentiable:
        expected.backward(torch.tensor(dy))
        torch_wrt = [*([] if case.indices else torch_inputs), *torch_parameters.values()]
        for value, dx, x in zip(wrt, dxs, torch_wrt, strict=True):
            np.testing.assert_allclose(dx, x.grad.numpy(), rtol=1e-5, atol=1e-5, strict=True, err_msg=value.name)
