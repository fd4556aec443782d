"""`recurrent`: cells written in a spec are the built-in ones, bit for bit; and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from netwright.compiler.errors import SpecError
from support.trained_text import Compiled

LSTM = """
    netwright: 1
    inputs: {x: [time, 3], n: {shape: [], dtype: int64}}
    network:
      - recurrent:
          name: own
          from: x
          states: {h: 4, c: 4}
          cell:
            of_input: {dense: {units: 16, from: input}}
            of_state: {dense: {units: 16, use_bias: false, from: h}}
            z: of_input + of_state
            next_c: sigmoid(part(z, 1, 4)) * c + sigmoid(part(z, 0, 4)) * tanh(part(z, 3, 4))
            next_h: sigmoid(part(z, 2, 4)) * tanh(next_c)
          next: {h: next_h, c: next_c}
          RETURN
      - dense: {units: 2, name: head}
    training: {loss: squared_error, optimizer: {adam: {learning_rate: 0.01}}}
    """
GRU = """
    netwright: 1
    inputs: {x: [time, 3], n: {shape: [], dtype: int64}}
    network:
      - recurrent:
          name: own
          from: x
          states: {h: 4}
          cell:
            - parameter: {name: b, shape: [4], initializer: zeros, regularized: false}
            - dense: {units: 12, name: of_input, from: input}
            - dense: {units: 12, use_bias: false, from: h, name: of_state}
            - expression: {name: r, formula: "sigmoid(part(of_input, 0, 3) + part(of_state, 0, 3))"}
            - expression: {name: z, formula: "sigmoid(part(of_input, 1, 3) + part(of_state, 1, 3))"}
            - expression: {name: k, formula: "tanh(part(of_input, 2, 3) + r * (part(of_state, 2, 3) + b))"}
            - expression: {name: new, formula: k + z * (h - k)}
          next: {h: new}
          RETURN
      - dense: {units: 2, name: head}
    training: {loss: squared_error, optimizer: {adam: {learning_rate: 0.01}}}
    """
NAMES = {"weight": "of_input/weight", "bias": "of_input/bias", "recurrent_weight": "of_state/weight"}
CELLS = {"lstm": (LSTM, NAMES), "gru": (GRU, NAMES | {"recurrent_bias": "b/value"})}
SETTINGS = {"plain": "", "last": "return: last", "masked": "lengths: n, return: last", "state": "return: state"}


def built_in(kind: str, settings: str) -> str:
    text = CELLS[kind][0]
    head, tail = text.index("      - recurrent"), text.index("      - dense: {units: 2")
    layer = f"      - {kind}: {{name: own, from: x, units: 4{', ' if settings else ''}{settings}}}\n"
    return text[:head] + layer + text[tail:]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("kind", CELLS)
def test_a_written_cell_is_the_built_in_one_bit_for_bit(kind: str, settings: str) -> None:
    """Losses and gradients, and every state tensor after five steps."""
    text, names = CELLS[kind]
    fields = SETTINGS[settings].replace(", ", "\n          ")
    written, ready = Compiled(text.replace("RETURN", fields)), Compiled(built_in(kind, SETTINGS[settings]))

    def in_written(name: str) -> str:
        for own, other in sorted(names.items(), key=lambda item: -len(item[0])):
            name = name.replace(f"own/{own}", f"own/{other}")
        return name

    assert {in_written(name) for name in ready.state} == set(written.state)
    for name in ready.state:
        written.state[in_written(name)] = ready.state[name]
    random = np.random.default_rng(0)
    for _ in range(5):
        batch: dict[str, Any] = {"x": random.normal(size=(3, 6, 3)).astype(np.float32), "n": np.array([6, 2, 4])}
        shape = (3, 6, 2) if settings == "plain" else (3, 2)
        batch["target"] = random.normal(size=shape).astype(np.float32)
        expected, found = ready.gradients(**batch), written.gradients(**batch)
        for name, gradient in expected.items():
            np.testing.assert_array_equal(found[in_written(name)], gradient)
        assert written.step(**batch) == ready.step(**batch)
    for name, array in ready.state.items():
        np.testing.assert_array_equal(written.state[in_written(name)], array)


def test_a_cell_may_read_what_is_around_it_and_return_what_is_no_state() -> None:
    """The mean of an encoder's outputs at every step; the last output without a mask; layers of the cell count."""
    model = Compiled("""
    netwright: 1
    inputs: {x: [time, 3], y: [4]}
    network:
      - dense: {units: 2, from: y, name: context}
      - recurrent:
          from: x
          states: {total: 3}
          cell:
            sums: total + input
            seen: {concat: {from: [sums, context]}}
          next: {total: sums}
          output: seen
          return: last
    training: {loss: squared_error}
    """)
    x, y = np.arange(12, dtype=np.float32).reshape(1, 4, 3), np.ones((1, 4), np.float32)
    (row,) = model("inference", x=x, y=y)["output"]
    assert row[:3].tolist() == x[0].sum(0).tolist()
    assert np.abs(model.gradients(x=x, y=y, target=np.ones((1, 5), np.float32))["context/weight"]).sum() > 0
    assert [(row.kind, row.parameters) for row in model.bundle.layers] == [("dense", 10), ("recurrent", 0)]


