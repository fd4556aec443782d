"""Two small networks that work against each other, as a spec: what the tests of objectives share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from netwright.compiler import compile_spec, load_spec_text, random
from netwright.compiler.bundle import Target
from netwright.compiler.ir import Array, DType, graph_input
from netwright.compiler.spec import Spec

from support.running import Program

NETWORK = """\
netwright: 1
name: adversaries
inputs:
  x: [6]
  latent: {shape: [4], drawn: normal}
network:
  - sequence:
      name: generator
      from: latent
      layers:
        - dense: {units: 16, use_bias: false}
        - batch_norm
        - tanh
        - dense: 6
  - sequence:
      name: discriminator
      from: x
      layers:
        - dense: {units: 16, use_bias: false}
        - batch_norm
        - tanh
        - dense: 1
  - shared: {layer: discriminator, from: generator, name: judged}
outputs: {made: generator}
"""
OBJECTIVES = """\
training:
  objectives:
    discriminator:
      trains: discriminator/*
      loss:
        - binary_cross_entropy: {from: discriminator, target: 1}
        - binary_cross_entropy: {from: judged, target: 0, weight: 0.5}
    generator:
      trains: [generator/*]
      loss: {binary_cross_entropy: {from: judged, target: 1}}
      optimizer: {sgd: {learning_rate: 0.05, momentum: 0.8}}
  optimizer: {adam: {epsilon: 1e-3, learning_rate: {cosine: {peak: 0.005, steps: 30}}}}
"""


def adversaries(*lines: str) -> Spec:
    """The spec, with further lines of its `training` section."""
    return load_spec_text(NETWORK + OBJECTIVES + "".join(f"  {line}\n" for line in lines), "adversaries.yaml")


def written(spec: Spec, folder: Path, target: Target = "portable") -> Path:
    """The folder of its bundle."""
    compile_spec(spec, target=target).write(folder / "bundle")
    return folder / "bundle"


def drawn(name: str, counter: Array | int, rows: int, size: int) -> Array:
    """What a step with this random counter draws for an input of normally distributed numbers."""
    given = graph_input("counter", DType.int64, ())
    numbers = random.normal(random.key(given, random.stream_of(f"{name}:drawn")), (rows, size))
    (array,) = Program([given], [numbers])(np.int64(counter))
    return array


def real(rows: int, seed: int) -> dict[str, Array]:
    """A batch of data that a generator can imitate."""
    random_numbers = np.random.default_rng(seed)
    return {"x": (2 + random_numbers.normal(size=(rows, 1)) * np.arange(1, 7) / 6).astype(np.float32)}
