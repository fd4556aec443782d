"""Networks of other makers, out of ONNX files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from netwright.schema import spec_field

from ..errors import BuildError
from ..foreign import OPSETS, ForeignInput, ForeignModel, build_foreign, needed_inputs
from ..initializers.stored import Stored
from ..ir import Array, Value, shape_text, symbol
from .base import Layer, LayerContext


@Layer.registry.register("onnx")
@dataclass(frozen=True, kw_only=True)
class Onnx(Layer):
    """The network in an ONNX file, with its weights as parameters: trained further, or kept as it is.

    Its float32 initializers become parameters `<layer>/<initializer>`, which training changes, unless `freeze`, or
    `training.frozen` for some of them; scalars, whole numbers and shapes stay constants. The first axis of every input
    is the batch. The values under `from` are its inputs, in the file's order.

    `Dropout` and `BatchNormalization` do what they do in inference: nothing is dropped, and running statistics stay as
    they are. [import.md](import.md) shows how a model is fine-tuned, and lists the operators that can be imported.
    """

    example: ClassVar[str] = """
network:
  - onnx: {name: backbone, file: classifier.onnx, output: features, freeze: true}
  - dense: 3
"""
    shorthand: ClassVar[str | None] = "file"
    file: str = spec_field(
        f"The ONNX file, opset {OPSETS[0]} to {OPSETS[1]}, by its path from the folder of the spec.",
        schema={"type": "string", "minLength": 1},
    )
    freeze: bool = spec_field("Whether its weights keep the values of the file.", default=False)
    output: str | None = spec_field(
        "The value of the file that is the layer's; any in it, such as the last before an old head "
        "(default: its only output).",
        default=None,
    )
    inputs: tuple[str, ...] | None = spec_field(
        "The values of the file that those under `from` take the place of (default: the inputs that `output` needs).",
        default=None,
        min_items=1,
    )
    arity: ClassVar[tuple[int, int | None]] = (1, None)

    def build(self, context: LayerContext, *inputs: Value) -> Value:
        model = context.foreign(self.file)
        output = self._output(model)
        names = list(self.inputs) if self.inputs is not None else needed_inputs(model, output)
        if len(names) != len(inputs):
            known = ", ".join(names) or "none"
            raise BuildError(
                f"'{output}' of '{self.file}' needs {_count(len(names), 'input')} ({known}), received {len(inputs)}",
                "list a value for each of them in `from: [a, b]`",
            )
        feeds = dict(zip(names, inputs, strict=True))
        if len(feeds) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise BuildError(f"names '{twice}' twice", path=("inputs",))
        declared = {given.name: given for given in model.inputs}
        self._check_inputs(model, feeds, declared)

        def parameter(name: str, array: Array, *, trainable: bool) -> Value:
            trained = trainable and not self.freeze
            first = Stored(source=f"{self.file}:{name}", array=array)
            weight = trained and array.ndim > 1
            return context.parameter(name, array.shape, first, regularized=weight, trainable=trained)

        fixed = next((d for name in names if (d := declared.get(name)) and _batch_of(d) is not None), None)
        try:
            value = build_foreign(model, feeds, output, parameter)
        except BuildError as error:
            raise BuildError(error.message, error.hint or _exported_for(fixed), error.path) from None
        if value.shape[:1] != (symbol("batch"),):
            shape = shape_text(value.shape)
            raise BuildError(
                f"'{output}' of '{self.file}' has the shape {shape}, whose first axis is not the batch",
                _exported_for(fixed) or "choose another value with `output: NAME`",
                ("output",) if self.output is not None else ("file",),
            )
        return value

    def _output(self, model: ForeignModel) -> str:
        if self.output is not None:
            return self.output
        if len(model.outputs) == 1:
            return model.outputs[0]
        raise BuildError(
            f"'{self.file}' has {len(model.outputs)} outputs: {', '.join(model.outputs)}",
            "say which with `output: NAME`",
            ("file",),
        )

    def _check_inputs(self, model: ForeignModel, feeds: dict[str, Value], declared: dict[str, ForeignInput]) -> None:
        """Inputs have the dtype and the sizes that the file states, the batch axis apart."""
        inside = {name for node in model.nodes for name in node.outputs}
        for name, value in feeds.items():
            given = declared.get(name)
            if given is None and name not in inside:
                known = ", ".join(declared)
                raise BuildError(
                    f"'{self.file}' has no value called '{name}'; its inputs are {known}", None, ("inputs",)
                )
            if given is not None and not _fits(given, value):
                raise BuildError(f"the input '{name}' of '{self.file}' is {_text(given)}, received {value.type}")


def _fits(given: ForeignInput, value: Value) -> bool:
    if given.dtype is not value.dtype:
        return False
    sizes = zip(given.shape[1:], value.shape[1:], strict=False)
    return len(given.shape) == value.rank and all(size == dim for size, dim in sizes if isinstance(size, int))


def _text(given: ForeignInput) -> str:
    dims = ("?" if dim is None else str(dim) for dim in given.shape)
    return f"{given.dtype}({', '.join(dims)})"


def _batch_of(given: ForeignInput) -> int | None:
    """The number of examples that a model was exported for, where it was not left open."""
    first = given.shape[0] if given.shape else None
    return first if isinstance(first, int) else None


def _exported_for(given: ForeignInput | None) -> str | None:
    if given is None:
        return None
    return f"it was exported for a batch of exactly {_batch_of(given)}; export it with a dynamic first axis"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
