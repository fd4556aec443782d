"""A network that keeps nothing between tokens: `inference.onnx`, run on the whole text so far for every token.

It needs no step form, and it is what a cache is measured against. A text of n tokens costs n(n + 1)/2 of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..bundle import Bundle
from ..device import Device
from ..errors import UserError
from ..session import SessionSettings, open_session, run_problem
from .contract import Contract, least
from .logits import Scores, log_probabilities
from .model import Tokens


class Prefix:
    """Keeps the texts themselves. Where the spec fixes the time axis, the rest of it is filled with zeros: what comes
    later changes nothing in a causal network, and one that is not causal is refused."""

    def __init__(
        self, bundle: Bundle, contract: Contract, device: Device, *, settings: SessionSettings | None = None
    ) -> None:
        if contract.given:
            names = ", ".join(f"'{field.name}'" for field in contract.given if field.length_of is None)
            raise UserError(
                f"{bundle.folder}: the network reads {names} before it writes, which it does once, with a cache",
                "leave --no-cache out",
            )
        if contract.time is not None and not (contract.every_step and "inference_step" in bundle.manifest.graphs):
            raise UserError(
                f"{bundle.folder}: the network reads {contract.time} tokens at a time, so no text that grows",
                "make the time axis of its input symbolic: [time]",
            )
        self.vocabulary = contract.vocabulary
        self.context = least(contract.time, contract.positions)
        self._contract = contract
        self._model = bundle.graph_file("inference")
        self._graph = bundle.manifest.graphs["inference"]
        self._device = device
        self._settings = settings
        self._sessions: dict[int, Any] = {}
        self._texts: Tokens = np.zeros((0, 0), np.int64)

    def start(self, rows: int) -> None:
        self._texts = np.zeros((rows, 0), np.int64)

    def feed(self, tokens: Tokens) -> Scores:
        self._texts = np.concatenate([self._texts, tokens], axis=1)
        rows, steps = self._texts.shape
        text = self._texts.astype(self._contract.tokens.dtype)
        if self._contract.time is not None:
            text = np.pad(text, ((0, 0), (0, self._contract.time - steps)))
        if rows not in self._sessions:
            self._sessions[rows] = open_session(
                self._model, self._device, axes={"batch": rows}, graph=self._graph, settings=self._settings
            )
        try:
            feeds = {self._contract.tokens.name: text}
            feeds |= {field.name: np.full(rows, steps, field.dtype) for field in self._contract.lengths}
            (outputs,) = self._sessions[rows].run([self._contract.output.name], feeds)
        except Exception as error:  # ONNX Runtime's exceptions share no base class but Exception
            raise run_problem(self._model, error) from error
        return log_probabilities(outputs[:, steps - 1] if self._contract.every_step else outputs)

    def keep(self, rows: npt.NDArray[np.int64]) -> None:
        self._texts = self._texts[rows]
