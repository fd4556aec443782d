"""The `--device` option of the verbs that run graphs."""

from __future__ import annotations

import rich_click as click

device_option = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default=None,
    help="auto takes CUDA when it really works, and the CPU otherwise.  [default: the spec's training.device, or auto]",
)
