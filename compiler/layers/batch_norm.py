"""Batch normalization."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from netwright.schema import spec_field

from ..initializers import Ones, Zeros
from ..ir import Value
from ..ops import op
from ..ops.reduction import count
from ..ops.shapes import reshape
from .base import Layer, LayerContext
from .checks import feature_axis, require_float, static_sizes
from .standardize import BIAS, EPSILON, SCALE, affine_parameters, centered, inverse_deviation


@Layer.registry.register("batch_norm")
@dataclass(frozen=True, kw_only=True)
class BatchNorm(Layer):
    """y = (x − mean) / √(variance + epsilon) · scale + bias, for each channel on its own.

    While training, mean and variance are those of the batch, over all axes but `axis`, and the running ones, which are
    state, move toward them: running ← running + momentum · (batch's − running), with the unbiased variance, as in
    PyTorch. Everywhere else the running ones are used. In `inference.onnx` they are folded into the weights of a `conv`
    or `dense` right before.

    | | shape |
    |---|---|
    | input, output | (batch, channels, …) |
    | `scale`, `bias`, `running_mean`, `running_variance` | (channels) |

    Ioffe and Szegedy, Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift,
    ICML 2015.
    """

    example: ClassVar[str] = """
inputs: {image: [3, 32, 32]}
network:
  - conv: {filters: 16, kernel_size: 3, padding: same, use_bias: false}
  - batch_norm
  - relu
  - global_average_pool
  - dense: 1
"""
    momentum: float = spec_field(
        "How far running statistics move toward those of a batch; Keras gives 1 minus this.",
        default=0.1,
        exclusive_minimum=0,
        maximum=1,
    )
    epsilon: float = spec_field(EPSILON, default=1e-5, exclusive_minimum=0)
    axis: int = spec_field("The channels; 0 is the batch, -1 the last axis.", default=1)
    scale: bool = spec_field(SCALE, default=True)
    bias: bool = spec_field(BIAS, default=True)

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        (x,) = inputs
        require_float(x)
        axis = feature_axis(self.axis, x)
        (channels,) = static_sizes(x.shape[axis : axis + 1], x, "the channel axis")
        shape = tuple(channels if at == axis else 1 for at in range(x.rank))
        scale, bias = affine_parameters(context, channels, x.rank, axis, scale=self.scale, bias=self.bias)
        running_mean = context.statistic("running_mean", (channels,), Zeros())
        running_variance = context.statistic("running_variance", (channels,), Ones())
        if not context.training:
            factor = inverse_deviation(reshape(running_variance, shape), self.epsilon)
            factor = factor if scale is None else factor * scale
            shift = reshape(running_mean, shape) * factor
            return x * factor + (-shift if bias is None else bias - shift)

        axes = [at for at in range(x.rank) if at != axis]
        distance, mean, variance = centered(x, axes)
        size = count(x, axes)
        unbiased = variance * (size / (op.Max(size - 1, 1.0) if isinstance(size, Value) else max(size - 1, 1)))
        for name, old, new in (
            ("running_mean", running_mean, mean),
            ("running_variance", running_variance, unbiased),
        ):
            context.update_statistic(name, old + (reshape(new, (channels,)) - old) * self.momentum)
        factor = inverse_deviation(variance, self.epsilon)
        y = distance * (factor if scale is None else factor * scale)
        return y if bias is None else y + bias
