"""From layers as written to plain layers: the walk through a chain, and what composites and blocks ask of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, NoReturn

from ...errors import Diagnostic, Origin
from ..entries import name_layers
from ..positions import Node, Path, Place, Positions, Source, mapping
from ..settings import MAX_REPORTED
from .blocks import Block, endless, expand_block
from .composite import Composite, Use, merge_node
from .entries import Item, LayerCall, PlainLayer, sourced
from .formulas import Formulas, TooLargeError, holds_formula
from .limits import MAX_LAYERS, MAX_NESTING
from .scope import INPUT, Rows, Scope, Sources
from .shared import Group, expand_shared

if TYPE_CHECKING:
    from ..checks import SchemaCheck
    from ..schema import Families


class Expander:
    """Expands the chains of one spec, in order. Mistakes are collected in `found`."""

    def __init__(
        self,
        families: Families,
        blocks: Mapping[str, Block],
        constants: Mapping[str, Any],
        check: SchemaCheck,
        formulas: Formulas,
        found: list[Diagnostic],
        broken: Iterable[Path],
    ) -> None:
        self.blocks = blocks
        self.constants = constants
        self.check = check
        self.formulas = formulas
        self.found = found
        self.layers: list[PlainLayer] = []
        self.values: dict[str, str] = {}
        """Every name so far, in full -> the layer or input whose value it stands for."""
        self.inputs: list[str] = []
        self.rows = Rows()
        self.families = families
        self._endless = endless(blocks)
        self.wrong = set(broken)
        """The values that violate the schema as written."""
        self.broken = {path[:n] for path in self.wrong for n in range(len(path) + 1)}
        """What holds such a value, too."""
        self._reported = 0
        self._plain: dict[str, PlainLayer] = {}
        self._groups: dict[str, Group] = {}
        self._checked: set[tuple[Place, str]] = set()
        self._count = 0
        self._nesting = 0
        self._asked_to_choose = False

    # --- chains ----------------------------------------------------------------------------------------------------

    def run(self, items: Sequence[Item], scope: Scope) -> Sources:
        """Expand a chain in a scope of its own; its value is that of its last layer."""
        calls = self.prepare(items, scope)
        self._nesting += 1
        end = self.walk(calls, self.name(calls, scope, {INPUT}), scope, scope.input)
        self._nesting -= 1
        return end

    def prepare(self, items: Sequence[Item], scope: Scope) -> list[LayerCall | None]:
        """The entries of a chain, formulas calculated; None for one that is malformed (and was reported)."""
        calls = []
        for item in items:
            self._step(item, scope)
            call = self._call(item, scope)
            if not isinstance(call, Node):
                calls.append(call)
        scope.uncertain = scope.uncertain or any(call is None or not call.sound for call in calls)
        return calls

    def name(self, calls: Sequence[LayerCall | None], scope: Scope, taken: Iterable[str]) -> list[str]:
        """The name of each entry within its scope, empty for a malformed one."""
        names = [str(name or "") for name in name_layers(calls, taken)]
        for call, name in zip(calls, names, strict=True):
            if call is not None and name:
                if not scope.root and call.given_name is not None:
                    self._claim(call, name, scope)
                scope.lines.setdefault(name, call.origin.line)
        return names

    def _claim(self, call: LayerCall, name: str, scope: Scope) -> None:
        if name == INPUT:
            message = f"inside a block or composite, '{INPUT}' means the value that flows into it"
            self.report(call.at("name"), message, "choose another name")
        elif name in scope.lines:
            message = f"the name '{name}' is already taken by a layer on line {scope.lines[name]}"
            self.report(call.at("name"), message, "every name means one value; choose another")

    def walk(self, calls: Sequence[LayerCall | None], names: Sequence[str], scope: Scope, before: Sources) -> Sources:
        """Expand named entries in order; each reads the value before it unless it says otherwise."""
        for call, name in zip(calls, names, strict=True):
            if call is None:
                before = ()
                continue
            value = self._expand(call, name, scope, before)
            if call.given_name is not None or self._is_kind(call.kind):
                scope.made.append(name)
            reads = self._reads(call)
            if reads != ():  # a parameter reads nothing: the chain goes on around it
                before = value
        return before

    def _is_kind(self, kind: str) -> bool:
        return kind in self.families.layers or kind in Composite.registry or kind in self.blocks

    def _step(self, item: Item, scope: Scope) -> None:
        node = sourced(item.node, item.path, scope.within)
        self._count += 1
        if self._count > MAX_LAYERS:
            self.too_many(Positions(node).origin(()))
        if self._nesting > MAX_NESTING:
            message = f"more than {MAX_NESTING} blocks and layers of layers inside each other"
            self.report(Positions(node).origin(()), message)
            raise TooLargeError

    def too_many(self, origin: Origin) -> NoReturn:
        message = f"the spec stands for more than {MAX_LAYERS:,} layers"
        self.report(origin, message, "repeat less often, or use blocks inside blocks less often")
        raise TooLargeError

    # --- entries ---------------------------------------------------------------------------------------------------

    def _call(self, item: Item, scope: Scope) -> LayerCall | Node | None:
        """The entry as a call; a node when a formula says that there is none; None when it is malformed."""
        node = item.node
        problems = len(self.found)
        if holds_formula(node.value):
            node = self.formulas.apply(node, scope.names, Source(item.path, scope.within))
            if node.value is None:
                return node  # an optional layer that was left out
        entry = _with_kind(node)
        if entry is None:
            if node is not item.node:
                self._check_entry(sourced(node, item.path, scope.within))
            return None
        kind, argument, key = entry
        if argument is not None:
            argument = self._argument(kind, argument, item.path, scope)
        if argument is None:
            whole = replace(node, source=Source(item.path, scope.within))
        else:
            whole = sourced(mapping({kind: argument}, {kind: key}, node.place), item.path, scope.within)
        changed = argument is not (entry[1]) or node is not item.node
        if changed and kind not in Composite.registry:
            self._check_entry(whole)
        name = _given_name(argument)
        if item.name is not None and name is not None:
            origin = Positions(whole).origin((kind, "name"))
            message = f"the layer is called '{item.name}' by its key, so it takes no 'name'"
            self.report(origin, message, "remove one of the two names")
        name = name if item.name is None else item.name
        known = item.path not in self.broken and not holds_formula(kind)
        sound = known and len(self.found) == problems
        return LayerCall(kind, whole, argument, name, sound)

    def _argument(self, kind: str, argument: Node, path: Path, scope: Scope) -> Node:
        """The argument of an entry with its formulas calculated, but not those of layers inside it."""
        at = Source((*path, kind), scope.within)
        if kind not in Composite.registry:
            return self.formulas.apply(argument, scope.names, at)
        if not isinstance(argument.value, dict):
            return argument
        items = dict(argument.value)
        schemas = self.check.kind(kind).get("properties", {})
        for key, child in argument.value.items():
            if key not in Composite.registry[kind].chain_fields:
                below = Source((*at.path, key), scope.within)
                items[key] = self.formulas.apply(child, scope.names, below)
                if items[key] is not child and key in schemas:
                    self.check_part(sourced(items[key], *below), schemas[key])
        return mapping(items, dict(argument.keys), argument.place)

    def _check_entry(self, node: Node) -> None:
        """Hold a calculated entry against the schema of its kind, or of layers where that is what was calculated."""
        entry = _with_kind(node)
        schema = self.check.kind(entry[0]) if entry is not None else {}
        if entry is not None and entry[1] is not None and schema:
            assert node.source is not None
            path, within = node.source
            self.check_part(sourced(entry[1], (*path, entry[0]), within), schema)
        else:
            self.check_part(node, self.check.definitions["layer"])

    def check_part(self, node: Node, schema: Mapping[str, Any]) -> None:
        """Hold a calculated part of the spec against its schema. Equal text is judged once."""
        key = (node.place, repr(node.plain()))
        if key not in self._checked:
            self._checked.add(key)
            self.found += self.check.mistakes(node, schema)

    # --- layers ----------------------------------------------------------------------------------------------------

    def _expand(self, call: LayerCall, name: str, scope: Scope, before: Sources) -> Sources:
        full = scope.prefix + name
        sources = self._sources(call, name, scope, before)
        use = Use(call, full, sources, scope)
        if call.kind in Composite.registry or (call.kind in self.blocks and call.kind not in self._endless):
            return self._group(use)
        if call.kind == "shared":
            start = len(self.layers)
            value = expand_shared(use, self, name)
            self._remember(use, start, value)
            return value
        if call.kind not in self.families.layers:
            self.values[full] = full
            return ()
        read = (*self.chosen(sources, call), *self._named_values(call, name, scope))
        return self.emit(PlainLayer(full, call.kind, read, call.node, full))

    def _named_values(self, call: LayerCall, name: str, scope: Scope) -> Iterator[str]:
        """The values that fields of the layer name, which it reads after the others."""
        for field in self.families.layers[call.kind].value_fields:
            yield from self.references(call, field, scope, name)

    def references(self, call: LayerCall, field: str, scope: Scope, name: str | None = None) -> Iterator[str]:
        """The values that a field names."""
        for reference, origin in call.references(field) or []:
            yield from self.resolve(reference, origin, scope, name, call)

    def forget(self, prefix: str) -> None:
        """Names that mean nothing outside of what was just expanded."""
        for name in [name for name in self.values if name.startswith(prefix)]:
            del self.values[name]
            self._plain.pop(name, None)
            self._groups.pop(name, None)

    def _group(self, use: Use) -> Sources:
        start = len(self.layers)
        kind = use.call.kind
        if kind in Composite.registry:
            value = Composite.registry[kind].expand(use, self)
        else:
            value = expand_block(self.blocks[kind], use, self)
        self._remember(use, start, value)
        return value

    def _remember(self, use: Use, start: int, value: Sources) -> None:
        """The composite's name stands for its value, and `shared` may apply its layers again."""
        layers = tuple(self.layers[start:])
        if not layers:
            return
        if value is not None and len(value) == 1 and use.name not in self._plain:
            self.alias(use.name, value)
        if use.call.kind != "shared" or len(layers) > 1:
            self._groups[use.name] = Group(use.name, layers, use.sources or (), self.values.get(use.name, ""))

    def emit(self, layer: PlainLayer) -> Sources:
        """Add a plain layer."""
        if self.rows.around(layer.name) is not None:
            layer = replace(layer, each_step=True)
        self.layers.append(layer)
        if len(self.layers) > MAX_LAYERS:  # `shared` may double what there is with every line
            self.too_many(Positions(layer.node).origin(()))
        self._plain[layer.name] = layer
        self.values[layer.name] = layer.name
        return (layer.name,)

    def alias(self, name: str, value: Sources) -> None:
        if value is not None and len(value) == 1:
            self.values[name] = value[0]

    def aliases_inside(self, group: str) -> list[str]:
        return [name for name, value in self.values.items() if name.startswith(f"{group}/") and value != name]

    # --- what composites ask ---------------------------------------------------------------------------------------

    def inside(
        self,
        use: Use,
        prefix: str,
        flowing_in: Sources,
        *,
        names: Mapping[str, Any] | None = None,
        note: str | None = None,
    ) -> Scope:
        """A scope inside a composite."""
        outer = use.scope
        within = outer.within if note is None else (note, *outer.within)
        return Scope(f"{prefix}/", outer, flowing_in, outer.names if names is None else names, within)

    def merge(self, use: Use, kind: str, ends: Sequence[Sources], axis: Node | None = None) -> Sources:
        """The layer that makes one value of the ends of branches; it bears the composite's own name."""
        sources = tuple(source for end in ends for source in self.chosen(end, use.call))
        node = sourced(merge_node(use, kind, axis), use.call.path(), use.scope.within)
        return self.emit(PlainLayer(use.name, kind, sources, node, use.name))

    def one(self, sources: Sources, use: Use, what: str) -> Sources:
        """What flows in, where only one value will do."""
        chosen = self.chosen(sources, use.call)
        if len(chosen) > 1:
            listed = ", ".join(f"'{source}'" for source in chosen)
            self.report(use.call.origin, f"{what}, received {listed}", "merge them first, such as with concat")
        return chosen[:1]

    # --- references ------------------------------------------------------------------------------------------------

    def _sources(self, call: LayerCall, name: str, scope: Scope, before: Sources) -> Sources:
        """The values that an entry reads."""
        references = call.references()
        reads = self._reads(call)
        if reads is not None:
            if references is not None:
                why = "reads the values that it names itself" if reads else "reads no value"
                self.report(call.at("from"), f"'{call.kind}' {why}, so it takes no 'from'", "remove it")
            cls = self.families.layers[call.kind]
            where = call.at(cls.shorthand) if cls.shorthand in call.fields else call.at()
            references = [(read, where) for read in reads]
        if references is None:
            return before
        found: list[str] = []
        for reference, origin in references:
            found += self.resolve(reference, origin, scope, name, call)
        return tuple(found)

    def _reads(self, call: LayerCall) -> tuple[str, ...] | None:
        if call.kind not in self.families.layers:
            return None
        argument = call.argument.plain() if call.argument is not None else None
        if isinstance(argument, dict):
            argument = {key: value for key, value in argument.items() if key not in ("name", "from")}
        reads: tuple[str, ...] | None = self.families.layers[call.kind].reads(argument)
        return reads

    def resolve(self, name: str, origin: Origin, scope: Scope, own: str | None, call: LayerCall) -> tuple[str, ...]:
        """What a reference means; nothing, and a report, for one that means nothing."""
        if name == INPUT and not scope.root:
            return self.chosen(scope.input, call)
        value = scope.find(name, self.values)
        if value is not None:
            refusal = None if self._made_of_nothing(value) else self.rows.refusal(name, value, scope)
            if refusal is not None:
                self.report(origin, *refusal)
            return () if refusal else (value,)
        if self._reported > MAX_REPORTED:
            return ()  # the closest names are costly to find
        if explained := scope.explain(name, self.values, own):
            self.report(origin, *explained)
        return ()

    def _made_of_nothing(self, value: str) -> bool:
        """Whether it is a parameter or constant, which has no rows."""
        return value in self._plain and not self._plain[value].sources

    def find_layer(self, name: str, origin: Origin, scope: Scope, own: str) -> PlainLayer | Group | None:
        """The earlier layer, composite or block that `shared` names."""
        for outer in scope.chain():
            full = outer.prefix + name
            if full in self._groups:
                return self._groups[full]
            if full in self._plain:
                return self._plain[full]
        if scope.find(name, self.values) is not None or (name == INPUT and not scope.root):
            what = "an input" if name in self.inputs or name == INPUT else "a value"
            self.report(origin, f"'{name}' is {what}, not a layer", "name the layer whose parameters are used again")
        elif explained := scope.explain(name, self.values, own, "layer"):
            message, hint = explained
            if "reads itself" in message:
                message, hint = f"the layer '{name}' shares with itself", "name a layer from before it"
            self.report(origin, message, hint)
        return None

    def chosen(self, sources: Sources, call: LayerCall) -> tuple[str, ...]:
        """What flows in. A network with several inputs has no first value: a layer must choose, and is told so once."""
        if sources is not None:
            return sources
        if not self._asked_to_choose:
            self._asked_to_choose = True
            choices = ", or ".join(f"'from: {name}'" for name in islice(self.inputs, 12))
            message = f"there are {len(self.inputs)} inputs, so the first layer must say which it reads"
            path: Path = () if call.argument is None else (call.kind,)
            self.report(Positions(call.node).origin(path), message, f"add {choices}")
        return ()

    def report(self, origin: Origin, message: str, hint: str | None = None) -> None:
        self._reported += 1
        if self._reported <= MAX_REPORTED:
            self.found.append(Diagnostic(origin, message, hint))


def _with_kind(node: Node) -> tuple[str, Node | None, Any] | None:
    """Kind, argument and place of the kind of an entry; None for what is none."""
    if isinstance(node.value, str):
        return node.value, None, node.place
    if isinstance(node.value, dict) and len(node.value) == 1:
        ((kind, argument),) = node.value.items()
        return kind, argument, node.keys[kind]
    return None


def _given_name(argument: Node | None) -> str | None:
    fields = argument.value if argument is not None else None
    name = fields.get("name") if isinstance(fields, dict) else None
    return name.value if name is not None and isinstance(name.value, str) else None
