"""A tiny complete bundle made by hand with `onnx.helper`: it proves that the runtime needs no compiler.

One dense layer on masked features (a counter-based mask, as dropout is), softmax cross-entropy, SGD with momentum.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from netwright.runtime.data.columns import ArrayColumns
from netwright.runtime.data.plan import Partitions
from onnx import TensorProto, helper, numpy_helper, save

FEATURES, CLASSES = 4, 3
TYPES = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64}
WEIGHT, BIAS, MOMENTUM = "dense1/weight", "dense1/bias", "optimizer/dense1/weight/momentum"
PARAMETERS = {WEIGHT: [FEATURES, CLASSES], BIAS: [CLASSES]}
COUNTERS = ("step", "random_counter")

STATE: dict[str, tuple[str, list[int], str]] = {
    WEIGHT: ("float32", [FEATURES, CLASSES], "parameter"),
    BIAS: ("float32", [CLASSES], "parameter"),
    MOMENTUM: ("float32", [FEATURES, CLASSES], "slot"),
    "step": ("int64", [], "counter"),
    "random_counter": ("int64", [], "counter"),
    "learning_rate_scale": ("float32", [], "scale"),
}

Node = tuple[str, list[str], list[str], dict[str, Any]]


def node(op: str, inputs: str, outputs: str, **attributes: Any) -> Node:
    return op, inputs.split(), outputs.split(), attributes


CONSTANTS = {
    "zero": np.int64(0),
    "one": np.int64(1),
    "axis0": np.array([0]),
    "axis1": np.array([1]),
    "columns": np.arange(FEATURES).reshape(1, FEATURES),
    "classes": np.arange(CLASSES).reshape(1, CLASSES),
    "prime1": np.int64(7919),
    "prime2": np.int64(104729),
    "prime3": np.int64(1299709),
    "modulus": np.int64(1000),
    "kept": np.int64(800),
    "keep_scale": np.float32(1 / 0.8),
    "momentum": np.float32(0.9),
}

ROWS = [node("Shape", "image", "shape"), node("Gather", "shape zero", "rows")]

MASK = [
    *ROWS,
    node("Range", "zero rows one", "row_numbers"),
    node("Unsqueeze", "row_numbers axis1", "row_column"),
    node("Mul", "row_column prime1", "mixed_rows"),
    node("Mul", "columns prime2", "mixed_columns"),
    node("Add", "mixed_rows mixed_columns", "mixed"),
    node("Add", "mixed random_counter", "seeded"),
    node("Mul", "step prime3", "mixed_step"),
    node("Add", "seeded mixed_step", "counter"),
    node("Mul", "counter counter", "squared"),
    node("Mod", "squared modulus", "uniform"),
    node("Less", "uniform kept", "keep"),
    node("Cast", "keep", "keep_float", to=TensorProto.FLOAT),
    node("Mul", "keep_float keep_scale", "mask"),
    node("Mul", "image mask", "masked"),
]


def forward(features: str) -> list[Node]:
    """Log-probabilities, and the cross-entropy of each row."""
    return [
        node("Gemm", f"{features} {WEIGHT} {BIAS}", "logits"),
        node("LogSoftmax", "logits", "log_probabilities", axis=-1),
        node("Unsqueeze", "label axis1", "label_column"),
        node("Equal", "label_column classes", "is_label"),
        node("Cast", "is_label", "one_hot", to=TensorProto.FLOAT),
        node("Mul", "log_probabilities one_hot", "picked"),
        node("ReduceSum", "picked axis1", "log_likelihood", keepdims=0),
        node("Neg", "log_likelihood", "losses"),
        node("ArgMax", "logits", "guess", axis=-1, keepdims=0),
        node("Equal", "guess label", "right"),
        node("Cast", "right", "hits", to=TensorProto.FLOAT),
    ]


BACKWARD = [
    node("ReduceMean", "losses axis0", "loss", keepdims=0),
    node("ReduceMean", "hits axis0", "accuracy", keepdims=0),
    node("Exp", "log_probabilities", "probabilities"),
    node("Sub", "probabilities one_hot", "errors"),
    node("Cast", "rows", "rows_float", to=TensorProto.FLOAT),
    node("Div", "errors rows_float", "logits_gradient"),
    node("Gemm", "masked logits_gradient", f"{WEIGHT}.gradient", transA=1),
    node("ReduceSum", "logits_gradient axis0", f"{BIAS}.gradient", keepdims=0),
]

UPDATE = [
    node("Mul", "learning_rate learning_rate_scale", "rate"),
    node("Mul", f"{MOMENTUM} momentum", "decayed"),
    node("Add", f"decayed {WEIGHT}.gradient", f"{MOMENTUM}.next"),
    node("Mul", f"{MOMENTUM}.next rate", "weight_change"),
    node("Sub", f"{WEIGHT} weight_change", f"{WEIGHT}.next"),
    node("Mul", f"{BIAS}.gradient rate", "bias_change"),
    node("Sub", f"{BIAS} bias_change", f"{BIAS}.next"),
    node("Add", "step one", "step.next"),
    node("Identity", "random_counter", "random_counter.next"),
    node("Identity", "learning_rate_scale", "learning_rate_scale.next"),
]

EVALUATE = [
    *ROWS,
    *forward("image"),
    node("ReduceSum", "losses axis0", "loss.sum", keepdims=0),
    node("Cast", "rows", "loss.weight", to=TensorProto.FLOAT),
    node("ReduceSum", "hits axis0", "accuracy.sum", keepdims=0),
    node("Cast", "rows", "accuracy.weight", to=TensorProto.FLOAT),
    node("Unsqueeze", "guess axis1", "guess_column"),
    node("Equal", "guess_column classes", "is_guess"),
    node("Cast", "is_guess", "guess_one_hot", to=TensorProto.FLOAT),
    node("Gemm", "one_hot guess_one_hot", "confusion.counts", transA=1),
]

INIT = [
    node("Add", "seed one", "shifted"),
    node("Cast", "shifted", "seed_float", to=TensorProto.FLOAT),
    node("Mul", "positions seed_float", "angles"),
    node("Sin", "angles", WEIGHT),
    node("Identity", "zero_bias", BIAS),
    node("Identity", "zero_momentum", MOMENTUM),
    node("Identity", "zero", "step"),
    node("Identity", "seed", "random_counter"),
    node("Identity", "one_float", "learning_rate_scale"),
]


def port(name: str, dtype: str, shape: list[int | str], role: str, feeds: str | None = None) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": name, "dtype": dtype, "shape": shape, "role": role}
    return {**entry, "feeds": feeds} if feeds else entry


IMAGE = port("image", "float32", ["batch", FEATURES], "feature")
LABEL = port("label", "int64", ["batch"], "target")


def state_ports(names: tuple[str, ...] = tuple(STATE)) -> list[dict[str, Any]]:
    return [port(name, STATE[name][0], list(STATE[name][1]), STATE[name][2]) for name in names]


def next_ports() -> list[dict[str, Any]]:
    return [port(f"{n}.next", dtype, list(shape), kind, feeds=n) for n, (dtype, shape, kind) in STATE.items()]


def scalars(role: str, *names: str) -> list[dict[str, Any]]:
    return [port(name, "float32", [], role) for name in names]


GRADIENTS = [port(f"{name}.gradient", "float32", list(shape), "gradient") for name, shape in PARAMETERS.items()]
TRAIN_NODES = [*MASK, *forward("masked"), *BACKWARD]
GRAPHS: dict[str, tuple[str, list[Node], list[dict[str, Any]], list[dict[str, Any]]]] = {
    "inference": (
        "inference.onnx",
        [node("Gemm", f"image {WEIGHT} {BIAS}", "logits"), node("Softmax", "logits", "probabilities", axis=-1)],
        [IMAGE],
        [port("probabilities", "float32", ["batch", CLASSES], "output")],
    ),
    "init": ("training/init.onnx", INIT, [port("seed", "int64", [], "seed")], state_ports()),
    "step": (
        "training/step.onnx",
        [*TRAIN_NODES, *UPDATE],
        [IMAGE, LABEL, *state_ports()],
        [*scalars("loss", "loss"), *scalars("metric", "accuracy"), *next_ports()],
    ),
    "evaluate": (
        "training/evaluate.onnx",
        EVALUATE,
        [IMAGE, LABEL, *state_ports((WEIGHT, BIAS))],
        [
            *scalars("sum", "loss.sum", "loss.weight", "accuracy.sum", "accuracy.weight"),
            port("confusion.counts", "float32", [CLASSES, CLASSES], "sum"),
        ],
    ),
    "gradients": (
        "training/gradients.onnx",
        TRAIN_NODES,
        [IMAGE, LABEL, *state_ports((WEIGHT, BIAS, *COUNTERS))],
        [*scalars("loss", "loss"), *GRADIENTS],
    ),
}


def make_bundle(folder: Path, *, learning_rate: float = 0.1, **plan: Any) -> Path:
    """Write the bundle. `plan` overrides entries of the manifest's training plan."""
    (folder / "training").mkdir(parents=True)
    constants = {
        **CONSTANTS,
        "learning_rate": np.float32(learning_rate),
        "one_float": np.float32(1),
        "positions": np.arange(FEATURES * CLASSES, dtype=np.float32).reshape(FEATURES, CLASSES),
        "zero_bias": np.zeros(CLASSES, np.float32),
        "zero_momentum": np.zeros((FEATURES, CLASSES), np.float32),
    }
    weights = {name: np.zeros(shape, np.float32) for name, shape in PARAMETERS.items()}
    for name, (file, nodes, inputs, outputs) in GRAPHS.items():
        save(_model(name, nodes, inputs, outputs, constants | (weights if name == "inference" else {})), folder / file)
    manifest = make_manifest(**plan)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def make_manifest(**plan: Any) -> dict[str, Any]:
    state = [
        {
            "name": name,
            "dtype": dtype,
            "shape": shape,
            "kind": kind,
            "trainable": kind == "parameter",
            "origin": {"file": "specs/handmade.yaml", "line": 6, "column": 5, "path": "network[0].dense"}
            if name.startswith("dense1")
            else None,
        }
        for name, (dtype, shape, kind) in STATE.items()
    ]
    training = {
        "epochs": 4,
        "batch_size": 16,
        "seed": 0,
        "early_stopping": None,
        "restore_best": True,
        "monitor": "loss",
    }
    return {
        "bundle_format": 1,
        "netwright": "0.1.0",
        "name": "handmade",
        "spec_sha256": "0" * 64,
        "target": "portable",
        "opset": 21,
        "graphs": {n: {"file": file, "inputs": i, "outputs": o} for n, (file, _, i, o) in GRAPHS.items()},
        "state": state,
        "features": [{"name": "image", "dtype": "float32", "shape": [FEATURES], "column": "image"}],
        "targets": [{"name": "label", "dtype": "int64", "shape": [], "column": "label", "classes": CLASSES}],
        "outputs": [{"name": "probabilities", "dtype": "float32", "shape": [CLASSES]}],
        "metrics": [
            {"name": "loss", "finalize": "ratio", "sums": ["loss.sum", "loss.weight"], "goal": "min"},
            {"name": "accuracy", "finalize": "ratio", "sums": ["accuracy.sum", "accuracy.weight"], "goal": "max"},
            {"name": "confusion", "finalize": "confusion", "sums": ["confusion.counts"], "goal": None},
        ],
        "training": {**training, **plan},
        "data": None,
        "fitting": [],
    }


