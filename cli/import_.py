"""`netwright import`: a spec around a network that came as an ONNX file, to train it further."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import rich_click as click

from .output import write_text

if TYPE_CHECKING:
    from netwright.compiler import Spec
    from netwright.compiler.foreign import ForeignInput, ForeignModel

_ENDINGS: Final = {"Softmax": "softmax", "LogSoftmax": "log_softmax", "Sigmoid": "sigmoid"}
"""Operators at the end of a network that losses have inside: they are written as layers of the output instead."""


@click.command("import")
@click.argument("model", metavar="MODEL.onnx", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="[default: MODEL.yaml]"
)
@click.option("--until", metavar="VALUE", help="Take the network up to this value of the model only.")
def command(model: Path, output: Path | None, until: str | None) -> None:
    """Write a spec around an ONNX model, to train it further.

    The spec predicts as it is. Its sections for training and data are comments, to be filled in.
    """
    from netwright.runtime.errors import UserError

    file = output or Path(f"{model.stem}.yaml")
    if file.exists():
        raise UserError(f"{file}: already exists", "choose another file with -o")
    if not model.exists():
        raise UserError(f"{model}: no such file")
    text = spec_around(model, file, until)
    write_text(text, file)
    click.echo(f"{file}: a spec around {model}; `netwright compile {file} -o DIR` compiles it as it is")


def spec_around(path: Path, file: Path, until: str | None = None) -> str:
    """The text of the spec `file` around the model at `path`.

    Raises:
        UserError: the model cannot be read or imported; the message names the node and its operator.
    """
    from netwright.compiler.emit import read_model
    from netwright.compiler.errors import BuildError, SpecError
    from netwright.runtime.errors import UserError

    try:
        model = read_model(path, str(path))
        plan = _plan(model, os.path.relpath(path, file.parent), until)
        spec = _checked(plan, file)
    except BuildError as error:
        raise UserError(error.message, _here(error.hint)) from None
    except SpecError as error:
        messages = [diagnostic.message.partition("\n  shapes:")[0] for diagnostic in error.diagnostics]
        raise UserError("\n".join(messages), _here(error.diagnostics[0].hint)) from None
    training = plan.training(spec)
    return plan.network() + (f"\n{_comment(training)}" if training else "")


def _here(hint: str | None) -> str | None:
    """A hint to write something in the spec, as one for the command line."""
    return hint and hint.replace("`output: NAME`", "`--until NAME`")


def _checked(plan: _Plan, file: Path) -> Spec:
    """The spec without its training, if its network can be built."""
    from netwright.compiler import check_spec, load_spec_text

    spec = load_spec_text(plan.network(), str(file), base=file.parent)
    check_spec(spec)
    return spec


def _plan(model: ForeignModel, relative: str, until: str | None) -> _Plan:
    """What to take of a model, under names that a spec may have. Raises BuildError for a value it does not have."""
    from netwright.compiler.foreign import needed_inputs

    maker = {name: node for node in model.nodes for name in node.outputs}
    value = until or model.outputs[0]
    ending = maker[value].op_type if until is None and value in maker else ""
    taken = {"model", "label"}
    name = _name(value, taken, "output")
    if ending in _ENDINGS and maker[value].attributes.get("axis", -1) in (-1, 1):
        value = maker[value].inputs[0]
    else:
        ending = ""
    wanted = needed_inputs(model, value)
    inputs = [(given, _name(given.name, taken, "input")) for given in model.inputs if given.name in wanted]
    return _Plan(model, relative, value, name, _ENDINGS.get(ending), inputs)


@dataclass(frozen=True)
class _Plan:
    """What the spec takes of a model, and what it calls it."""

    model: ForeignModel
    file: str
    value: str
    output: str
    ending: str | None
    inputs: Sequence[tuple[ForeignInput, str]]

    def network(self) -> str:
        """The sections that are no comments, with a first line that says what this is."""
        model = self.model
        made = f"{model.producer}, " if model.producer else ""
        lines = [
            f"# The network of {Path(self.file).name} ({made}opset {model.opset}), to be trained further.",
            "netwright: 1",
            f"name: {_name(Path(self.file).stem, set(), 'model')}",
            "inputs:",
            *(f"  {name}: {_input(given)}" for given, name in self.inputs),
            "network:",
            "  - onnx:",
            "      name: model",
            f"      file: {_scalar(Path(self.file).as_posix())}",
        ]
        if len(self.inputs) > 1:
            lines.append(f"      from: [{', '.join(name for _, name in self.inputs)}]")
        if [self.value] != list(model.outputs):
            lines.append(f"      output: {_scalar(self.value)}")
        lines.append("      # freeze: true  # keep its weights as they are")
        features = self.features()
        if features is not None:
            lines.append(f"      # output: {_scalar(features)}  # what its last weights read, for a head of your own")
        result = "model" if self.ending is None else f"{{{self.ending}: {{from: model}}}}"
        return "\n".join([*lines, "outputs:", f"  {self.output}: {result}", ""])

    def features(self) -> str | None:
        """What the last operator with a weight matrix reads, if a node makes it."""
        from netwright.compiler.foreign import weights

        matrices = {name: array for name, array in self.model.initializers.items() if array.ndim > 1}
        made = {name for node in self.model.nodes for name in node.outputs}
        for node in reversed(self.model.nodes):
            if node.op_type in ("Gemm", "MatMul", "Conv") and weights([node], matrices):
                return node.inputs[0] if node.inputs[0] in made else None
        return None

    def training(self, spec: Spec) -> str:
        """The sections for training: a loss that fits the output, and data to be named. Nothing without weights."""
        from netwright.compiler.network import build_forward
        from netwright.compiler.variables import Variables

        variables = Variables()
        shape = build_forward(spec, variables).values["model"].shape
        if not any(state.trainable for state in variables.of_kind("parameter").values()):
            return ""
        if self.ending == "sigmoid":
            loss, target, metrics = "binary_cross_entropy", "label", "[accuracy]"
        elif len(shape) == 2 and shape[1] != 1:
            loss, target, metrics = "categorical_cross_entropy", "label", "[accuracy]"
        else:
            loss, target, metrics = "squared_error", "target", "[mae]"
        arrays = ", ".join(f"`{name}`" for name in [*(name for _, name in self.inputs), target])
        return f"""\
