"""Which output answers which target, and what comes of comparing them, by hand-made numbers."""

from __future__ import annotations

import base64
import dataclasses
import io
import math

import numpy as np
import pytest
from netwright.pictures import Layer, Network, Objective, Output
from netwright.runtime.data.columns import Array
from netwright.runtime.manifest import Field, GraphEntry, Manifest, Port
from netwright.runtime.report import charts, inference
from netwright.runtime.report.answers import Answer, Meaning, find_answers
from netwright.runtime.report.inference import Sample
from netwright.runtime.report.page import duration_text, metric_text, size_text
from netwright.runtime.report.results import Classes, Numbers, compare
from netwright.runtime.report.values import as_picture, show, values_text
from PIL import Image
from sklearn.metrics import confusion_matrix, mean_absolute_error, r2_score, root_mean_squared_error


def manifest(outputs: list[Field], targets: list[Field], features: tuple[Field, ...] = ()) -> Manifest:
    return Manifest(1, "0", "m", "", "portable", 21, {}, (), features, tuple(outputs), tuple(targets))


def network(outputs: dict[str, str], loss: str, source: str = "logits", target: str = "label") -> Network:
    """logits, and every activation of it that an output asks for by its kind."""
    activations = [name for name in outputs.values() if name != "logits"]
    layers = [Layer("logits", "dense", "dense", "", (3,), 0, ("x",))]
    layers += [Layer(name, name, "activation", "", (3,), 0, ("logits",)) for name in activations]
    return Network(
        "n",
        (),
        tuple(layers),
        tuple(Output(name, value, (3,)) for name, value in outputs.items()),
        (Objective(loss, source, target, 1.0),),
    )


LABEL = Field("label", "int64", (), classes=3)


@pytest.mark.parametrize(
    ("outputs", "loss", "expected"),
    [
        ({"z": "logits"}, "categorical_cross_entropy", ("z", "logits")),
        ({"z": "logits", "p": "softmax"}, "categorical_cross_entropy", ("p", "probabilities")),
        ({"l": "log_softmax"}, "categorical_cross_entropy", ("l", "log_probabilities")),
        ({"z": "logits"}, "negative_log_likelihood", ("z", "log_probabilities")),
        ({"t": "tanh"}, "categorical_cross_entropy", None),
    ],
)
def test_output_that_answers(outputs: dict[str, str], loss: str, expected: tuple[str, Meaning] | None) -> None:
    fields = [Field(name, "float32", (3,)) for name in outputs]
    found = find_answers(manifest(fields, [LABEL]), network(outputs, loss))
    assert [(answer.output, answer.meaning) for answer in found] == ([expected] if expected else [])


def test_yes_or_no_and_numbers() -> None:
    target = Field("label", "float32", (3,))
    fields = [Field("z", "float32", (3,)), Field("p", "float32", (3,))]
    (yes,) = find_answers(manifest(fields, [target]), network({"z": "logits", "p": "sigmoid"}, "binary_cross_entropy"))
    assert (yes.output, yes.meaning, yes.classifies) == ("p", "yes_probability", True)
    (number,) = find_answers(manifest(fields, [target]), network({"z": "logits", "p": "sigmoid"}, "squared_error"))
    assert (number.output, number.meaning, number.classifies) == ("z", "numbers", False)


def test_target_that_is_an_input() -> None:
    feature = Field("image", "float32", (3,))
    found = find_answers(
        manifest([Field("z", "float32", (3,))], [], (feature,)),
        network({"z": "logits"}, "squared_error", target="image"),
    )
    assert [answer.target.name for answer in found] == ["image"]


def test_output_from_which_the_loss_reads_more_answers_nothing() -> None:
    mean = Field("label", "float32", (1,))
    assert find_answers(manifest([Field("z", "float32", (3,))], [mean]), network({"z": "logits"}, "gaussian")) == []


def test_without_a_network_only_what_is_clear() -> None:
    scores, value = Field("z", "float32", (3,)), Field("y", "float32", (1,))
    (answer,) = find_answers(manifest([scores], [LABEL]), None)
    assert (answer.output, answer.meaning) == ("z", "logits")
    (answer,) = find_answers(manifest([value], [dataclasses.replace(value, name="t")]), None)
    assert answer.meaning == "numbers"
    assert find_answers(manifest([scores, value], [LABEL]), None) == []
    assert find_answers(manifest([value], [LABEL]), None) == []
    assert find_answers(manifest([scores], [value]), None) == []


def sample(wanted: Array, output: Array) -> Sample:
    rows = np.arange(0, 2 * len(wanted), 2)
    return Sample("test", 2 * len(wanted), rows, {"label": wanted}, {"z": output})


