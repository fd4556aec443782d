"""From a spec as written to plain named layers: formulas calculated, blocks and composites taken apart.

    root as written → constants → sections without formulas → network, preprocessing and outputs as plain layers

Every node of the result keeps the place of the text it came from, and says through which uses it came.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ...errors import Diagnostic, Origin
from ..entries import columns_of, loss_entries, target_of
from ..positions import Node, Path, Positions, Source, mapping, sequence
from ..settings import RESERVED
from ..wording import received
from . import recurrent, repeat, time_distributed  # noqa: F401  (registers their kinds)
from .blocks import Block
from .composite import Composite
from .constants import read_constants
from .entries import Item, LayerCall, PlainLayer, expression_node, items_of, keyed, named_items, sourced
from .expander import Expander
from .formulas import Formulas, TooLargeError
from .scope import Rows, Scope, Sources

__all__ = ["Composite", "ExpandedOutput", "Expansion", "expand"]

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..checks import SchemaCheck
    from ..schema import Families

_REFERENCE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(/[A-Za-z0-9_-]+)*")
_LAYERED: Final = ("network", "outputs", "inputs", "blocks", "constants")
"""The sections whose formulas are not simply calculated in place."""


@dataclass(frozen=True)
class ExpandedOutput:
    """An output: the layers of its own, and the layer or input whose value it returns."""

    name: str
    layers: tuple[PlainLayer, ...]
    value: str
    last_name: str | None
    """What its own last layer was called, or the reference that was written."""


@dataclass
class Expansion:
    """A spec taken apart. In `root`, network, preprocessing and outputs hold the nodes of the layers, in order."""

    root: Node
    scope: Scope
    """The names of the network."""
    values: dict[str, str] = field(default_factory=dict)
    """Every name -> the layer or input whose value it stands for."""
    rows: Rows = field(default_factory=Rows)
    preprocess: dict[str, tuple[PlainLayer, ...]] = field(default_factory=dict)
    network: tuple[PlainLayer, ...] = ()
    last: str = ""
    """The layer whose value is that of the network."""
    outputs: tuple[ExpandedOutput, ...] = ()
    claims: list[tuple[str, Origin]] = field(default_factory=list)
    """The names that the author gave to layers of the network, and where."""
    whole: bool = False
    """Whether expansion came to its end."""


def expand(
    root: Node,
    families: Families,
    blocks: Mapping[str, Block],
    check: SchemaCheck,
    broken: Iterable[Path],
    found: list[Diagnostic],
    token_sizes: Mapping[str, int],
) -> Expansion:
    """Take a spec apart; mistakes go to `found`. `broken` are the places where it violates the schema already.
    `token_sizes`: see `constants`."""
    expansion = Expansion(root, Scope("", None, None, {}, root=True))
    try:
        formulas = Formulas(found)
        constants = read_constants(root, formulas, found, token_sizes)
        calculated = _without_formulas(root, formulas, constants, check)
        expander = Expander(families, blocks, constants, check, formulas, found, broken)
        scope = Scope("", None, None, constants, root=True)
        expansion = Expansion(calculated, scope, expander.values, expander.rows)
        _Sections(calculated, expander, scope, expansion).expand()
        expansion.whole = True
    except TooLargeError:
        pass  # reported; what follows would be misleading
    return expansion


def _without_formulas(root: Node, formulas: Formulas, constants: Mapping[str, Any], check: SchemaCheck) -> Node:
    """The formulas calculated of every section that holds no layers, and of the inputs' shapes and dtypes."""
    sections = dict(root.value)
    for name, node in root.value.items():
        if name == "inputs":
            sections[name] = _inputs_without_formulas(node, formulas, constants)
        elif name not in _LAYERED:
            sections[name] = formulas.apply(node, constants, Source((name,)))
        if sections[name] is not node and name in check.sections:
            formulas.report(check.mistakes(sourced(sections[name], (name,), ()), check.sections[name]))
    return mapping(sections, dict(root.keys), root.place)


def _inputs_without_formulas(inputs: Node, formulas: Formulas, constants: Mapping[str, Any]) -> Node:
    changed = {}
    for name, node in keyed(inputs):
        at = Source(("inputs", name))
        fields = dict(keyed(node))
        if "preprocess" in fields:
            for key, child in fields.items():
                if key != "preprocess":
                    fields[key] = formulas.apply(child, constants, Source((*at.path, key)))
            calculated = mapping(fields, dict(node.keys), node.place)
            changed[name] = node if all(fields[key] is node.value[key] for key in fields) else calculated
        else:
            changed[name] = formulas.apply(node, constants, at)
    if all(changed[name] is node for name, node in keyed(inputs)):
        return inputs
    return mapping(changed, dict(inputs.keys), inputs.place)


