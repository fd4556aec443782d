"""What every operator record promises, as functions over one case: a record with one of its samples.

`test_operators.py` runs them over every record. Gradients are checked in float64 through `onnx.reference`, which has
no float32 kernels to blame; the float32 kernels of ONNX Runtime are then compared with it.

Conventions for samples: inputs are fed at run time; when inference answers that one is "not known when compiling",
the integer and boolean inputs become constants instead. Float inputs without a derivative must have a zero one.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from graph_functions import as_tuple, onnxruntime_cpu, reference, to_onnx
from netwright.compiler import ops  # noqa: F401  (registers the records)
from netwright.compiler.autodiff import NotDifferentiableError, gradients
from netwright.compiler.errors import BuildError
from netwright.compiler.ir import (
    OPERATORS,
    Array,
    Dim,
    DType,
    NotDifferentiable,
    Operator,
    Sample,
    SymbolicDim,
    Value,
    apply,
    constant,
    graph_input,
    op,
)
from netwright.compiler.ops.cast import cast

STEP = 1e-3
UNKNOWN = "not known when compiling"


@dataclass(frozen=True)
class Case:
    """One operator with one of its samples."""

    operator: Operator
    sample: Sample
    number: int

    @property
    def id(self) -> str:
        return f"{self.operator.name}-{self.sample.name.replace(' ', '_') or self.number}"

    @property
    def generator(self) -> np.random.Generator:
        """Random numbers that depend on the case only."""
        return np.random.default_rng(zlib.crc32(self.id.encode()))


def all_cases() -> list[Case]:
    return [Case(o, sample, i) for o in OPERATORS.values() for i, sample in enumerate(o.samples())]


@dataclass(frozen=True)
class Built:
    """A case as a graph: the operator's inputs and outputs, and what to feed the graph inputs among them."""

    case: Case
    inputs: tuple[Value | None, ...]
    outputs: tuple[Value, ...]
    feeds: dict[Value, Array]
    floats: DType

    @property
    def float_outputs(self) -> list[Value]:
        return [output for output in self.outputs if output.dtype.is_float]

    @property
    def differentiable(self) -> list[Value]:
        """The inputs whose gradient the sample wants checked."""
        wanted = self.case.sample.differentiable
        return [
            value
            for index, value in enumerate(self.inputs)
            if value is not None and value.dtype.is_float and (wanted is None or index in wanted)
        ]


def build(case: Case, floats: DType, batch: SymbolicDim | None = None) -> Built:
    """The case with its float inputs in the dtype `floats`; `batch` replaces the size of the common first axis."""
    try:
        return _build(case, floats, batch, constants=False)
    except BuildError as error:
        if UNKNOWN not in error.message:
            raise
    return _build(case, floats, batch, constants=True)


def _build(case: Case, floats: DType, batch: SymbolicDim | None, *, constants: bool) -> Built:
    arrays = [None if array is None else _as_float(array, floats) for array in case.sample.inputs]
    first = next((array for array in arrays if array is not None), np.zeros(()))
    inputs: list[Value | None] = []
    feeds: dict[Value, Array] = {}
    for index, array in enumerate(arrays):
        if array is None:
            inputs.append(None)
        elif constants and not DType.of(array).is_float:
            inputs.append(constant(array))
        else:
            value = graph_input(f"x{index}", DType.of(array), _with_batch(array, first, batch))
            inputs.append(value)
            feeds[value] = array
    outputs = apply(case.operator.name, *inputs, domain=case.operator.domain, **case.sample.attributes)
    assert len(outputs) == case.sample.outputs, f"{len(outputs)} outputs, the sample says {case.sample.outputs}"
    return Built(case, tuple(inputs), outputs, feeds, floats)


def _with_batch(array: Array, first: Array, batch: SymbolicDim | None) -> tuple[Dim, ...]:
    if batch is not None and array.ndim and array.ndim == first.ndim and len(array) == len(first) > 1:
        return (batch, *array.shape[1:])
    return array.shape


def _as_float(array: Array, floats: DType) -> Array:
    return array.astype(floats.numpy) if DType.of(array).is_float else array


def describes(value: Value, array: Array) -> bool:
    """Whether the inferred dtype and shape are the array's; a symbol in the shape stands for any size."""
    if len(array.shape) != value.rank:
        return False
    sizes = [size if isinstance(dim, int) else dim for dim, size in zip(value.shape, array.shape, strict=True)]
    return value.dtype is DType.of(array) and tuple(sizes) == value.shape


def assert_close(result: Array, want: Array) -> None:
    """Equal numbers up to float64's rounding; equal texts."""
    if DType.of(want) is DType.string:
        assert result.tolist() == want.tolist()
    else:
        np.testing.assert_allclose(result, want, rtol=1e-12, atol=1e-14)


# Types


