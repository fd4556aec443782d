"""Mixup: while training, each example is mixed with another of its batch, and its target likewise.

For an example i with its partner j, inputs are λ·xᵢ + (1 − λ)·xⱼ, and a loss is λ·loss(output, yᵢ) +
(1 − λ)·loss(output, yⱼ), which for a cross-entropy is the loss against the mixed target. Zhang, Cisse, Dauphin and
Lopez-Paz, mixup: Beyond Empirical Risk Minimization, ICLR 2018.

λ is one number a step, as in the authors' code: λ = max(β, 1 − β) for β ~ Beta(α, α). β is as likely as 1 − β and every
partner as likely as any other, so the mixed examples of a batch are those that β gives, only in an order where each
one's own target counts at least as much as its partner's: the metrics of a step compare with that.

The partner of example i is i + m mod batch, m uniform in 1 … batch − 1 and one for all: a permutation in which none is
its own partner, of examples that are shuffled already. The network mixes its inputs with it, the objective its losses.
"""

from __future__ import annotations

from dataclasses import dataclass

from . import random
from .ir import DType, Value
from .ops import op
from .ops.cast import cast


@dataclass(frozen=True)
class Mixing:
    """What a step draws.

    share: λ, a float32 scalar in [½, 1].
    partners: for each example the number of the other one, int64 (batch,).
    """

    share: Value
    partners: Value

    def partner(self, value: Value) -> Value:
        """For each example, (batch, …), what the value is for its partner."""
        return op.Gather(value, self.partners, axis=0)

    def mix(self, own: Value, other: Value) -> Value:
        """λ·own + (1 − λ)·other, in their dtype."""
        share = cast(self.share, own.dtype)
        return other + (own - other) * share


def draw(alpha: float, share_key: Value, partner_key: Value, batch: Value) -> Mixing:
    """The mixing of a step whose examples lie along the first axis of `batch`."""
    beta = random.symmetric_beta(share_key, (), alpha)
    share = op.Max(beta, 1.0 - beta)
    count = op.Squeeze(op.Shape(batch, start=0, end=1), [0])
    others = op.Cast(count, to=DType.float32.code) - 1.0
    move = op.Cast(op.Floor(random.uniform(partner_key, ()) * others), to=DType.int64.code) + 1
    return Mixing(share, op.Mod(op.Range(0, count, 1) + move, count))
