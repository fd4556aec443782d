"""`blocks`: named chains of layers with typed parameters, used as layers by their name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from netwright.schema import Described, spec_field

from ...errors import Diagnostic, SpecError
from ..positions import Node, Path, Positions, Source
from .arithmetic import UNKNOWN, is_usable_name
from .composite import Composite, Use, layer_list
from .entries import items_of, keyed, sourced
from .scope import Scope, Sources

if TYPE_CHECKING:
    from ..checks import SchemaCheck
    from ..schema import Families
    from .expander import Expander

_SCALAR_TYPES: Final[dict[str, dict[str, Any]]] = {
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "text": {"type": "string"},
    "list": {"type": "array"},
}
_ENTRY_TYPES: Final = ("layer", "activation", "initializer")
PARAMETER_TYPES: Final = (*_SCALAR_TYPES, *_ENTRY_TYPES)
MAX_BLOCKS: Final = 500
_ANY: Final = "any"
"""The type of a parameter whose type is a mistake."""
_LONGEST_CIRCLE: Final = 8


@dataclass(frozen=True, kw_only=True)
class ParameterSettings(Described):
    """A parameter of a block: `width: integer`, or `stride: {type: integer, default: 1}`."""

    shorthand: ClassVar[str | None] = "type"
    type: Literal["integer", "number", "boolean", "text", "list", "layer", "activation", "initializer"] = spec_field(
        "What it takes: a number, text, a list, or an entry such as a layer."
    )
    default: Any = spec_field(
        "Its value where a use gives none; `null` lets it be absent. Without a default it must be given.",
        default=None,
        schema={"type": ["null", "boolean", "integer", "number", "string", "array", "object"]},
    )


@dataclass(frozen=True, kw_only=True)
class BlockSettings(Described):
    """A named chain of layers. Inside, `${width}` is the parameter `width` and `input` the value that flows in."""

    shorthand: ClassVar[str | None] = "layers"
    parameters: Mapping[str, Any] = spec_field(
        "What its uses may choose, by name.", default_factory=dict, schema={"type": "object"}
    )
    layers: tuple[Any, ...] = spec_field("The layers, each reading the value before it.", schema=layer_list())


@dataclass(frozen=True)
class Parameter:
    name: str
    type: str
    default: Node | None
    path: Path


@dataclass(frozen=True)
class Block:
    """A block as written."""

    name: str
    parameters: tuple[Parameter, ...]
    layers: Node | None
    path: Path
    """Of its list of layers."""
    file: str

    @property
    def shorthand(self) -> str | None:
        """The parameter that a bare value stands for: the only one that must be given."""
        required = [p.name for p in self.parameters if p.default is None]
        return required[0] if len(required) == 1 else None


def read_blocks(root: Node) -> dict[str, Block]:
    """The blocks of a spec. What is malformed is left out; the schema reports it.

    Raises SpecError for more of them than anybody writes.
    """
    blocks = {}
    section = root.value.get("blocks") if isinstance(root.value, dict) else None
    if section is not None and isinstance(section.value, dict) and len(section.value) > MAX_BLOCKS:
        message = f"a spec has at most {MAX_BLOCKS} blocks, received {len(section.value)}"
        origin = Positions(root).origin(("blocks",), of_key=True)
        raise SpecError([Diagnostic(origin, message, "keep those of other networks in files of their own")])
    for name, node in keyed(section) if section is not None else ():
        path: Path = ("blocks", name)
        if isinstance(node.value, tuple):
            blocks[name] = Block(name, (), node, path, node.place.file)
        elif isinstance(node.value, dict):
            given = node.value.get("parameters")
            parameters = [_parameter(n, p, (*path, "parameters", n)) for n, p in keyed(given)] if given else []
            blocks[name] = Block(name, tuple(parameters), node.value.get("layers"), (*path, "layers"), node.place.file)
    return blocks


def _parameter(name: str, node: Node, path: Path) -> Parameter:
    fields = node.value if isinstance(node.value, dict) else {"type": node}
    kind = fields.get("type")
    known = kind is not None and isinstance(kind.value, str) and kind.value in PARAMETER_TYPES
    return Parameter(name, str(kind.value) if kind is not None and known else _ANY, fields.get("default"), path)


def call_schema(block: Block, common: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON Schema of a block's uses."""
    properties = {p.name: parameter_schema(p, definitions) for p in block.parameters}
    required = [p.name for p in block.parameters if p.default is None]
    schema: dict[str, Any] = {
        "type": ["object"],
        "properties": {**properties, **common},
        "required": required,
        "additionalProperties": False,
        "description": f"The block '{block.name}' of this spec.",
    }
    if not required:
        schema["type"].append("null")
    if block.shorthand is not None:
        short = properties[block.shorthand]
        schema["x-shorthand"] = block.shorthand
        admitted = [t for t in _types(short) if t != "object"]
        schema["type"] += [t for t in admitted if t not in schema["type"]]
        if "$ref" in short or "allOf" in short:
            schema["allOf"] = [{"if": {"type": admitted}, "then": short}]
    return schema