def test_classes() -> None:
    generator = np.random.default_rng(0)
    truth, logits = generator.integers(0, 3, 50), generator.normal(size=(50, 3)).astype(np.float32)
    result = compare(sample(truth, logits), Answer("z", LABEL, "logits"), {"label": ("a", "b", "c")})
    assert isinstance(result, Classes)
    said = logits.argmax(axis=1)
    np.testing.assert_array_equal(result.counts, confusion_matrix(truth, said))
    assert result.right == (truth == said).mean()
    assert result.wrong_rows == (truth != said).sum()
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    of_truth = np.where(truth != said, probabilities[np.arange(50), truth], 2)
    worst = int(of_truth.argmin())
    first = result.mistakes[0]
    assert (first.index, first.row) == (worst, 2 * worst)
    assert (first.wanted, first.received) == ("abc"[truth[worst]], "abc"[said[worst]])
    assert first.score.replace("\N{NO-BREAK SPACE}", " ").startswith(f"{100 * of_truth[worst]:.1f} % against ")
    order = [of_truth[mistake.index] for mistake in result.mistakes]
    assert order == sorted(order)
    assert [times for *_, times in result.confusions()] == sorted((t for *_, t in result.confusions()), reverse=True)
    assert sum(times for *_, times in result.confusions()) == result.wrong_rows


def test_class_that_does_not_occur_has_no_recall() -> None:
    result = compare(sample(np.array([0, 1]), np.eye(3)[:2]), Answer("z", LABEL, "probabilities"), {})
    assert isinstance(result, Classes)
    assert result.recall == [1.0, 1.0, None]
    assert (result.mistakes, result.confusions(), result.names) == ((), [], ("0", "1", "2"))


def test_log_probabilities() -> None:
    values = np.log(np.array([[0.7, 0.2, 0.1]]))
    result = compare(sample(np.array([1]), values), Answer("z", LABEL, "log_probabilities"), {})
    assert result.mistakes[0].score.replace("\N{NO-BREAK SPACE}", " ") == "20.0 % against 70.0 %"


@pytest.mark.parametrize(
    ("meaning", "outputs", "score"),
    [
        ("yes_probability", [0.9, 0.8], "20.0 % against 80.0 %"),
        ("yes_logit", [2.0, math.log(4)], "20.0 % against 80.0 %"),
        ("margin", [1.0, 1.5], "-1.5 against 1.5"),
    ],
)
def test_yes_or_no(meaning: Meaning, outputs: list[float], score: str) -> None:
    target = Field("label", "float32", (1,))
    result = compare(sample(np.array([[1.0], [0.0]]), np.array(outputs)[:, None]), Answer("z", target, meaning), {})
    assert isinstance(result, Classes)
    assert result.counts.tolist() == [[0, 1], [0, 1]]
    (mistake,) = result.mistakes
    assert (mistake.index, mistake.wanted, mistake.received, mistake.position) == (1, "0", "1", ())
    assert mistake.score.replace("\N{NO-BREAK SPACE}", " ") == score


def test_shares_between_yes_and_no_are_numbers() -> None:
    target = Field("label", "float32", (1,))
    result = compare(sample(np.array([[0.3], [1.0]]), np.array([[0.2], [0.9]])), Answer("z", target, "yes_logit"), {})
    assert isinstance(result, Numbers)


def test_several_answers_a_row() -> None:
    truth = np.array([[0, 1, 2], [2, 1, 0]])
    scores = np.eye(3)[truth]
    scores[1, 2] = [0.1, 0.3, 0.6]
    field = Field("label", "int64", ("time",), classes=3)
    result = compare(sample(truth, scores), Answer("z", field, "probabilities"), {})
    assert isinstance(result, Classes)
    assert (result.right, result.wrong_rows) == (5 / 6, 1)
    assert [(m.index, m.position, m.wanted, m.received) for m in result.mistakes] == [(1, (2,), "0", "2")]


def test_numbers() -> None:
    generator = np.random.default_rng(1)
    truth, said = generator.normal(size=(40, 1)), generator.normal(size=(40, 1))
    result = compare(sample(truth, said), Answer("z", Field("label", "float32", (1,)), "numbers"), {})
    assert isinstance(result, Numbers)
    assert result.rmse == pytest.approx(root_mean_squared_error(truth, said))
    assert result.mean_absolute_error == pytest.approx(mean_absolute_error(truth, said))
    assert result.r2 == pytest.approx(r2_score(truth, said))
    worst = int(np.abs(said - truth).argmax())
    assert result.mistakes[0].index == worst
    assert result.mistakes[0].score == f"{said[worst, 0] - truth[worst, 0]:.4g}".replace("-", "−")


def test_constant_target_has_no_r2() -> None:
    answer = Answer("z", Field("label", "float32", (1,)), "numbers")
    result = compare(sample(np.ones((3, 1)), np.zeros((3, 1))), answer, {})
    assert isinstance(result, Numbers)
    assert result.r2 is None