def check_types(case: Case) -> None:
    """Inferred dtypes and shapes are those of ONNX's inference and of what onnx.reference computes."""
    built = build(case, DType.float32)
    results = reference(built.outputs, list(built.feeds))(built.feeds)
    for value, array in zip(built.outputs, results, strict=True):
        assert describes(value, array), "differs from onnx.reference"
    if case.operator.domain:
        return  # ONNX has no schema for it; check_onnxruntime compares
    _check_onnx_inference(built)
    _check_onnx_inference(build(case, DType.float64))


def _check_onnx_inference(built: Built) -> None:
    model = to_onnx(built.outputs, list(built.feeds))
    onnx.checker.check_model(model, full_check=True)
    for output in model.graph.output:
        output.ClearField("type")  # to be inferred anew
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    for value, output in zip(built.outputs, inferred.graph.output, strict=True):
        tensor = output.type.tensor_type
        sizes = tuple(dim.dim_value for dim in tensor.shape.dim)  # 0 where ONNX does not know
        shape = tuple(dim if isinstance(dim, int) else 0 for dim in value.shape)
        if built.case.operator.host_only:  # ONNX infers nothing of StringNormalizer, which may drop texts
            shape = tuple(dim if size else 0 for dim, size in zip(shape, sizes, strict=True))
        assert (value.dtype.code, shape) == (tensor.elem_type, sizes), "differs from ONNX's inference"


def check_evaluate(case: Case) -> None:
    """The record's numpy function computes what onnx.reference does: the dtype in float32, the numbers in float64."""
    for result, want in _evaluated_both_ways(case, DType.float32):
        assert (DType.of(result), result.shape) == (DType.of(want), want.shape)
    for result, want in _evaluated_both_ways(case, DType.float64):
        assert_close(result, want)


def _evaluated_both_ways(case: Case, floats: DType) -> list[tuple[Array, Array]]:
    assert case.operator.evaluate is not None
    built = build(case, floats)
    node = built.outputs[0].node
    assert node is not None
    arrays = [None if array is None else _as_float(array, floats) for array in case.sample.inputs]
    results = as_tuple(case.operator.evaluate(*arrays, **node.attributes))
    return list(zip(results, reference(built.outputs, list(built.feeds))(built.feeds), strict=True))


# Derivatives


@dataclass(frozen=True)
class Adjoint:
    """The gradients of Σ dy·y by each of `wrt`, for outputs with the random weights dy; None where there is none."""

    wrt: list[Value]
    gradients: list[Value | None]
    feeds: dict[Value, Array]  # of the inputs and the dys
    dys: list[Value]


def adjoint(built: Built, outputs: Sequence[Value]) -> Adjoint:
    generator = built.case.generator
    dys, feeds = [], dict(built.feeds)
    shapes = {output: result.shape for output, result in _run_forward(built).items()}
    for index, output in enumerate(outputs):
        dy = graph_input(f"dy{index}", output.dtype, output.shape)
        feeds[dy] = generator.uniform(0.5, 1.5, shapes[output]).astype(output.dtype.numpy)
        dys.append(dy)
    wrt = built.differentiable
    return Adjoint(wrt, gradients(outputs, wrt, dys), feeds, dys)


def _run_forward(built: Built) -> dict[Value, Array]:
    results = reference(built.outputs, list(built.feeds))(built.feeds)
    return dict(zip(built.outputs, results, strict=True))


def output_choices(built: Built) -> list[list[Value]]:
    """The outputs to differentiate: all together, and each alone where there are several."""
    every = built.float_outputs
    return [every] if len(every) <= 1 else [every, *([output] for output in every)]


def check_gradient(case: Case) -> None:
    """The gradient by each differentiable input equals central differences along random directions."""
    built = build(case, DType.float64)
    for outputs in output_choices(built):
        if not outputs or not built.differentiable:
            continue
        if is_refused(built):
            _assert_refused(built, outputs)
            continue
        a = adjoint(built, outputs)
        objective = _weighted_sum(zip(outputs, a.dys, strict=True), built.floats)
        _compare_directions(case, objective, a.gradients, a.wrt, a.feeds)


def check_second_order(case: Case) -> None:
    """The gradient of Σ u·gradient, by the inputs and by dy, equals central differences of the gradient."""
    built = build(case, DType.float64)
    if not built.float_outputs or not built.differentiable or is_refused(built):
        return
    a = adjoint(built, built.float_outputs)
    objective = second_objective(built, a)
    if objective is not None:
        wrt = [*a.wrt, *(dy for dy in a.dys if dy.dtype is DType.float64)]
        _compare_directions(case, objective, gradients([objective], wrt), wrt, a.feeds)


def second_objective(built: Built, a: Adjoint) -> Value | None:
    """Σ u·gradient over all gradients, None when there are none. The random weights u are inputs added to the feeds."""
    generator = built.case.generator
    weighted = []
    for index, (value, gradient) in enumerate(zip(a.wrt, a.gradients, strict=True)):
        if gradient is not None:
            weights = graph_input(f"u{index}", gradient.dtype, gradient.shape)
            a.feeds[weights] = generator.uniform(0.5, 1.5, a.feeds[value].shape).astype(gradient.dtype.numpy)
            weighted.append((gradient, weights))
    return _weighted_sum(weighted, built.floats) if weighted else None


