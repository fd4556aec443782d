"""ONNX files of other makers to plain data.

Nothing in a file is run, and no other file is read but those in its folder that it keeps tensors in.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Final

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import checker, defs, helper, inliner, numpy_helper

from ..errors import BuildError
from ..foreign.model import OPSETS, ForeignInput, ForeignModel, ForeignNode
from ..ir import Array, Attribute, DType

LARGEST: Final = 2**31 - 1
"""Bytes of a model with its tensors: what netwright writes of it must fit into one protobuf message again."""
_DOMAINS: Final = ("", "ai.onnx")
_GRAPHS: Final = (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS)


def read_model(path: Path, shown: str) -> ForeignModel:
    """The model in the file `path`, which messages call `shown`.

    Raises BuildError when there is no such file, or it is no valid ONNX model of a size and opset that can be read.
    Operators that netwright does not know are no mistake yet: the part with them may not be wanted.
    """
    content = _content(path, shown)
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(content)
    except DecodeError:
        raise BuildError(f"'{shown}' is no ONNX model", path=("file",)) from None
    if not proto.ir_version or not proto.graph.node:
        raise BuildError(f"'{shown}' is no ONNX model: it has no nodes", path=("file",))
    _require_names(proto.graph, shown)
    opset = _opset(proto, shown)
    if proto.functions:
        proto = inliner.inline_local_functions(proto)
    external = _load_tensors(proto, path.parent, shown, len(content))
    nodes = tuple(_node(node, opset, shown) for node in proto.graph.node)
    if all(node.since for node in nodes):  # the checker knows ONNX's own operators only
        _check(proto, shown)
    initializers = {
        tensor.name: _array(tensor, f"the initializer '{tensor.name}'", shown) for tensor in proto.graph.initializer
    }
    return ForeignModel(
        file=shown,
        sha256=_digest(content, path.parent, external),
        producer=f"{proto.producer_name} {proto.producer_version}".strip(),
        opset=opset,
        inputs=tuple(_input(value, shown) for value in proto.graph.input if value.name not in initializers),
        outputs=tuple(value.name for value in proto.graph.output),
        initializers=initializers,
        nodes=nodes,
    )


def _content(path: Path, shown: str) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a folder; devices and pipes may have no end
            raise BuildError(f"'{shown}' is not a file", path=("file",))
        if status.st_size > LARGEST:
            raise _too_large(status.st_size, shown)
        return path.read_bytes()
    except FileNotFoundError:
        raise BuildError(
            f"there is no file '{shown}'", "the path starts at the folder of the spec", path=("file",)
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BuildError(f"'{shown}' cannot be read: {reason.lower()}", path=("file",)) from None


def _too_large(size: int, shown: str) -> BuildError:
    return BuildError(
        f"'{shown}' has {size / 1e9:.1f} GB of tensors; a model that netwright can write again has at most 2.1 GB",
        path=("file",),
    )


def _require_names(graph: onnx.GraphProto, shown: str) -> None:
    """Protobuf gives bytes where a file has something else than text."""
    names = [value.name for values in (graph.input, graph.output, graph.initializer) for value in values]
    for node in graph.node:
        names += [node.op_type, node.domain, node.name, *node.input, *node.output]
        names += [attribute.name for attribute in node.attribute]
    if any(isinstance(name, bytes) for name in names):
        raise BuildError(f"'{shown}' is not valid ONNX: it has names that are not text", path=("file",))


def _opset(proto: onnx.ModelProto, shown: str) -> int:
    versions = [entry.version for entry in proto.opset_import if entry.domain in _DOMAINS]
    oldest, newest = OPSETS
    if not versions or not oldest <= versions[0] <= newest:
        found = f"uses opset {versions[0]}" if versions else "does not say its opset"
        raise BuildError(
            f"'{shown}' {found}; netwright reads opset {oldest} to {newest}",
            "export it again with opset 21",
            path=("file",),
        )
    return int(versions[0])


def _check(proto: onnx.ModelProto, shown: str) -> None:
    try:
        checker.check_model(proto)
    except checker.ValidationError as error:
        reason = " ".join(str(error).partition("==>")[0].split())  # after it comes where the checker was
        raise BuildError(f"'{shown}' is not valid ONNX: {reason}", path=("file",)) from None
    except UnicodeDecodeError:  # in what the checker says about a damaged name
        raise BuildError(f"'{shown}' is not valid ONNX: it has names that are not text", path=("file",)) from None
    if proto.graph.sparse_initializer:
        name = proto.graph.sparse_initializer[0].values.name
        raise BuildError(
            f"'{shown}': the initializer '{name}' is sparse, which netwright does not read", path=("file",)
        )


# --- tensors in files of their own -----------------------------------------------------------------------------------


def _load_tensors(proto: onnx.ModelProto, folder: Path, shown: str, size: int) -> list[str]:
    """Bring the tensors in that are kept in other files; the names of these files."""
    files: dict[str, None] = {}
    for tensor in _tensors(proto):
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        location = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
        if location not in files:
            size += _external_size(folder, location, shown)
            if size > LARGEST:
                raise _too_large(size, shown)
            files[location] = None
        try:
            onnx.external_data_helper.load_external_data_for_tensor(tensor, str(folder))
        except (OSError, ValueError, checker.ValidationError) as error:
            reason = str(error).strip().splitlines()[0]
            raise BuildError(
                f"'{shown}': the tensor '{tensor.name}' cannot be read from '{location}': {reason}", path=("file",)
            ) from None
    return sorted(files)


def _external_size(folder: Path, location: str, shown: str) -> int:
    """Bytes of a file with tensors, which must lie in or below the model's folder."""
    steps = (*PurePosixPath(location).parts, *PureWindowsPath(location).parts)
    outside = ".." in steps or PurePosixPath(location).is_absolute() or PureWindowsPath(location).anchor
    if not location or outside:
        raise BuildError(
            f"'{shown}' keeps tensors in '{location}', which is not in its folder; it is not read", path=("file",)
        )
    file = folder / location
    if not file.is_file():
        raise BuildError(
            f"'{shown}' keeps tensors in '{location}', and there is no such file beside it",
            "copy both files together",
            path=("file",),
        )
    return file.stat().st_size


