"""`time_distributed`: every step by itself, whatever is inside; nothing passes from one to another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from netwright.cli.drawing import network_of
from netwright.compiler import compile_spec
from netwright.compiler.spec.model import load_text
from support.trained_text import Compiled, Tensors

IMAGES = """
      - conv: {filters: 4, kernel_size: 3, padding: same, activation: relu}
      - max_pool: 2
      - batch_norm
      - residual: [{conv: {filters: 4, kernel_size: 3, padding: same}}, tanh]
      - flatten
      - dense: {units: 5, activation: sigmoid}
"""
VIDEO = f"""
netwright: 1
inputs: {{frames: [time, 1, 6, 6]}}
network:
  - time_distributed:{IMAGES}
training: {{loss: squared_error, optimizer: {{sgd: {{learning_rate: 0.1}}}}}}
"""
IMAGE = f"""
netwright: 1
inputs: {{frames: [1, 6, 6]}}
network:
  - sequence:
      name: time_distributed1
      layers:{IMAGES.replace("      - ", "        - ")}
training: {{loss: squared_error, optimizer: {{sgd: {{learning_rate: 0.1}}}}}}
"""


def normal(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def step_by_step(model: Compiled, ends: list[int], outputs: str, **features: Any) -> Any:
    """What `inference_step` makes of a sequence, taken from each end to the next."""
    entry = model.bundle.manifest["graphs"]["inference_step"]
    sizes = {"batch": len(next(iter(features.values())))}
    state = {
        port["name"]: np.zeros([s if isinstance(s, int) else sizes.get(s, 0) for s in port["shape"]], port["dtype"])
        for port in entry["inputs"]
        if port["role"] == "carried"
    }
    made = []
    for start, end in zip([0, *ends], ends, strict=False):
        out = model("inference_step", **{name: x[:, start:end] for name, x in features.items()}, **state)
        state = {name: out[f"{name}.next"] for name in state}
        made.append(out[outputs])
    return np.concatenate(made, 1)


@pytest.fixture(scope="module")
def video() -> Compiled:
    return Compiled(VIDEO)


@pytest.fixture(scope="module")
def image() -> Compiled:
    return Compiled(IMAGE)


@pytest.mark.parametrize("time", [1, 3, 7])
def test_the_steps_of_any_length_are_a_batch_of_examples(video: Compiled, image: Compiled, time: int) -> None:
    """In one session: outputs, loss, gradients and the whole next state, statistics of the batch among it."""
    assert video.state.keys() == image.state.keys()
    for name, array in image.state.items():
        np.testing.assert_array_equal(video.state[name], array)
    frames, target = normal(2, time, 1, 6, 6), normal(2, time, 5, seed=1)
    rows: Tensors = {"frames": frames.reshape(-1, 1, 6, 6), "target": target.reshape(-1, 5)}
    whole = video("inference", frames=frames)["output"]
    assert whole.shape == (2, time, 5)
    np.testing.assert_allclose(whole.reshape(-1, 5), image("inference", frames=rows["frames"])["output"], atol=1e-6)
    expected, found = image("step", **rows), video("step", frames=frames, target=target)
    assert expected.keys() == found.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-5, atol=1e-6, err_msg=name)


def test_gradients_are_finite_differences_of_the_loss() -> None:
    """Along random directions, of a network without edges."""
    model = Compiled(VIDEO.replace("max_pool", "average_pool").replace("activation: relu", "activation: tanh"))
    batch = {"frames": normal(2, 3, 1, 6, 6), "target": normal(2, 3, 5, seed=1)}
    gradients = model.gradients(**batch)
    first = dict(model.state)
    for name, gradient in gradients.items():
        direction = normal(*gradient.shape, seed=2)
        losses = []
        for sign in (1, -1):
            model.state = {**first, name: first[name] + sign * np.float32(0.005) * direction}
            losses.append(float(model("gradients", **batch)["loss"]))
        slope = (losses[0] - losses[1]) / 0.01
        np.testing.assert_allclose(slope, (gradient * direction).sum(), rtol=2e-2, atol=2e-4, err_msg=name)


def test_layers_are_counted_once_and_named_as_in_every_composite(video: Compiled) -> None:
    assert [(row.name, row.kind, row.rows, row.shape, row.parameters) for row in video.bundle.layers] == [
        ("time_distributed1/input", "steps", "batch*time", (1, 6, 6), 0),
        ("time_distributed1/conv1", "conv", "batch*time", (4, 6, 6), 40),
        ("time_distributed1/max_pool1", "max_pool", "batch*time", (4, 3, 3), 0),
        ("time_distributed1/batch_norm1", "batch_norm", "batch*time", (4, 3, 3), 8),
        ("time_distributed1/residual1/conv1", "conv", "batch*time", (4, 3, 3), 148),
        ("time_distributed1/residual1/tanh1", "tanh", "batch*time", (4, 3, 3), 0),
        ("time_distributed1/residual1", "add", "batch*time", (4, 3, 3), 0),
        ("time_distributed1/flatten1", "flatten", "batch*time", (36,), 0),
        ("time_distributed1/dense1", "dense", "batch*time", (5,), 185),
        ("time_distributed1", "time_distributed", "batch", ("time", 5), 0),
    ]
    assert video.bundle.parameters == 40 + 8 + 148 + 185
    drawn = {layer.name: layer for layer in network_of(video.bundle).layers}
    assert drawn["time_distributed1"].sources == ("time_distributed1/dense1",)
    assert drawn["time_distributed1"].family == "shape"


def test_padding_does_not_leak_from_one_step_to_another() -> None:
    """Padding steps are computed like the others; what they hold changes no other step, nor loss and gradients."""
    model = Compiled("""
    netwright: 1
    inputs: {frames: [time, 1, 6, 6], n: {shape: [], dtype: int64}}
    network:
      - time_distributed:
          from: frames
          layers:
            - conv: {filters: 4, kernel_size: 3, activation: relu}
            - flatten
            - dense: {units: 3, name: last}
      - gru: {units: 3, lengths: n}
    training: {loss: {squared_error: {lengths: n}}}
    """)
    n = np.array([4, 2])
    batch: Tensors = {"frames": normal(2, 4, 1, 6, 6), "n": n, "target": normal(2, 4, 3, seed=1)}
    other = {**batch, "frames": batch["frames"].copy()}
    other["frames"][1, 2:] = 100 * normal(2, 1, 6, 6, seed=2)
    expected, found = model("step", **batch), model("step", **other)
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-5, atol=1e-6, err_msg=name)


FORMS = {
    "a recurrent layer": ("gru: {units: 4, name: y}", [1, 2, 3, 4, 5, 6]),
    "attention": ("multi_head_attention: {heads: 1, causal: true, units: 4, name: y}", [3, 4, 6]),
    "a causal convolution": ("conv: {filters: 4, kernel_size: 2, padding: causal, channels: last, name: y}", [3, 4, 6]),
}


@pytest.mark.parametrize("form", FORMS)
def test_step_by_step_is_the_whole(form: str) -> None:
    """What is inside need not be causal, and remembers nothing: not even the recurrent layer and the attention."""
    after, ends = FORMS[form]
    model = Compiled(f"""
    netwright: 1
    inputs: {{frames: [time, 5, 3]}}
    network:
      - time_distributed:
          - lstm: 4
          - multi_head_attention: {{heads: 1, causal: true}}
          - gru: {{units: 3, bidirectional: true, initial: learned}}
          - softmax: 1
          - flatten
          - dense: 4
      - {after}
    outputs: {{made: y}}
    """)
    entry = model.bundle.manifest["graphs"]["inference_step"]
    carried = [port["name"] for port in entry["inputs"] if port["role"] == "carried"]
    assert carried
    assert not [name for name in carried if "time_distributed1" in name]
    frames = normal(2, 6, 5, 3)
    made = step_by_step(model, ends, "made", frames=frames)
    np.testing.assert_allclose(made, model("inference", frames=frames)["made"], rtol=1e-5, atol=1e-6)


def test_alone_it_remembers_nothing_so_there_is_no_step_form() -> None:
    text = "netwright: 1\ninputs: {x: [time, 4, 3]}\nnetwork: [{time_distributed: [{gru: 2}]}]\n"
    assert "inference_step" not in compile_spec(load_text(text)).graphs


def test_the_steps_of_what_stays_are_encoded_once() -> None:
    """A video is looked at once; then the words about it come step by step."""
    model = Compiled("""
    netwright: 1
    inputs: {frames: [seconds, 1, 4, 4], words: {shape: [time], dtype: int64}}
    network:
      - time_distributed: {from: frames, layers: [{conv: {filters: 3, kernel_size: 3}}, flatten], name: seen}
      - embedding: {vocabulary: 9, units: 12, from: words}
      - gru: 12
      - attention: {memory: seen}
      - dense: {units: 9, name: logits}
    """)
    frames, words = normal(2, 3, 1, 4, 4), np.array([[1, 2, 3], [4, 5, 6]])
    encoded = model("inference_encode", frames=frames)
    assert encoded["seen"].shape == (2, 3, 12)
    assert all(array.shape[0] == 2 for array in encoded.values())
    step = model.bundle.graphs["inference_step"]
    assert "frames" not in {value.name for value in step.inputs}
    assert "Conv" not in {node.op_type for node in step.nodes()}
    model.state |= encoded
    made = step_by_step(model, [1, 2, 3], "output", words=words)
    whole = model("inference", frames=frames, words=words)["output"]
    np.testing.assert_allclose(made, whole, rtol=1e-5, atol=1e-6)


def test_several_sequences_go_in_together_under_their_names() -> None:
    """Texts of sentences: each sentence is read up to its own length."""
    model = Compiled("""
    netwright: 1
    inputs:
      texts: {shape: [sentences, words], dtype: int64}
      counts: {shape: [sentences], dtype: int64}
    network:
      - time_distributed:
          from: [texts, counts]
          name: read
          layers:
            - embedding: {vocabulary: 7, units: 3, from: texts}
            - gru: {units: 4, lengths: counts, return: last}
            - residual: [{dense: 4}]
    training: {loss: squared_error}
    """)
    assert next(f for f in model.bundle.manifest["features"] if f["name"] == "texts")["limit"] == 7
    texts, counts = np.array([[[1, 2, 3], [4, 5, 0]]]), np.array([[3, 2]])
    whole = model("inference", texts=texts, counts=counts)["output"]
    texts[0, 1, 2] = 6
    np.testing.assert_array_equal(model("inference", texts=texts, counts=counts)["output"], whole)
    texts[0, 1, 1] = 6
    changed = model("inference", texts=texts, counts=counts)["output"]
    np.testing.assert_array_equal(changed[0, 0], whole[0, 0])
    assert np.abs(changed[0, 1] - whole[0, 1]).max() > 1e-3


def test_it_may_stand_in_itself_in_a_block_in_a_cell_and_be_shared() -> None:
    """All of these multiply the last axis by one parameter from outside."""
    model = Compiled("""
    netwright: 1
    inputs: {x: [time, steps, 2], y: [ticks, 1], z: [places, 2]}
    blocks:
      twice: [{time_distributed: [{expression: input * 2}]}]
    network:
      - parameter: {name: w, shape: [2, 2]}
      - time_distributed: {from: x, layers: [{expression: input @ w}], name: flat}
      - time_distributed: {from: x, layers: [{time_distributed: [{expression: input @ w}]}], name: nested}
      - shared: {layer: nested, from: flat, name: again}
      - recurrent:
          from: y
          states: {h: 1}
          cell:
            inside: {time_distributed: {from: z, layers: [{expression: input @ w}]}}
            kept: h
          next: {h: kept}
          output: inside
          name: celled
      - twice: {from: x, name: doubled}
    outputs: {one: flat, two: nested, three: again, four: celled, five: doubled}
    """)
    model.state["w/value"] = w = normal(2, 2, seed=1)
    x, y, z = normal(2, 3, 4, 2), normal(2, 6, 1), normal(2, 5, 2)
    out = model("inference", x=x, y=y, z=z)
    repeated = np.repeat((z @ w)[:, None], 6, 1)
    for name, expected in {"one": x @ w, "two": x @ w, "three": x @ w @ w, "four": repeated, "five": 2 * x}.items():
        np.testing.assert_allclose(out[name], expected, rtol=1e-5, atol=1e-6, err_msg=name)


def test_preprocessing_fits_its_statistics_to_all_steps() -> None:
    model = Compiled("""
    netwright: 1
    inputs: {x: {shape: [time, 3], preprocess: [{time_distributed: [normalize]}]}}
    network: [{gru: 2}]
    training: {loss: squared_error}
    """)
    x = normal(2, 5, 3) + 4
    sums = model("fit", x=x)
    np.testing.assert_allclose(sums["x/time_distributed1/normalize1/mean.sum"], x.sum((0, 1)), rtol=1e-5)
    assert sums["x/time_distributed1/normalize1/mean.weight"] == 10


def test_random_numbers_are_drawn_for_each_step() -> None:
    """About half of the frames are mirrored, not all of the videos or none."""
    model = Compiled("""
    netwright: 1
    inputs: {frames: [40, 1, 1, 2]}
    network:
      - parameter: {name: scale, shape: [40, 2], initializer: ones}
      - time_distributed: {from: frames, layers: [random_flip, flatten], name: flipped}
      - expression: flipped * scale
    training: {loss: squared_error}
    """)
    frames = np.tile(np.array([1, 2], np.float32), (1, 40, 1, 1, 1))
    gradient = model.gradients(frames=frames, target=np.zeros((1, 40, 2), np.float32))["scale/value"]
    mirrored = gradient[:, 0] > gradient[:, 1]
    assert 8 <= mirrored.sum() <= 32
