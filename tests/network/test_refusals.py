"""What building a network or its objective refuses, word for word, and what it no longer gets wrong."""

from __future__ import annotations

import pytest
from netwright.compiler import Bundle, SpecError, compile_spec, load_spec_text
from netwright.compiler.check import check_spec
from netwright.compiler.errors import BuildError
from netwright.compiler.initializers import Zeros
from netwright.compiler.layers.bag_of_words import BagOfWords
from netwright.compiler.state import State
from netwright.compiler.variables import LARGEST_STATE, Variables

TEXT = "inputs: {mail: {shape: [], dtype: string, preprocess: [{bag_of_words: {vocabulary: [free, money]}}]}}\n"


def compiled(text: str) -> Bundle:
    return compile_spec(load_spec_text("netwright: 1\n" + text, "test.yaml"))


REFUSED = {
    "fitted after a trained layer": (
        "inputs: {x: [3]}\nnetwork: [{dense: 4}, normalize, {dense: 2}]\ntraining: {loss: squared_error}\n",
        "test.yaml:3:23: network[1]: 'normalize1/mean' is fitted before training, but its values depend on"
        " 'dense1/weight', which training changes\n"
        "  shapes:\n    test.yaml:2:10: x (batch, 3)\n    test.yaml:3:12: x → dense1 (batch, 4)\n"
        "    test.yaml:3:23: dense1 → normalize1\n"
        "  hint: put the layer before the layers that learn, or give its numbers",
    ),
    "text as numbers": (
        "inputs: {x: {shape: [2], dtype: string}}\nnetwork: [cast]\n",
        "test.yaml:3:11: network[0]: needs numbers, received string(batch, 2)\n"
        "  shapes:\n    test.yaml:2:10: x string(batch, 2)\n    test.yaml:3:11: x → cast1\n"
        "  hint: make counts of the text with `bag_of_words`",
    ),
    "text that nothing reads": (
        "inputs: {x: {shape: [], dtype: string}}\nnetwork: [{parameter: {name: w, shape: [2]}}]\n"
        "training: {loss: squared_error}\n",
        "test.yaml:4:1: training: there is nothing to train on: no layer makes numbers of the text",
    ),
    "a loss over a parameter": (
        "inputs: {x: [3]}\nnetwork: [{parameter: {name: w, shape: [3, 2]}}, {expression: x @ w}]\n"
        "training: {loss: {squared_error: {from: w}}}\n",
        "test.yaml:4:34: training.loss.squared_error: a loss compares examples, but 'w' has no batch axis:"
        " float32(3, 2)\n"
        "  shapes:\n    test.yaml:3:12: w (3, 2)\n    test.yaml:4:19: w → squared_error\n"
        "  hint: judge a value that depends on an input",
    ),
    "lengths of labels for a label a step": (
        "inputs: {x: [time, 3]}\nnetwork: [{dense: 2}]\n"
        "training: {loss: {categorical_cross_entropy: {label_lengths: n}}}\n",
        "test.yaml:4:62: training.loss.categorical_cross_entropy.label_lengths: label_lengths are for a loss whose"
        " target is a row of labels of its own length\n"
        "  shapes:\n    test.yaml:2:10: x (batch, time, 3)\n    test.yaml:3:12: x → dense1 (batch, time, 2)\n"
        "    test.yaml:4:46: dense1 → label int64(batch, time)\n"
        "    test.yaml:4:19: dense1, label → categorical_cross_entropy\n"
        "  hint: for steps that do not count give `lengths` or a `mask`",
    ),
    "class weights for rows of labels": (
        "inputs: {x: [time, 3]}\nnetwork: [{dense: 2}]\n"
        "training: {loss: {connectionist_temporal_classification: {class_weights: [1, 2]}}}\n",
        "test.yaml:4:74: training.loss.connectionist_temporal_classification.class_weights: class_weights are for a"
        " loss with one label an element, this one judges rows of labels\n"
        "  shapes:\n    test.yaml:2:10: x (batch, time, 3)\n    test.yaml:3:12: x → dense1 (batch, time, 2)\n"
        "    test.yaml:4:58: dense1 → labels int64(batch, label_length)\n"
        "    test.yaml:4:19: dense1, labels → connectionist_temporal_classification\n"
        "  hint: weigh whole examples with `sample_weight`",
    ),
    "a column of lengths that is a target": (
        "inputs: {x: [time, 3]}\nnetwork: [{dense: 2}]\n"
        "training: {loss: {connectionist_temporal_classification: {label_lengths: labels}}}\n",
        "test.yaml:4:74: training.loss.connectionist_temporal_classification.label_lengths: the name 'labels' is"
        " already taken by a target on line 4\n  hint: every name means one value; choose another",
    ),
    "a metric called like a sample weight": (
        "inputs: {x: [3]}\nnetwork: [{dense: 2}]\n"
        "training: {loss: {categorical_cross_entropy: {sample_weight: w}}, metrics: [{accuracy: {name: w}}]}\n",
        "test.yaml:4:95: training.metrics[0].accuracy.name: 'w' is the name of an input of the training graphs\n"
        "  hint: give the metric another name",
    ),
    "a metric called like counts of words": (
        "inputs: {t: {shape: [], dtype: string}}\n"
        "network: [{bag_of_words: {vocabulary: [a], name: words}}, {dense: 2}]\n"
        "training: {loss: categorical_cross_entropy, metrics: [{accuracy: {name: words}}]}\n",
        "test.yaml:4:73: training.metrics[0].accuracy.name: 'words' is the name of an input of the training graphs\n"
        "  hint: give the metric another name",
    ),
    "a range turned round": (
        "inputs: {x: [3]}\nnetwork: [{min_max: {minimum: 5, maximum: [6, 7, 1]}}]\n",
        "test.yaml:3:43: network[0].min_max.maximum: the maximum is below the minimum\n"
        "  shapes:\n    test.yaml:2:10: x (batch, 3)\n    test.yaml:3:12: x → min_max1\n  hint: exchange the two",
    ),
    "a negative deviation": (
        "inputs: {x: [3]}\nnetwork: [{normalize: {deviation: -1}}]\n",
        "test.yaml:3:35: network[0].normalize.deviation: a deviation is never negative\n"
        "  shapes:\n    test.yaml:2:10: x (batch, 3)\n    test.yaml:3:12: x → normalize1",
    ),
    "statistics in uneven lists": (
        "inputs: {x: [3]}\nnetwork: [{normalize: {mean: [1, [2], 3]}}]\n",
        "test.yaml:3:34: network[0].normalize.mean[1]: has the shape (1), but the first entry of the same list has ()\n"
        "  shapes:\n    test.yaml:2:10: x (batch, 3)\n    test.yaml:3:12: x → normalize1\n"
        "  hint: all rows need the same length",
    ),
    "a pattern that fits no parameter": (
        "inputs: {x: [3]}\nnetwork: [{dense: 2}]\ntraining: {loss: squared_error, frozen: [dense1/wieght]}\n",
        "test.yaml:4:42: training.frozen[0]: no parameter fits 'dense1/wieght'\n"
        "  hint: the parameters are dense1/weight, dense1/bias",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_checking_refuses(case: str) -> None:
    text, expected = REFUSED[case]
    with pytest.raises(SpecError) as error:
        check_spec(load_spec_text("netwright: 1\n" + text, "test.yaml"))
    assert str(error.value) == expected


def test_numbers_that_do_not_fit_once_computed() -> None:
    indexes = "{constant: {name: k, values: [1, 9]}}, {cast: {dtype: int64, from: k}}"
    network = f"[{indexes}, {{embedding: {{vocabulary: 3, units: 2}}}}]"
    with pytest.raises(SpecError) as error:
        compiled(f"inputs: {{x: [3]}}\nnetwork: {network}\n")
    assert str(error.value) == "test.yaml:3:10: network: Gather: the index 9 is out of range for axis 0 of size 3"


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (("a", "Free"), "'Free' is not a word in lower case, so no text has it", "write 'free'"),
        (("a", "two words"), "'two words' is not a word in lower case, so no text has it", None),
        (("a", ""), "'' is not a word in lower case, so no text has it", None),
        (("a", "a"), "'a' is in the vocabulary twice", None),
    ],
)
def test_a_vocabulary_holds_words_that_a_text_can_have(words: tuple[str, ...], message: str, hint: str | None) -> None:
    with pytest.raises(BuildError) as error:
        BagOfWords(vocabulary=words)
    assert (error.value.message, error.value.hint, error.value.path) == (message, hint, ("vocabulary", 1))