def _tensors(proto: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    yield from proto.graph.initializer
    for node in proto.graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR:
                yield attribute.t


def _digest(content: bytes, folder: Path, external: list[str]) -> str:
    digest = hashlib.sha256(content)
    for location in external:
        with (folder / location).open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


# --- graph to data ---------------------------------------------------------------------------------------------------


def _node(node: onnx.NodeProto, opset: int, shown: str) -> ForeignNode:
    domain = "" if node.domain in _DOMAINS else node.domain
    schema = _schema(node.op_type, opset) if not domain else None
    defaults = _defaults(schema) if schema is not None else {}
    read = {
        attribute.name: _attribute(attribute, node, shown)
        for attribute in node.attribute
        if attribute.type not in _GRAPHS
    }
    return ForeignNode(
        op_type=node.op_type,
        domain=domain,
        name=node.name,
        inputs=tuple(node.input),
        outputs=tuple(node.output),
        attributes=read,
        usual=frozenset(name for name, value in read.items() if _same(value, defaults.get(name))),
        since=0 if schema is None else schema.since_version,
        bodies=tuple(attribute.name for attribute in node.attribute if attribute.type in _GRAPHS),
    )


def _schema(op_type: str, opset: int) -> defs.OpSchema | None:
    if not defs.has(op_type):
        return None
    try:
        return defs.get_schema(op_type, opset, "")
    except defs.SchemaError:  # it came later, or was taken out
        return None


def _defaults(schema: defs.OpSchema) -> Mapping[str, Any]:
    given = {name: attribute.default_value for name, attribute in schema.attributes.items()}
    return {
        name: _plain(helper.get_attribute_value(value)) for name, value in given.items() if value.name and value.type
    }


def _same(value: Attribute, default: Any) -> bool:
    return default is not None and not isinstance(value, np.ndarray) and value == default


def _attribute(attribute: onnx.AttributeProto, node: onnx.NodeProto, shown: str) -> Attribute:
    where = f"the attribute '{attribute.name}' of node '{node.name or ''.join(node.output[:1])}' ({node.op_type})"
    if attribute.type == onnx.AttributeProto.TENSOR:
        return _array(attribute.t, where, shown)
    if attribute.ref_attr_name or attribute.type not in _PLAIN:
        raise BuildError(f"'{shown}': {where} is of a type that netwright does not read", path=("file",))
    plain: Attribute = _plain(helper.get_attribute_value(attribute))
    return plain


_PLAIN: Final = (
    onnx.AttributeProto.FLOAT,
    onnx.AttributeProto.INT,
    onnx.AttributeProto.STRING,
    onnx.AttributeProto.FLOATS,
    onnx.AttributeProto.INTS,
    onnx.AttributeProto.STRINGS,
)


def _plain(value: Any) -> Any:
    """Text instead of bytes, tuples instead of lists."""
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return value if isinstance(value, (int, float, str)) else tuple(_plain(item) for item in value)


def _array(tensor: onnx.TensorProto, what: str, shown: str) -> Array:
    try:
        array = np.asarray(numpy_helper.to_array(tensor))
        DType.of(array)
    except (TypeError, ValueError, KeyError):
        known = tensor.data_type in onnx.TensorProto.DataType.values()
        name = onnx.TensorProto.DataType.Name(tensor.data_type).lower() if known else str(tensor.data_type)
        raise BuildError(
            f"'{shown}': {what} of element type {name} cannot be read as a tensor", path=("file",)
        ) from None
    return array


def _input(value: onnx.ValueInfoProto, shown: str) -> ForeignInput:
    tensor = value.type.tensor_type
    code = tensor.elem_type if value.type.HasField("tensor_type") else 0
    dtype = next((dtype for dtype in DType if dtype.code == code), None)
    if dtype is None:
        raise BuildError(f"'{shown}': the input '{value.name}' is no tensor that netwright can take", path=("file",))
    return ForeignInput(value.name, dtype, tuple(_dim(dim) for dim in tensor.shape.dim))


def _dim(dim: onnx.TensorShapeProto.Dimension) -> int | str | None:
    if dim.HasField("dim_value") and dim.dim_value >= 0:
        return int(dim.dim_value)
    return dim.dim_param or None
