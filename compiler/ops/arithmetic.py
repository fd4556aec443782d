"""Addition, subtraction, multiplication, division, powers, and elementwise extrema."""

from __future__ import annotations

import numpy as np

from ..ir import Operator, Sample, register
from .inference import elementwise, same_as_first

_A = np.array([[0.5, -1.5, 2.0], [1.0, 0.25, -0.75]])
_B = np.array([[1.5, -0.5, 0.75], [-2.0, 1.25, 0.5]])
_ROW = np.array([0.7, -1.1, 1.3])


def _pairs() -> list[Sample]:
    return [
        Sample((_A, _B), name="same shape"),
        Sample((_A, _ROW), name="row"),
        Sample((_ROW, _A), name="row first"),
        Sample((_A, np.array(1.7)), name="scalar"),
        Sample((_A[:, :1], _ROW), name="outer"),
    ]


register(
    Operator(
        "Add",
        infer=elementwise,
        gradients=(lambda d: d.dy, lambda d: d.dy),
        evaluate=np.add,
        samples=_pairs,
    )
)
register(
    Operator(
        "Sub",
        infer=elementwise,
        gradients=(lambda d: d.dy, lambda d: -d.dy),
        evaluate=np.subtract,
        samples=_pairs,
    )
)
register(
    Operator(
        "Mul",
        infer=elementwise,
        gradients=(lambda d: d.dy * d.b, lambda d: d.dy * d.a),
        evaluate=np.multiply,
        samples=_pairs,
    )
)
register(
    Operator(
        "Neg",
        infer=same_as_first,
        gradients=(lambda d: -d.dy,),
        evaluate=np.negative,
        samples=lambda: [Sample((_A,))],
    )
)
register(
    Operator(
        "Exp",
        infer=same_as_first,
        gradients=(lambda d: d.dy * d.y,),
        evaluate=np.exp,
        samples=lambda: [Sample((_A,))],
    )
)
register(
    Operator(
        "Sqrt",
        infer=same_as_first,
        gradients=(lambda d: d.dy / (2 * d.y),),
        evaluate=np.sqrt,
        samples=lambda: [Sample((np.abs(_A),))],
    )
)
