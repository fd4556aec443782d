"""`netwright show`: what a spec compiles to, as a table, as a drawing, as JSON, as IR text or as Graphviz."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from .library import spec_argument
from .output import table, write_text
from .specs import compile_loaded, load_spec, set_option

if TYPE_CHECKING:
    from netwright.compiler import Bundle

GRAPHS = ("inference", "inference_encode", "inference_step", "init", "step", "evaluate", "gradients", "apply")


@click.command("show")
@spec_argument
@set_option
@click.option("--json", "as_json", is_flag=True, help="Print parameters, layers and nodes per graph as JSON.")
@click.option("--graph", "name", type=click.Choice(GRAPHS), help="Print this graph as IR text.")
@click.option("--dot", is_flag=True, help="Print the graph (inference, or the one of --graph) for Graphviz.")
@click.option("--cuda", is_flag=True, help="Print whether each graph can be recorded as a CUDA graph.")
@click.option(
    "--svg",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Draw the layers into this file, and print nothing.",
)
@click.option(
    "--depth",
    type=click.IntRange(min=0),
    metavar="N",
    help="Levels of blocks that --svg opens; deeper ones are one box each.  [default: as many as fit]",
)
def command(
    spec: str,
    overrides: tuple[str, ...],
    as_json: bool,
    name: str | None,
    dot: bool,
    cuda: bool,
    svg: Path | None,
    depth: int | None,
) -> None:
    """Print the layers of a spec, or one of its graphs; or draw the layers; or what its graphs are on CUDA.

    A picture of a graph with every operator: `netwright show SPEC --graph step --dot | dot -Tsvg > step.svg`
    """
    if as_json and (name or dot):
        raise click.UsageError("--json cannot be given together with --graph or --dot")
    if svg is not None and (as_json or name or dot):
        raise click.UsageError("--svg cannot be given together with --json, --graph or --dot")
    if cuda and (name or dot or svg is not None):
        raise click.UsageError("--cuda cannot be given together with --graph, --dot or --svg")
    if depth is not None and svg is None:
        raise click.UsageError("--depth is for drawings: give --svg FILE as well")
    bundle = compile_loaded(load_spec(spec, overrides))
    if svg is not None:
        from netwright.pictures import to_svg

        from .drawing import network_of

        write_text(to_svg(network_of(bundle), depth), svg)
    elif cuda:
        click.echo(_recordings_json(bundle) if as_json else _recordings(bundle))
    elif as_json:
        click.echo(json.dumps(_summary(bundle), indent=2))
    elif name or dot:
        click.echo(_graph_text(bundle, name or "inference", dot).rstrip("\n"))
    else:
        click.echo(_layer_table(bundle))


def _summary(bundle: Bundle) -> dict[str, object]:
    return {
        "name": bundle.spec.name,
        "parameters": bundle.parameters,
        "parameters_for_losses": bundle.parameters_for_losses,
        "layers": [
            {"name": row.name, "kind": row.kind, "shape": list(row.shape), "parameters": row.parameters}
            for row in bundle.layers
        ],
        "nodes": {name: len(graph.nodes()) for name, graph in bundle.graphs.items()},
    }


def _recordings(bundle: Bundle) -> str:
    """A row for each graph, and below the table what prevents recording those that cannot be."""
    found = bundle.recordings()
    rows = [(name, "no" if obstacles else "yes") for name, obstacles in found.items()]
    reasons = [f"{name}: {obstacle}" for name, obstacles in found.items() for obstacle in obstacles]
    shown = table(("graph", "can be recorded as a CUDA graph"), rows)
    return "\n".join([shown, "", *reasons] if reasons else [shown])


def _recordings_json(bundle: Bundle) -> str:
    return json.dumps(
        {
            name: [
                {"reason": obstacle.reason, "origin": obstacle.origin.as_json() if obstacle.origin else None}
                for obstacle in obstacles
            ]
            for name, obstacles in bundle.recordings().items()
        },
        indent=2,
    )


def _layer_table(bundle: Bundle) -> str:
    inputs = [(feature["name"], "input", _shape(feature["shape"]), "") for feature in bundle.manifest["features"]]
    layers = [(row.name, row.kind, _shape(row.shape, row.rows), f"{row.parameters:,}") for row in bundle.layers]
    nodes = ", ".join(f"{name} {len(graph.nodes())}" for name, graph in bundle.graphs.items())
    return (
        f"{table(('name', 'kind', 'output shape', 'parameters'), [*inputs, *layers], right=(3,))}\n\n"
        f"{bundle.parameters:,} trainable parameters{_for_losses(bundle)}\n"
        f"nodes: {nodes}"
    )


def _for_losses(bundle: Bundle) -> str:
    """What auxiliary heads add; `inference.onnx` leaves it out."""
    count = bundle.parameters_for_losses
    return f", and {count:,} that losses alone read" if count else ""


def _shape(shape: tuple[int | str, ...] | list[int | str], rows: str = "batch") -> str:
    return f"({', '.join([rows, *map(str, shape)])})"


def _graph_text(bundle: Bundle, name: str, dot: bool) -> str:
    if name not in bundle.graphs:
        raise click.UsageError(
            f"the spec has no '{name}' graph, because it has no `training` section; its graphs are"
            f" {', '.join(bundle.graphs)}"
        )
    if dot:
        from netwright.compiler.ir.dot import to_dot

        return to_dot(bundle.graphs[name])
    from netwright.compiler.ir.printer import to_text

    return to_text(bundle.graphs[name])
