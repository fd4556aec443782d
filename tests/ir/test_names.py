"""Names are unique, deterministic, and those people gave wherever possible."""

from __future__ import annotations

import pytest
from netwright.compiler.errors import InternalError
from netwright.compiler.ir import DType, Graph, graph_input, scope
from netwright.compiler.ir.names import assign_names, unique_names
from netwright.compiler.ops import op
from netwright.compiler.ops.loops import scan


def chain(*names: str) -> tuple[Graph, dict[str, str]]:
    x = graph_input("x", DType.float32, (2,))
    a = x + 1
    b = a + a
    with scope("dense1"):
        c = op.Exp(b)
    graph = Graph("g", (x,), dict(zip(names, (c, b, a, x), strict=False)))
    given = assign_names(graph)
    return graph, {"x": given[x], "a": given[a], "b": given[b], "c": given[c]}


def test_inputs_keep_their_names_and_outputs_take_public_ones() -> None:
    assert chain("result", "middle")[1] == {"x": "x", "a": "Add", "b": "middle", "c": "result"}


def test_what_nobody_named_is_numbered() -> None:
    assert chain("result")[1] == {"x": "x", "a": "Add", "b": "Add_1", "c": "result"}
    assert chain("Add")[1] == {"x": "x", "a": "Add_1", "b": "Add_2", "c": "Add"}
    assert chain("y", "Add_1")[1] == {"x": "x", "a": "Add", "b": "Add_1", "c": "y"}


def test_an_output_called_like_an_input_or_listed_twice() -> None:
    assert chain("x")[1]["c"] == "dense1/Exp"
    x = graph_input("x", DType.float32, (2,))
    y = x + 1
    names = assign_names(Graph("g", (x,), {"first": y, "Add": y, "same": x}))
    assert (names[x], names[y]) == ("x", "first")


def test_the_public_name_of_an_input_stays_free_for_emission() -> None:
    x = graph_input("x", DType.float32, (2,))
    y = op.Exp(x + 1)
    names = assign_names(Graph("g", (x,), {"y": y, "Add": x}))
    assert sorted(names.values()) == ["Add_1", "Constant", "x", "y"]


def test_names_do_not_depend_on_what_was_built_before() -> None:
    first = list(chain("result")[1].values())
    for _ in range(3):
        graph_input("x", DType.float32, (2,)) + 1
    assert list(chain("result")[1].values()) == first


def test_two_inputs_of_one_name() -> None:
    x, y = graph_input("x", DType.float32, (2,)), graph_input("x", DType.float32, (2,))
    with pytest.raises(InternalError, match=r"^two inputs of the graph g are called x$"):
        assign_names(Graph("g", (x, y), {"z": x + y}))


def test_bodies_never_hide_outer_names() -> None:
    x = graph_input("input0", DType.float32, (5, 2))
    start = graph_input("state0", DType.float32, (2,))
    shift = start + 1

    def step(states: list, inputs: list) -> tuple:
        new = states[0] + inputs[0] + shift
        return [new], [new]

    (final,), (every,) = scan(step, [start], [x])
    graph = Graph("g", (x, start), {"final": final, "every": every})
    names = assign_names(graph)
    assert len(set(names.values())) == len(names)
    body = final.node.attribute("body")
    assert [names[value] for value in body.inputs] == ["state0_1", "input0_1", "captured0"]


def test_unique_names() -> None:
    names = unique_names({"a", "a_2"}, "a")
    assert [next(names) for _ in range(2)] == ["a_1", "a_3"]
