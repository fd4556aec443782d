"""The model library as bundles, and what tests feed them."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from netwright.compiler import Bundle, Spec, compile_spec, load_spec
from netwright.compiler.bundle import Target
from netwright.compiler.ir import Array
from netwright.runtime import UserError, load_partitions
from netwright.runtime.data import source_schema
from netwright.runtime.data.batches import Batches

from .text import stand_in_tokenizers

ROOT = Path(__file__).resolve().parents[2]
SPECS: Mapping[str, Path] = {path.stem: path for path in sorted((ROOT / "specs").rglob("*.yaml"))}
TARGETS: tuple[Target, ...] = ("portable", "ort")
_QUICK = ("training.batch_size=8", "training.optimizer={adam: {learning_rate: 3e-3}}")
REDUCED: Mapping[str, Sequence[str]] = {
    "alexnet": ("constants={size: 64, width: 4, classes: 8}", *_QUICK),
    "caption": (
        "constants={width: 8, filters: 2}",
        "training.batch_size=4",
        "training.optimizer={adam: {learning_rate: 0.02}}",
    ),
    "char_lstm": (
        "constants.width=8",
        "training.batch_size=64",
        "training.optimizer={adam: {learning_rate: 0.02}}",
    ),
    "conv_autoencoder": ("constants={width: 2, code: 8}",),
    "dcgan_small": ("constants={width: 2, numbers: 8}", "training.batch_size=16"),
    "digits_rows_transformer": ("constants.rate=0",),
    "gpt_mini": (
        "constants={width: 8, depth: 2, heads: 2, context: 32}",
        "training.batch_size=64",
        "training.optimizer={adam: {learning_rate: 0.02}}",
    ),
    "googlenet": ("constants={size: 32, width: 8, classes: 8}", *_QUICK),
    "mobilenet_v1": (
        "constants.size=32",
        "constants.width=2",
        "constants.classes=8",
        "constants.filters=[2, 4, 4]",
        *_QUICK,
    ),
    "pos_tagger": ("constants.width=8", "training.optimizer={adam: {learning_rate: 0.02}}"),
    "resnet18": ("constants={size: 32, width: 4, classes: 8, depths: [2, 2]}", *_QUICK),
    "resnet34": ("constants={size: 32, width: 4, classes: 8, depths: [2, 2]}", *_QUICK),
    "resnet50": ("constants={size: 32, width: 4, classes: 8, depths: [2, 2]}", *_QUICK),
    "resnet152": ("constants={size: 32, width: 4, classes: 8, depths: [2, 2]}", *_QUICK),
    "resnet20": ("constants={size: 16, width: 4, classes: 8, depth: 2}", *_QUICK),
    "spam_rnn": ("training.optimizer={adam: {learning_rate: 0.02}}",),
    "translate": (
        "constants={width: 8, embedding: 8, rate: 0}",
        "training.batch_size=8",
        "training.optimizer={adam: {learning_rate: 0.02}}",
    ),
    "unet_small": (
        "constants={size: 16, width: 4, channels: 1}",
        "training.batch_size=2",
        "training.optimizer={adam: {learning_rate: 0.02}}",
    ),
    "word2vec": ("training.optimizer={adam: {learning_rate: 0.05}}",),
    "vgg16": ("constants={size: 32, width: 4, classes: 8, depths: [1, 1, 2]}", *_QUICK),
    "vgg19": ("constants={size: 32, width: 4, classes: 8, depths: [1, 1, 3]}", *_QUICK),
    "word_lm": (
        "constants.width=16",
        "training.batch_size=64",
        "training.optimizer={adam: {learning_rate: 0.02}}",
    ),
    "zfnet": ("constants={size: 64, width: 2, classes: 8}", *_QUICK),
}
"""Networks of the library that tests of every spec make narrow, shallow and fast; tests/specs has their full sizes."""
DEEPER = frozenset(["resnet34", "resnet152", "vgg19"])
"""Networks that differ from another of the library in depth alone, which those tests pass over."""
TRAIN_ROWS = 1000
"""What schedules in epochs are planned for, so that no data is needed to compile."""

Tensors = dict[str, Array]
BundleFolder = Callable[..., Path]
"""The fixture `bundle_folder`: name and target of a spec -> folder of its bundle."""


def library_spec(name: str) -> Spec:
    """A checked spec of the model library, reduced where it is large."""
    return load_spec(SPECS[name], data_schema=source_schema(), overrides=REDUCED.get(name, ()))


@functools.cache
def library_bundle(name: str, target: Target = "portable") -> Bundle:
    """A compiled spec of the model library, without its data."""
    return compile_without_data(library_spec(name), target)


def compile_without_data(spec: Spec, target: Target = "portable") -> Bundle:
    """A word stands in for each fitted vocabulary, a sentence for each tokenizer's texts, TRAIN_ROWS for the rows."""
    words = {entry.name: ("word",) for entry in spec.layers if entry.layer.host_only}
    tokenizers = stand_in_tokenizers(spec)
    return compile_spec(spec, target=target, train_rows=TRAIN_ROWS, vocabularies=words, tokenizers=tokenizers)