def _weighted_sum(terms: Iterable[tuple[Value, Value]], dtype: DType) -> Value:
    """The sum of all products, computed in `dtype`."""
    sums = [op.ReduceSum(cast(value, dtype) * cast(weights, dtype), keepdims=0) for value, weights in terms]
    return functools.reduce(lambda a, b: a + b, sums)


def _compare_directions(
    case: Case,
    objective: Value,
    analytic: Sequence[Value | None],
    wrt: Sequence[Value],
    feeds: dict[Value, Array],
    directions: int = 2,
) -> None:
    """Compare `analytic` with fourth-order central differences of the scalar `objective`."""
    inputs = list(feeds)
    function = reference([objective], inputs)
    present = [gradient for gradient in analytic if gradient is not None]
    values = iter(reference(present, inputs)(feeds) if present else [])
    generator = case.generator
    for value, gradient in zip(wrt, analytic, strict=True):
        point = feeds[value]
        array = np.zeros(point.shape) if gradient is None else next(values)
        assert array.shape == point.shape, f"the gradient by {value!r} has the shape {array.shape}"
        assert array.dtype == point.dtype, f"the gradient by {value!r} has the dtype {array.dtype}"
        for _ in range(directions):
            direction = generator.uniform(-1, 1, point.shape)

            def at(step: float, value: Value = value, moved: Array = direction) -> float:
                return float(function({**feeds, value: feeds[value] + step * moved})[0])

            numeric = (8 * (at(STEP) - at(-STEP)) - (at(2 * STEP) - at(-2 * STEP))) / (12 * STEP)
            exact = float(np.sum(array * direction))
            np.testing.assert_allclose(exact, numeric, rtol=1e-7, atol=1e-8, err_msg=f"by {value!r}")


def is_refused(built: Built) -> bool:
    """Whether the sample differentiates by an input whose derivative is not known."""
    rules = [built.case.operator.gradient(index) for index, x in enumerate(built.inputs) if x in built.differentiable]
    return any(isinstance(rule, NotDifferentiable) and not rule.stops for rule in rules)


def _assert_refused(built: Built, outputs: Sequence[Value]) -> None:
    try:
        adjoint(built, outputs)
    except NotDifferentiableError:
        return
    raise AssertionError("an input without a known derivative was differentiated")


# Kernels


def with_derivatives(built: Built) -> tuple[list[Value], dict[Value, Array]]:
    """Every output, every gradient, and every second derivative that the sample asks for, with the feeds they need."""
    outputs = built.float_outputs
    if not outputs or not built.differentiable or is_refused(built):
        return list(built.outputs), dict(built.feeds)
    a = adjoint(built, outputs)
    values = [*built.outputs, *(gradient for gradient in a.gradients if gradient is not None)]
    objective = second_objective(built, a) if built.case.sample.second_order else None
    if objective is not None:
        second = gradients([objective], [*a.wrt, *a.dys])
        values += [gradient for gradient in second if gradient is not None]
    return values, a.feeds


def check_onnxruntime(case: Case) -> None:
    """ONNX Runtime's float32 values and derivatives equal onnx.reference in float64 at the same point."""
    single = build(case, DType.float32)
    values, feeds = with_derivatives(single)
    results = onnxruntime_cpu(values, list(feeds))(feeds)
    double = build(_rounded(case), DType.float64)
    wide_values, wide_feeds = with_derivatives(double)
    # the dys of both are the same numbers up to rounding
    narrow = iter(feeds.values())
    wide_feeds = {value: _as_float(next(narrow), DType.float64) for value in wide_feeds}
    expected = reference(wide_values, list(wide_feeds))(wide_feeds)
    for value, result, want in zip(values, results, expected, strict=True):
        assert describes(value, result)
        if value.dtype.is_float:
            np.testing.assert_allclose(result, want, rtol=1e-5, atol=2e-6, err_msg=f"{value!r}")
        else:
            np.testing.assert_array_equal(result, want, err_msg=f"{value!r}")


def _rounded(case: Case) -> Case:
    """The case with its inputs rounded to float32."""
    inputs = tuple(None if x is None else _as_float(x, DType.float32) for x in case.sample.inputs)
    sample = dataclasses.replace(case.sample, inputs=inputs)
    return Case(case.operator, sample, case.number)


def check_symbolic(case: Case) -> bool:
    """With a symbolic first axis the gradients are the same numbers. False when inference refuses such an input."""
    fixed = build(case, DType.float64)
    try:
        symbolic = build(case, DType.float64, SymbolicDim(((("batch",), 1),)))
    except BuildError:
        return False
    expected = _evaluated(fixed)
    found = _evaluated(symbolic)
    for want, have in itertools.zip_longest(expected, found):
        assert_close(have, want)
    return True


def _evaluated(built: Built) -> list[Array]:
    values, feeds = with_derivatives(built)
    return reference(values, list(feeds))(feeds)
