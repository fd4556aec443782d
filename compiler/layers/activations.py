"""Activations: functions of one value, in its shape. Each is a layer (`- relu`) and fits any `activation:` field.

identity linear · sigmoid tanh hard_sigmoid softsign · relu leaky_relu elu selu gelu silu softplus
softmax log_softmax · exponential · step
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from netwright.schema import spec_field

from ..ir import DType, Value, constant
from ..ops import op
from .base import Activation, activation
from .checks import feature_axis


@activation("identity")
@dataclass(frozen=True, kw_only=True)
class Identity(Activation):
    """y = x. Useful to give a value a name."""

    def apply(self, x: Value) -> Value:
        return x


@activation("linear")
@dataclass(frozen=True, kw_only=True)
class Linear(Activation):
    """y = x: the same as `identity`, under the name that says a layer has no non-linearity."""

    def apply(self, x: Value) -> Value:
        return x


@activation("relu")
@dataclass(frozen=True, kw_only=True)
class Relu(Activation):
    """Rectified linear unit, y = max(0, x). The derivative at 0 is 0.

    Nair and Hinton, Rectified Linear Units Improve Restricted Boltzmann Machines, ICML 2010.
    """

    def apply(self, x: Value) -> Value:
        return op.Relu(x)


@activation("leaky_relu")
@dataclass(frozen=True, kw_only=True)
class LeakyRelu(Activation):
    """y = x for x ≥ 0, else slope · x.

    Maas, Hannun and Ng, Rectifier Nonlinearities Improve Neural Network Acoustic Models, ICML 2013.
    """

    example: ClassVar[str] = "leaky_relu: 0.1"
    shorthand: ClassVar[str | None] = "slope"
    slope: float = spec_field("Slope for negative x.", default=0.01)

    def apply(self, x: Value) -> Value:
        return op.LeakyRelu(x, alpha=self.slope)


@activation("elu")
@dataclass(frozen=True, kw_only=True)
class Elu(Activation):
    """Exponential linear unit: y = x for x > 0, else alpha · (eˣ − 1).

    Clevert, Unterthiner and Hochreiter, Fast and Accurate Deep Network Learning by ELUs, ICLR 2016.
    """

    example: ClassVar[str] = "elu: 0.5"
    shorthand: ClassVar[str | None] = "alpha"
    alpha: float = spec_field("What y tends to for very negative x is −alpha.", default=1.0)

    def apply(self, x: Value) -> Value:
        return op.Elu(x, alpha=self.alpha)


@activation("selu")
@dataclass(frozen=True, kw_only=True)
class Selu(Activation):
    """Scaled exponential linear unit: y = λ·x for x > 0, else λ·α·(eˣ − 1), λ ≈ 1.0507, α ≈ 1.6733.

    Keeps mean 0 and variance 1 from layer to layer. Klambauer et al., Self-Normalizing Neural Networks, NeurIPS 2017.
    """

    def apply(self, x: Value) -> Value:
        return op.Selu(x)


@activation("gelu")
@dataclass(frozen=True, kw_only=True)
class Gelu(Activation):
    """Gaussian error linear unit: y = x · Φ(x), Φ the normal distribution function, ½·(1 + erf(x/√2)).

    With `approximation: tanh`, y = ½·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))), as in BERT and GPT-2.
    Hendrycks and Gimpel, Gaussian Error Linear Units, 2016.
    """

    example: ClassVar[str] = "gelu: {approximation: tanh}"
    shorthand: ClassVar[str | None] = "approximation"
    approximation: Literal["none", "tanh"] = spec_field("`none` is the exact function.", default="none")

    def apply(self, x: Value) -> Value:
        return op.Gelu(x, approximate=self.approximation)


@activation("silu")
@dataclass(frozen=True, kw_only=True)
class Silu(Activation):
    """Sigmoid linear unit, also called swish: y = x · σ(x).

    Elfwing, Uchibe and Doya, Sigmoid-Weighted Linear Units, 2017; Ramachandran, Zoph and Le, 2017.
    """

    def apply(self, x: Value) -> Value:
        return x * op.Sigmoid(x)


@activation("softplus")
@dataclass(frozen=True, kw_only=True)
class Softplus(Activation):
    """y = ln(1 + eˣ), a smooth relu; its derivative is σ(x). Dugas et al., NeurIPS 2000."""

    def apply(self, x: Value) -> Value:
        return op.Softplus(x)


@activation("softsign")
@dataclass(frozen=True, kw_only=True)
class Softsign(Activation):
    """y = x / (1 + |x|), in (−1, 1). Glorot and Bengio, AISTATS 2010."""

    def apply(self, x: Value) -> Value:
        return op.Softsign(x)


@activation("sigmoid")
@dataclass(frozen=True, kw_only=True)
class Sigmoid(Activation):
    """Logistic function, y = σ(x) = 1 / (1 + e⁻ˣ), in (0, 1).

    For a probability that is trained, leave it out of the network and use the loss `binary_cross_entropy`, which
    takes the value before the sigmoid; put the sigmoid into `outputs`.
    """

    def apply(self, x: Value) -> Value:
        return op.Sigmoid(x)


@activation("hard_sigmoid")
@dataclass(frozen=True, kw_only=True)
class HardSigmoid(Activation):
    """Piecewise linear sigmoid, y = min(1, max(0, x/6 + ½)). Howard et al., MobileNetV3, ICCV 2019."""

    def apply(self, x: Value) -> Value:
        return op.HardSigmoid(x, alpha=1 / 6, beta=0.5)


@activation("tanh")
@dataclass(frozen=True, kw_only=True)
class Tanh(Activation):
    """Hyperbolic tangent, y = tanh(x) = 2·σ(2x) − 1, in (−1, 1)."""

    def apply(self, x: Value) -> Value:
        return op.Tanh(x)


@activation("softmax")
@dataclass(frozen=True, kw_only=True)
class Softmax(Activation):
    """yᵢ = e^xᵢ / Σⱼ e^xⱼ along `axis`: positive numbers that sum to one.

    For classes that are trained, leave it out of the network and use the loss `categorical_cross_entropy`, which takes
    the values before the softmax; put the softmax into `outputs`.
    """

    shorthand: ClassVar[str | None] = "axis"
    axis: int = spec_field("The axis that sums to one; 0 is the batch, negative axes count from the end.", default=-1)

    def apply(self, x: Value) -> Value:
        return op.Softmax(x, axis=feature_axis(self.axis, x))


@activation("log_softmax")
@dataclass(frozen=True, kw_only=True)
class LogSoftmax(Activation):
    """yᵢ = xᵢ − ln Σⱼ e^xⱼ along `axis`: the logarithm of `softmax`, without its loss of digits."""

    shorthand: ClassVar[str | None] = "axis"
    axis: int = spec_field("The class axis; 0 is the batch, negative axes count from the end.", default=-1)

    def apply(self, x: Value) -> Value:
        return op.LogSoftmax(x, axis=feature_axis(self.axis, x))


@activation("exponential")
@dataclass(frozen=True, kw_only=True)
class Exponential(Activation):
    """y = eˣ."""

    def apply(self, x: Value) -> Value:
        return op.Exp(x)


@activation("step")
@dataclass(frozen=True, kw_only=True)
class Step(Activation):
    """Threshold unit Θ: y = high for x ≥ 0, else low; 1 and 0 unless given, −1 and 1 for units of that kind.

    It has no useful derivative: nothing before it learns by gradients.
    McCulloch and Pitts 1943; Rosenblatt's perceptron, 1958.
    """

    example: ClassVar[str] = "step: {low: -1, high: 1}"
    low: float = spec_field("The value for x < 0.", default=0.0)
    high: float = spec_field("The value for x ≥ 0.", default=1.0)

    def apply(self, x: Value) -> Value:
        dtype = x.dtype if x.dtype.is_float else DType.float32  # whole numbers would cut the values
        return op.Where(op.GreaterOrEqual(x, 0), constant(self.high, dtype), constant(self.low, dtype))
