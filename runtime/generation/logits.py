"""Log-probabilities of the next token, and what sampling keeps of them. Pure functions on rows of float64.

A token that is left out has the log-probability −∞; the rows need not sum to one afterwards, `draw` divides by the sum.
Among equally probable tokens the one with the smaller id always comes first, so every result is one function of its
arguments.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float64]
"""Log-probabilities, (rows, vocabulary)."""
Ids = npt.NDArray[np.int64]

TOLERANCE = 1e-3
"""How far the sum of probabilities in float32, or half precision, may be from one."""


def log_probabilities(outputs: npt.ArrayLike) -> Scores:
    """What a network's last layer gave as log-probabilities, (rows, vocabulary).

    Rows that are distributions (nothing negative, a sum of 1) are probabilities; all others are logits x, for which
    log softmax(x) = x − log Σ exp x. Log-probabilities are logits too, and stay what they are.
    """
    scores: Scores
    rows = np.asarray(outputs, np.float64)
    if (rows >= 0).all() and np.allclose(rows.sum(axis=-1), 1, rtol=0, atol=TOLERANCE):
        with np.errstate(divide="ignore"):  # log 0 = −∞: such a token never follows
            scores = np.log(rows / rows.sum(axis=-1, keepdims=True))
            return scores
    shifted = rows - rows.max(axis=-1, keepdims=True)
    scores = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return scores


def without(scores: Scores, ids: npt.ArrayLike) -> Scores:
    """The scores without some tokens."""
    kept = scores.copy()
    kept[:, np.asarray(ids, np.int64)] = -np.inf
    return kept


def tempered(scores: Scores, temperature: float) -> Scores:
    """p^(1/T), the logits divided by T > 0: below 1 probable tokens become more so, above 1 all become more alike."""
    divided: Scores = scores / temperature
    return divided


def top_k(scores: Scores, k: int) -> Scores:
    """The k most probable tokens, no more: equally probable ones stay in the order of their ids."""
    if k >= scores.shape[-1]:
        return scores
    kept = np.full_like(scores, -np.inf)
    for row, result in zip(scores, kept, strict=True):
        best = greatest(row, k)
        result[best] = row[best]
    return kept


def top_p(scores: Scores, p: float) -> Scores:
    """The nucleus: the fewest most probable tokens whose probabilities sum to at least p (Holtzman et al., The Curious
    Case of Neural Text Degeneration, ICLR 2020).

    A token stays while those before it sum to less than p, so the most probable one always does. The sum is that of the
    tokens which are still there, in float64.
    """
    if p >= 1:
        return scores
    order = np.argsort(-scores, axis=-1, kind="stable")
    probabilities = np.take_along_axis(probabilities_of(scores), order, axis=-1)
    before = np.cumsum(probabilities, axis=-1) - probabilities
    kept = np.empty_like(scores, dtype=bool)
    np.put_along_axis(kept, order, before < p, axis=-1)
    kept[np.arange(len(scores)), order[:, 0]] = True
    return np.where(kept, scores, -np.inf)


def probabilities_of(scores: Scores) -> Scores:
    """Scores as probabilities that sum to one."""
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    probabilities: Scores = weights / weights.sum(axis=-1, keepdims=True)
    return probabilities


def greedy(scores: Scores) -> Ids:
    """The most probable token of each row."""
    first: Ids = scores.argmax(axis=-1).astype(np.int64)
    return first


def draw(scores: Scores, uniforms: npt.ArrayLike) -> Ids:
    """A token for each row, by inversion: the first whose cumulated probability is greater than a number in [0, 1)."""
    cumulated = np.cumsum(probabilities_of(scores), axis=-1)
    places = np.asarray(uniforms, np.float64)[:, None] * cumulated[:, -1:]
    drawn: Ids = (cumulated > places).argmax(axis=-1).astype(np.int64)
    return drawn


def greatest(values: npt.NDArray[np.float64], k: int) -> Ids:
    """The indices of the k greatest values, the greatest first; of equal values the smaller index first."""
    candidates = np.arange(len(values))
    if k < len(values):
        threshold = np.partition(values, len(values) - k)[len(values) - k]
        candidates = np.flatnonzero(values >= threshold)
    order = np.argsort(-values[candidates], kind="stable")[:k]
    best: Ids = candidates[order].astype(np.int64)
    return best