def test_large_partitions_are_sampled_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    from netwright.runtime.data.columns import ArrayColumns
    from netwright.runtime.data.plan import Partitions
    from netwright.runtime.device import CPU

    class Echo:
        def __init__(self, bundle: object, device: object) -> None: ...

        def predict(self, features: dict[str, Array]) -> dict[str, Array]:
            return {"z": features["x"]}

    class Record:
        class bundle:
            manifest = dataclasses.replace(
                manifest([], [], (Field("x", "float32", ()),)),
                graphs={"inference": GraphEntry("inference.onnx", (Port("x", "float32", ("batch",), "feature"),), ())},
            )

    monkeypatch.setattr(inference, "Predictor", Echo)
    monkeypatch.setattr(inference, "MOST_ROWS", 4)
    test = ArrayColumns({"x": np.arange(10.0)})
    taken = inference.predict_sample(Record(), Partitions(test, None, test), CPU)  # type: ignore[arg-type]
    assert (taken.part, taken.of_rows, taken.numbers.tolist()) == ("test", 10, [0, 3, 6, 9])
    assert taken.outputs["z"].tolist() == [0, 3, 6, 9]


@pytest.mark.parametrize(
    ("shape", "dtype", "picture"),
    [
        ((8, 8), "float32", (8, 8)),
        ((28, 28, 1), "uint8", (28, 28)),
        ((1, 28, 28), "float32", (28, 28)),
        ((3, 32, 32), "float32", (32, 32, 3)),
        ((32, 32, 3), "uint8", (32, 32, 3)),
        ((2, 2), "float32", None),
        ((64,), "float32", None),
        ((16, 32, 32), "float32", None),
        ((8, 8), "bool", None),
        ((8, 600), "float32", None),
    ],
)
def test_what_counts_as_a_picture(shape: tuple[int, ...], dtype: str, picture: tuple[int, ...] | None) -> None:
    found = as_picture(np.zeros((2, *shape), dtype))
    assert (found.shape[1:] if found is not None else None) == picture


@pytest.mark.parametrize(
    ("values", "pixels"),
    [
        (np.array([0, 0.5, 1, 0.25]), [0, 128, 255, 64]),
        (np.array([-1.0, 0, 1, 0]), [0, 128, 255, 128]),
        (np.array([5.0, 5, 5, 5]), [0, 0, 0, 0]),
        (np.array([0, 7, 200, 1], np.uint8), [0, 7, 200, 1]),
    ],
)
def test_brightness(values: Array, pixels: list[int]) -> None:
    column = np.tile(values, (1, 4, 1))
    shown = show("x", column, 0)
    assert shown.image is not None
    png = base64.b64decode(shown.image.removeprefix("data:image/png;base64,"))
    assert np.asarray(Image.open(io.BytesIO(png))).tolist() == [pixels] * 4


def test_text_of_values() -> None:
    assert values_text(np.float32(3.14159)) == "3.142"
    assert values_text(np.array([1, -2])) == "1, -2"
    assert values_text(np.arange(10.0)) == "0, 1, 2, 3, 4, 5, 6, 7 … and 2 more"


def test_charts_survive_numbers_that_are_not_finite() -> None:
    wanted, predicted = np.array([1.0, 2, 3]), np.array([np.inf, np.nan, 3])
    assert "predicted" in charts.scatter("a", wanted, predicted)
    assert "values" in charts.residuals("b", wanted, np.full(3, np.nan))
    assert "validation" in charts.curve("c", [1, 2], {"training": [None, 1.0], "validation": [2.0, None]}, 2)


def test_text_in_charts_is_no_formula_and_no_markup() -> None:
    drawn = charts.curve('$\\frac<b>"', [1], {"training": [1.0]}, None)
    assert "<b>" not in drawn
    assert "http" not in drawn


def test_loss_over_many_decades_is_drawn_on_a_logarithmic_scale() -> None:
    def ticks(values: list[float | None]) -> str:
        return charts.curve("loss", [1, 2, 3], {"training": values}, None)

    assert "10" in ticks([1.0, 1e-3, 1e-6])
    assert ticks([1.0, 1e-3, 1e-6]) != ticks([1.0, 0.5, 0.1])


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "not finite"), (math.inf, "not finite"), (0.0, "0.0000"), (-0.5, "−0.5000"), (2.5e-13, "2.5e−13")],
)
def test_text_of_metrics(value: float | None, text: str) -> None:
    assert metric_text(value) == text


def test_text_of_durations_and_sizes() -> None:
    assert [duration_text(s) for s in (0.0123, 3.14, 125, 3840)] == ["12 ms", "3.1 s", "2 min 5 s", "1 h 4 min"]
    assert [size_text(n) for n in (12, 12_345, 4_000_000)] == ["12 B", "12.3 kB", "4.0 MB"]
