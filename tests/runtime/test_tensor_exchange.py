"""Tensors of other libraries come in and go out by DLPack."""

from __future__ import annotations

import types
from typing import Any

import numpy as np
import pytest
from handmade import make_columns
from netwright.runtime import StepLoop, predict
from netwright.runtime.bundle import Bundle
from netwright.runtime.device import CPU, Device
from netwright.runtime.errors import UserError
from netwright.runtime.exchange import host_array, shared_value, speaks_dlpack
from recording import cuda_path
from support.pytorch import import_torch

torch = import_torch()

BATCH = make_columns(16, 1).take(slice(None))


@pytest.mark.parametrize("device", [CPU, cuda_path(), cuda_path(graph=True)], ids=["cpu", "cuda", "graph"])
def test_a_step_on_tensors_is_the_step_on_arrays(bundle: Bundle, device: Device) -> None:
    tensors = {name: torch.from_numpy(array.copy()) for name, array in BATCH.items()}
    found = []
    for batch in (BATCH, tensors):
        loop = StepLoop.start(bundle, device=device, seed=5)
        for _ in range(3):
            loop.step(batch)
        found.append({name: array.tobytes() for name, array in loop.state.numpy().items()})
    assert found[0] == found[1]


def test_a_tensor_is_read_where_it_is(bundle: Bundle) -> None:
    loop = StepLoop.start(bundle, device="cpu", seed=5)
    tensors = {name: torch.from_numpy(array.copy()) for name, array in BATCH.items()}
    uploaded = loop._uploader.upload(tensors)
    for name, tensor in tensors.items():
        assert uploaded.on_device[name].data_ptr() == tensor.data_ptr()


def test_the_state_goes_out_without_a_copy(bundle: Bundle) -> None:
    loop = StepLoop.start(bundle, device="cpu", seed=5)
    loop.step(BATCH)
    shared = loop.state.shared()
    weight = torch.from_dlpack(shared["dense1/weight"])
    assert weight.data_ptr() == shared["dense1/weight"].data_ptr()
    np.testing.assert_array_equal(weight.numpy(), loop.state.numpy()["dense1/weight"])
    np.testing.assert_array_equal(np.from_dlpack(shared["dense1/weight"]), weight.numpy())
    before = weight.clone()
    loop.step(BATCH)
    assert torch.equal(weight, before), "the next step reads these buffers"
    loop.step(BATCH)
    assert not torch.equal(weight, before), "the one after it writes into them"


def test_the_state_comes_in_from_tensors(bundle: Bundle) -> None:
    loop = StepLoop.start(bundle, device="cpu", seed=5)
    halved = {name: torch.from_dlpack(value).clone() for name, value in loop.state.shared().items()}
    halved["dense1/weight"] /= 2
    expected = loop.state.numpy()["dense1/weight"] / 2
    loop.state.load(halved)
    np.testing.assert_array_equal(loop.state.numpy()["dense1/weight"], expected)


def test_predictions_from_tensors(bundle: Bundle) -> None:
    image = BATCH["image"]
    expected = predict(bundle.folder, {"image": image})["probabilities"]
    tensor = torch.from_numpy(image.copy())
    np.testing.assert_array_equal(predict(bundle.folder, {"image": tensor})["probabilities"], expected)
    turned = torch.from_numpy(image.T.copy()).T  # not contiguous
    np.testing.assert_array_equal(predict(bundle.folder, {"image": turned})["probabilities"], expected)


def test_arrays_are_taken_as_they_always_are() -> None:
    array = np.arange(3)
    array.flags.writeable = False  # NumPy refuses to give such an array away by DLPack
    assert not speaks_dlpack(array)
    assert host_array(array) is array
    assert host_array([1, 2]).tolist() == [1, 2]
    assert host_array(torch.tensor([True, False])).tolist() == [True, False]


def test_a_tensor_on_a_gpu_is_copied() -> None:
    """A stand-in for one: its memory is the host's, what it says of itself is not."""
    tensor = torch.arange(3.0)
    gpu = types.SimpleNamespace(__dlpack__=tensor.__dlpack__, __dlpack_device__=lambda: (2, 0), dtype=tensor.dtype)
    assert host_array(gpu).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        (torch.ones(2, requires_grad=True), "Can't export tensors that require gradient, use tensor.detach()"),
        (torch.ones(4, 4)[:, :2], "ORT only supports contiguous tensor for now."),
    ],
)
def test_tensors_that_cannot_be_shared(tensor: Any, words: str) -> None:
    with pytest.raises(UserError) as caught:
        shared_value(tensor)
    assert str(caught.value).removeprefix("a Tensor cannot be taken by DLPack: ") == words


def test_a_tensor_that_cannot_come_to_the_host() -> None:
    with pytest.raises(UserError) as caught:
        host_array(torch.ones(2, requires_grad=True))
    assert str(caught.value) == (
        "a Tensor cannot be taken by DLPack: Can't export tensors that require gradient, use tensor.detach()"
    )
