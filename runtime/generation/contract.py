"""Which input of a network takes the tokens of a text, and which output says what comes next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..bundle import Bundle
from ..errors import UserError
from ..manifest import Field, Manifest

HINT = "a spec generates if its input is the tokens of a text, and its output has a number for each token"


@dataclass(frozen=True)
class Contract:
    """The token interface of a bundle.

    tokens: the feature that takes ids, (batch, time). lengths: features that say how many of them there are.
    given: features that are read once before, such as the text that is translated.
    output: the output with a number for each token, (batch, time, vocabulary), or (batch, vocabulary) after the last
    step. time: the length of a text, where the spec fixes it. positions: how many there are, where they are learned.
    """

    tokens: Field
    lengths: tuple[Field, ...]
    given: tuple[Field, ...]
    output: Field
    vocabulary: int
    time: int | None
    positions: int | None

    @property
    def every_step(self) -> bool:
        """Whether the output has its numbers for each step, not for the last one alone."""
        return len(self.output.shape) == 2


def contract_of(bundle: Bundle) -> Contract:
    """What a bundle says about tokens; of several outputs with a number for each token, the first.

    Raises:
        UserError: it is no network that goes from tokens to the next token.
    """
    manifest = bundle.manifest
    encoder = manifest.graphs.get("inference_encode")
    read_once = {port.name for port in encoder.inputs} if encoder else set()
    given = tuple(field for field in manifest.features if field.name in read_once)
    moving = [field for field in manifest.features if field.name not in read_once]
    lengths = tuple(field for field in moving if field.length_of is not None)
    others = [field for field in moving if field.length_of is None]
    if len(others) != 1 or not _takes_tokens(others[0]):
        taken = ", ".join(f"'{field.name}' {_type_of(field)}" for field in manifest.features)
        raise UserError(f"{bundle.folder}: not a sequence model: it takes {taken}, not the tokens of a text", HINT)
    tokens = others[0]
    for output in manifest.outputs:
        if output.dtype == "float32" and _for_each_token(output, tokens):
            size = output.shape[-1]
            assert isinstance(size, int)
            length = tokens.shape[0] if isinstance(tokens.shape[0], int) else None
            return Contract(tokens, lengths, given, output, size, length, _positions(manifest))
    made = ", ".join(f"'{field.name}' {_type_of(field)}" for field in manifest.outputs)
    limit = "" if tokens.limit is None else f" of {tokens.limit}"
    raise UserError(f"{bundle.folder}: not a sequence model: it gives {made}, no number for each token{limit}", HINT)


def _takes_tokens(field: Field) -> bool:
    return np.issubdtype(np.dtype(field.dtype), np.integer) and len(field.shape) == 1


def _for_each_token(output: Field, tokens: Field) -> bool:
    """Its last axis counts tokens, and all of them: what a tagger gives for a word is no next word."""
    *steps, size = output.shape or ("",)
    if not isinstance(size, int) or (tokens.limit is not None and size != tokens.limit):
        return False
    return steps in ([], [tokens.shape[0]])


def _positions(manifest: Manifest) -> int | None:
    """How many positions were learned: the rows of `<layer>/weight` beside `<layer>/position` (docs/bundle.md)."""
    step = manifest.graphs.get("inference_step")
    carried = [port.name for port in step.inputs if port.role == "carried"] if step else []
    tables = {f"{name.removesuffix('/position')}/weight" for name in carried if name.endswith("/position")}
    return min((state.shape[0] for state in manifest.state if state.name in tables), default=None)


def _type_of(field: Field) -> str:
    return f"{field.dtype}({', '.join(map(str, field.shape))})"


def least(*limits: int | None) -> int | None:
    """The smallest of several limits, of which None is none."""
    return min((limit for limit in limits if limit is not None), default=None)
