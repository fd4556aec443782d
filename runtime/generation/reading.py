"""What a network reads before it writes: the text that is translated, the image that is described."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ..bundle import Bundle
from ..data.files import read_npy
from ..data.images import ENDINGS, ImageForm, read_image
from ..data.wording import alternatives, count_text
from ..device import Device
from ..errors import UserError
from ..manifest import Field
from ..predictor import Predictor
from ..session import SessionSettings
from .contract import Contract
from .stepper import Stepper

Given = Mapping[str, ArrayLike]
"""Features by name, with a row for each text that is written; a feature of tokens may be text."""


class Reading:
    """Runs `inference_encode.onnx`, and hands on what it makes to `inference_step.onnx`."""

    def __init__(
        self,
        bundle: Bundle,
        contract: Contract,
        device: Device,
        stepper: Stepper,
        settings: SessionSettings | None = None,
    ) -> None:
        self.features = contract.given
        self._encoder = Predictor(bundle, device, settings=settings, graph="inference_encode")
        self._stepper = stepper

    def read(self, given: Given | None, texts: int) -> None:
        """Let the texts that begin from now on be about these features, row by row.

        Raises:
            UserError: features are missing or do not fit, or have not as many rows as there are texts.
        """
        encoded = self._encoder.predict(given or {})
        rows = len(next(iter(encoded.values())))
        if rows != texts:
            raise UserError(
                f"there {'is' if texts == 1 else 'are'} {count_text(texts, 'prompt')}, but the features given have "
                f"{count_text(rows, 'row')}",
                "give a row for each prompt",
            )
        self._stepper.read(encoded)


def read_given(written: Mapping[str, str], features: Sequence[Field]) -> Given:
    """The features that a person writes on a command line, one row of each.

    A feature of tokens is the text itself; any other is in a file, `.npy` or, where it is uint8 pixels, an image.

    Raises:
        UserError: there is no such feature, or its file cannot be read.
        EnvironmentProblem: Pillow, which reads images, is not installed.
    """
    known = {field.name: field for field in features if field.length_of is None}
    unknown = [name for name in written if name not in known]
    if unknown:
        hint = alternatives(unknown[0], list(known)) if known else "the network reads nothing but the prompt"
        raise UserError(f"there is no input '{unknown[0]}' to read before writing", hint)
    return {
        name: [value] if known[name].tokens else _in_file(known[name], Path(value)) for name, value in written.items()
    }


def _in_file(field: Field, path: Path) -> ArrayLike:
    """A feature in a file, (1, *shape)."""
    if path.suffix.lower() == ".npy":
        return read_npy(path)[np.newaxis]
    form = _image_form(field)
    if form is not None and path.suffix.lower() in ENDINGS:
        return read_image(path, form)[np.newaxis]
    endings = ".npy" if form is None else f".npy, {', '.join(ENDINGS)}"
    raise UserError(f"input '{field.name}': must be a file ending in {endings}, received '{path}'")


def _image_form(field: Field) -> ImageForm | None:
    """The form in which the feature takes pixels; None when it does not."""
    sizes = [size for size in field.shape if isinstance(size, int)]
    if field.dtype != "uint8" or len(sizes) != len(field.shape):
        return None
    if len(sizes) == 2:
        return ImageForm((sizes[0], sizes[1]), "grayscale", "stretch", "first", scale=False)
    if len(sizes) == 3 and 3 in (sizes[0], sizes[2]):
        first = sizes[0] == 3
        height, width = sizes[1:] if first else sizes[:2]
        return ImageForm((height, width), "rgb", "stretch", "first" if first else "last", scale=False)
    return None
