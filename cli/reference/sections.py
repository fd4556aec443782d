"""The sections of a spec in the reference: read from its JSON Schema, each with an example written here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from .fields import fields_of
from .pages import Page

EXAMPLES: Final[Mapping[str, str]] = {
    "netwright": "netwright: 1",
    "name": "name: digits_mlp",
    "include": "include: training.yaml",
    "constants": "constants:\n  width: 64\n  half: ${width // 2}\nnetwork:\n  - dense: ${half}\n  - dense: 1",
    "tokenizers": (
        "tokenizers:\n  words: {level: word, size: 20000, minimum_count: 2, lower: true}\n"
        "inputs:\n  text: {shape: [time], dtype: int64, tokens: words}\n"
        "network:\n  - embedding:\n      vocabulary: ${words}\n      units: 64\n  - gru: {units: 64, return: last}"
    ),
    "blocks": (
        "blocks:\n  unit:\n    parameters: {width: integer, rate: {type: number, default: 0.1}}\n    layers:\n"
        "      - dense: ${width}\n      - relu\n      - dropout: ${rate}\n"
        "network:\n  - unit: 64\n  - unit: {width: 32, rate: 0.2}\n  - dense: 1"
    ),
    "blocks.parameters": (
        "blocks:\n  unit:\n    parameters:\n      width: integer\n      function: {type: activation, default: relu}\n"
        "    layers:\n      - dense:\n          units: ${width}\n          activation: ${function}\n"
        "network:\n  - unit: 64\n  - unit: {width: 1, function: linear}"
    ),
    "inputs": (
        "inputs:\n  image:\n    shape: [28, 28]\n    dtype: uint8\n    preprocess: [{rescale: 0.00392157}]\n"
        "  words: {shape: [time], dtype: int64}\nnetwork:\n  - flatten: {from: image}"
    ),
    "inputs.tokens": (
        "tokenizers: {words: word}\ninputs:\n"
        "  text: {shape: [time], dtype: int64, tokens: {by: words, longest: 400}}\n"
        "  length: {shape: [], dtype: int64, length_of: text}\n"
        "network:\n  - embedding:\n      vocabulary: ${words}\n      units: 64\n      from: text\n"
        "  - gru: {units: 64, return: last, lengths: length}"
    ),
    "network": "network:\n  - flatten\n  - dense: {units: 64, activation: relu}\n  - dense: {units: 10, name: logits}",
    "outputs": (
        "network:\n  - dense: {units: 10, name: logits}\n"
        "outputs:\n  logits: logits\n  probabilities: {softmax: {from: logits}}"
    ),
    "training": (
        "training:\n  loss: {categorical_cross_entropy: {target: label}}\n  optimizer: {adam: {learning_rate: 1e-3}}\n"
        "  epochs: 30\n  batch_size: 64\n  metrics: [accuracy]\n  restore_best: true"
    ),
    "training.objectives": (
        "inputs:\n  image: [28, 28]\n  latent: {shape: [16], drawn: normal}\nnetwork:\n"
        "  - sequence: {name: generator, from: latent, layers: [{dense: 784}, sigmoid, {reshape: [28, 28]}]}\n"
        "  - sequence: {name: discriminator, from: image, layers: [flatten, {dense: 64}, relu, {dense: 1}]}\n"
        "  - shared: {layer: discriminator, from: generator, name: judged}\noutputs: {images: generator}\n"
        "training:\n  objectives:\n    discriminator:\n      trains: discriminator/*\n      loss:\n"
        "        - binary_cross_entropy: {from: discriminator, target: 1}\n"
        "        - binary_cross_entropy: {from: judged, target: 0}\n    generator:\n      trains: generator/*\n"
        "      loss: {binary_cross_entropy: {from: judged, target: 1}}\n      optimizer: {adam: {beta1: 0.5}}"
    ),
    "training.regularization": "training:\n  loss: squared_error\n  regularization: {l2: 1e-4}",
    "training.mixup": "training:\n  loss: squared_error\n  mixup: {alpha: 0.2}",
    "training.loss_scaling": (
        "training:\n  loss: squared_error\n  precision: float16\n  loss_scaling: {initial: 1024, growth_interval: 500}"
    ),
    "training.device": "training:\n  loss: squared_error\n  device: cpu",
    "training.device.cuda": "training:\n  loss: squared_error\n  device: {cuda: {tf32: false, memory_limit: 6GiB}}",
    "training.early_stopping": "training:\n  loss: squared_error\n  early_stopping: {patience: 5, monitor: loss}",
    "data": "data:\n  source: {npz: flowers.npz}\n  split: {validation: 0.1, test: 0.2}\n  columns: {x: petals}",
    "data.split": "data:\n  source: digits\n  split: {validation: 0.1, test: 0.2, stratify: label}",
    "data.series": "data:\n  source: sunspots\n  series: {length: 44, horizon: 11}\n  split: {test: 0.2}",
    "data.balance": "data:\n  source: digits\n  balance: oversample",
    "data.tokens": (
        "tokenizers: {words: word, tags: space}\n"
        "inputs: {text: {shape: [time], dtype: int64, tokens: words}}\n"
        "network:\n  - embedding:\n      vocabulary: ${words}\n      units: 64\n"
        "  - gru: {units: 64, bidirectional: true}\n  - dense: ${tags}\n"
        "training:\n  loss: {categorical_cross_entropy: {target: tags}}\n"
        "data:\n  source: brown\n  tokens: {tags: tags}"
    ),
    "data.windows": (
        "tokenizers: {characters: char}\ninputs: {text: {shape: [time], dtype: int64, tokens: characters}}\n"
        "network:\n  - embedding:\n      vocabulary: ${characters}\n      units: 64\n"
        "  - lstm: {units: 128, stateful: true}\n  - dense: ${characters}\n"
        "training:\n  loss: categorical_cross_entropy\n"
        "data:\n  source: shakespeare\n  shuffle: false\n  windows: {length: 128, evaluation_length: 1024}"
    ),
}
"""Section, or `section.field` for a field with fields of its own -> how it is written."""


def section_pages(schema: Mapping[str, Any]) -> Iterator[Page]:
    """A page for each section of the schema of a spec, those of its parts right after it."""
    for name, section in schema["properties"].items():
        body = _body(section)
        yield Page("section", name, section["description"], fields_of(body), EXAMPLES.get(name, ""), _shorthand(body))
        yield from _parts(name, body)


def _parts(path: str, body: Mapping[str, Any]) -> Iterator[Page]:
    """A page for each field that has fields of its own, and so on."""
    for part, described in body.get("properties", {}).items():
        inner, whole = _body(described), f"{path}.{part}"
        if "properties" in inner:
            example = EXAMPLES.get(whole, "")
            yield Page("section", whole, described["description"], fields_of(inner), example, _shorthand(inner))
            yield from _parts(whole, inner)


def _body(section: Mapping[str, Any]) -> Mapping[str, Any]:
    """Where the fields of a section are described: in itself, or in each of its named entries."""
    entries = section.get("additionalProperties")
    return entries if isinstance(entries, Mapping) and "properties" in entries else section


def _shorthand(schema: Mapping[str, Any]) -> str | None:
    return schema.get("x-shorthand")
