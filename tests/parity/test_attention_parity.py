"""Attention, positions and transformer blocks are PyTorch's: outputs and every gradient, with time a symbolic axis."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from netwright.compiler.autodiff import gradients
from netwright.compiler.ir import Array, DType, Value, graph_input, symbol
from netwright.compiler.layers import Layer
from support.layer_context import RecordingContext
from support.pytorch import import_torch
from support.running import BATCH, Program

torch = import_torch()
F = torch.nn.functional
N, UNITS, HEADS, MEMORY = 3, 8, 2, 6
"""Examples, features of the input, heads, features of a memory."""

QUERY, LONG = ("time", (N, 5, UNITS)), ("memory_time", (N, 7, MEMORY))
LENGTHS = np.array([7, 2, 4])


@dataclass(frozen=True)
class Case:
    """entry: the layer. expected: (parameters, inputs) -> output, in torch. inputs: name of the time axis, shape."""

    entry: Any
    expected: Callable[..., Any]
    inputs: tuple[tuple[str, tuple[int, ...]], ...] = (QUERY,)
    lengths: Array | None = None


def padding(lengths: Array, time: int) -> Any:
    """True where PyTorch is to ignore a key."""
    return torch.tensor(np.arange(time)[None] >= lengths[:, None])


def later(time: int) -> Any:
    return torch.triu(torch.ones(time, time, dtype=torch.bool), 1)


def heads_of(p: Any, x: Any, memory: Any = None, *, prefix: str = "", **masks: Any) -> Any:
    """`torch.nn.MultiheadAttention`, through the function it calls, on our parameters."""
    size = x.shape[-1]
    output = p[f"{prefix}output_weight"].T, p[f"{prefix}output_bias"]
    if memory is None:
        weights = {"in_proj_weight": p[f"{prefix}weight"].T, "in_proj_bias": p[f"{prefix}bias"]}
        k = x
    else:
        key, value = p[f"{prefix}memory_weight"].T.chunk(2)
        weights = {"in_proj_weight": None, "use_separate_proj_weight": True}
        weights |= {"q_proj_weight": p[f"{prefix}query_weight"].T, "k_proj_weight": key, "v_proj_weight": value}
        weights["in_proj_bias"] = torch.cat([p[f"{prefix}query_bias"], p[f"{prefix}memory_bias"]])
        k = memory
    y, _ = F.multi_head_attention_forward(
        x.transpose(0, 1), k.transpose(0, 1), k.transpose(0, 1), size, HEADS, bias_k=None, bias_v=None,
        add_zero_attn=False, dropout_p=0.0, out_proj_weight=output[0], out_proj_bias=output[1], need_weights=False,
        **weights, **masks,
    )  # fmt: skip
    return y.transpose(0, 1)


def split(x: Any, heads: int) -> Any:
    return x.reshape(*x.shape[:2], heads, -1).transpose(1, 2)


def rotated(x: Any) -> Any:
    """RoFormer's rotation with the halves of a head paired, written out."""
    half = x.shape[-1] // 2
    angle = torch.arange(x.shape[-2])[:, None] * 10000.0 ** (-torch.arange(half) / half)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], -1)


def by_hand(p: Any, x: Any, *, groups: int = HEADS, turn: Callable[[Any], Any] = lambda x: x, **options: Any) -> Any:
    """Heads through `F.scaled_dot_product_attention`."""
    width = UNITS // HEADS
    q, k, v = (x @ p["weight"] + p["bias"]).split([UNITS, groups * width, groups * width], -1)
    q, k, v = turn(split(q, HEADS)), turn(split(k, groups)), split(v, groups)
    y = F.scaled_dot_product_attention(q, k, v, enable_gqa=groups != HEADS, **options)
    return y.transpose(1, 2).flatten(2) @ p["output_weight"] + p["output_bias"]


def additive(p: Any, x: Any, memory: Any, ignored: Any = None) -> Any:
    """Bahdanau's attention, written out."""
    inner = torch.tanh((x @ p["query_weight"])[:, :, None] + (memory @ p["key_weight"])[:, None])
    scores = inner @ p["score_weight"]
    if ignored is not None:
        scores = scores.masked_fill(ignored[:, None], -math.inf)
    return torch.softmax(scores, -1) @ memory


