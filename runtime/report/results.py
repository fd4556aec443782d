"""Predictions compared with what was wanted: how classes are confused, how far numbers are off, and where most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..data.columns import Array
from .answers import Answer
from .inference import Sample

WORST = 12
"""Examples that a report shows."""


@dataclass(frozen=True)
class Mistake:
    """An example the model is most wrong about. `wanted` and `received` are for people; `score` orders the list.

    position: where in the row, when it holds more than one answer; empty otherwise.
    """

    index: int
    row: int
    position: tuple[int, ...]
    wanted: str
    received: str
    score: str


@dataclass(frozen=True)
class Classes:
    """A target with classes. counts: K×K, rows are the true classes. right: the share of right answers, 0 to 1."""

    answer: Answer
    names: tuple[str, ...]
    counts: Array
    right: float
    mistakes: tuple[Mistake, ...]
    wrong_rows: int
    measure: str

    @property
    def recall(self) -> list[float | None]:
        """Of each class that occurs: the share that was found."""
        totals = self.counts.sum(axis=1)
        return [float(self.counts[k, k] / total) if total else None for k, total in enumerate(totals)]

    def confusions(self, most: int = 10) -> list[tuple[str, str, int]]:
        """The commonest mistakes: true class, predicted class, how often."""
        off = self.counts.copy()
        np.fill_diagonal(off, 0)
        order = np.argsort(-off, axis=None, kind="stable")[:most]
        places = [np.unravel_index(flat, off.shape) for flat in order]
        return [(self.names[i], self.names[j], int(off[i, j])) for i, j in places if off[i, j]]


@dataclass(frozen=True)
class Numbers:
    """A target that is a quantity. wanted, predicted: every element, flat, float64. r2: None for a constant target."""

    answer: Answer
    wanted: Array
    predicted: Array
    rmse: float
    mean_absolute_error: float
    r2: float | None
    mistakes: tuple[Mistake, ...]


def compare(sample: Sample, answer: Answer, labels: Mapping[str, Sequence[str]]) -> Classes | Numbers:
    """The result for one answer. `labels` gives class names by target; without them classes are numbers."""
    wanted, output = sample.columns[answer.target.name], sample.outputs[answer.output]
    if not answer.classifies or not _are_classes(wanted, answer):
        return _numbers(sample, answer, wanted, output)
    scores, truth = _scores(wanted, output, answer)
    classes = scores.shape[-1]
    names = tuple(labels.get(answer.target.name, ()))
    names = names if len(names) == classes else tuple(map(str, range(classes)))
    return _classes(sample, answer, names, scores, truth)


def _are_classes(wanted: Array, answer: Answer) -> bool:
    """Yes-or-no targets may also be shares between 0 and 1, which no confusion matrix can count."""
    return answer.target.classes is not None or bool(np.isin(wanted, (-1, 0, 1)).all())


def _scores(wanted: Array, output: Array, answer: Answer) -> tuple[Array, Array]:
    """Scores (rows, answers a row, classes), the larger the surer, and the true classes (rows, answers a row)."""
    values = output.astype(np.float64)
    if answer.meaning in ("yes_probability", "yes_logit", "margin"):
        values = values.reshape(len(values), -1)
        if answer.meaning == "margin":
            pair = np.stack([-values, values], axis=-1)
        else:
            yes = values if answer.meaning == "yes_probability" else 0.5 + 0.5 * np.tanh(values / 2)  # σ(z)
            pair = np.stack([1 - yes, yes], axis=-1)
        return pair, (wanted.reshape(len(wanted), -1) > 0).astype(np.int64)
    if answer.meaning == "logits":
        values = values - values.max(axis=-1, keepdims=True)
        values = np.exp(values) / np.exp(values).sum(axis=-1, keepdims=True)
    elif answer.meaning == "log_probabilities":
        values = np.exp(values)
    classes = values.shape[-1]
    return values.reshape(len(values), -1, classes), wanted.reshape(len(wanted), -1).astype(np.int64)


def _classes(sample: Sample, answer: Answer, names: tuple[str, ...], scores: Array, truth: Array) -> Classes:
    predicted = scores.argmax(axis=-1)
    counts = np.zeros((len(names), len(names)), np.int64)
    np.add.at(counts, (truth.ravel(), predicted.ravel()), 1)
    of_truth = np.take_along_axis(scores, truth[..., None], axis=-1)[..., 0]
    of_truth_if_wrong = np.where(predicted != truth, of_truth, np.inf)
    worst_place = of_truth_if_wrong.argmin(axis=1)
    worst = of_truth_if_wrong[np.arange(len(truth)), worst_place]
    wrong_rows = int(np.isfinite(worst).sum())
    order = np.argsort(worst, kind="stable")[: min(WORST, wrong_rows)]
    measure = "score" if answer.meaning == "margin" else "probability"

    def mistake(row: int) -> Mistake:
        place = int(worst_place[row])
        true, said = int(truth[row, place]), int(predicted[row, place])
        both = f"{_share(scores[row, place, true], measure)} against {_share(scores[row, place, said], measure)}"
        inside = sample.columns[answer.target.name].shape[1:]
        position = np.unravel_index(place, inside) if truth.shape[1] > 1 else ()
        return Mistake(
            row, int(sample.numbers[row]), tuple(int(axis) for axis in position), names[true], names[said], both
        )

    right = float((predicted == truth).mean())
    return Classes(answer, names, counts, right, tuple(mistake(int(row)) for row in order), wrong_rows, measure)


def _share(value: float, measure: str) -> str:
    if measure == "score":
        return f"{value:.3g}"
    percent = 100 * value
    text = "< 0.1 %" if percent < 0.1 else "> 99.9 %" if percent > 99.9 else f"{percent:.1f} %"
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def _numbers(sample: Sample, answer: Answer, wanted: Array, output: Array) -> Numbers:
    true = wanted.astype(np.float64).reshape(len(wanted), -1)
    said = output.astype(np.float64).reshape(len(output), -1)
    errors = said - true
    spread = float(((true - true.mean()) ** 2).sum())
    of_row = np.abs(errors).mean(axis=1)
    order = np.argsort(-of_row, kind="stable")[:WORST]
    mistakes = (
        Mistake(
            int(row),
            int(sample.numbers[row]),
            (),
            number_text(float(true[row, 0])) if true.shape[1] == 1 else "",
            number_text(float(said[row, 0])) if true.shape[1] == 1 else "",
            number_text(float(errors[row, 0] if true.shape[1] == 1 else of_row[row])),
        )
        for row in order
    )
    return Numbers(
        answer=answer,
        wanted=true.ravel(),
        predicted=said.ravel(),
        rmse=float(np.sqrt((errors**2).mean())),
        mean_absolute_error=float(np.abs(errors).mean()),
        r2=1 - float((errors**2).sum()) / spread if spread else None,
        mistakes=tuple(mistakes),
    )


def number_text(value: float) -> str:
    """Four significant digits with a real minus sign: `−3.142`, `1.2e−07`."""
    return f"{value:.4g}".replace("-", "−")
