"""Layers of convolutional networks compute what PyTorch's do: outputs, every gradient, and five updates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import test_layers_parity as parity
from netwright.compiler.autodiff import gradients
from netwright.compiler.ir import Array
from netwright.compiler.layers import BatchNorm, Layer
from support.layer_context import RecordingContext
from support.pytorch import import_torch
from support.running import Program, batch_input
from test_layers_parity import Case

torch = import_torch()
F = torch.nn.functional

IMAGE, VOLUME, SEQUENCE = (3, 4, 7, 6), (2, 2, 4, 5, 3), (3, 4, 9)


def case(entry: Any, expected: Callable[[Any, Any], Any], shape: tuple[int, ...] = IMAGE) -> Case:
    return Case(Layer.registry.build(entry), expected, (shape,))


def conv(shape: tuple[int, ...] = IMAGE, pads: Sequence[int] = (), *, bias: bool = True, **settings: Any) -> Any:
    """torch's convolution; `pads` as torch.nn.functional.pad takes them: of the last axis first."""
    function = {3: F.conv1d, 4: F.conv2d, 5: F.conv3d}[len(shape)]

    def expected(p: Any, x: Any) -> Any:
        return function(F.pad(x, tuple(pads)), p["weight"], p["bias"] if bias else None, **settings)

    return expected


def transposed(cut: tuple[slice, ...] = (), shape: tuple[int, ...] = IMAGE, **settings: Any) -> Any:
    function = {3: F.conv_transpose1d, 4: F.conv_transpose2d, 5: F.conv_transpose3d}[len(shape)]
    return lambda p, x: function(x, p["weight"], p["bias"], **settings)[(..., *cut)]


def max_pool(kernel: Any, pads: Sequence[int] = (), **settings: Any) -> Any:
    infinite = float("-inf")
    return lambda p, x: F.max_pool2d(F.pad(x, tuple(pads), value=infinite) if pads else x, kernel, **settings)


def average_pool(kernel: Any, pads: Sequence[int], stride: Any) -> Any:
    """Padding does not count."""

    def mean(x: Any) -> Any:
        return F.avg_pool2d(F.pad(x, tuple(pads)), kernel, stride)

    return lambda p, x: mean(x) / mean(torch.ones_like(x))


def scaled(y: Any, p: Any) -> Any:
    shape = (1, -1, *(1,) * (y.ndim - 2))
    return y * p["scale"].reshape(shape) + p["bias"].reshape(shape)


