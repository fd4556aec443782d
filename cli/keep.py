"""What a run keeps of its spec for people: the spec itself, and its layers as data for drawings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netwright.runtime import Callback, RunStarted
from netwright.runtime.atomic import write_atomically
from netwright.runtime.run_folder import RunFolder

from .drawing import network_of

if TYPE_CHECKING:
    from netwright.compiler import Bundle, Spec


class SpecKeeper(Callback):
    """Writes `spec.yaml` and `network.json` into the run as soon as it is certain that the run begins."""

    def __init__(self, run: Path, bundle: Bundle) -> None:
        self._folder = RunFolder(run)
        self._bundle = bundle

    def on_start(self, event: RunStarted) -> None:
        del event
        network = json.dumps(network_of(self._bundle).to_json(), indent=1)
        write_atomically(self._folder.spec, resolved_yaml(self._bundle.spec).encode())
        write_atomically(self._folder.network, f"{network}\n".encode())


def resolved_yaml(spec: Spec) -> str:
    """The spec as it was trained, with every `--set` applied, in the order it was written; comments are gone."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            del indentless
            super().increase_indent(flow, False)  # lists are indented below their key, as in the library

        def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> yaml.SequenceNode:
            node = super().represent_sequence(tag, sequence, flow_style)
            for item in node.value:
                if isinstance(item, yaml.MappingNode):
                    item.flow_style = False  # `- dropout: 0.2`, without braces
            return node

        def ignore_aliases(self, data: Any) -> bool:
            del data
            return True

    text = yaml.dump(
        dict(spec.tree), Dumper=Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100
    )
    return f"# {spec.file} as it was trained. Relative paths in it start at the folder of that file.\n{text}"
