"""Which output of a model answers which target, and what its numbers mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from netwright.pictures.network import Network, Output

from ..manifest import Field, Manifest, Shape

Meaning = Literal["probabilities", "log_probabilities", "logits", "yes_probability", "yes_logit", "margin", "numbers"]
"""Of an output: one number a class (three forms), one number for a yes-or-no question (three forms), or quantities."""

_OF_LOSS: dict[str, Meaning] = {
    "categorical_cross_entropy": "logits",
    "negative_log_likelihood": "log_probabilities",
    "binary_cross_entropy": "yes_logit",
    "hinge": "margin",
    "perceptron": "margin",
}
_OF_LAYER: dict[str, Meaning] = {
    "softmax": "probabilities",
    "log_softmax": "log_probabilities",
    "sigmoid": "yes_probability",
}
_TRANSPARENT = frozenset({"identity", "linear"})


@dataclass(frozen=True)
class Answer:
    """Compare the output with the target (which may be a feature: an autoencoder)."""

    output: str
    target: Field
    meaning: Meaning

    @property
    def classifies(self) -> bool:
        return self.meaning != "numbers"


def find_answers(manifest: Manifest, network: Network | None) -> list[Answer]:
    """One answer for each loss whose value, or an activation of it, is an output.

    Without a `network` only a model with one output and one target is clear.
    """
    if network is None:
        return _only_answer(manifest)
    targets = {field.name: field for field in (*manifest.features, *manifest.targets)}
    shapes = {field.name: field.shape for field in manifest.outputs}
    answers: dict[str, Answer] = {}
    for objective in network.objectives:
        target = targets.get(objective.target)
        if target is None or target.name in answers:
            continue
        meant = _OF_LOSS.get(objective.loss, "numbers")
        candidates = [
            Answer(output.name, target, _meaning(passed, meant))
            for output in network.outputs
            if (passed := _passed(network, output, objective.source)) is not None and _understood(passed, meant)
        ]
        candidates = [answer for answer in candidates if _fits(shapes[answer.output], answer)]
        if candidates:  # the output nearest to what a person reads: probabilities before logits
            answers[target.name] = max(candidates, key=lambda answer: "probabilit" in answer.meaning)
    return list(answers.values())


def _only_answer(manifest: Manifest) -> list[Answer]:
    if len(manifest.outputs) != 1 or len(manifest.targets) != 1:
        return []
    output, target = manifest.outputs[0], manifest.targets[0]
    if target.classes is None:
        return [Answer(output.name, target, "numbers")] if output.shape == target.shape else []
    return [Answer(output.name, target, "logits")] if output.shape == (*target.shape, target.classes) else []


def _fits(shape: Shape, answer: Answer) -> bool:
    """Whether the output has a number for each class of the target, or for each of its elements.

    It has not where a loss reads more from it, such as a mean and a variance.
    """
    if answer.meaning in ("probabilities", "log_probabilities", "logits"):
        return shape[:-1] == answer.target.shape
    return shape == answer.target.shape


def _passed(network: Network, output: Output, source: str) -> tuple[str, ...] | None:
    """The kinds of the activations between `source` and the output, first to last; None when there is another way."""
    layers = {layer.name: layer for layer in network.layers}
    kinds: list[str] = []
    name = output.source
    while name != source:
        layer = layers.get(name)
        if layer is None or layer.family != "activation" or len(layer.sources) != 1:
            return None
        if layer.kind not in _TRANSPARENT:
            kinds.insert(0, layer.kind)
        name = layer.sources[0]
    return tuple(kinds)


def _understood(passed: Sequence[str], meant: Meaning) -> bool:
    """Whether activations turn what the loss judges into something else that can be compared."""
    if not passed:
        return True
    if len(passed) > 1:
        return False
    allowed = {"logits": ("softmax", "log_softmax"), "yes_logit": ("sigmoid",)}
    return passed[0] in allowed.get(meant, ())


def _meaning(passed: Sequence[str], meant: Meaning) -> Meaning:
    return _OF_LAYER[passed[0]] if passed else meant