EVEN = {"filters": 2, "kernel_size": 2}
UP = {"filters": 2, "kernel_size": 4, "stride": 2}
CASES = {
    "conv": [
        case({"conv": {"filters": 2, "kernel_size": 3}}, conv()),
        case({"conv": {"filters": 2, "kernel_size": [3, 2], "stride": [2, 1]}}, conv(stride=(2, 1))),
        case({"conv": {**EVEN, "padding": "same", "use_bias": False}}, conv(pads=(0, 1, 0, 1), bias=False)),
        case(
            {"conv": {"filters": 2, "kernel_size": 3, "padding": "same", "stride": 2}},
            conv(pads=(0, 1, 1, 1), stride=2),
        ),
        case({"conv": {**EVEN, "padding": [2, 1], "dilation": 2}}, conv(padding=(2, 1), dilation=2)),
        case({"conv": {**EVEN, "padding": [2, 0, 1, 3]}}, conv(pads=(1, 3, 2, 0))),
        case({"conv": {"filters": 6, "kernel_size": 3, "padding": 1, "groups": 2}}, conv(padding=1, groups=2)),
        case({"conv": {"filters": 5, "kernel_size": 1}}, conv()),
        case(
            {"conv": {"filters": 2, "kernel_size": 3, "activation": "tanh"}},
            lambda p, x: torch.tanh(F.conv2d(x, p["weight"], p["bias"])),
        ),
        case({"conv": {"filters": 2, "kernel_size": 3, "stride": 2}}, conv(SEQUENCE, stride=2), SEQUENCE),
        case({"conv": {"filters": 2, "kernel_size": [2, 3, 1]}}, conv(VOLUME), VOLUME),
        case(
            {"conv": {"filters": 2, "kernel_size": 3, "padding": "causal", "dilation": 2}},
            conv(SEQUENCE, (4, 0), dilation=2),
            SEQUENCE,
        ),
        case(
            {"conv": {"filters": 2, "kernel_size": 2, "padding": "causal", "channels": "last"}},
            lambda p, x: conv((3, 9, 4), (1, 0))(p, x.transpose(1, 2)).transpose(1, 2),
            (3, 9, 4),
        ),
        case(
            {"conv": {"filters": 2, "kernel_size": 3, "padding": 1, "channels": "last"}},
            lambda p, x: conv(padding=1)(p, x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1),
        ),
    ],
    "depthwise_conv": [
        case({"depthwise_conv": 3}, conv(groups=4)),
        case(
            {"depthwise_conv": {"kernel_size": 3, "multiplier": 2, "padding": "same"}},
            conv(padding=1, groups=4),
        ),
        case({"depthwise_conv": {"kernel_size": 3, "stride": 2}}, conv(SEQUENCE, stride=2, groups=4), SEQUENCE),
    ],
    "conv_transpose": [
        case({"conv_transpose": UP}, transposed(stride=2)),
        case({"conv_transpose": {**UP, "padding": "same"}}, transposed(stride=2, padding=1)),
        case(
            {"conv_transpose": {**UP, "kernel_size": 3, "padding": "same"}},
            transposed((slice(0, -1), slice(0, -1)), stride=2),
        ),
        case(
            {"conv_transpose": {**EVEN, "stride": 3, "padding": "same"}},
            transposed(stride=3, output_padding=1),
        ),
        case(
            {"conv_transpose": {**UP, "padding": 1, "output_padding": [1, 0]}},
            transposed(stride=2, padding=1, output_padding=(1, 0)),
        ),
        case({"conv_transpose": {**UP, "padding": [0, 1, 2, 0]}}, transposed((slice(-1), slice(2, None)), stride=2)),
        case({"conv_transpose": {**UP, "groups": 2, "dilation": 2}}, transposed(stride=2, groups=2, dilation=2)),
        case({"conv_transpose": UP}, transposed(shape=SEQUENCE, stride=2), SEQUENCE),
        case({"conv_transpose": EVEN}, transposed(shape=VOLUME), VOLUME),
    ],
    "max_pool": [
        case({"max_pool": 2}, max_pool(2)),
        case({"max_pool": {"kernel_size": 3, "stride": 2, "padding": 1}}, max_pool(3, stride=2, padding=1)),
        case({"max_pool": {"kernel_size": [2, 3], "stride": 1}}, max_pool((2, 3), stride=1)),
        case({"max_pool": {"kernel_size": 2, "padding": "same"}}, max_pool(2, (0, 0, 0, 1))),
        case({"max_pool": {"kernel_size": 2, "dilation": 2, "stride": 1}}, max_pool(2, stride=1, dilation=2)),
        case({"max_pool": 3}, lambda p, x: F.max_pool1d(x, 3), SEQUENCE),
        case({"max_pool": {"kernel_size": 2, "stride": 1}}, lambda p, x: F.max_pool3d(x, 2, 1), VOLUME),
    ],
    "average_pool": [
        case({"average_pool": 2}, lambda p, x: F.avg_pool2d(x, 2)),
        case({"average_pool": {"kernel_size": 3, "stride": 2, "padding": 1}}, average_pool(3, (1, 1, 1, 1), 2)),
        case({"average_pool": {"kernel_size": 3, "stride": 2, "padding": "same"}}, average_pool(3, (0, 1, 1, 1), 2)),
        case(
            {"average_pool": {"kernel_size": 3, "stride": 1, "padding": 1, "count_include_pad": True}},
            lambda p, x: F.avg_pool2d(x, 3, 1, 1),
        ),
        case(
            {"average_pool": {"kernel_size": 2, "padding": [1, 0, 0, 1], "count_include_pad": True}},
            lambda p, x: F.avg_pool2d(F.pad(x, (0, 1, 1, 0)), 2),
        ),
        case({"average_pool": {"kernel_size": 3, "stride": 2}}, lambda p, x: F.avg_pool1d(x, 3, 2), SEQUENCE),
        case({"average_pool": 2}, lambda p, x: F.avg_pool3d(x, (2, 2, 2)), VOLUME),
    ],
    # while training: tests/layers/test_augmentation.py
    "random_flip": [case("random_flip", lambda p, x: x * 1)],
    "random_crop": [case({"random_crop": 2}, lambda p, x: x * 1)],
    "random_rotation": [case({"random_rotation": 10}, lambda p, x: x * 1)],
    "gaussian_noise": [case({"gaussian_noise": 0.1}, lambda p, x: x * 1)],
    "cutout": [case({"cutout": 3}, lambda p, x: x * 1)],
    "adaptive_average_pool": [
        case({"adaptive_average_pool": [3, 4]}, lambda p, x: F.adaptive_avg_pool2d(x, (3, 4))),
        case({"adaptive_average_pool": [4, 7]}, lambda p, x: F.adaptive_avg_pool2d(x, (4, 7))),
        case({"adaptive_average_pool": 3}, lambda p, x: F.adaptive_avg_pool1d(x, 3), SEQUENCE),
    ],
    "global_average_pool": [
        case("global_average_pool", lambda p, x: x.mean((2, 3))),
        case({"global_average_pool": {"keepdims": True}}, lambda p, x: x.mean((2,), keepdim=True), SEQUENCE),
    ],
    "global_max_pool": [
        case("global_max_pool", lambda p, x: x.amax((2, 3))),
        case({"global_max_pool": {"keepdims": True}}, lambda p, x: x.amax((2, 3, 4), keepdim=True), VOLUME),
        case({"global_max_pool": {"axis": 2}}, lambda p, x: x.amax(2)),
        case({"global_max_pool": {"axis": -1, "keepdims": True}}, lambda p, x: x.amax(-1, keepdim=True), SEQUENCE),
    ],
    "group_norm": [
        case({"group_norm": 2}, lambda p, x: F.group_norm(x, 2, p["scale"], p["bias"])),
        case({"group_norm": {"groups": 4, "epsilon": 0.1}}, lambda p, x: scaled(F.group_norm(x, 4, eps=0.1), p)),
        case({"group_norm": {"groups": 1, "scale": False, "bias": False}}, lambda p, x: F.group_norm(x, 1), SEQUENCE),
    ],
    "instance_norm": [
        case("instance_norm", lambda p, x: scaled(F.instance_norm(x), p)),
        case({"instance_norm": {"scale": False, "bias": False}}, lambda p, x: F.instance_norm(x), SEQUENCE),
    ],
    "rms_norm": [
        case("rms_norm", lambda p, x: F.rms_norm(x, (6,), p["scale"], 1e-5)),
        case({"rms_norm": {"axis": 2, "scale": False}}, lambda p, x: F.rms_norm(x, (7, 6), eps=1e-5)),
    ],
    "local_response_norm": [
        case({"local_response_norm": {"size": 3, "alpha": 0.5}}, lambda p, x: F.local_response_norm(x, 3, 0.5)),
        case(
            {"local_response_norm": {"size": 5, "alpha": 2, "beta": 0.5, "k": 2}},
            lambda p, x: F.local_response_norm(x, 5, 2, 0.5, 2),
        ),
        case(
            {"local_response_norm": {"size": 3, "alpha": 1}},
            lambda p, x: F.local_response_norm(x, 3, 1),
            SEQUENCE,
        ),
    ],
    "spatial_dropout": [case({"spatial_dropout": 0.5}, lambda p, x: x * 1)],  # training: test_dropout.py
    "upsample": [
        case({"upsample": 2}, lambda p, x: F.interpolate(x, scale_factor=2)),
        case({"upsample": [1, 3]}, lambda p, x: F.interpolate(x, scale_factor=(1, 3))),
        case({"upsample": 2}, lambda p, x: F.interpolate(x, scale_factor=2), SEQUENCE),
        case({"upsample": 2}, lambda p, x: F.interpolate(x, scale_factor=2), VOLUME),
        case(
            {"upsample": {"scale": [2, 3], "method": "bilinear"}},
            lambda p, x: F.interpolate(x, scale_factor=(2, 3), mode="bilinear"),
        ),
        case(
            {"upsample": {"scale": 3, "method": "bilinear"}},
            lambda p, x: F.interpolate(x, scale_factor=3, mode="linear"),
            SEQUENCE,
        ),
        case(
            {"upsample": {"scale": [2, 1, 2], "method": "bilinear"}},
            lambda p, x: F.interpolate(x, scale_factor=(2, 1, 2), mode="trilinear"),
            VOLUME,
        ),
    ],
    "zero_pad": [
        case({"zero_pad": 2}, lambda p, x: F.pad(x, (2, 2, 2, 2))),
        case({"zero_pad": [1, 0, 2, 3]}, lambda p, x: F.pad(x, (2, 3, 1, 0))),
        case({"zero_pad": [1, 2]}, lambda p, x: F.pad(x, (1, 2)), SEQUENCE),
    ],
    "reflect_pad": [
        case({"reflect_pad": [1, 3]}, lambda p, x: F.pad(x, (3, 3, 1, 1), "reflect")),
        case({"reflect_pad": [2, 0]}, lambda p, x: F.pad(x, (2, 0), "reflect"), SEQUENCE),
    ],
    "crop": [
        case({"crop": 1}, lambda p, x: x[:, :, 1:-1, 1:-1]),
        case({"crop": [0, 2, 3, 0]}, lambda p, x: x[:, :, :-2, 3:]),
    ],
    "pixel_shuffle": [
        case({"pixel_shuffle": 2}, lambda p, x: F.pixel_shuffle(x, 2)),
        case({"pixel_shuffle": 1}, lambda p, x: x * 1, SEQUENCE),
    ],
    "expand_dims": [
        case("expand_dims", lambda p, x: x[:, None]),
        case({"expand_dims": -1}, lambda p, x: x[..., None], (3, 4)),
    ],
    "squeeze": [
        case({"squeeze": 1}, lambda p, x: x[:, 0], (3, 1, 4)),
        case("squeeze", lambda p, x: x[..., 0], (3, 4, 1)),
    ],
}