def test_texts_without_words_give_no_vocabulary() -> None:
    spec = load_spec_text("netwright: 1\ninputs: {t: {shape: [], dtype: string}}\nnetwork: [bag_of_words]\n", "a.yaml")
    with pytest.raises(SpecError) as error:
        compile_spec(spec, vocabularies={"bag_of_words1": ()})
    assert str(error.value) == (
        "a.yaml:3:11: network[0]: the training texts hold no words\n"
        "  shapes:\n    a.yaml:2:10: t string(batch)\n    a.yaml:3:11: t → bag_of_words1\n"
        "  hint: look at the column that the input is read from"
    )


def test_counts_of_words_can_be_the_target() -> None:
    bundle = compiled(TEXT + "network: [{dense: 2}]\ntraining: {loss: {squared_error: {target: mail}}}\n")
    assert bundle.manifest["targets"] == []
    names = [port["name"] for port in bundle.manifest["graphs"]["step"]["inputs"]]
    assert names[0] == "mail/bag_of_words1"
    assert "mail" not in names


def test_a_target_of_several_losses_keeps_to_the_fewest_classes() -> None:
    losses = "[{categorical_cross_entropy: {from: a}}, {categorical_cross_entropy: {from: b}}]"
    network = "[{dense: {units: 5, name: a}}, {dense: {units: 3, name: b, from: x}}]"
    bundle = compiled(f"inputs: {{x: [3]}}\nnetwork: {network}\ntraining: {{loss: {losses}}}\n")
    assert bundle.manifest["targets"][0]["classes"] == 3


