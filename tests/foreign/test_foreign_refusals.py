"""What is said of models that cannot be imported, word for word."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from netwright.compiler import SpecError, compile_spec, load_spec_text
from netwright.compiler.emit import reader
from netwright.compiler.foreign.forms import REWRITTEN, Use
from onnx import helper, numpy_helper
from support.foreign import imported, model_of, node, spec_text

W = np.ones((4, 3), np.float32)
FILE = "spec.yaml:4:29: network[0].onnx.file: "
LAYER = "spec.yaml:4:11: network[0].onnx: "
SHAPES = "\n  shapes:\n    spec.yaml:2:10: x (batch, 4)\n    spec.yaml:4:5: x → net"
UNTIL = "\n  hint: `output: NAME` takes the network up to a value before the node"


def refusal(folder: Path, model: onnx.ModelProto | None, text: str) -> str:
    with pytest.raises(SpecError) as caught:
        imported(folder, model, text)
    return str(caught.value)


def relu(**more: Any) -> onnx.ModelProto:
    return model_of([node("Relu", "x")], **more)


def two_outputs() -> onnx.ModelProto:
    return model_of([node("Relu", "x", "a"), node("Neg", "x", "b")], outputs=["a", "b"])


def two_inputs() -> onnx.ModelProto:
    return model_of([node("Add", "x z")], inputs={"x": ("N", 4), "z": ("N", 4)})


def int_input() -> onnx.ModelProto:
    return model_of([node("Cast", "x", to=1)], dtype=onnx.TensorProto.INT64)


def sparse() -> onnx.ModelProto:
    model = model_of([node("MatMul", "x w")])
    values = numpy_helper.from_array(np.float32([1.0]), "w")
    tensor = helper.make_sparse_tensor(values, numpy_helper.from_array(np.int64([0])), [4, 3])
    model.graph.sparse_initializer.append(tensor)
    return model


def low_precision() -> onnx.ModelProto:
    model = model_of([node("MatMul", "x w")])
    model.graph.initializer.append(helper.make_tensor("w", onnx.TensorProto.FLOAT8E4M3FN, [1], [1.0]))
    return model


def sequence() -> onnx.ModelProto:
    model = model_of([node("Relu", "x")])
    element = helper.make_tensor_type_proto(onnx.TensorProto.FLOAT, [4])
    model.graph.input.append(helper.make_value_info("s", helper.make_sequence_type_proto(element)))
    return model


def loop() -> onnx.ModelProto:
    body = helper.make_graph([node("Relu", "x", "b")], "body", [], [helper.make_tensor_value_info("b", 1, None)])
    chosen = helper.make_node("If", ["c"], ["z"], then_branch=body, else_branch=body)
    condition = numpy_helper.from_array(np.array(True), "c")
    model = model_of([node("Relu", "x", "r"), chosen, node("Add", "r z")])
    model.graph.initializer.append(condition)
    return model


def typed_attribute() -> onnx.ModelProto:
    made = helper.make_node("Optional", [], ["o"])
    made.attribute.append(helper.make_attribute("type", helper.make_tensor_type_proto(onnx.TensorProto.FLOAT, [4])))
    return model_of([made, node("Relu", "x")])


def domain() -> onnx.ModelProto:
    nodes = [
        helper.make_node("FusedGelu", ["x"], ["h"], domain="com.microsoft"),
        node("NonZero", "h", "n"),
        node("DFT", "n"),
    ]
    return model_of(nodes, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)])


def trained(op_type: str) -> onnx.ModelProto:
    if op_type == "Dropout":
        return model_of([node("Dropout", "x r t")], tensors={"r": np.float32(0.5), "t": np.array(True)})
    statistics = {name: np.ones(4, np.float32) for name in "sbmv"}
    return model_of([node("BatchNormalization", "x s b m v", "y n o", training_mode=1)], tensors=statistics)


TRAINED = f": it was exported for training{SHAPES}\n  hint: export the model in inference mode (`model.eval()`)"

CASES: dict[str, tuple[Callable[[], onnx.ModelProto] | None, str, str]] = {
    "no file": (
        None,
        spec_text(),
        f"{FILE}there is no file 'model.onnx'{SHAPES}\n  hint: the path starts at the folder of the spec",
    ),
    "opset too old": (
        lambda: relu(opset=6),
        spec_text(),
        f"{FILE}'model.onnx' uses opset 6; netwright reads opset 7 to 23{SHAPES}\n"
        "  hint: export it again with opset 21",
    ),
    "opset too new": (
        lambda: relu(opset=24),
        spec_text(),
        f"{FILE}'model.onnx' uses opset 24; netwright reads opset 7 to 23{SHAPES}\n"
        "  hint: export it again with opset 21",
    ),
    "no opset": (
        lambda: relu(opset_imports=[helper.make_opsetid("other", 1)]),
        spec_text(),
        f"{FILE}'model.onnx' does not say its opset; netwright reads opset 7 to 23{SHAPES}\n"
        "  hint: export it again with opset 21",
    ),
    "not valid": (
        lambda: model_of([node("Relu", "nowhere")]),
        spec_text(),
        f"{FILE}'model.onnx' is not valid ONNX: Nodes in a graph must be topologically sorted, however input 'nowhere' "
        f"of node: name: OpType: Relu is not output of any previous nodes.{SHAPES}",
    ),
    "an operator without a record": (
        lambda: model_of([node("Det", "x", name="volume")]),
        spec_text(),
        f"{FILE}'model.onnx' uses an operator without a record: Det (node 'volume'){SHAPES}{UNTIL}",
    ),
    "several operators without a record": (
        domain,
        spec_text(),
        f"{FILE}'model.onnx' uses operators without a record: com.microsoft.FusedGelu (node 'h'), NonZero (node 'n'), "
        f"DFT (node 'y'){SHAPES}{UNTIL}s",
    ),
    "an operator that ONNX does not have": (
        lambda: model_of([node("Sigmoidd", "x")]),
        spec_text(),
        f"{FILE}'model.onnx' uses an operator without a record: Sigmoidd (node 'y'){SHAPES}{UNTIL}",
    ),
    "a branch": (
        loop,
        spec_text(),
        f"{FILE}'model.onnx' uses an operator without a record: If (node 'z'){SHAPES}{UNTIL}",
    ),
    "an attribute that is a type": (
        typed_attribute,
        spec_text(),
        f"{FILE}'model.onnx': the attribute 'type' of node 'o' (Optional) is of a type that netwright does not read"
        f"{SHAPES}",
    ),
    "sparse": (
        sparse,
        spec_text(),
        f"{FILE}'model.onnx': the initializer 'w' is sparse, which netwright does not read{SHAPES}",
    ),
    "an element type": (
        low_precision,
        spec_text(),
        f"{FILE}'model.onnx': the initializer 'w' of element type float8e4m3fn cannot be read as a tensor{SHAPES}",
    ),
    "a sequence": (
        sequence,
        spec_text(),
        f"{FILE}'model.onnx': the input 's' is no tensor that netwright can take{SHAPES}",
    ),
    "several outputs": (
        two_outputs,
        spec_text(),
        f"{FILE}'model.onnx' has 2 outputs: a, b{SHAPES}\n  hint: say which with `output: NAME`",
    ),
    "an output that is not there": (
        two_outputs,
        spec_text("output: logits"),
        "spec.yaml:4:49: network[0].onnx.output: 'model.onnx' computes no value called 'logits'"
        f"{SHAPES}\n  hint: its outputs are a, b",
    ),
    "a misspelled output": (
        lambda: model_of([node("Relu", "x", "features"), node("Neg", "features")]),
        spec_text("output: feature"),
        "spec.yaml:4:49: network[0].onnx.output: 'model.onnx' computes no value called 'feature'"
        f"{SHAPES}\n  hint: did you mean 'features'?",
    ),
    "too few inputs": (
        two_inputs,
        spec_text(),
        f"{LAYER}'y' of 'model.onnx' needs 2 inputs (x, z), received 1{SHAPES}\n"
        "  hint: list a value for each of them in `from: [a, b]`",
    ),
    "too many inputs": (
        relu,
        spec_text("from: [x, x]"),
        f"{LAYER}'y' of 'model.onnx' needs 1 input (x), received 2{SHAPES}\n"
        "  hint: list a value for each of them in `from: [a, b]`",
    ),
    "an input without a value": (
        two_inputs,
        spec_text("inputs: [x]"),
        f"{LAYER}the input 'z' of 'model.onnx' is given no value{SHAPES}\n"
        "  hint: name a value for each input in `from`, in the order of `inputs`",
    ),
    "the same input twice": (
        two_inputs,
        spec_text("inputs: [x, x], from: [x, x]"),
        f"spec.yaml:4:49: network[0].onnx.inputs: names 'x' twice{SHAPES}",
    ),
    "an input that is not there": (
        relu,
        spec_text("inputs: [image]"),
        f"spec.yaml:4:49: network[0].onnx.inputs: 'model.onnx' has no value called 'image'; its inputs are x{SHAPES}",
    ),
    "a dtype": (
        int_input,
        spec_text(),
        f"{LAYER}the input 'x' of 'model.onnx' is int64(N, 4), received float32(batch, 4){SHAPES}",
    ),
    "a size": (
        lambda: model_of([node("Relu", "x")], inputs={"x": (None, 5)}),
        spec_text(),
        f"{LAYER}the input 'x' of 'model.onnx' is float32(?, 5), received float32(batch, 4){SHAPES}",
    ),
    "a rank": (
        lambda: model_of([node("Relu", "x")], inputs={"x": ("N", "T", 4)}),
        spec_text(),
        f"{LAYER}the input 'x' of 'model.onnx' is float32(N, T, 4), received float32(batch, 4){SHAPES}",
    ),
    "a fixed batch": (
        lambda: model_of([node("Reshape", "x s")], inputs={"x": (1, 4)}, tensors={"s": np.int64([1, 2, 2])}),
        spec_text(),
        f"{FILE}node 'y' (Reshape) of 'model.onnx': cannot reshape (batch, 4) to (1, 2, 2): 4*batch elements do not "
        "make 4"
        f"{SHAPES}\n  hint: it was exported for a batch of exactly 1; export it with a dynamic first axis",
    ),
    "a fixed batch that moves": (
        lambda: model_of([node("Reshape", "x s")], inputs={"x": (1, 4)}, tensors={"s": np.int64([1, -1])}),
        spec_text(),
        f"{FILE}'y' of 'model.onnx' has the shape (1, 4*batch), whose first axis is not the batch"
        f"{SHAPES}\n  hint: it was exported for a batch of exactly 1; export it with a dynamic first axis",
    ),
    "no batch": (
        lambda: model_of([node("Transpose", "x", "t", perm=[1, 0]), node("Relu", "t")]),
        spec_text("output: t"),
        "spec.yaml:4:49: network[0].onnx.output: 't' of 'model.onnx' has the shape (4, batch), whose first axis is "
        f"not the batch{SHAPES}\n  hint: choose another value with `output: NAME`",
    ),
    "an operand": (
        lambda: model_of([node("MatMul", "x w", name="head")], tensors={"w": np.ones((5, 3), np.float32)}),
        spec_text(),
        f"{FILE}node 'head' (MatMul) of 'model.onnx': cannot multiply (batch, 4) and (5, 3): 4 columns meet 5 rows"
        f"{SHAPES}",
    ),
    "float64 weights": (
        lambda: model_of(
            [node("Cast", "x", "d", to=11), node("MatMul", "d w", "m"), node("Cast", "m", to=1)],
            tensors={"w": W.astype(np.float64)},
        ),
        spec_text(),
        f"{FILE}the initializer 'w' of 'model.onnx' is float64; parameters are float32{SHAPES}\n"
        "  hint: export the model in float32",
    ),
    "an unsupported attribute": (
        lambda: model_of(
            [node("ConvTranspose", "x w", output_shape=[6])],
            inputs={"x": ("N", 2, 4)},
            tensors={"w": np.ones((2, 1, 3), np.float32)},
        ),
        spec_text(shape="[2, 4]"),
        f"{FILE}node 'y' (ConvTranspose) of 'model.onnx': the attribute output_shape = (6,) is not supported"
        f"{SHAPES.replace('h, 4', 'h, 2, 4')}",
    ),
    "another output of a node": (
        lambda: model_of(
            [node("Dropout", "x", "d m"), node("Cast", "m", "i", to=1)],
            outputs=["i"],
        ),
        spec_text(),
        f"{FILE}node 'd' (Dropout) of 'model.onnx': its output 'm' is not supported{SHAPES}",
    ),
    "an interpolation": (
        lambda: model_of([node("Resize", "x _ s", mode="linear")], tensors={"s": np.float32([1, 2])}),
        spec_text(),
        f"{FILE}node 'y' (Resize) of 'model.onnx': the mode linear is not supported, only the repetition of elements is"
        f"{SHAPES}",
    ),
    "groups that do not fit": (
        lambda: model_of(
            [node("GroupNormalization", "x s s", num_groups=3)],
            inputs={"x": ("N", 2, 4)},
            tensors={"s": np.ones(2, np.float32)},
        ),
        spec_text(shape="[2, 4]"),
        f"{FILE}node 'y' (GroupNormalization) of 'model.onnx': 2 channels do not make 3 groups"
        f"{SHAPES.replace('h, 4', 'h, 2, 4')}",
    ),
    "a scale that is not whole": (
        lambda: model_of([node("Resize", "x _ s")], inputs={"x": ("N", 2, 4)}, tensors={"s": np.float32([1, 1, 1.5])}),
        spec_text(shape="[2, 4]"),
        f"{FILE}node 'y' (Resize) of 'model.onnx': only the repetition of elements, by whole numbers, of axes after "
        f"the second is supported{SHAPES.replace('h, 4', 'h, 2, 4')}",
    ),
    "dropout that acts": (
        lambda: trained("Dropout"),
        spec_text(),
        f"{FILE}node 'y' (Dropout) of 'model.onnx'{TRAINED}",
    ),
    "batch statistics": (
        lambda: trained("BatchNormalization"),
        spec_text(),
        f"{FILE}node 'y' (BatchNormalization) of 'model.onnx'{TRAINED}",
    ),
    "statistics of elements": (
        lambda: model_of(
            [node("BatchNormalization", "x s b m v", spatial=0)],
            opset=8,
            tensors={name: np.ones(4, np.float32) for name in "sbmv"},
        ),
        spec_text(),
        f"{FILE}node 'y' (BatchNormalization) of 'model.onnx': statistics for each element (spatial = 0) are not "
        f"supported{SHAPES}",
    ),
    "a constant of text": (
        lambda: model_of(
            [node("Constant", "", "c", value_string="a"), node("Equal", "c c", "e"), node("Cast", "e", to=1)]
        ),
        spec_text("inputs: [x]"),
        f"{FILE}node 'c' (Constant) of 'model.onnx': a constant that is neither a tensor nor made of numbers is not "
        f"supported{SHAPES}",
    ),
}


@pytest.mark.parametrize(("make", "text", "expected"), CASES.values(), ids=CASES)
def test_the_answer(make: Callable[[], onnx.ModelProto] | None, text: str, expected: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, make() if make else None, text) == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"netwright: 1\n", "'model.onnx' is no ONNX model"),
        (b"", "'model.onnx' is no ONNX model: it has no nodes"),
    ],
)
def test_something_else_than_a_model(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    assert refusal(tmp_path, None, spec_text()) == f"{FILE}{message}{SHAPES}"


def test_what_a_record_does_not_expect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def form(use: Use) -> Any:
        raise ValueError("an axis of 7")

    monkeypatch.setitem(REWRITTEN, "Relu", form)
    assert refusal(tmp_path, relu(), spec_text()) == (
        f"{FILE}node 'y' (Relu) of 'model.onnx': its inputs or attributes do not fit: an axis of 7{SHAPES}"
    )


def test_names_that_are_no_text(tmp_path: Path) -> None:
    model = model_of([node("Relu", "x", name="name")])
    content = model.SerializeToString().replace(b"name", b"\xff\xfe\xff\xfe")
    (tmp_path / "model.onnx").write_bytes(content)
    assert refusal(tmp_path, None, spec_text()) == (
        f"{FILE}'model.onnx' is not valid ONNX: it has names that are not text{SHAPES}"
    )


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").mkdir()
    assert refusal(tmp_path, None, spec_text()) == f"{FILE}'model.onnx' is not a file{SHAPES}"


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").symlink_to("model.onnx")
    assert refusal(tmp_path, None, spec_text()) == (
        f"{FILE}'model.onnx' cannot be read: too many levels of symbolic links{SHAPES}"
    )


def test_a_spec_that_is_in_no_folder() -> None:
    with pytest.raises(SpecError) as caught:
        compile_spec(load_spec_text(spec_text(), "spec.yaml"))
    assert str(caught.value) == f"{FILE}'model.onnx' cannot be found: this spec is not in a file{SHAPES}"


def test_more_than_one_message_can_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "LARGEST", 100)
    model = model_of([node("MatMul", "x w")], tensors={"w": W})
    assert refusal(tmp_path, model, spec_text()) == (
        f"{FILE}'model.onnx' has 0.0 GB of tensors; a model that netwright can write again has at most 2.1 GB{SHAPES}"
    )


def external(location: str, **more: str) -> onnx.ModelProto:
    """A model whose weights are in a file of their own."""
    model = model_of([node("MatMul", "x w")], tensors={"w": W})
    (tensor,) = model.graph.initializer
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": location, **more}.items():
        tensor.external_data.add(key=key, value=value)
    return model


@pytest.mark.parametrize("location", ["../weights", "/etc/passwd", "a/../../weights", "c:\\weights", "..\\weights", ""])
def test_tensors_outside_of_the_folder_are_not_read(location: str, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (tmp_path / "weights").write_bytes(W.tobytes())
    assert refusal(folder, external(location), spec_text()) == (
        f"{FILE}'model.onnx' keeps tensors in '{location}', which is not in its folder; it is not read{SHAPES}"
    )


def test_a_missing_file_of_tensors(tmp_path: Path) -> None:
    assert refusal(tmp_path, external("weights"), spec_text()) == (
        f"{FILE}'model.onnx' keeps tensors in 'weights', and there is no such file beside it{SHAPES}\n"
        "  hint: copy both files together"
    )


def test_a_file_of_tensors_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "weights").write_bytes(bytes(400))
    monkeypatch.setattr(reader, "LARGEST", 300)
    assert "has 0.0 GB of tensors" in refusal(tmp_path, external("weights"), spec_text())


def test_a_file_of_tensors_that_is_too_short(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(W.tobytes()[:8])
    message = refusal(tmp_path, external("weights", length="48"), spec_text())
    assert message.startswith(f"{FILE}'model.onnx': the tensor 'w' cannot be read from 'weights': ")