def all_cases() -> list[Any]:
    return [pytest.param(case, id=f"{kind}-{i}") for kind in CASES for i, case in enumerate(CASES[kind])]


@pytest.mark.parametrize("case", all_cases())
def test_output_and_gradients_are_those_of_pytorch(case: Case) -> None:
    parity.test_output_and_gradients_are_those_of_pytorch(case)


@pytest.mark.parametrize(
    "kind", ["conv", "depthwise_conv", "conv_transpose", "group_norm", "instance_norm", "rms_norm"]
)
def test_five_updates_are_those_of_pytorch(kind: str) -> None:
    """Gradient descent on the mean square of the output."""
    case = CASES[kind][0]
    (array,) = case.inputs()
    context = RecordingContext()
    x = batch_input("x", array)
    y = case.layer.build(context, x)
    ours = context.random_values()
    dy = batch_input("dy", np.zeros((1, *(int(str(dim)) for dim in y.shape[1:])), np.float32))
    found = [g for g in gradients([y], list(context.values.values()), [dy]) if g is not None]
    forward = Program([x, *context.values.values()], [y])
    backward = Program([x, *context.values.values(), dy], found)
    theirs = {name: torch.tensor(value, requires_grad=True) for name, value in ours.items()}
    optimizer = torch.optim.SGD(list(theirs.values()), 0.1)
    for _ in range(5):
        (out,) = forward(array, *ours.values())
        steps = backward(array, *ours.values(), 2 * out / out.size)
        ours = {name: value - np.float32(0.1) * step for (name, value), step in zip(ours.items(), steps, strict=True)}
        optimizer.zero_grad()
        case.expected(theirs, torch.tensor(array)).square().mean().backward()
        optimizer.step()
    for name, value in ours.items():
        np.testing.assert_allclose(value, theirs[name].detach().numpy(), rtol=1e-5, atol=1e-6, err_msg=name)