def test_a_feature_that_is_a_class_keeps_to_the_classes() -> None:
    bundle = compiled(
        "inputs: {x: [3], c: {shape: [], dtype: int64}}\nnetwork: [{dense: {units: 5, from: x}}]\n"
        "training: {loss: {categorical_cross_entropy: {target: c}}}\n"
    )
    assert [feature.get("limit") for feature in bundle.manifest["features"]] == [None, 5]


def test_a_layer_applied_again_is_fitted_to_its_first_input() -> None:
    bundle = compiled(
        "inputs: {x: [3], y: [3]}\n"
        "network: [{normalize: {name: n, from: x}}, {shared: {layer: n, from: y}}, {concat: {from: [n, shared1]}}]\n"
    )
    read = {value.name for node in bundle.graphs["fit"].nodes() for value in node.given_inputs}
    assert "x" in read
    assert "y" not in read


def test_an_output_without_a_batch_axis_has_its_own_shape_in_the_manifest() -> None:
    bundle = compiled(
        "inputs: {x: [3]}\nnetwork: [{parameter: {name: w, shape: [3, 2]}}, {expression: x @ w}]\n"
        "outputs: {weights: w, y: expression1}\n"
    )
    assert [output["shape"] for output in bundle.manifest["outputs"]] == [[3, 2], [2]]


def test_what_an_optimizer_keeps_is_in_no_file() -> None:
    variables = Variables()
    variables.declare(State("a/weight", (LARGEST_STATE,), "parameter", Zeros()))
    variables.declare(State("optimizer/a/weight/first", (LARGEST_STATE,), "slot", Zeros()))
    with pytest.raises(BuildError) as error:
        variables.declare(State("b/weight", (1,), "parameter", Zeros()))
    assert error.value.message == (
        "'b/weight' of shape (1) brings the network to 532,676,609 numbers, 2 GB; one ONNX model holds 532,676,608"
    )