training:
  loss: {{{loss}: {{target: {target}, from: model}}}}
  optimizer: {{adam: {{learning_rate: 1e-4}}}}
  metrics: {metrics}
  epochs: 5
  batch_size: 32
data:
  source: {{npz: train.npz}}  # arrays {arrays}; `netwright explain "data source"` lists other sources
  split: {{validation: 0.1}}
"""


def _comment(sections: str) -> str:
    intro = "# To train it, name your data and take the first # of each line away.\n"
    return intro + "".join(f"#{line}\n" for line in sections.splitlines())


def _name(foreign: str, taken: set[str], otherwise: str) -> str:
    """A name that a spec may have for a value of the model, no other's; it is added to those `taken`."""
    from netwright.compiler.ir.names import unique_names
    from netwright.compiler.spec.settings import RESERVED

    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", foreign).strip("_-")
    stem = stem if re.match(r"[A-Za-z]", stem) else f"{otherwise}_{stem}".rstrip("_")
    name = next(unique_names({*taken, *RESERVED, "true", "false", "null"}, stem))
    taken.add(name)
    return name


def _input(given: ForeignInput) -> str:
    """The entry of an input: its shape without the batch, and its dtype if it is not the usual one.

    Raises BuildError when it is a single number.
    """
    from netwright.compiler.errors import BuildError

    if not given.shape:
        raise BuildError(f"the input '{given.name}' has no axis for the batch, so no spec can be written around it")
    shape = f"[{', '.join(_dims(given.shape[1:]))}]"
    return shape if str(given.dtype) == "float32" else f"{{shape: {shape}, dtype: {given.dtype}}}"


def _dims(dims: Iterable[int | str | None]) -> list[str]:
    """Sizes, and names of symbolic axes; the same name stays the same."""
    names: dict[str | None, str] = {}
    written = []
    for axis, dim in enumerate(dims, start=1):
        if isinstance(dim, int):
            written.append(str(dim))
            continue
        key = dim or f"axis{axis}"
        names.setdefault(key, _name(key, set(), "axis"))
        written.append(names[key])
    return written


def _scalar(text: str) -> str:
    """Text as YAML: plain where nothing in it could mean anything else."""
    import json

    plain = re.fullmatch(r"[A-Za-z./][A-Za-z0-9_./-]*", text) and text.lower() not in ("true", "false", "null")
    return text if plain else json.dumps(text, ensure_ascii=False)
