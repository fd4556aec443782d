"""`netwright doctor`: what this machine has, what it lacks, and the commands that bring it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import rich_click as click

from .failures import ENVIRONMENT

if TYPE_CHECKING:
    from netwright.runtime.doctor import DeviceCheck, Examination


@click.command("doctor")
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="The device that must work: exit code 3 if it does not.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@click.pass_context
def command(context: click.Context, device: str, as_json: bool) -> None:
    """Print versions, which devices really work, what is missing, and the commands that fix it."""
    from netwright.runtime.doctor import examine

    found = examine(device)
    click.echo(json.dumps(found.as_json(), indent=2) if as_json else examination_text(found))
    if found.taken is None:
        context.exit(ENVIRONMENT)


def examination_text(found: Examination) -> str:
    """The report for people."""
    runtime = found.runtime
    lines = [f"{name:12} {version}" for name, version in found.versions.items()]
    if runtime is None:
        lines.append(f"{'onnxruntime':12} cannot be used")
    else:
        built = f"built for CUDA {runtime.cuda}" if runtime.cuda else "built without CUDA"
        lines.append(f"{'onnxruntime':12} {runtime.version} ({runtime.package}, {built})")
        lines.append(f"{'providers':12} {', '.join(runtime.providers)}")
    driver = found.driver
    finds = f"runs CUDA up to {driver.cuda}, GPUs: {driver.gpus}" if driver.cuda else "not found"
    lines.append(f"{'driver':12} {finds}")
    if found.needs:
        lines.append(f"{'needs':12} a driver for CUDA {found.needs['cuda']}, cuDNN {found.needs['cudnn']}")
    lines += ["", "devices", *_devices(found.devices), "", "extras"]
    for name, extra in found.extras.items():
        state = "installed" if extra.installed else f"missing {', '.join(extra.missing)}: {extra.fix}"
        lines.append(f"  {name:10} {state}")
    asked = f"--device {found.device}"
    lines += ["", f"{asked} takes {found.taken}" if found.taken else f"{asked} cannot be used on this machine"]
    return "\n".join(lines)


def _devices(devices: dict[str, DeviceCheck]) -> list[str]:
    lines = []
    for name, check in devices.items():
        lines.append(f"  {name:10} {'works' if check.works else check.problem}")
        if check.fix:
            lines.append(f"  {'':10} fix: {check.fix}")
    return lines
