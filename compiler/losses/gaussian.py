"""The loss of a network that says how sure it is: `gaussian_negative_log_likelihood`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..errors import BuildError
from ..ir import TensorType, Value, apply
from ..ops import op
from .base import Loss
from .checks import require_float


@Loss.registry.register("gaussian_negative_log_likelihood")
@dataclass(frozen=True, kw_only=True)
class GaussianNegativeLogLikelihood(Loss):
    """½·(s + (target − μ)²·e⁻ˢ): how unlikely the target is under a normal distribution of mean μ and variance eˢ.

    | | shape |
    |---|---|
    | output | (batch, …, 2·n): n means μ, then n log-variances s, as `concat: {from: [mean, log_variance]}` makes |
    | target | (batch, …, n) |

    The output holds the variance *before* its exponential, which no s overflows that a target can ask for; give the
    variance itself as an output by `exponential`. Equal to PyTorch's `GaussianNLLLoss` of the variance eˢ; the constant
    ½·ln 2π is left out. Nix and Weigend, Estimating the Mean and Variance of the Target Probability Distribution,
    ICNN 1994.
    """

    example: ClassVar[str] = """
network:
  - dense: {units: 1, name: mean, from: x}
  - dense: {units: 1, name: log_variance, from: x}
  - concat: {from: [mean, log_variance]}
training:
  loss: {gaussian_negative_log_likelihood: {target: y}}
"""

    def target_type(self, output: TensorType) -> TensorType:
        require_float(output)
        size = output.shape[-1] if len(output.shape) > 1 else None
        if not isinstance(size, int) or size % 2:
            raise BuildError(
                f"needs an output with a last axis of even size, means and then log-variances, received {output}",
                "join the two with `concat: {from: [mean, log_variance]}`",
            )
        return TensorType(output.dtype, (*output.shape[:-1], size // 2))

    def elements(self, output: Value, target: Value) -> Value:
        mean, log_variance = apply("Split", output, num_outputs=2, axis=-1)
        difference = target - mean
        return (log_variance + difference * difference * op.Exp(-log_variance)) * 0.5