class _Sections:
    """The sections that hold layers, in the order in which they are computed."""

    def __init__(self, root: Node, expander: Expander, scope: Scope, expansion: Expansion) -> None:
        self._root = root
        self._expander = expander
        self._scope = scope
        self._expansion = expansion
        self._sections: dict[str, Node] = dict(root.value)

    def expand(self) -> None:
        inputs = self._inputs()
        outputs = self._output_items()
        network = self._expander.prepare(self._network_items(), self._scope)
        own = [self._expander.prepare(items, self._scope) for _, _, items in outputs]
        self._scope.uncertain = self._scope.uncertain or not network
        calls = [*network, *(call for calls in own for call in calls)]
        names = self._expander.name(calls, self._scope, self._taken())
        self._claim(calls)
        first = (inputs[0],) if len(inputs) == 1 else None if inputs else ()
        end = self._network(network, names[: len(network)], first)
        self._outputs(outputs, own, names[len(network) :], end)
        self._expansion.root = mapping(self._sections, dict(self._root.keys), self._root.place)

    def _claim(self, calls: Sequence[LayerCall | None]) -> None:
        for call in calls:
            if call is not None and call.given_name is not None:
                inside = "name" in call.fields
                origin = call.at("name") if inside else call.origin
                self._expansion.claims.append((call.given_name, origin))

    def _taken(self) -> set[str]:
        """The names that automatic ones pass over."""
        training = self._sections.get("training")
        written = training.plain() if training is not None else None
        given = loss_entries(written) if isinstance(written, dict) else []
        targets = {target_of(loss, self._expander.families.losses) for loss in given}
        targets |= {column for loss in given for column in columns_of(loss).values()}
        outputs = [name for name, _ in keyed(self._sections["outputs"])] if "outputs" in self._sections else []
        return {*self._expander.inputs, *(t for t in targets if t is not None), *outputs, *RESERVED}

    # --- inputs ----------------------------------------------------------------------------------------------------

    def _inputs(self) -> list[str]:
        """Every input as a value of the network, its preprocessing expanded."""
        section = self._sections.get("inputs")
        changed = {}
        for name, node in keyed(section) if section is not None else ():
            self._expander.inputs.append(name)
            self._expander.values[name] = name
            self._scope.made.append(name)
            changed[name] = self._preprocess(name, node)
        if section is not None and changed:
            self._sections["inputs"] = mapping(changed, dict(section.keys), section.place)
        return self._expander.inputs

    def _preprocess(self, name: str, node: Node) -> Node:
        chain = dict(keyed(node)).get("preprocess")
        if chain is None:
            return node
        start = len(self._expander.layers)
        scope = Scope(f"{name}/", None, (name,), self._expander.constants)
        self._expander.run(items_of(chain, ("inputs", name, "preprocess")), scope)
        layers = tuple(self._expander.layers[start:])
        self._expansion.preprocess[name] = layers
        fields = {**node.value, "preprocess": _nodes(layers, chain)}
        return mapping(fields, dict(node.keys), node.place)

    # --- network ---------------------------------------------------------------------------------------------------

    def _network_items(self) -> list[Item]:
        section = self._sections.get("network")
        if section is None or ("network",) in self._expander.wrong or not isinstance(section.value, (tuple, dict)):
            return []
        return named_items(section, ("network",))

    def _network(self, calls: list[LayerCall | None], names: list[str], first: Sources) -> Sources:
        start = len(self._expander.layers)
        end = self._expander.walk(calls, names, self._scope, first)
        layers = tuple(self._expander.layers[start:])
        self._expansion.network = layers
        made = {layer.name for layer in layers}
        self._expansion.last = end[0] if end and end[0] in made else layers[-1].name if layers else ""
        if "network" in self._sections:
            self._sections["network"] = _nodes(layers, self._sections["network"])
        return (self._expansion.last,) if self._expansion.last else ()

    # --- outputs ---------------------------------------------------------------------------------------------------

    def _output_items(self) -> list[tuple[str, Node, list[Item]]]:
        """Name, value and own layers of each output. Text that is no name is a formula."""
        outputs = []
        for name, written in keyed(self._sections["outputs"]) if "outputs" in self._sections else ():
            path: Path = ("outputs", name)
            calculate = self._expander.formulas.apply
            node = calculate(written, self._scope.names, Source(path)) if _is_text(written) else written
            if node is not written and "outputs" in self._expander.check.sections:
                schema = self._expander.check.sections["outputs"]["additionalProperties"]
                self._expander.check_part(sourced(node, path, ()), schema)
            items = [] if _is_text(node) else items_of(node, path)
            if _is_text(node) and not _REFERENCE.fullmatch(node.value):
                items = [Item(expression_node(node, path), path)]
            outputs.append((name, node, items))
        return outputs

    def _outputs(
        self,
        outputs: list[tuple[str, Node, list[Item]]],
        own: list[list[LayerCall | None]],
        names: list[str],
        before: Sources,
    ) -> None:
        expanded = []
        for (name, node, items), calls in zip(outputs, own, strict=True):
            here, names = names[: len(calls)], names[len(calls) :]
            start = len(self._expander.layers)
            walk = self._expander.walk
            value = walk(calls, here, self._scope, before) if items else self._reference(name, node)
            layers = tuple(self._expander.layers[start:])
            written = node.value if not items and _is_text(node) else here[-1] if here else None
            expanded.append(ExpandedOutput(name, layers, value[0] if value else "", written))
            if items:
                self._section_of_outputs(name, _nodes(layers, node))
        self._expansion.outputs = tuple(expanded)

    def _section_of_outputs(self, name: str, node: Node) -> None:
        section = self._sections["outputs"]
        self._sections["outputs"] = mapping({**section.value, name: node}, dict(section.keys), section.place)

    def _reference(self, name: str, node: Node) -> Sources:
        if not _is_text(node):
            return ()
        value = self._scope.find(node.value, self._expander.values)
        origin = Positions(self._root).origin(("outputs", name))
        if value is not None:
            if refusal := self._expander.rows.refusal(node.value, value, self._scope):
                self._expander.report(origin, *refusal)
            return (value,)
        explained = self._scope.explain(node.value, self._expander.values, None)
        if explained and explained[0].startswith("there is no") and node.value in self._expander.families.layers:
            hint = f"to apply the layer, write {name}: {{{node.value}: {{}}}}"
            explained = (f"there is no value named {received(node.value)}", hint)
        if explained:
            self._expander.report(origin, *explained)
        return ()


def _is_text(node: Node) -> bool:
    return isinstance(node.value, str)


def _nodes(layers: tuple[PlainLayer, ...], written: Node) -> Node:
    return sequence([layer.node for layer in layers], written.place)