def parameter_schema(parameter: Parameter, definitions: Mapping[str, Any]) -> dict[str, Any]:
    if parameter.type == _ANY:
        return {"type": ["null", "boolean", "integer", "number", "string", "array", "object"]}
    absent = parameter.default is not None and parameter.default.value is None
    if parameter.type in _SCALAR_TYPES:
        types = [_SCALAR_TYPES[parameter.type]["type"], *(["null"] if absent else [])]
        return {"type": types if absent else types[0]}
    reference = {"$ref": f"#/$defs/{parameter.type}"} if parameter.type in definitions else {}
    if not absent:
        return reference or {"type": ["string", "object"]}
    types = ["string", "object"]
    return {"type": [*types, "null"], "allOf": [{"if": {"type": types}, "then": reference}]}


def _types(schema: Mapping[str, Any]) -> list[str]:
    given = schema.get("type", ["string", "object"])
    return [given] if isinstance(given, str) else list(given)


def check_blocks(
    root: Node, blocks: Mapping[str, Block], families: Families, check: SchemaCheck
) -> tuple[list[Diagnostic], list[Path]]:
    """What no schema says of blocks: names of their own, parameters of the right type that formulas can mention.

    Returns the mistakes, and the paths of the parameters that are wrong.
    """
    positions = Positions(root)
    found: list[Diagnostic] = []
    wrong: list[Path] = []
    for name, block in blocks.items():
        if name in families.layers or name in Composite.registry:
            origin = positions.origin(("blocks", name), of_key=True)
            found.append(Diagnostic(origin, f"'{name}' is already a kind of layer", "give the block another name"))
        for parameter in block.parameters:
            mistakes = list(_check_parameter(parameter, positions, check))
            found += mistakes
            wrong += [parameter.path] if mistakes else []
    return [*found, *_circles(blocks, positions)], wrong


def _check_parameter(parameter: Parameter, positions: Positions, check: SchemaCheck) -> Iterator[Diagnostic]:
    if parameter.default is not None:
        default = sourced(parameter.default, (*parameter.path, "default"), ())
        yield from check.mistakes(default, parameter_schema(parameter, check.definitions))
    origin = positions.origin(parameter.path, of_key=True)
    if parameter.name in ("name", "from"):
        message = f"every layer has a '{parameter.name}' already, so a parameter cannot be called that"
        yield Diagnostic(origin, message, "choose another name")
    elif not is_usable_name(parameter.name):
        message = f"'{parameter.name}' is no name that a formula can mention"
        yield Diagnostic(origin, message, "use letters, digits and _, and no word of the formula language")