def make_columns(rows: int, seed: int) -> ArrayColumns:
    """Three overlapping blobs, one a class."""
    random = np.random.default_rng(seed)
    label = random.integers(0, CLASSES, rows)
    centres = np.array([[1, 0, 0, 1], [0, 1, 0, -1], [0, 0, 1, 0]], np.float32)
    image = (centres[label] + random.normal(0, 0.5, (rows, FEATURES))).astype(np.float32)
    return ArrayColumns({"image": image, "label": label})


def make_partitions(*, train: int = 100, validation: int | None = 40, test: int | None = 50) -> Partitions:
    """100 training rows and batches of 16 leave a last batch of 4."""
    return Partitions(
        make_columns(train, 1),
        make_columns(validation, 2) if validation else None,
        make_columns(test, 3) if test else None,
    )


def _model(name: str, nodes: list[Node], inputs: Any, outputs: Any, constants: dict[str, Any]) -> Any:
    used = {input_name for _, node_inputs, _, _ in nodes for input_name in node_inputs}
    graph = helper.make_graph(
        [helper.make_node(op, ins, outs, **attributes) for op, ins, outs, attributes in nodes],
        name,
        [helper.make_tensor_value_info(p["name"], TYPES[p["dtype"]], p["shape"]) for p in inputs],
        [helper.make_tensor_value_info(p["name"], TYPES[p["dtype"]], p["shape"]) for p in outputs],
        [numpy_helper.from_array(np.asarray(value), key) for key, value in constants.items() if key in used],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
