"""Back-propagation through time: the gradient of a loop is a loop over the same steps in the other order.

The body is differentiated once, by the ordinary driver, over its own values. Its result reads values of the forward
body; those become further output sequences of the forward loop (or, with `recompute`, are computed again from the
states). The gradient of a value that all steps share, a weight, is a sum over steps. Where a step's contribution is a
product aᵀ·b or a sum over an axis, it is no work for the loop: the steps of a and b are stacked, and one product over
time·batch rows makes the sum. Anything else is accumulated as a state of the backward loop.

Werbos, Backpropagation Through Time, Proceedings of the IEEE 78, 1990.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..ir import Backward, Graph, Node, Value, apply, graph_input, op
from ..ir.rewrite import rebuild, substitute
from .loop_motion import Stacked, depending_on
from .loops import Body, Layout, build_loop, is_shape, step_of, unless_zero
from .matmul import rows_of
from .shapes import zeros_like

EXPENSIVE: Final = frozenset(["Conv", "Gemm", "MatMul", "Scan"])
"""What is saved rather than computed again, where only the gradient needs it."""
REARRANGING: Final = frozenset(["Neg", "Reshape", "Squeeze", "Transpose", "Unsqueeze"])
"""Linear in their first input: a sum over steps may be taken before them."""

Sequenced = tuple[Value, Layout]


def differentiate(d: Backward) -> Sequence[Value | None]:
    """The gradients by the initial states, the sequences and the captured values of a `Scan` node."""
    return _Reverse(Loop.of(d.node), d).gradients()


@dataclass(frozen=True)
class Loop:
    """A `Scan` node taken apart."""

    node: Node
    body: Graph
    states: int
    """How many states there are; they come first among inputs and outputs."""
    sequences: tuple[Sequenced, ...]
    stacks: tuple[Layout, ...]
    """Where the steps of each output sequence lie."""
    captured: tuple[Value, ...]

    @classmethod
    def of(cls, node: Node) -> Loop:
        scanned, captures = node.attribute("num_scan_inputs"), node.attribute("captures")
        inputs = node.given_inputs
        states = len(inputs) - scanned - captures
        layouts = _layouts(node, "scan_input", scanned)
        return cls(
            node,
            node.attribute("body"),
            states,
            tuple(zip(inputs[states : states + scanned], layouts, strict=True)),
            tuple(_layouts(node, "scan_output", len(node.outputs) - states)),
            inputs[states + scanned :],
        )

    @property
    def results(self) -> list[Value]:
        """What the body makes: next states, then a step of each output sequence."""
        return list(self.body.outputs.values())

    @property
    def backward(self) -> bool:
        """The direction that what the loop saves is stored in: that of its sequences, where they have one."""
        return all(layout.backward for _, layout in self.sequences)


def _layouts(node: Node, prefix: str, count: int) -> list[Layout]:
    axes = node.optional_attribute(f"{prefix}_axes") or (0,) * count
    directions = node.optional_attribute(f"{prefix}_directions") or (0,) * count
    return [Layout(axis, bool(direction)) for axis, direction in zip(axes, directions, strict=True)]


@dataclass(frozen=True)
class _SumOfSteps:
    """A sum over all steps that needs no loop: `finish` makes it of all steps of the `operands`, stacked."""

    operands: tuple[Value, ...]
    finish: Callable[[Sequence[Value]], Value]


class _Reverse:
    """The backward loop of one loop. A step's *adjoints* are the gradients that reach what it made.

    received     result of the body -> its adjoint; those of states are carried from step to step
    following    the adjoints of the carried states one step earlier
    steps        sequence -> the gradient of one step of it
    sums         captured value -> terms of its gradient that are summed after the loop
    accumulated  captured value -> the part of its gradient that the loop adds up
    """

    def __init__(self, loop: Loop, d: Backward) -> None:
        self.loop = loop
        self.d = d
        self.formals = loop.body.inputs
        self.first_captured = loop.states + len(loop.sequences)
        self.forward = {*self.formals, *(out for node in loop.body.nodes() for out in node.outputs)}
        self.varying = depending_on(loop.results, self.formals[: self.first_captured]) & self.forward
        self.received = {
            k: graph_input(f"adjoint{k}", dy.dtype, loop.results[k].shape)
            for k, dy in enumerate(d.dys)
            if dy is not None
        }
        self._carry()
        self.carried = sorted(k for k in self.received if k < loop.states)
        wanted = [i for i, asked in enumerate(d.wanted) if asked and i >= loop.states]
        by = self._by([self.formals[i] for i in [*self.carried, *wanted]])
        self.following = [
            zeros_like(self.received[s]) if g is None else g for s, g in zip(self.carried, by, strict=False)
        ]
        found = {i: g for i, g in zip(wanted, by[len(self.carried) :], strict=True) if g is not None}
        self.steps = {i: g for i, g in found.items() if i < self.first_captured}
        self.changing = depending_on([*self.following, *found.values()], self.received.values())
        self.sums: list[tuple[int, _SumOfSteps]] = []
        self.accumulated: dict[int, Value] = {}
        self._divide({i: g for i, g in found.items() if i >= self.first_captured})

    def _carry(self) -> None:
        """Every state that an adjoint reaches has one itself; which they are is known when no more are found."""
        states = [s for s in range(self.loop.states) if self.formals[s].dtype.is_float]
        while True:
            found = self._by([self.formals[s] for s in states])
            fresh = [s for s, value in zip(states, found, strict=True) if value is not None and s not in self.received]
            if not fresh:
                return
            for s in fresh:
                self.received[s] = graph_input(f"adjoint{s}", self.formals[s].dtype, self.formals[s].shape)

    def _by(self, wrt: Sequence[Value]) -> list[Value | None]:
        """The gradients of one step by inputs of the body."""
        results = self.loop.results
        return self.d.differentiate([results[k] for k in self.received], wrt, list(self.received.values()))

    def _divide(self, captured: Mapping[int, Value]) -> None:
        """What of the gradients of captured values needs no loop, and what does."""
        for i, gradient in captured.items():
            for term in _terms(gradient, self.changing):
                plan = self._without_loop(term)
                if plan is not None:
                    self.sums.append((i, plan))
                else:
                    self.accumulated[i] = self.accumulated[i] + term if i in self.accumulated else term

    # --- the loop --------------------------------------------------------------------------------------------------

    def gradients(self) -> list[Value | None]:
        """For each input of the node."""
        stacked = list(dict.fromkeys(value for _, plan in self.sums for value in plan.operands))
        own = [*self.steps.values(), *(value for value in stacked if value not in self.forward)]
        read = self._needed([*self.following, *self.accumulated.values(), *own])
        sequences = self._sequences([*read, *(v for v in stacked if v in self.forward and v not in read)])
        final, outputs = self._loop(own, sequences)

        results: dict[int, Value] = dict(zip([*self.carried, *self.accumulated], final, strict=True))
        results |= dict(zip(self.steps, outputs, strict=False))
        stacks = dict(zip(own[len(self.steps) :], outputs[len(self.steps) :], strict=True))
        stacks |= {v: Stacked(sequences[v][0], sequences[v][1].axis).steps_first for v in stacked if v in self.forward}
        for i, plan in self.sums:
            total = plan.finish([stacks[value] for value in plan.operands])
            results[i] = results[i] + total if i in results else total
        return [results.get(i) if asked else None for i, asked in enumerate(self.d.wanted)]

    def _loop(self, own: Sequence[Value], sequences: Mapping[Value, Sequenced]) -> tuple[list[Value], list[Value]]:
        """The backward loop: final adjoints and sums, and the steps of `own` in the places of the forward loop's."""
        loop = self.loop
        tracks = {value: (given, _turned(layout)) for value, (given, layout) in sequences.items()}
        for k, dy in enumerate(self.d.dys):
            if dy is not None and k >= loop.states:
                tracks[self.received[k]] = (dy, _turned(loop.stacks[k - loop.states]))
        if not tracks:  # a loop needs a sequence to know how often
            given, layout = loop.sequences[0]
            tracks[self.formals[loop.states]] = (given, _turned(layout))
        steps = {value: step_of(*track, f"input{n}") for n, (value, track) in enumerate(tracks.items())}
        totals = {i: graph_input(f"total{i}", g.dtype, g.shape) for i, g in self.accumulated.items()}

        following = [*self.following, *(totals[i] + term for i, term in self.accumulated.items())]
        outer = dict(zip(self.formals[self.first_captured :], loop.captured, strict=True))
        made = substitute([*following, *own], {**steps, **outer})
        states = [*(self.received[s] for s in self.carried), *totals.values()]
        body = Body(states, list(steps.values()), made[: len(states)], made[len(states) :])
        start = [self._start(s) for s in self.carried] + [zeros_like(loop.node.given_inputs[i]) for i in totals]
        layouts = [_turned(loop.sequences[i - loop.states][1]) for i in self.steps]
        layouts += [Layout(0, not loop.backward)] * (len(own) - len(self.steps))
        recompute = bool(loop.node.attribute("recompute"))
        return build_loop(body, start, list(tracks.values()), layouts, hoisting=not recompute)

    def _start(self, state: int) -> Value:
        """The adjoint of a final state."""
        dy = self.d.dys[state]
        return zeros_like(self.loop.node.given_inputs[state]) if dy is None else dy

    # --- what the forward loop saves -------------------------------------------------------------------------------

    def _needed(self, roots: Sequence[Value]) -> dict[Value, None]:
        """The values of a step that its gradient reads, from the forward body's inputs and (unless recomputed) nodes.

        A value that only the gradient computes, but of forward values alone, is one of them where it is expensive.
        """
        recompute = bool(self.loop.node.attribute("recompute"))
        captured = set(self.formals[self.first_captured :])
        needed: dict[Value, None] = {}
        seen: set[Value] = set()
        pending = list(reversed(roots))
        while pending:
            value = pending.pop()
            if value in seen or value in captured:
                continue
            seen.add(value)
            node = value.node
            saved = not recompute and (
                value in self.forward or (value not in self.changing and node is not None and node.op_type in EXPENSIVE)
            )
            if (node is None and value in self.forward) or (saved and value.constant is None and not is_shape(value)):
                needed[value] = None
            elif node is not None:
                pending.extend(reversed(node.given_inputs))
        return needed

    def _sequences(self, needed: Sequence[Value]) -> dict[Value, Sequenced]:
        """All steps of each needed value: a sequence that exists, or a further output of the forward loop."""
        loop, count = self.loop, self.loop.states
        known: dict[Value, Sequenced] = {}
        given = [*zip(self.formals[count:], loop.sequences, strict=False)]
        given += zip(loop.results[count:], zip(loop.node.outputs[count:], loop.stacks, strict=True), strict=True)
        for value, (sequence, layout) in given:
            if layout.backward == loop.backward:
                known.setdefault(value, (sequence, layout))
        missing = [value for value in needed if value not in known]
        if missing:
            layout = Layout(0, loop.backward)
            known |= {v: (s, layout) for v, s in zip(missing, self._saved(missing, layout), strict=True)}
        return {value: known[value] for value in needed}

    def _saved(self, values: Sequence[Value], layout: Layout) -> Sequence[Value]:
        """The forward loop with further outputs; `passes.merge_loops` makes it one with the loop that is there."""
        loop = self.loop
        outputs = dict(loop.body.outputs)
        for value in values:
            outputs[f"saved{len(outputs)}"] = value
        layouts = [*loop.stacks, *(layout for _ in values)]
        attributes: dict[str, Any] = {
            **loop.node.attributes,
            "body": Graph("body", loop.body.inputs, outputs),
            "scan_output_axes": unless_zero(layout.axis for layout in layouts),
            "scan_output_directions": unless_zero(int(layout.backward) for layout in layouts),
        }
        return apply("Scan", *loop.node.inputs, **attributes)[len(loop.node.outputs) :]

    # --- sums over steps -------------------------------------------------------------------------------------------

    def _without_loop(self, term: Value) -> _SumOfSteps | None:
        """How to compute the sum of a term over all steps outside; None where it has to be accumulated."""
        node = term.node
        if node is None or term in self.forward:
            return None
        if node.op_type == "Gemm" and len(node.given_inputs) == 2:
            a, b = node.given_inputs
            alpha = node.attribute("alpha")
            if node.attribute("transA") and not node.attribute("transB") and {a, b} <= self.changing | self.varying:
                return _SumOfSteps((a, b), lambda s: op.Gemm(rows_of(s[0]), rows_of(s[1]), alpha=alpha, transA=1))
        if node.op_type == "ReduceSum" and len(node.given_inputs) == 2 and node.given_inputs[0] in self.changing:
            x, axes = node.given_inputs
            if axes.constant is not None and axes.constant.size:
                along = [int(axis) % x.rank for axis in axes.constant]
                return _SumOfSteps((x,), lambda s: _reduced(s[0], along, keep=bool(node.attribute("keepdims"))))
        if node.op_type in REARRANGING and all(v.constant is not None for v in node.given_inputs[1:]):
            inner = self._without_loop(node.given_inputs[0])
            if inner is not None:
                return _SumOfSteps(inner.operands, lambda s: rebuild(node, (inner.finish(s), *node.inputs[1:]))[0])
        return None


def _turned(layout: Layout) -> Layout:
    return Layout(layout.axis, not layout.backward)


def _terms(gradient: Value, changing: set[Value]) -> Iterator[Value]:
    """The summands of a gradient."""
    node = gradient.node
    if node is not None and node.op_type == "Add" and gradient in changing:
        parts = node.given_inputs
        if all(part.type == gradient.type and part in changing for part in parts):
            for part in parts:
                yield from _terms(part, changing)
            return
    yield gradient


def _reduced(stack: Value, axes: Sequence[int], *, keep: bool) -> Value:
    """The sum over the steps, which lie along the first axis, and over axes of a step."""
    total = op.ReduceSum(stack, [0, *(axis + 1 for axis in axes)], keepdims=0)
    return op.Unsqueeze(total, list(axes)) if keep else total