def sinusoids(time: int, size: int) -> Any:
    table = torch.zeros(time, size, dtype=torch.float64)
    for position in range(time):
        for column in range(size):
            angle = position / 10000 ** ((column - column % 2) / size)
            table[position, column] = math.cos(angle) if column % 2 else math.sin(angle)
    return table.float()


def norm(p: Any, x: Any, prefix: str) -> Any:
    return F.layer_norm(x, (UNITS,), p[f"{prefix}norm_scale"], p[f"{prefix}norm_bias"])


def encoder(p: Any, x: Any, ignored: Any = None, *, first: bool, layers: int = 1, causal: bool = False) -> Any:
    """`torch.nn.TransformerEncoderLayer`, `norm_first` or not, given our parameters."""
    for number in range(layers):
        prefix = f"layer{number + 1}_" if number else ""
        module = torch.nn.TransformerEncoderLayer(
            UNITS, HEADS, 12, dropout=0.0, activation=F.gelu, batch_first=True, norm_first=first
        )
        masks = {"src_key_padding_mask": ignored, "src_mask": later(x.shape[1]) if causal else None}
        x = torch.func.functional_call(module, torch_block(p, prefix), (x,), masks)
    return x


def decoder(p: Any, x: Any, memory: Any, ignored: Any = None, *, first: bool) -> Any:
    """`torch.nn.TransformerDecoderLayer` with a causal mask."""
    module = torch.nn.TransformerDecoderLayer(
        UNITS, HEADS, 12, dropout=0.0, activation=F.gelu, batch_first=True, norm_first=first
    )
    masks = {"tgt_mask": later(x.shape[1]), "memory_key_padding_mask": ignored}
    return torch.func.functional_call(module, torch_block(p, "", memory=True), (x, memory), masks)


def torch_block(p: Any, prefix: str, *, memory: bool = False) -> dict[str, Any]:
    """Our parameters under PyTorch's names."""
    a, f, m = f"{prefix}attention_", f"{prefix}feed_forward_", f"{prefix}memory_"
    found = {
        "self_attn.in_proj_weight": p[f"{a}weight"].T, "self_attn.in_proj_bias": p[f"{a}bias"],
        "self_attn.out_proj.weight": p[f"{a}output_weight"].T, "self_attn.out_proj.bias": p[f"{a}output_bias"],
        "linear1.weight": p[f"{f}hidden_weight"].T, "linear1.bias": p[f"{f}hidden_bias"],
        "linear2.weight": p[f"{f}output_weight"].T, "linear2.bias": p[f"{f}output_bias"],
    }  # fmt: skip
    norms = [a, m, f] if memory else [a, f]
    for number, part in enumerate(norms, 1):
        found |= {f"norm{number}.weight": p[f"{part}norm_scale"], f"norm{number}.bias": p[f"{part}norm_bias"]}
    if memory:
        found |= {
            "multihead_attn.in_proj_weight": torch.cat([p[f"{m}query_weight"].T, p[f"{m}memory_weight"].T]),
            "multihead_attn.in_proj_bias": torch.cat([p[f"{m}query_bias"], p[f"{m}memory_bias"]]),
            "multihead_attn.out_proj.weight": p[f"{m}output_weight"].T,
            "multihead_attn.out_proj.bias": p[f"{m}output_bias"],
        }
    return found


