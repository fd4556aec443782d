"""`training.device`: where a network trains, and what the CUDA provider is told."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

from netwright.schema import Described, spec_field

_UNITS: Final = {"": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_SIZE: Final = r"^[0-9]+(\.[0-9]+)? ?(kB|MB|GB|KiB|MiB|GiB)$"


@dataclass(frozen=True, kw_only=True)
class CudaSettings(Described):
    """Options of ONNX Runtime's CUDA provider. On another device they do nothing."""

    tf32: bool = spec_field(
        "Let products of float32 matrices and convolutions round what they multiply to 10 bits of mantissa, which"
        " tensor cores do many times faster.",
        default=True,
    )
    graph: bool = spec_field(
        "Record a training step as a CUDA graph once and replay it, which saves the time between its operators;"
        " `netwright show SPEC --cuda` says whether a step can be recorded. Not measured on a GPU yet, hence off.",
        default=False,
    )
    memory_limit: int | str | None = spec_field(
        "The most GPU memory that a session's arena takes, in bytes or as text: `6GiB` (default: all there is).",
        default=None,
        schema={
            "type": ["integer", "string"],
            "minimum": 1,
            "pattern": _SIZE,
            "x-expected": "a number of bytes, such as 6GiB",
        },
    )
    read_every: int = spec_field(
        "Steps between readings of the loss: each is a copy from the GPU that waits for it.", default=16, minimum=1
    )

    @property
    def memory_bytes(self) -> int | None:
        """`memory_limit` in bytes."""
        if not isinstance(self.memory_limit, str):
            return self.memory_limit
        number, unit = re.fullmatch(r"([0-9.]+) ?(\w*)", self.memory_limit).groups()  # type: ignore[union-attr]
        return int(float(number) * _UNITS[unit])


@dataclass(frozen=True, kw_only=True)
class DeviceSettings(Described):
    """Where training runs; `--device` on the command line goes before it.

    `cuda: {…}` asks for CUDA with options; `{name: auto, cuda: {…}}` takes them where CUDA works.
    """

    shorthand: ClassVar[str | None] = "name"
    name: Literal["auto", "cpu", "cuda"] | None = spec_field(
        "`auto` takes CUDA when it really works and the CPU otherwise (default: cuda where it has options, else auto).",
        default=None,
    )
    cuda: CudaSettings = spec_field("Options of the CUDA provider.", default=None)

    def entry(self) -> dict[str, Any]:
        """The manifest's form: every option stated."""
        options = self.cuda or CudaSettings()
        return {
            "name": self.name or ("cuda" if self.cuda else "auto"),
            "cuda": {
                "tf32": options.tf32,
                "graph": options.graph,
                "memory_limit": options.memory_bytes,
                "read_every": options.read_every,
            },
        }
