"""The training state on the device: two sets of buffers that take turns (ping-pong).

A step reads one set and writes the other. Writing an output over its own input is unsafe: ONNX Runtime may order the
write before another reader of that input (measured: wrong results). Two sets cost memory and are always right. They
also keep the state from *before* the last step, which is what finding the cause of a NaN needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .device import Device
from .exchange import host_array
from .manifest import StateEntry
from .ort import onnx_runtime

Array = NDArray[Any]


class DeviceState:
    """Every tensor that survives a step, on the device, twice.

    `advanced` names the tensors a step writes; the others are read-only and have one buffer that both sets share.
    """

    def __init__(
        self, entries: Iterable[StateEntry], values: Mapping[str, Array], advanced: Iterable[str], device: Device
    ) -> None:
        ort = onnx_runtime()
        moving = set(advanced)
        self.entries = tuple(entries)
        self.current = 0
        self.sides: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
        for entry in self.entries:
            for side in self.sides:
                if side is self.sides[1] and entry.name not in moving:
                    side[entry.name] = self.sides[0][entry.name]
                else:
                    side[entry.name] = ort.OrtValue.ortvalue_from_shape_and_type(
                        list(entry.shape), np.dtype(entry.dtype), device.memory, 0
                    )
        self.load(values)

    def flip(self) -> None:
        """The set that a step has just written becomes the current one."""
        self.current ^= 1

    def load(self, values: Mapping[str, Any]) -> None:
        """Overwrite both sets. `values` has every state name, with the entry's shape and dtype.

        Arrays, or tensors of another library that speak DLPack; they are copied.
        """
        for entry in self.entries:
            given = host_array(values[entry.name])
            value = np.ascontiguousarray(given, dtype=entry.dtype).reshape(entry.shape)
            for side in self.sides:
                side[entry.name].update_inplace(value)

    def numpy(self) -> dict[str, Array]:
        """Copies of the current set on the host, by state name."""
        return self._host(self.current)

    def previous(self) -> dict[str, Array]:
        """Copies of the state before the last step; before the first one, of the current set."""
        return self._host(self.current ^ 1)

    def scalar(self, name: str) -> float:
        """A scalar of the current set."""
        return float(self.sides[self.current][name].numpy())

    def shared(self) -> dict[str, Any]:
        """The current set itself, by state name: OrtValues that speak DLPack (`torch.from_dlpack(shared["step"])`).

        Nothing is copied: the step after the next one writes into these very buffers.
        """
        return dict(self.sides[self.current])

    def _host(self, side: int) -> dict[str, Array]:
        # `numpy` is a view of the buffer on the CPU and a copy on CUDA; the buffer is written two steps later.
        return {name: np.array(value.numpy(), copy=True) for name, value in self.sides[side].items()}


def first_non_finite(values: Mapping[str, Array], order: Iterable[str]) -> str | None:
    """The first name, in `order`, whose value holds a NaN or an infinity."""
    for name in order:
        value = values[name]
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            return name
    return None