BATCH_NORMS = {
    "images": ({}, IMAGE, 1),
    "features": ({"momentum": 0.3, "epsilon": 0.1}, (5, 4), 1),
    "without parameters": ({"scale": False, "bias": False}, SEQUENCE, 1),
    "channels last": ({"axis": -1}, (3, 5, 4), 2),
}


@pytest.mark.parametrize("name", BATCH_NORMS)
def test_batch_norm_trains_as_pytorch(name: str) -> None:
    """Outputs, gradients and running statistics of five batches, with an update of the parameters after each."""
    settings, shape, axis = BATCH_NORMS[name]
    layer = BatchNorm(**settings)
    context = RecordingContext(training=True)
    x, dy = batch_input("x", np.zeros(shape, np.float32)), batch_input("dy", np.zeros(shape, np.float32))
    y = layer.build(context, x)
    learned = {key: value for key, value in context.values.items() if not key.startswith("running")}
    (dx, *steps) = gradients([y], [x, *learned.values()], [dy])
    outputs = [y, dx, *steps, *context.statistics.values()]
    program = Program([x, dy, *context.values.values()], [value for value in outputs if value is not None])
    state = context.random_values()
    state["running_variance"] = np.abs(state["running_variance"]) + 0.5
    theirs = {key: torch.tensor(value, requires_grad=key in learned) for key, value in state.items()}
    for batch in range(5):
        arrays = np.random.default_rng(batch).normal(0.5, 2, (2, *shape)).astype(np.float32)
        found = program(*arrays, *state.values())
        tensor = torch.tensor(arrays[0], requires_grad=True)
        expected = F.batch_norm(
            tensor.movedim(axis, 1),
            theirs["running_mean"],
            theirs["running_variance"],
            theirs.get("scale"),
            theirs.get("bias"),
            training=True,
            momentum=layer.momentum,
            eps=layer.epsilon,
        ).movedim(1, axis)
        expected.backward(torch.tensor(arrays[1]))
        by_parameter = [theirs[key].grad for key in learned]
        wanted = [expected.detach(), tensor.grad, *by_parameter, theirs["running_mean"], theirs["running_variance"]]
        for have, want in zip(found, wanted, strict=True):
            np.testing.assert_allclose(have, want.numpy(), rtol=1e-5, atol=1e-5, strict=True)
        for key, step in zip(learned, found[2:], strict=False):
            state[key] = state[key] - np.float32(0.1) * step
            theirs[key] = (theirs[key] - 0.1 * theirs[key].grad).detach().requires_grad_()
        state["running_mean"], state["running_variance"] = found[-2:]


@pytest.mark.parametrize("name", BATCH_NORMS)
def test_batch_norm_infers_as_pytorch(name: str) -> None:
    settings, shape, axis = BATCH_NORMS[name]
    layer = BatchNorm(**settings)
    context = RecordingContext()
    array: Array = np.random.default_rng(0).normal(0.5, 2, shape).astype(np.float32)
    x = batch_input("x", array)
    y = layer.build(context, x)
    state = context.random_values()
    state["running_variance"] = np.abs(state["running_variance"]) + 0.5
    (found,) = Program([x, *context.values.values()], [y])(array, *state.values())
    theirs = {key: torch.tensor(value) for key, value in state.items()}
    expected = F.batch_norm(
        torch.tensor(array).movedim(axis, 1),
        theirs["running_mean"],
        theirs["running_variance"],
        theirs.get("scale"),
        theirs.get("bias"),
        eps=layer.epsilon,
    ).movedim(1, axis)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5, atol=1e-5, strict=True)