def _circles(blocks: Mapping[str, Block], positions: Positions) -> Iterator[Diagnostic]:
    """Each circle of blocks that use each other, once, at the block that closes it."""
    uses = block_uses(blocks)
    settled: set[str] = set()
    for start in blocks:
        stack = [(start, iter(uses[start]))] if start not in settled else []
        trail = {start: 0}  # the blocks on the way, in order
        while stack:
            name, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                settled.add(name)
                trail.pop(name)
                stack.pop()
            elif following in trail:
                circle = [*trail][trail[following] :]
                settled.update(circle)
                shown = " → ".join([*circle[:_LONGEST_CIRCLE], *(["…"] if len(circle) > _LONGEST_CIRCLE else [])])
                origin = positions.origin(("blocks", following), of_key=True)
                message = f"the block '{following}' uses itself: {shown} → {following}"
                yield Diagnostic(origin, message, "leave one of these uses out")
            elif following not in settled:
                trail[following] = len(trail)
                stack.append((following, iter(uses[following])))


def block_uses(blocks: Mapping[str, Block]) -> dict[str, list[str]]:
    """Block -> the blocks it uses."""
    return {name: [u for u in dict.fromkeys(_uses(block.layers)) if u in blocks] for name, block in blocks.items()}


def endless(blocks: Mapping[str, Block]) -> set[str]:
    """The blocks that lead to a circle, so that they cannot be expanded."""
    uses = block_uses(blocks)
    users: dict[str, list[str]] = {name: [] for name in blocks}
    for name, used in uses.items():
        for other in used:
            users[other].append(name)
    open_uses = {name: len(used) for name, used in uses.items()}
    finite = [name for name, count in open_uses.items() if count == 0]
    for name in finite:  # grows while it is walked
        for user in users[name]:
            open_uses[user] -= 1
            if open_uses[user] == 0:
                finite.append(user)
    return blocks.keys() - set(finite)


def _uses(layers: Node | None) -> Iterator[str]:
    """Every kind that a list of layers names, those inside composites included."""
    pending = [layers]
    while pending:
        for item in items_of(pending.pop(), ()):
            value = item.node.value
            if isinstance(value, str):
                yield value
            for kind, argument in keyed(item.node):
                yield kind
                if kind in Composite.registry:
                    pending += [node for _, node in Composite.registry[kind].chains(argument)]


def expand_block(block: Block, use: Use, expander: Expander) -> Sources:
    """The block's layers in place of its use."""
    line = use.call.origin.line
    elsewhere = f" of {use.call.origin.file}" if use.call.origin.file != block.file else ""
    within = (f"in block '{block.name}' used on line {line}{elsewhere}", *use.scope.within)
    names = dict(expander.constants)
    for parameter in block.parameters:
        known = use.call.sound and parameter.path not in expander.broken
        names[parameter.name] = _argument(block, parameter, use, names, within, expander) if known else UNKNOWN
    scope = Scope(f"{use.name}/", None, use.sources, names, within)
    return expander.run(items_of(block.layers, block.path), scope)


def _argument(
    block: Block, parameter: Parameter, use: Use, names: Mapping[str, Any], within: tuple[str, ...], expander: Expander
) -> Any:
    """The value of a parameter in one use: the given one, or its default, which may mention the parameters before."""
    argument = use.call.argument
    given = use.call.fields.get(parameter.name)
    if argument is not None and not isinstance(argument.value, dict) and parameter.name == block.shorthand:
        given = argument
    if given is not None:
        return UNKNOWN if expander.formulas.occur_in(given) else given.plain()
    if parameter.default is None:  # the schema asks for it, and has reported that
        return UNKNOWN
    source = Source((*parameter.path, "default"), within)
    node = expander.formulas.apply(parameter.default, names, source)
    if node is not parameter.default:
        schema = parameter_schema(parameter, expander.check.definitions)
        expander.check_part(sourced(node, *source), schema)
    return UNKNOWN if expander.formulas.occur_in(node) else node.plain()
