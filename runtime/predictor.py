"""Prediction: features in, outputs out, in batches, by `inference.onnx` alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .bundle import Bundle, load_bundle
from .data.conform import Field, conform
from .data.text import text_array
from .data.tokens import axis_sizes, encode_field, padded, token_counts
from .device import Device, select
from .errors import UserError
from .exchange import host_array
from .prepare import host_text
from .run_folder import RunFolder
from .session import SessionSettings, open_session, run_problem
from .tokenizers.tokenizer import Tokenizer

Array = NDArray[Any]


class Predictor:
    """Keeps the sessions of a bundle open; `predict` may be called many times.

    part: another model that takes the same features, and its outputs, to run in place of `inference.onnx`.
    graph: another graph of the bundle to run, with the features that it takes.
    """

    def __init__(
        self,
        bundle: Bundle,
        device: Device,
        *,
        batch_size: int = 256,
        settings: SessionSettings | None = None,
        part: tuple[Path, Sequence[str]] | None = None,
        graph: str = "inference",
    ) -> None:
        if batch_size < 1:
            raise UserError(f"batch_size must be a positive integer, received {batch_size}")
        self._bundle = bundle
        self._device = device
        self._batch_size = batch_size
        self._settings = settings
        self._graph = bundle.manifest.graphs[graph]
        self._model, outputs = part or (bundle.graph_file(graph), [port.name for port in self._graph.outputs])
        taken = {port.name for port in self._graph.inputs}
        self._features = [field for field in bundle.manifest.features if field.name in taken]
        self._outputs = list(outputs)
        self._sessions: dict[int, Any] = {}
        self._tokenizers: dict[str, Tokenizer] = {}

    def predict(self, features: Mapping[str, ArrayLike]) -> dict[str, Array]:
        """Outputs by name, one row for each row of the features.

        Features are converted to the dtypes the model takes where that loses nothing. They may be tensors of other
        libraries that speak DLPack. A feature of tokens may be text; its lengths are counted then.

        Raises:
            UserError: features are missing or unknown, differ in length, have no rows, or do not fit the model.
        """
        columns = self._conform(features)
        rows = len(next(iter(columns.values())))
        starts = range(0, rows, self._batch_size)
        parts = [self._run(columns, start, min(start + self._batch_size, rows)) for start in starts]
        return {name: np.concatenate([part[i] for part in parts]) for i, name in enumerate(self._outputs)}

    def predict_texts(self, features: Mapping[str, ArrayLike]) -> dict[str, Array]:
        """The same, with text, of dtype `numpy.dtypes.StringDType`, for each output that chooses tokens: the tags of a
        sentence. A row has as many tokens as the text whose axis it shares, or all where there is no such text.

        Raises: as `predict`.
        """
        features = self._with_tokens(features)
        outputs = self.predict(features)
        fields = [field for field in self._bundle.manifest.features if field.tokens and field.name in features]
        for output in self._bundle.manifest.outputs:
            if output.tokens_of is not None and output.name in outputs:
                beside = next((field.name for field in fields if field.shape[:1] == output.shape[:1]), None)
                rows = [row.tolist() for row in outputs[output.name]]
                if beside is not None:
                    counts = token_counts(np.asarray(features[beside]))
                    rows = [row[:count] for row, count in zip(rows, counts, strict=True)]
                tokenizer = self._tokenizer(output.tokens_of)
                outputs[output.name] = text_array(map(tokenizer.decode, rows))
        return outputs

    def _tokenizer(self, name: str) -> Tokenizer:
        """Of a feature or target, read once."""
        if name not in self._tokenizers:
            self._tokenizers[name] = self._bundle.tokenizer(name)
        return self._tokenizers[name]

    def _conform(self, features: Mapping[str, ArrayLike]) -> dict[str, Array]:
        """The features that the model takes; those that only its losses read are passed over."""
        features = self._with_tokens(features)
        known = [field.name for field in self._features]
        listed = ", ".join(f"'{name}'" for name in known)
        every = {field.name for field in self._bundle.manifest.features}
        unknown = [f"'{name}'" for name in features if name not in every]
        if unknown:
            raise UserError(f"unknown feature {', '.join(unknown)}", f"the model takes {listed}")
        missing = [f"'{name}'" for name in known if name not in features]
        if missing:
            raise UserError(f"the feature {', '.join(missing)} is missing", f"the model takes {listed}")
        columns = {}
        for field in self._features:
            array = host_array(features[field.name])
            if array.ndim == 0:
                raise UserError(f"feature '{field.name}': must have one row per example, received a single value")
            expected = Field.from_manifest({**dataclasses.asdict(field), "tokens": None})
            columns[field.name] = conform(array, expected, f"feature '{field.name}'")
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) > 1:
            each = ", ".join(f"'{name}' has {length}" for name, length in lengths.items())
            raise UserError(f"the features differ in their number of rows: {each}")
        if 0 in lengths.values():
            raise UserError("the features have no rows")
        return columns

    def _with_tokens(self, features: Mapping[str, ArrayLike]) -> Mapping[str, ArrayLike]:
        """The features with texts as tokens, padded to the longest, and how many each has. Tokens stay as they are.

        A feature that is not given is made of the text of one that has the same column, such as words and letters."""
        fields = self._bundle.manifest.features
        made, rows, pads = dict(features), {}, {}
        of_text = [field for field in fields if field.tokens is not None]
        texts = {field.column: text for field in of_text if (text := _text(features.get(field.name))) is not None}
        for field in of_text:
            text = _text(features[field.name]) if field.name in features else texts.get(field.column)
            if text is not None:
                tokenizer = self._tokenizer(field.name)
                rows[field.name] = encode_field(field, text, tokenizer)
                pads[field.name] = tokenizer.pad
        sizes = axis_sizes([field for field in fields if field.name in rows], rows)
        for field in fields:
            if field.name in rows:
                made[field.name] = padded(rows[field.name], [sizes[axis] for axis in field.shape], pads[field.name])
            elif field.length_of in rows and field.name not in features:
                made[field.name] = np.array([len(row) for row in rows[field.length_of]], field.dtype)
        return made

    def _run(self, columns: Mapping[str, Array], start: int, stop: int) -> list[Array]:
        session = self._sessions.get(stop - start)
        if session is None:
            axes = {"batch": stop - start}
            session = open_session(self._model, self._device, axes=axes, graph=self._graph, settings=self._settings)
            self._sessions[stop - start] = session
        try:
            outputs: list[Array] = session.run(
                self._outputs, {name: host_text(column[start:stop]) for name, column in columns.items()}
            )
        except Exception as error:  # ONNX Runtime's exceptions share no base class but Exception
            raise run_problem(self._model, error) from error
        return outputs


def _text(given: ArrayLike | None) -> list[str] | None:
    """The texts that were given; None for anything else."""
    if given is None:
        return None
    array = host_array(given)
    return [str(text) for text in array.tolist()] if array.dtype.kind in "OTU" and array.ndim == 1 else None


def predict(
    folder: str | Path,
    features: Mapping[str, ArrayLike],
    *,
    device: str | Device | None = None,
    batch_size: int = 256,
) -> dict[str, Array]:
    """Predict with a run folder (its trained weights) or a bundle folder (the weights inside it).

    device: auto, cpu or cuda; by default the spec's. Features may be tensors of other libraries that speak DLPack.

    Raises:
        UserError: not such a folder, an unfinished run, or features that do not fit.
        EnvironmentProblem: the device cannot be had, or memory ran out.
    """
    bundle = open_model(folder)
    return Predictor(bundle, device_for(bundle, device), batch_size=batch_size).predict(features)


def device_for(bundle: Bundle, device: str | Device | None) -> Device:
    """The device to predict on: what was asked for, else what the spec says, else the best there is."""
    training = bundle.manifest.training
    return select(device, training.device if training else None)


def open_model(folder: str | Path) -> Bundle:
    """The bundle in a run folder or a bundle folder."""
    folder = Path(folder)
    if (folder / "manifest.json").is_file():
        return load_bundle(folder)
    return RunFolder(folder).trained_bundle()