def has_training(name: str) -> bool:
    """Whether the spec has a `training` section."""
    return library_spec(name).training is not None


def read_manifest(folder: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return manifest


class Program:
    """A model file on ONNX Runtime's CPU provider, called with tensors by name; it takes those it has inputs for."""

    def __init__(self, model: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self.inputs = [value.name for value in self._session.get_inputs()]
        self.outputs = [value.name for value in self._session.get_outputs()]

    def __call__(self, tensors: Mapping[str, Any]) -> Tensors:
        given = {name: np.asarray(tensors[name]) for name in self.inputs}
        return dict(zip(self.outputs, self._session.run(None, given), strict=True))


def first_state(folder: Path, seed: int | None = None) -> Tensors:
    """What `init.onnx` gives for a seed, the spec's own by default."""
    training = read_manifest(folder)["training"]
    if seed is None:
        seed = training["seed"] if training else 0
    return Program(folder / "training" / "init.onnx")({"seed": np.int64(seed)})


def next_state(outputs: Mapping[str, Array]) -> Tensors:
    """The state that the outputs of a step carry: `X.next` feeds `X`."""
    return {name.removesuffix(".next"): value for name, value in outputs.items() if name.endswith(".next")}


def take_batches(folder: Path, count: int, rows: int | None = None) -> list[Tensors]:
    """Training batches of a bundle: of its own data where that is at hand, else made up from the manifest.

    Data sets that have to be fetched are not at hand on every machine. Small data starts again after its last row.
    """
    manifest = read_manifest(folder)
    rows = rows or manifest["training"]["batch_size"]
    fitted = "prepare" in manifest["graphs"] or manifest["tokenizers"]  # stand-ins would find no word
    if fitted or manifest["data"] is None:
        return [made_up_batch(manifest, rows, seed) for seed in range(count)]
    try:
        train = load_partitions(manifest["data"], manifest["features"], manifest["targets"], ROOT / "specs").train
    except UserError as error:
        if "netwright fetch" not in (error.hint or ""):
            raise
        return [made_up_batch(manifest, rows, seed) for seed in range(count)]
    batches = Batches(train, min(rows, train.rows), shuffle=True, prefetch=0)
    endless = (batch for epoch in range(count) for batch in batches.epoch(epoch))
    return [{name: np.ascontiguousarray(array) for name, array in batch.items()} for batch in islice(endless, count)]


def made_up_batch(manifest: Mapping[str, Any], rows: int, seed: int) -> Tensors:
    """Random numbers in [0, 1), and random labels among a target's classes, in the shapes of the manifest, where every
    symbolic axis has 6 places."""
    generator = np.random.default_rng(seed)
    batch: Tensors = {}
    prepared = manifest["graphs"].get("prepare", {"outputs": []})["outputs"]
    columns = [column for column in manifest["features"] if column["dtype"] != "string"]
    columns += [{**port, "shape": port["shape"][1:]} for port in prepared]
    for column in (*columns, *manifest["targets"]):
        shape = (rows, *(6 if isinstance(size, str) else size for size in column["shape"]))
        if column.get("length_of"):
            batch[column["name"]] = np.full(shape, 6, column["dtype"])
        elif np.issubdtype(np.dtype(column["dtype"]), np.integer):
            count = column.get("classes") or column.get("limit") or 2
            batch[column["name"]] = generator.integers(0, count, shape, column["dtype"])
        else:
            batch[column["name"]] = generator.random(shape).astype(column["dtype"])
    return batch
