"""Reading rows of labels from the output of a network that was trained by connectionist temporal classification."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import UserError


def best_path(output: Any, *, lengths: Any = None, blank: int = 0) -> list[NDArray[np.int64]]:
    """The labels of each example: the largest class of every step, repetitions taken together, blanks left out.

    That is the most probable path, which need not be the most probable row of labels (Graves et al. 2006, 3.2).

    output: (batch, time, classes), numbers that grow with the probability: logits, probabilities or logarithms.
    lengths: (batch), how many steps of each example count; all unless given.

    Returns int64 arrays, one for each example, as long as what it reads.

    Raises:
        UserError: the output has another shape, or there is not one length for each example.
    """
    scores = np.asarray(output)
    if scores.ndim != 3:
        raise UserError(f"the output must have the shape (batch, time, classes), received {scores.shape}")
    path = scores.argmax(axis=-1)
    if lengths is not None:
        steps = np.asarray(lengths)
        if steps.shape != (len(path),):
            raise UserError(f"a length for each of {len(path)} examples is needed, received the shape {steps.shape}")
        path = np.where(np.arange(path.shape[1]) < steps[:, None], path, blank)
    before = np.concatenate([np.full((len(path), 1), blank), path[:, :-1]], axis=1)
    is_label = (path != blank) & (path != before)
    return [row[labels].astype(np.int64) for row, labels in zip(path, is_label, strict=True)]
