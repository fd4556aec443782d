"""What to do about a mistake, word for word, where the test of the mistake itself reads no more than its message; and
refusals that only a program can run into."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from netwright.compiler import compile_spec
from netwright.compiler.errors import BuildError, SpecError
from netwright.compiler.expressions import FUNCTIONS, parse
from netwright.compiler.initializers import Zeros
from netwright.compiler.ir import DType, graph_input, symbol
from netwright.compiler.layers import Layer
from netwright.compiler.ops import apply, op
from netwright.compiler.spec.expand import arithmetic
from netwright.compiler.spec.model import load_text
from netwright.compiler.state import State
from netwright.compiler.variables import LARGEST_STATE, Variables
from netwright.runtime import timing
from netwright.runtime.device import CPU
from netwright.runtime.errors import EnvironmentProblem, RuntimeProblem, UserError
from netwright.runtime.ort_training import worker
from netwright.schema import Described, Registry
from support.layer_context import RecordingContext

BATCH = symbol("batch")
X = graph_input("x", DType.float32, (BATCH, 4, 6, 5))
FOUR = graph_input("four", DType.float32, (4,))
FLAT = graph_input("flat", DType.float32, (BATCH, 4))
TEXT = graph_input("text", DType.string, (BATCH, 2, 3))


def transposed() -> Any:
    return op.ConvTranspose(X, graph_input("w", DType.float32, (4, 2, 3, 3)), auto_pad="SAME_UPPER")


def build(entry: Any, *inputs: Any) -> Any:
    return Layer.registry.build(entry).build(RecordingContext(training=True), *inputs)


REFUSALS: dict[str, tuple[Callable[[], Any], str, str | None]] = {
    "batch normalization in training": (
        lambda: apply("BatchNormalization", X, FOUR, FOUR, FOUR, FOUR, training_mode=1),
        "BatchNormalization: training_mode=1 is not supported",
        "CUDA has no kernel for it",
    ),
    "transposed, auto_pad": (
        transposed,
        "ConvTranspose: give the pads instead of auto_pad",
        "CUDA has no kernel for auto_pad",
    ),
    "pooling, ceil_mode": (
        lambda: op.MaxPool(X, kernel_shape=(2, 2), ceil_mode=1),
        "MaxPool: ceil_mode=1 is not supported",
        "pad the input behind instead",
    ),
    "average pooling, dilations": (
        lambda: op.AveragePool(X, kernel_shape=(2, 2), dilations=(2, 1)),
        "AveragePool: dilations other than 1 are not supported",
        "CUDA has no kernel for them",
    ),
    "texts in rows": (
        lambda: op.StringNormalizer(TEXT, case_change_action="LOWER"),
        "StringNormalizer: needs a list of texts, received string(batch, 2, 3)",
        None,
    ),
    "words in tables": (
        lambda: op.TfIdfVectorizer(
            TEXT,
            max_gram_length=1,
            max_skip_count=0,
            min_gram_length=1,
            mode="TF",
            ngram_indexes=(0,),
            pool_strings=("a",),
        ),
        "TfIdfVectorizer: needs words, or rows of words, received string(batch, 2, 3)",
        None,
    ),
    "numbers for text": (
        lambda: apply("StringSplit", FLAT, delimiter=""),
        "StringSplit: needs text, received float32(batch, 4)",
        None,
    ),
    "fractions for one_hot": (
        lambda: build({"one_hot": 3}, FLAT),
        "one_hot needs class numbers, received float32(batch, 4)",
        "declare the input as int64",
    ),
    "an unknown function": (
        lambda: parse("qqq(a)"),
        "there is no function 'qqq'",
        f"the functions are {', '.join(sorted(FUNCTIONS))}",
    ),
    "a dot behind a number": (
        lambda: parse("(1).x"),
        "'1' is not part of a formula",
        "a dot follows the name of a block",
    ),
    "deep nesting": (
        lambda: parse("-" * 300 + "a"),
        "the formula nests deeper than 100 levels",
        "give a part of it a name of its own",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_and_what_to_do(case: str) -> None:
    make, message, hint = REFUSALS[case]
    with pytest.raises(BuildError) as caught:
        make()
    assert (caught.value.message, caught.value.hint) == (message, hint)


CELL = """
netwright: 1
inputs: {x: [time, 2]}
network:
  - recurrent: {states: {h: 2}, cell: {b: {batch_norm: {from: input}}, new: b + h}, next: {h: new}}
