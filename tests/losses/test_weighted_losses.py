"""Class weights and sample weights: the loss is the weighted mean, in every graph."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from netwright.compiler import compile_spec, load_spec_text
from netwright.compiler.bundle import Bundle
from netwright.compiler.emit import emit
from netwright.compiler.errors import SpecError
from netwright.runtime.finalize import FINALIZERS

ort = pytest.importorskip("onnxruntime")


def compiled(loss: str, units: int = 3, more: str = "") -> Bundle:
    spec = f"""
netwright: 1
name: weighted
inputs: {{x: [4]}}
network:
  - dense: {{units: {units}, name: out}}
training: {{loss: {loss}, metrics: []}}
{more}"""
    return compile_spec(load_spec_text(spec))


def run(bundle: Bundle, graph: str, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The graph's outputs for the batch and the first weights."""
    session = ort.InferenceSession(emit(bundle.graphs[graph]).SerializeToString(), providers=["CPUExecutionProvider"])
    init = ort.InferenceSession(emit(bundle.graphs["init"]).SerializeToString(), providers=["CPUExecutionProvider"])
    state = dict(
        zip([o.name for o in init.get_outputs()], init.run(None, {"seed": np.array(0, np.int64)}), strict=True)
    )
    feeds = {i.name: {**batch, **state}[i.name] for i in session.get_inputs()}
    return dict(zip([o.name for o in session.get_outputs()], session.run(None, feeds), strict=True))


def outputs(bundle: Bundle, batch: dict[str, np.ndarray]) -> np.ndarray:
    init = run(bundle, "init", {"seed": np.array(0, np.int64)})
    return np.asarray(batch["x"] @ init["out/weight"] + init["out/bias"])


def batch(rows: int = 12, **more: Any) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {
        "x": random.normal(size=(rows, 4)).astype(np.float32),
        "label": random.integers(0, 3, rows),
        "w": random.uniform(0, 2, rows).astype(np.float32),
        **more,
    }


def cross_entropy(z: np.ndarray, label: np.ndarray) -> np.ndarray:
    shifted = z - z.max(axis=1, keepdims=True)
    return np.asarray(np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(z)), label])


@pytest.mark.parametrize(
    ("fields", "weights"),
    [
        ("class_weights: [1, 5, 0.5]", lambda b: np.array([1, 5, 0.5])[b["label"]]),
        ("sample_weight: w", lambda b: b["w"]),
        ("class_weights: [1, 5, 0], sample_weight: w", lambda b: np.array([1, 5, 0])[b["label"]] * b["w"]),
    ],
)
def test_the_weighted_mean_in_every_graph(fields: str, weights: Any) -> None:
    bundle = compiled(f"{{categorical_cross_entropy: {{{fields}}}}}")
    rows = batch()
    weight = weights(rows)
    elements = cross_entropy(outputs(bundle, rows), rows["label"])
    expected = (weight * elements).sum() / weight.sum()
    for graph in ("step", "gradients"):
        assert run(bundle, graph, rows)["loss"] == pytest.approx(expected, rel=1e-5)
    sums = run(bundle, "evaluate", rows)
    assert sums["loss.weight"] == pytest.approx(weight.sum(), rel=1e-5)
    assert sums["loss.sum"] == pytest.approx((weight * elements).sum(), rel=1e-5)


def test_evaluation_does_not_depend_on_the_batches() -> None:
    bundle = compiled("{categorical_cross_entropy: {class_weights: [1, 5, 0.5]}}")
    rows = batch()
    whole = run(bundle, "evaluate", rows)
    parts = [run(bundle, "evaluate", {n: v[at] for n, v in rows.items()}) for at in (slice(0, 5), slice(5, 12))]
    for name in ("loss.sum", "loss.weight"):
        assert sum(float(part[name]) for part in parts) == pytest.approx(float(whole[name]), rel=1e-5)


def test_a_sample_weight_weighs_whole_rows() -> None:
    """Also where an example has several numbers."""
    bundle = compiled("{squared_error: {sample_weight: w}}", units=2)
    rows = batch(target=np.random.default_rng(1).normal(size=(12, 2)).astype(np.float32))
    elements = ((outputs(bundle, rows) - rows["target"]) ** 2).mean(axis=1)
    expected = (rows["w"] * elements).sum() / rows["w"].sum()
    assert run(bundle, "step", rows)["loss"] == pytest.approx(expected, rel=1e-5)


def test_several_losses_count_examples() -> None:
    bundle = compiled(
        "[{categorical_cross_entropy: {sample_weight: w}}, {squared_error: {weight: 0.5}}]",
    )
    rows = batch(target=np.zeros((12, 3), np.float32))
    z = outputs(bundle, rows)
    first = (rows["w"] * cross_entropy(z, rows["label"])).sum() / rows["w"].sum()
    assert run(bundle, "step", rows)["loss"] == pytest.approx(first + 0.5 * (z**2).mean(), rel=1e-5)
    sums = run(bundle, "evaluate", rows)
    assert sums["loss.weight"] == pytest.approx(rows["w"].sum(), rel=1e-5)
    assert sums["loss.1.weight"] == 12


