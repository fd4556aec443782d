"""The convolutional networks of the library: their sizes, what deep ones cost to compile, and fixed filters."""

from __future__ import annotations

import math
import time

import numpy as np
import onnxruntime
import pytest
from netwright.compiler import compile_spec, load_spec
from netwright.compiler.emit import emit
from netwright.compiler.ir import constant, reachable
from netwright.compiler.network import build_forward
from netwright.compiler.schedules.base import Horizon, Schedule
from netwright.compiler.variables import Variables
from netwright.runtime.data import source_schema
from support.bundles import (
    SPECS,
    TRAIN_ROWS,
    BundleFolder,
    Program,
    first_state,
    library_bundle,
    next_state,
    take_batches,
)
from support.figures import Figures

PARAMETERS = {
    # those of torchvision's models; googlenet without its auxiliary heads
    "alexnet": 61_100_840,
    "vgg16": 138_357_544,
    "vgg19": 143_667_240,
    "googlenet": 6_624_904,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet152": 60_192_808,
    # counted when the specs were written
    "lenet5": 61_706,
    "zfnet": 62_357_608,
    "mobilenet_v1": 4_231_976,
    "resnet20": 272_474,
    "unet_small": 482_449,
    "conv_autoencoder": 115_217,
    "dcgan_small": 108_897,
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_trainable_parameters(name: str, figures: Figures) -> None:
    """From shapes alone: no graph but that of inference is built, and no weight is made."""
    variables = Variables()
    forward = build_forward(load_spec(SPECS[name], data_schema=source_schema()), variables)
    read = {value for node in reachable(forward.outputs.values()) for value in node.given_inputs}
    states = [state for state in variables.of_kind("parameter").values() if variables.values[state.name] in read]
    assert sum(math.prod(state.shape) for state in states) == PARAMETERS[name]
    figures.add(name, f"{PARAMETERS[name]:,} parameters")


@pytest.mark.parametrize("name", PARAMETERS)
def test_schedules_know_their_length(name: str) -> None:
    """Without data at hand nobody knows how many steps an epoch has, and `netwright show` must do."""
    spec = load_spec(SPECS[name], data_schema=source_schema())
    assert spec.training is not None
    rate = getattr(spec.training.optimizer.optimizer, "learning_rate")  # noqa: B009 - declared by every subclass
    if spec.data is None and isinstance(rate, Schedule):
        assert rate.rate(constant(0.0), Horizon(None, None)).shape == ()


def test_auxiliary_heads_are_in_the_training_graphs_alone() -> None:
    bundle = library_bundle("googlenet")
    heads = {name for name in bundle.built.state if name.startswith("auxiliary")}
    assert any(name.endswith("/weight") for name in heads)
    step = bundle.graphs["step"].outputs
    assert {f"{name}.next" for name in heads} <= step.keys()
    inference = bundle.models()["inference"].graph
    held = {item.name for item in inference.initializer} | {item.name for item in inference.input}
    assert "logits/weight" in held
    assert not held & heads
    total = sum(math.prod(state.shape) for state in bundle.built.state.values() if state.kind == "parameter")
    assert bundle.parameters_for_losses > 0
    assert bundle.parameters + bundle.parameters_for_losses == total


def test_the_discriminator_is_in_the_training_graphs_alone() -> None:
    bundle = compile_spec(load_spec(SPECS["dcgan_small"], data_schema=source_schema()))
    assert (bundle.parameters, bundle.parameters_for_losses) == (108_897, 10_097)
    assert [value.name for value in bundle.graphs["inference"].inputs if "/" not in value.name] == ["latent"]


def test_the_discriminator_learns_from_steps_with_finite_losses(bundle_folder: BundleFolder) -> None:
    folder = bundle_folder("dcgan_small")
    step, state = Program(folder / "training/step.onnx"), first_state(folder)
    losses = []
    for batch in take_batches(folder, 24):
        outputs = step({**batch, **state})
        state = next_state(outputs)
        losses.append([float(outputs[f"{name}.loss"]) for name in ("discriminator", "generator")])
    assert np.isfinite(losses).all()
    of_discriminator = [loss for loss, _ in losses]
    assert np.mean(of_discriminator[-4:]) < 0.9 * np.mean(of_discriminator[:4])


@pytest.mark.timeout(300)
def test_resnet152_compiles_and_opens_in_seconds() -> None:
    """Processor time of this process: other work on the machine does not count. 8 s each on two busy cores."""
    started = time.process_time()
    bundle = compile_spec(load_spec(SPECS["resnet152"], data_schema=source_schema()), train_rows=TRAIN_ROWS)
    compiled = time.process_time()
    model = emit(bundle.graphs["step"]).SerializeToString()
    emitted = time.process_time()
    onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    opened = time.process_time()
    assert compiled - started < 15, "10 s, and half as much where other work takes cache and clock"
    assert opened - emitted < 15


def test_fixed_filters(bundle_folder: BundleFolder, figures: Figures) -> None:
    image = np.array(
        [[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 0], [0, 1, 1, 0, 0]], dtype=np.float32
    )
    outputs = Program(bundle_folder("fixed_filters") / "inference.onnx")({"image": image[None]})
    np.testing.assert_array_equal(outputs["crosses"][0], [[4, 3, 4], [2, 4, 3], [2, 3, 4]])
    np.testing.assert_array_equal(outputs["identity"][0], image)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(image, 1), (3, 3))
    total = around.sum(axis=(2, 3))
    np.testing.assert_allclose(outputs["box_blur"][0], total / 9, rtol=1e-6)
    np.testing.assert_array_equal(outputs["edge"][0], 9 * image - total)
    cross = around[..., 0, 1] + around[..., 1, 0] + around[..., 1, 2] + around[..., 2, 1]
    np.testing.assert_array_equal(outputs["sharpen"][0], 5 * image - cross)
    figures.add("fixed_filters", "the convolution worked out by hand, exactly")