def test_a_matrix_that_the_cell_makes_of_a_parameter_is_made_once() -> None:
    model = Compiled("""
    netwright: 1
    inputs: {x: [time, 2]}
    network:
      - recurrent:
          states: {h: 2}
          cell:
            w: {parameter: {shape: [2, 2]}}
            new: tanh(input + h @ (w - transpose(w)))
          next: {h: new}
    training: {loss: squared_error}
    """)
    graph = model.bundle.graphs["step"]
    loops = [node for node in graph.nodes() if node.op_type == "Scan"]
    assert len(loops) == 2
    assert all(node.op_type != "Transpose" for loop in loops for node in loop.attribute("body").nodes())


def refused(cell: str, **fields: str) -> str:
    given = {"states": "{h: 2}", "cell": cell, "next": "{h: new}"} | fields
    lines = "".join(f"      {name}: {value}\n" for name, value in given.items() if value)
    inputs = "{x: [time, 2], t: {shape: [], dtype: string}}"
    text = f"netwright: 1\ninputs: {inputs}\nnetwork:\n  - recurrent:\n      from: x\n{lines}"
    with pytest.raises(SpecError) as caught:
        Compiled(text)
    first = caught.value.diagnostics[0]
    return f"{first.origin.path}: {first.message.splitlines()[0]} ({first.hint})"


@pytest.mark.parametrize(
    ("cell", "fields", "message"),
    [
        (
            "{new: h + inputs}",
            {},
            "network[0].recurrent.cell.new: there is no value named 'inputs' (did you mean 'input'?)",
        ),
        (
            "{new: h + input}",
            {"next": "{h: now}"},
            "network[0].recurrent.next.h: there is no value named 'now' (did you mean 'new'?)",
        ),
        (
            "{new: h + input}",
            {"states": "{h: 2, c: 2}"},
            "network[0].recurrent.next: does not say what the state 'c' is next (add 'c: …', or 'c: c' to keep it)",
        ),
        (
            "{new: h + input}",
            {"next": "{h: new, k: new}"},
            "network[0].recurrent.next.k: there is no state 'k' (the states are h)",
        ),
        (
            "{new: {dense: {units: 3, from: input}}}",
            {},
            "network[0].recurrent.next.h: the state 'recurrent1/h' is float32(batch, 2), its next value "
            "float32(batch, 3) (both must have one shape)",
        ),
        (
            "{n: {normalize: {from: input}}, new: n + h}",
            {},
            "network[0].recurrent.cell.n.normalize: recurrent1/n: a cell cannot hold statistics of the data (put the "
            "layer before the recurrent layer)",
        ),
        (
            "{new: {dense: {units: 2, from: input}}, b: {bag_of_words: {from: t, vocabulary: [a]}}}",
            {},
            "network[0].recurrent.cell.b.bag_of_words: recurrent1/b: a cell cannot work on text (put the layer before "
            "the recurrent layer)",
        ),
        (
            "{new: h + input, out: new * 2}",
            {"output": "out", "mask": "m"},
            "network[0].recurrent.mask: there is no value named 'm' (known values: t, x)",
        ),
        (
            "{new: 'part(h, 0, 3) + input'}",
            {},
            "network[0].recurrent.cell.new: recurrent1/new: part: cannot take one of equal parts of "
            "float32(batch, 2) (write part(x, 0, 4) for the first of four; their number must divide the last axis)",
        ),
        (
            "{e: {lstm: {units: 2, stateful: true, from: x}}, new: h}",
            {},
            "network[0].recurrent.cell.e.lstm.stateful: recurrent1/e: a recurrent layer inside a cell cannot be "
            "stateful (None)",
        ),
    ],
)
def test_what_a_cell_refuses(cell: str, fields: dict[str, str], message: str) -> None:
    assert refused(cell, **fields) == message


def test_the_last_output_of_a_masked_sequence_is_a_state() -> None:
    with pytest.raises(SpecError) as caught:
        Compiled("""
    netwright: 1
    inputs: {x: [time, 2], n: {shape: [], dtype: int64}}
    network:
      - recurrent:
          {from: x, states: {h: 2}, cell: {new: h + input, out: 2 * new}, next: {h: new}, output: out, lengths: n,
           return: last}
    """)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.message.splitlines()[0] == "the last output of a masked sequence must be a state"
    assert diagnostic.hint == "return the sequences, or the state"
    assert diagnostic.origin.path == "network[0].recurrent.return"