def test_several_losses_over_unequal_batches_are_each_averaged_by_their_own_weights() -> None:
    """Against the weighted means of the whole data by hand; the mean of batch losses by rows would be another."""
    bundle = compiled(
        "[{squared_error: {weight: 0.5}}, {categorical_cross_entropy: {sample_weight: w}},"
        " {categorical_cross_entropy: {class_weights: [1, 5, 0.5], weight: 2}}]"
        ", regularization: {l2: 0.25}",
    )
    rows = batch(target=np.random.default_rng(2).normal(size=(12, 3)).astype(np.float32))
    rows["w"][:7] *= 9  # most of the weight is in the first batch
    z = outputs(bundle, rows)
    entropy = cross_entropy(z, rows["label"])
    by_class = np.array([1, 5, 0.5])[rows["label"]]
    init = run(bundle, "init", {"seed": np.array(0, np.int64)})
    expected = (
        0.5 * ((z - rows["target"]) ** 2).mean()
        + (rows["w"] * entropy).sum() / rows["w"].sum()
        + 2 * (by_class * entropy).sum() / by_class.sum()
        + 0.25 * (init["out/weight"].astype(np.float64) ** 2).sum()
    )
    loss = bundle.manifest["metrics"][0]
    assert loss["finalize"] == "sum_of_ratios"
    assert loss["sums"] == [f"{stem}.{part}" for stem in ("loss", "loss.1", "loss.2") for part in ("sum", "weight")]
    for cuts in ([0, 12], [0, 7, 12], [0, 1, 8, 11, 12]):
        parts = [run(bundle, "evaluate", {n: v[a:b] for n, v in rows.items()}) for a, b in itertools.pairwise(cuts)]
        sums = [sum(part[name].astype(np.float64) for part in parts) for name in loss["sums"]]
        assert FINALIZERS[loss["finalize"]](*sums) == pytest.approx(expected, rel=1e-5)
    by_rows = sum(
        (b - a) / 12 * run(bundle, "step", {n: v[a:b] for n, v in rows.items()})["loss"] for a, b in [(0, 7), (7, 12)]
    )
    assert by_rows != pytest.approx(expected, rel=1e-3)


def test_a_batch_in_which_nothing_counts() -> None:
    bundle = compiled("{categorical_cross_entropy: {sample_weight: w}}")
    rows = batch(w=np.zeros(12, np.float32))
    found = run(bundle, "gradients", rows)
    assert found["loss"] == 0
    assert not found["out/weight.gradient"].any()


def test_gradients_are_pytorchs() -> None:
    from support.pytorch import import_torch

    torch = import_torch()
    bundle = compiled("{categorical_cross_entropy: {class_weights: [1, 5, 0.5]}}")
    rows = batch()
    init = run(bundle, "init", {"seed": np.array(0, np.int64)})
    weight = torch.tensor(init["out/weight"], requires_grad=True)
    bias = torch.tensor(init["out/bias"])
    loss = torch.nn.functional.cross_entropy(
        torch.tensor(rows["x"]) @ weight + bias, torch.tensor(rows["label"]), weight=torch.tensor([1, 5, 0.5])
    )
    loss.backward()
    found = run(bundle, "gradients", rows)
    assert float(found["loss"]) == pytest.approx(float(loss.detach()), rel=1e-5)
    np.testing.assert_allclose(found["out/weight.gradient"], weight.grad.numpy(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (
            "{categorical_cross_entropy: {class_weights: [1, 2]}}",
            "training.loss.categorical_cross_entropy.class_weights: needs a weight for each of the 3 classes,"
            " received 2\n  shapes:\n    <text>:4:10: x (batch, 4)\n    <text>:6:5: x → out (batch, 3)\n"
            "    <text>:7:46: out → label int64(batch)\n    <text>:7:19: out, label → categorical_cross_entropy",
        ),
        (
            "{squared_error: {class_weights: [1, 2, 3]}}",
            "training.loss.squared_error.class_weights: class_weights are for a target of classes\n"
            "  shapes:\n    <text>:4:10: x (batch, 4)\n    <text>:6:5: x → out (batch, 3)\n"
            "    <text>:7:34: out → target (batch, 3)\n    <text>:7:19: out, target → squared_error\n"
            "  hint: weigh single examples with `sample_weight`",
        ),
    ],
)
def test_class_weights_that_do_not_fit(loss: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        compiled(loss)
    assert str(caught.value).partition(": ")[2] == message


def test_the_manifest_lists_sample_weights_and_columns() -> None:
    more = "data: {source: wine, columns: {x: [a, b, c, d], w: importance}, balance: oversample}"
    manifest = compiled("{categorical_cross_entropy: {sample_weight: w}}", more=more).manifest
    assert manifest["features"][0]["column"] == ["a", "b", "c", "d"]
    weight = {"name": "w", "dtype": "float32", "shape": [], "column": "importance", "classes": None}
    assert weight in manifest["targets"]
    assert manifest["data"]["balance"] == {"method": "oversample", "by": None}
