"""Lecture specs that tell classes apart."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.runtime.data.fetch import missing_file
from support.bundles import library_bundle
from support.figures import Figures
from support.requirements import missing
from support.trained import Train

linear_model = pytest.importorskip("sklearn.linear_model")


@pytest.mark.parametrize(
    ("spec", "least"),
    [("breast_cancer_logistic", 0.95), ("iris_softmax", 0.93), ("digits_softmax", 0.95), ("spiral_mlp", 0.98)],
)
def test_accuracy_on_test_data(trained: Train, figures: Figures, spec: str, least: float) -> None:
    run = trained(spec)
    assert run.test("accuracy") >= least
    figures.add(spec, f"{run.test('accuracy'):.1%} of the test data right", run.summary.seconds)


def test_logistic_regression_agrees_with_scikit_learn(trained: Train) -> None:
    """The same objective on the same rows: the regularization C of scikit-learn is 1 / (2·n·l2)."""
    optimizer = "training.optimizer={nesterov: {learning_rate: 0.2, momentum: 0.98}}"
    run = trained("breast_cancer_logistic", "training.epochs=800", "training.batch_size=455", optimizer)
    train, test = run.data.train.take(slice(None)), run.data.test
    assert test is not None
    x, label = train["x"].astype(np.float64), train["label"][:, 0]
    mean, deviation = x.mean(0), x.std(0)
    model = linear_model.LogisticRegression(C=1 / (2 * len(x) * 1e-3), tol=1e-8, max_iter=1000)
    model.fit((x - mean) / deviation, label)
    features = test.take(slice(None))["x"]
    expected = model.predict_proba((features - mean) / deviation)[:, 1]
    np.testing.assert_allclose(run.predict(x=features)["benign"][:, 0], expected, atol=1e-3)


def test_the_tagger_has_the_sizes_of_the_figure_and_learns_its_sentences(trained: Train, figures: Figures) -> None:
    run = trained("goldberg_tagger")
    shapes = [run.state[name].shape for name in ("embedding1/weight", "dense1/weight", "logits/weight")]
    assert shapes == [(12, 50), (150, 20), (20, 17)]
    assert run.final("accuracy") == 1.0
    # old fish sees · old can fish · rusty can · cat can fish: what a word is depends on its neighbours
    tags = run.predict(words=[[9, 6, 7], [1, 9, 5], [10, 5, 0], [4, 5, 6]])["tags"]
    assert tags.argmax(1).tolist() == [2, 2, 2, 4]
    np.testing.assert_allclose(tags.sum(1), 1, rtol=1e-6)
    figures.add("goldberg_tagger", "all 22 words of its five sentences right", run.summary.seconds)


def test_will_i_pass_this_class(trained: Train, figures: Figures) -> None:
    run = trained("pass_this_class")
    assert run.final("accuracy") == 1.0
    hardly, perhaps, surely = run.predict(x=[[1, 1], [4, 6], [9, 12]])["pass"][:, 0]
    assert hardly < 0.05
    assert surely > 0.95
    assert hardly < perhaps < surely
    figures.add("pass_this_class", "all 28 students right", run.summary.seconds)


@pytest.mark.timeout(600)
def test_the_spam_filter_is_right_about_97_percent_of_the_test_mails(trained: Train, figures: Figures) -> None:
    if missing_file("spam_assassin"):
        missing("SpamAssassin mail", "netwright fetch spam_assassin")
    run = trained("spam_filter")
    assert run.test("accuracy") >= 0.97
    figures.add(
        "spam_filter",
        f"{run.test('accuracy'):.1%} of the test mails right, recall {run.test('recall'):.1%}",
        run.summary.seconds,
    )


def test_the_spam_filter_takes_mails_as_they_are() -> None:
    (text,) = library_bundle("spam_filter").manifest["features"]
    assert (text["name"], text["dtype"], text["shape"]) == ("text", "string", [])