OWN = np.array([5, 2, 4])
SAME = ("memory_time", (N, 7, UNITS))
BLOCK = {"heads": HEADS, "hidden": 12, "activation": "gelu"}
CASES = {
    "attention": [
        Case({"attention": "m"}, lambda p, q, m: F.scaled_dot_product_attention(q, m, m), (QUERY, SAME)),
        Case(
            {"attention": {"memory": "m", "keys": "k"}},
            lambda p, q, m, k: F.scaled_dot_product_attention(q, k, m),
            (QUERY, LONG, SAME),
        ),
        Case(
            {"attention": {"memory": "m", "lengths": "n"}},
            lambda p, q, m: F.scaled_dot_product_attention(q, m, m, ~padding(LENGTHS, 7)[:, None]),
            (QUERY, SAME),
            LENGTHS,
        ),
        Case({"attention": {"memory": "m", "score": "additive", "units": 4}}, additive, (QUERY, LONG)),
        Case(
            {"attention": {"memory": "m", "score": "additive", "lengths": "n"}},
            lambda p, q, m: additive(p, q, m, padding(LENGTHS, 7)),
            (QUERY, LONG),
            LENGTHS,
        ),
        Case(
            {"attention": {"memory": "m", "return": "weights"}},
            lambda p, q, m: torch.softmax(q @ m.transpose(1, 2) / UNITS**0.5, -1),
            (QUERY, SAME),
        ),
        Case(
            {"attention": {"memory": "m", "score": "additive"}},
            lambda p, q, m: additive(p, q[:, None], m)[:, 0],
            (("", (N, UNITS)), LONG),
        ),
    ],
    "multi_head_attention": [
        Case({"multi_head_attention": HEADS}, heads_of),
        Case(
            {"multi_head_attention": {"heads": HEADS, "causal": True}},
            lambda p, x: heads_of(p, x, attn_mask=later(5)),
        ),
        Case(
            {"multi_head_attention": {"heads": HEADS, "lengths": "n"}},
            lambda p, x: heads_of(p, x, key_padding_mask=padding(OWN, 5)),
            lengths=OWN,
        ),
        Case(
            {"multi_head_attention": {"heads": HEADS, "causal": True, "lengths": "n"}},
            lambda p, x: heads_of(p, x, key_padding_mask=padding(OWN, 5), attn_mask=later(5)),
            lengths=OWN,
        ),
        Case({"multi_head_attention": {"heads": HEADS, "memory": "m"}}, heads_of, (QUERY, LONG)),
        Case(
            {"multi_head_attention": {"heads": HEADS, "memory": "m", "lengths": "n"}},
            lambda p, x, m: heads_of(p, x, m, key_padding_mask=padding(LENGTHS, 7)),
            (QUERY, LONG),
            LENGTHS,
        ),
        Case(
            {"multi_head_attention": {"heads": HEADS, "rotary": True}},
            lambda p, x: by_hand(p, x, turn=rotated),
        ),
        Case(
            {"multi_head_attention": {"heads": HEADS, "key_value_heads": 1, "causal": True, "rotary": True}},
            lambda p, x: by_hand(p, x, groups=1, turn=rotated, is_causal=True),
        ),
        Case(
            {"multi_head_attention": {"heads": HEADS, "causal": True, "window": 2}},
            lambda p, x: by_hand(p, x, attn_mask=torch.ones(5, 5, dtype=torch.bool).tril().triu(-1)),
        ),
    ],
    "positional_encoding": [
        Case("positional_encoding", lambda p, x: x + sinusoids(5, UNITS)),
        Case("positional_encoding", lambda p, x: x + sinusoids(6, 7), (("time", (N, 6, 7)),)),
        Case(
            {"positional_encoding": {"encoding": "learned", "maximum": 9}},
            lambda p, x: x + p["weight"][:5],
        ),
    ],
    "transformer_encoder": [
        Case({"transformer_encoder": BLOCK}, lambda p, x: encoder(p, x, first=True)),
        Case({"transformer_encoder": {**BLOCK, "norm": "post"}}, lambda p, x: encoder(p, x, first=False)),
        Case(
            {"transformer_encoder": {**BLOCK, "layers": 2, "lengths": "n"}},
            lambda p, x: encoder(p, x, padding(OWN, 5), first=True, layers=2),
            lengths=OWN,
        ),
    ],
    "transformer_decoder": [
        Case(
            {"transformer_decoder": {**BLOCK, "window": 9}},  # further back than the sequence goes
            lambda p, x: encoder(p, x, first=True, causal=True),
        ),
        Case(
            {"transformer_decoder": {**BLOCK, "memory": "m"}}, lambda p, *v: decoder(p, *v, first=True), (QUERY, SAME)
        ),
        Case(
            {"transformer_decoder": {**BLOCK, "memory": "m", "norm": "post", "memory_lengths": "n"}},
            lambda p, *v: decoder(p, *v, padding(LENGTHS, 7), first=False),
            (QUERY, SAME),
            LENGTHS,
        ),
    ],
}


