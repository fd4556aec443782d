"""A trained run of a library spec, and what tests ask of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from netwright.cli.library import LIBRARY
from netwright.compiler.ir import Array
from netwright.runtime import Partitions, Summary, load_bundle, predict, train
from netwright.runtime.checkpoint import load_checkpoint
from netwright.runtime.partitions import bundle_partitions


@dataclass(frozen=True)
class Trained:
    """A finished run."""

    run: Path
    summary: Summary

    @classmethod
    def of(cls, bundle: Path, seed: int | None = None) -> Self:
        """Train a bundle into the folder beside it."""
        run = bundle.with_name(f"{bundle.name}-run{seed or ''}")
        return cls(run, train(bundle, run, base=LIBRARY, seed=seed))

    @property
    def state(self) -> dict[str, Array]:
        """The state after the last epoch."""
        return dict(load_checkpoint(self.run / "checkpoints" / "last.safetensors").state)

    @property
    def data(self) -> Partitions:
        """The data it was trained on, as the graphs see them."""
        return bundle_partitions(load_bundle(self.run / "bundle"), LIBRARY)

    def predict(self, **features: Any) -> dict[str, Array]:
        """Outputs of the trained network."""
        return predict(self.run, features)

    def test(self, metric: str) -> float:
        """A metric on the test data."""
        assert self.summary.test is not None
        value = self.summary.test[metric]
        assert isinstance(value, float)
        return value

    def final(self, metric: str) -> float:
        """A metric on the training data, at the end."""
        value = self.summary.train[metric]
        assert isinstance(value, float)
        return value


Compile = Callable[..., Path]
"""The fixture `compiled`: name of a spec and changes -> folder of its bundle."""
Train = Callable[..., Trained]
"""The fixture `trained`: name of a spec and changes -> its run."""
