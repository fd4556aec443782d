"""What this machine has and lacks: versions, devices that really work, optional packages."""

from __future__ import annotations

import importlib.metadata
import platform
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from packaging.requirements import Requirement

from .device import (
    CPU,
    CUDA_PROVIDER,
    Obstacle,
    cuda_obstacle,
    driver_cuda_version,
    driver_devices,
    probe,
)
from .errors import EnvironmentProblem
from .ort import onnx_runtime

EXTRAS: Final = ("cuda", "data", "images", "pictures", "report", "text")
"""Those of pyproject.toml that someone who uses netwright may want."""

PACKAGES: Final = ("netwright", "numpy", "onnx")

CUDNN: Final = "9"
"""The version of cuDNN that ONNX Runtime's CUDA provider opens by name."""


@dataclass(frozen=True)
class Runtime:
    """The installed ONNX Runtime. `cuda`: the CUDA it was built for, None for a build without."""

    package: str
    version: str
    build: str
    cuda: str | None
    providers: list[str]


@dataclass(frozen=True)
class DeviceCheck:
    """Whether a device works, and if not, why and what fixes it."""

    works: bool
    problem: str | None = None
    fix: str | None = None


@dataclass(frozen=True)
class Driver:
    """The NVIDIA driver: the newest CUDA it runs, and the GPUs it finds. None and 0 where there is none."""

    cuda: str | None
    gpus: int


@dataclass(frozen=True)
class Extra:
    """An optional part of netwright: the packages it needs that are not there, and the command that brings them."""

    installed: bool
    missing: list[str] = field(default_factory=list)
    fix: str | None = None


@dataclass(frozen=True)
class Examination:
    """Everything that was found. `device` was asked for, `taken` is what it comes to; None when it is not usable."""

    versions: dict[str, str]
    runtime: Runtime | None
    driver: Driver
    needs: dict[str, str]
    devices: dict[str, DeviceCheck]
    extras: dict[str, Extra]
    device: str
    taken: str | None

    def as_json(self) -> dict[str, Any]:
        """The form `netwright doctor --json` prints."""
        return asdict(self)


def examine(device: str = "auto") -> Examination:
    """Look at everything that decides whether netwright works here. `device`: auto, cpu or cuda."""
    try:
        runtime, broken = _runtime(), None
    except EnvironmentProblem as problem:
        runtime, broken = None, Obstacle(problem.message, problem.hint or "")
    cpu = _checked(broken or probe(CPU))
    cuda = _checked(broken or cuda_obstacle())
    best = "cuda" if cuda.works else "cpu" if cpu.works else None
    usable = {"auto": best, "cpu": "cpu" if cpu.works else None, "cuda": "cuda" if cuda.works else None}
    return Examination(
        versions={"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
        runtime=runtime,
        driver=Driver(driver_cuda_version(), driver_devices() or 0),
        needs={"cuda": runtime.cuda, "cudnn": CUDNN} if runtime and runtime.cuda else {},
        devices={"cpu": cpu, "cuda": cuda},
        extras={name: _extra(name) for name in EXTRAS},
        device=device,
        taken=usable[device],
    )


def _runtime() -> Runtime:
    ort = onnx_runtime()
    return Runtime(
        package=str(getattr(ort, "package_name", "") or "onnxruntime"),
        version=str(ort.__version__),
        build=str(ort.get_build_info()),
        cuda=_built_for(ort),
        providers=[str(name) for name in ort.get_available_providers()],
    )


def _built_for(ort: Any) -> str | None:
    version = str(getattr(ort, "cuda_version", "") or "")
    return (version or "13") if CUDA_PROVIDER in ort.get_available_providers() else None


def _checked(obstacle: Obstacle | None) -> DeviceCheck:
    return DeviceCheck(True) if obstacle is None else DeviceCheck(False, obstacle.reason, obstacle.hint)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _extra(name: str) -> Extra:
    missing = sorted(set(_missing("netwright", name)))
    return Extra(not missing, missing, f'pip install "netwright[{name}]"' if missing else None)


def _missing(package: str, extra: str) -> list[str]:
    """The packages an extra needs on this machine that are not installed, those of the extras it asks for included."""
    found: list[str] = []
    for text in importlib.metadata.requires(package) or []:
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or not marker.evaluate({"extra": extra}) or marker.evaluate({"extra": ""}):
            continue
        if _version(requirement.name) == "not installed":
            found.append(requirement.name)
        else:
            found += [item for inner in requirement.extras for item in _missing(requirement.name, inner)]
    return found