"""


def test_a_cell_cannot_hold_what_batches_change() -> None:
    with pytest.raises(SpecError) as caught:
        compile_spec(load_text(CELL))
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.origin.path == "network[0].recurrent.cell.b.batch_norm"
    assert diagnostic.message.splitlines()[0] == "recurrent1/b: a cell cannot hold statistics of the batch"
    assert diagnostic.hint == "put the layer before the recurrent layer"


def test_a_layer_with_too_few_inputs() -> None:
    with pytest.raises(SpecError) as caught:
        compile_spec(load_text("netwright: 1\ninputs: {x: [2]}\nnetwork: [{add: {from: [x]}}]\n"))
    (diagnostic,) = caught.value.diagnostics
    assert (diagnostic.message, diagnostic.hint) == (
        "needs at least 2 inputs, received 1",
        "list them in `from: [a, b]`",
    )


def test_a_network_too_large_for_a_file() -> None:
    variables = Variables()
    with pytest.raises(BuildError) as caught:
        variables.declare(State("a/weight", (LARGEST_STATE + 1,), "parameter", Zeros()))
    assert caught.value.hint == "make the layer smaller"


@pytest.mark.parametrize(
    ("formula", "hint"), [("gamma", "known names here: alpha, beta"), ("alpha is beta", "compare with ==")]
)
def test_a_formula_in_braces(formula: str, hint: str) -> None:
    with pytest.raises(arithmetic.ArithmeticMistake) as caught:
        arithmetic.evaluate(formula, {"alpha": 1, "beta": 2})
    assert caught.value.hint == hint


def test_a_kind_is_described() -> None:
    class Family(Described):
        pass

    registry: Registry[Any] = Registry("family")
    Family.__doc__ = None
    with pytest.raises(ValueError) as caught:
        registry.register("mute")(Family)
    assert str(caught.value) == "family 'mute' has no docstring; it is its reference page"


@pytest.mark.parametrize(
    ("words", "kind", "message", "hint"),
    [
        (
            "[ShapeInferenceError] no\nmore",
            UserError,
            "ONNX Runtime stopped: [ShapeInferenceError] no",
            "check the data that were given",
        ),
        (
            "std::bad_alloc",
            EnvironmentProblem,
            "not enough memory: std::bad_alloc",
            "a smaller batch needs less: --set training.batch_size=N",
        ),
    ],
)
def test_a_model_that_stops_while_it_is_timed(
    words: str, kind: type[RuntimeProblem], message: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Session:
        def get_inputs(self) -> list[Any]:
            return [SimpleNamespace(name="x", shape=["batch", 2], type="tensor(float)")]

        def get_outputs(self) -> list[Any]:
            return [SimpleNamespace(name="y")]

        def io_binding(self) -> Any:
            return SimpleNamespace(bind_ortvalue_input=bound.__setitem__, bind_output=bound.__setitem__)

        def run_with_iobinding(self, binding: Any) -> None:
            assert bound["x"].shape() == [3, 2]
            assert bound["y"] == "cpu"
            raise RuntimeError(words)

    bound: dict[str, Any] = {}
    monkeypatch.setattr(timing, "open_session", lambda *_, **__: Session())
    with pytest.raises(kind) as caught:
        timing.time_models({"a": Path("a.onnx")}, CPU, batch=3)
    assert (caught.value.message, caught.value.hint) == (f"a.onnx: {message}", hint)


def test_the_training_process_answers_a_request_that_it_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its code needs no training wheel to say so: the API is a stand-in."""
    fake = SimpleNamespace(
        set_default_logger_severity=lambda _: None, disable_telemetry_events=lambda: None, __version__="1.19.2"
    )
    training = SimpleNamespace(api=SimpleNamespace())
    fake.training = training
    for name, module in {
        "onnxruntime": fake,
        "onnxruntime.training": training,
        "onnxruntime.training.api": training.api,
    }.items():
        monkeypatch.setitem(sys.modules, name, module)
    with pytest.raises(ValueError, match=r"^unknown request: dance$"):
        worker.Worker().answer({"do": "dance"}, [])