def built(case: Case) -> tuple[RecordingContext, list[Value], Value, Value | None]:
    """Parameters, inputs, output, and the input for lengths."""
    context = RecordingContext()
    inputs = [
        graph_input(f"x{i}", DType.float32, (BATCH, symbol(time), *shape[2:]) if time else (BATCH, *shape[1:]))
        for i, (time, shape) in enumerate(case.inputs)
    ]
    lengths = None if case.lengths is None else graph_input("lengths", DType.int64, (BATCH,))
    layer = Layer.registry.build(case.entry)
    return context, inputs, layer.build(context, *inputs, *([] if lengths is None else [lengths])), lengths


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=f"{kind}-{i}") for kind in CASES for i, case in enumerate(CASES[kind])]
)
def test_output_and_gradients_are_those_of_pytorch(case: Case) -> None:
    context, inputs, output, lengths = built(case)
    random = np.random.default_rng(1)
    arrays = [random.normal(size=shape).astype(np.float32) for _, shape in case.inputs]
    parameters = context.random_values()
    torch_inputs = [torch.tensor(array, requires_grad=True) for array in arrays]
    torch_parameters = {name: torch.tensor(array, requires_grad=True) for name, array in parameters.items()}
    expected = case.expected(torch_parameters, *torch_inputs)
    dy = random.uniform(0.5, 1.5, expected.shape).astype(np.float32)
    if case.lengths is not None and len(case.inputs) == 1:  # what stands at padding means nothing
        dy *= ~padding(case.lengths, dy.shape[1]).numpy()[..., None]

    wrt = [*inputs, *context.values.values()]
    seed = graph_input("dy", DType.float32, output.shape)
    found = [gradient for gradient in gradients([output], wrt, [seed]) if gradient is not None]
    assert len(found) == len(wrt)
    extra = [] if lengths is None else [lengths]
    program = Program([*inputs, *context.values.values(), seed, *extra], [output, *found])
    y, *dxs = program(*arrays, *parameters.values(), dy, *([] if case.lengths is None else [case.lengths]))

    real = dy != 0
    np.testing.assert_allclose(y[real], expected.detach().numpy()[real], rtol=1e-4, atol=1e-5)
    expected.backward(torch.tensor(dy))
    for value, dx, x in zip(wrt, dxs, [*torch_inputs, *torch_parameters.values()], strict=True):
        np.testing.assert_allclose(dx, x.grad.numpy(), rtol=1e-4, atol=3e-5, strict=True, err_msg=value.name)


@pytest.mark.parametrize("kind", CASES)
def test_gradients_are_central_differences(kind: str) -> None:
    """Along a random direction of all inputs and parameters at once."""
    case = CASES[kind][-1]
    context, inputs, output, lengths = built(case)
    random = np.random.default_rng(2)
    wrt = [*inputs, *context.values.values()]
    arrays = [random.normal(size=shape).astype(np.float32) for _, shape in case.inputs]
    arrays += list(context.random_values().values())
    seed = graph_input("dy", DType.float32, output.shape)
    found = [gradient for gradient in gradients([output], wrt, [seed]) if gradient is not None]
    extra = [] if lengths is None else [lengths]
    given = [] if case.lengths is None else [case.lengths]
    forward, backward = Program([*wrt, *extra], [output]), Program([*wrt, seed, *extra], found)
    dy = random.normal(size=forward(*arrays, *given)[0].shape).astype(np.float32)
    direction = [random.normal(size=array.shape).astype(np.float32) for array in arrays]
    slope = sum(float(np.vdot(g, d)) for g, d in zip(backward(*arrays, dy, *given), direction, strict=True))

    def along(distance: float) -> float:
        moved = [a + np.float32(distance) * d for a, d in zip(arrays, direction, strict=True)]
        return float(np.vdot(forward(*moved, *given)[0].astype(np.float64), dy))

    h = 2e-3
    assert (along(h) - along(-h)) / (2 * h) == pytest.approx(slope, rel=5e-3, abs=5e-2)
