"""Put trained weights into `inference.onnx`, and take its convolutions out, to be looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from .atomic import write_atomically
from .errors import UserError


def export_weights(inference: Path, values: Mapping[str, NDArray[Any]]) -> None:
    """Replace the initializers of the model that are named like entries of `values`; nothing else changes.

    A parameter that inference does not need (only the loss reads it) has no initializer there and is passed over.

    Raises:
        UserError: the file is no ONNX model, has none of the values, or has one with another shape or dtype.
        EnvironmentProblem: the file cannot be written; it stays as it was.
    """
    import onnx
    from onnx import numpy_helper

    try:
        model = onnx.load(inference)
    except Exception as error:  # OSError, or protobuf's DecodeError, which onnx does not re-export
        raise UserError(f"{inference}: not a model that can be read: {error}", "compile the spec again") from error
    found = [initializer for initializer in model.graph.initializer if initializer.name in values]
    if values and not found:
        raise UserError(f"{inference}: the model holds none of the trained weights", "compile the spec again")
    for initializer in found:
        trained = numpy_helper.from_array(values[initializer.name], initializer.name)
        if (trained.dims, trained.data_type) != (initializer.dims, initializer.data_type):
            raise UserError(
                f"{inference}: '{initializer.name}' has the shape {list(initializer.dims)}, "
                f"but {list(trained.dims)} was trained",
                "compile the spec again",
            )
        initializer.CopyFrom(trained)
    write_atomically(inference, model.SerializeToString())


@dataclass(frozen=True)
class Convolution:
    """A convolution over images. weight: (filters, channels / groups, height, width), as trained.

    layer: its name in the spec; maps: the output, in the model made for it, with what comes after the activation.
    """

    layer: str
    weight: NDArray[Any]
    maps: str


_POINTWISE = frozenset(
    {
        "BatchNormalization",
        "Elu",
        "Gelu",
        "HardSigmoid",
        "HardSwish",
        "LeakyRelu",
        "Relu",
        "Selu",
        "Sigmoid",
        "Softplus",
    }
    | {"Softsign", "Tanh", "ThresholdedRelu"}
)
"""What may stand between a convolution and its feature maps: operators that change each pixel by itself."""


def first_convolutions(inference: Path, most: int) -> tuple[bytes, list[Convolution]]:
    """The model cut off after its first `most` convolutions over images: it returns their feature maps in float32.

    It takes what the whole model takes, and is no model at all where the list is empty.

    Raises:
        UserError: the file is no ONNX model.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    try:
        model = onnx.load(inference)
    except Exception as error:  # OSError, or protobuf's DecodeError, which onnx does not re-export
        raise UserError(f"{inference}: not a model that can be read: {error}", "compile the spec again") from error
    graph = model.graph
    initializers = {item.name: item for item in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    found: list[Convolution] = []
    casts = []
    for node in graph.node:
        if node.op_type != "Conv" or len(found) == most:
            continue
        weight = _weight(node.input[1], makers, initializers)
        if weight is not None:
            layer = weight.name.rpartition("/")[0] or node.output[0]
            maps = f"{layer}/maps{len(found)}"
            casts.append(
                helper.make_node("Cast", [_activated(node.output[0], graph.node)], [maps], to=TensorProto.FLOAT)
            )
            found.append(Convolution(layer, numpy_helper.to_array(weight), maps))
    graph.node.extend(casts)
    _keep_what_makes(graph, [convolution.maps for convolution in found])
    return model.SerializeToString(), found


def _weight(name: str, makers: Mapping[str, Any], initializers: Mapping[str, Any]) -> Any:
    """The initializer of four axes that a convolution's weight comes from, which scales may have been folded into."""
    waiting = [name]
    while waiting:
        name = waiting.pop(0)
        if name in initializers and len(initializers[name].dims) == 4:
            return initializers[name]
        waiting.extend(makers[name].input if name in makers else ())
    return None


def _activated(value: str, nodes: Sequence[Any]) -> str:
    """The value after the pointwise operators that alone read it."""
    while True:
        readers = [node for node in nodes if value in node.input]
        if len(readers) != 1 or readers[0].op_type not in _POINTWISE:
            return value
        value = readers[0].output[0]


def _keep_what_makes(graph: Any, outputs: Sequence[str]) -> None:
    """Replace a graph's outputs, and drop every node and initializer that they do not need."""
    from onnx import TensorProto, helper

    needed: set[str] = set(outputs)
    kept: list[Any] = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            kept.insert(0, node)
            needed.update(node.input)
    weights = [item for item in graph.initializer if item.name in needed]
    for field, items in (("node", kept), ("initializer", weights)):
        graph.ClearField(field)
        getattr(graph, field).extend(items)
    graph.ClearField("output")
    graph.ClearField("value_info")
    graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs)
