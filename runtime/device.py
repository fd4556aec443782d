"""Choose where graphs run: the CPU, or CUDA when it really works.

A wheel that lists the CUDA provider says nothing about the machine, so CUDA counts as working only after the driver,
the libraries and a one-node session with a known answer have each been tried. Libraries are tried with ctypes first:
ONNX Runtime itself would print its complaint to the terminal.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import functools
import io
import sys
from dataclasses import dataclass, field, replace

from .errors import EnvironmentProblem, UserError
from .manifest import CudaOptions, DevicePlan
from .ort import FATAL, first_line, onnx_runtime

CHOICES = ("auto", "cpu", "cuda")
CPU_PROVIDER, CUDA_PROVIDER = "CPUExecutionProvider", "CUDAExecutionProvider"

NOT_LOADED = "ONNX Runtime could not load its CUDA provider"
INSTALL_CUDA = 'install them with: pip install "onnxruntime-gpu[cuda,cudnn]"; or train on the CPU with --device cpu'
INSTALL_GPU_WHEEL = (
    "install it with: pip uninstall onnxruntime; pip install onnxruntime-gpu[cuda,cudnn]; "
    "or train on the CPU with --device cpu"
)
INSTALL_AGAIN = "install ONNX Runtime again: pip install --force-reinstall --no-deps onnxruntime-gpu (or onnxruntime)"
INSTALL_DRIVER = "install the NVIDIA driver (see nvidia.com/drivers; `nvidia-smi` must list a GPU); or use --device cpu"

# y = x · [[0, 1], [2, 3]], opset 21: 107 bytes of ONNX, so that probing need not import onnx. A test rebuilds it.
PROBE_MODEL = base64.b64decode(
    "CAo6YQoRCgF4CgF3EgF5IgZNYXRNdWwSBXByb2JlKhsIAggCEAFCAXdKEAAAAAAAAIA/AAAAQAAAQEBaEwoBeBIOCgwIARIICgII"
    "AgoCCAJiEwoBeRIOCgwIARIICgIIAgoCCAJCBAoAEBU="
)
PROBE_INPUT = [[1.0, 2.0], [3.0, 4.0]]
PROBE_ANSWER = [[4.0, 7.0], [8.0, 15.0]]


@dataclass(frozen=True)
class Device:
    """Where graphs run, and the path that training takes there.

    name: `cpu` or `cuda`. On `cuda` batches are uploaded ahead, results are read every few steps, and a step may be
        recorded as a CUDA graph.
    memory: where buffers are, as OrtValue calls it.
    provider: ONNX Runtime's execution provider.
    cuda: what the CUDA path is told.

    The three go together but in tests, which give the name `cuda` the memory and the provider of the CPU: then all of
    the CUDA path runs but the provider itself.
    """

    name: str
    memory: str
    provider: str
    cuda: CudaOptions = field(default_factory=CudaOptions)

    @property
    def uploads(self) -> bool:
        """Whether batches are brought into buffers of the device ahead of their step."""
        return self.name == "cuda"

    @property
    def records(self) -> bool:
        """Whether a training step is recorded as a CUDA graph and replayed."""
        return self.name == "cuda" and self.cuda.graph

    @property
    def read_every(self) -> int:
        """Steps between readings of the loss. On the CPU reading is free; on CUDA each one is a copy that waits."""
        return self.cuda.read_every if self.name == "cuda" else 1

    def providers(self, *, record: bool = False) -> list[tuple[str, dict[str, str]]]:
        """Execution providers with their options, as `InferenceSession` takes them; `record`: for a CUDA graph."""
        return [(self.provider, self._cuda_options(record) if self.provider == CUDA_PROVIDER else {})]

    def _cuda_options(self, record: bool) -> dict[str, str]:
        """`EXHAUSTIVE` is ONNX Runtime's default, stated because it matters: `DEFAULT` picks slow convolutions."""
        options = {"cudnn_conv_algo_search": "EXHAUSTIVE", "use_tf32": str(int(self.cuda.tf32))}
        if self.cuda.memory_limit is not None:
            options["gpu_mem_limit"] = str(self.cuda.memory_limit)
        if record:
            options["enable_cuda_graph"] = "1"
        return options


CPU = Device("cpu", "cpu", CPU_PROVIDER)
CUDA = Device("cuda", "cuda", CUDA_PROVIDER)


@dataclass(frozen=True)
class Obstacle:
    """Why CUDA cannot be had, and the command that fixes it."""

    reason: str
    hint: str


def select(device: str | Device | None = None, plan: DevicePlan | None = None) -> Device:
    """The device a person asked for: `auto` takes CUDA when it works and the CPU otherwise, silently.

    device: auto, cpu or cuda; None for the plan's choice. A `Device` is taken as it is.
    plan: what the spec says; its options hold whoever chose CUDA.

    Raises:
        UserError: the name is none of auto, cpu, cuda.
        EnvironmentProblem: `cuda` was asked for and cannot be had.
    """
    if isinstance(device, Device):
        return device
    plan = plan or DevicePlan()
    name = device or plan.name
    if name not in CHOICES:
        raise UserError(f"unknown device '{name}'", "choose auto, cpu or cuda")
    if name == "cpu":
        return CPU
    obstacle = cuda_obstacle()
    if obstacle is None:
        return replace(CUDA, cuda=plan.cuda)
    if name == "auto":
        return CPU
    raise EnvironmentProblem(f"CUDA cannot be used: {obstacle.reason}", obstacle.hint)


@functools.cache
def cuda_obstacle() -> Obstacle | None:
    """What keeps CUDA from working in this process, or None when it works. Tried once."""
    ort = onnx_runtime()
    if CUDA_PROVIDER not in ort.get_available_providers():
        return Obstacle("the installed ONNX Runtime has no CUDA provider", INSTALL_GPU_WHEEL)
    devices = driver_devices()
    if devices is None:
        return Obstacle(f"the NVIDIA driver library ({_driver_library()}) is not on this machine", INSTALL_DRIVER)
    if devices == 0:
        return Obstacle("the NVIDIA driver finds no GPU", INSTALL_DRIVER)
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it cannot load; the next lines say it better
        ort.preload_dlls()
    missing = missing_libraries(str(getattr(ort, "cuda_version", "") or "13"))
    if missing:
        return Obstacle(f"the CUDA libraries {', '.join(missing)} are missing", INSTALL_CUDA)
    return probe(CUDA)


def driver_devices() -> int | None:
    """How many GPUs the NVIDIA driver sees; None when there is no driver."""
    count = ctypes.c_int(0)
    try:
        driver = ctypes.CDLL(_driver_library())
        working = driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
    except (OSError, AttributeError):  # not there, or a stand-in without these functions
        return None
    return count.value if working else 0


def driver_cuda_version() -> str | None:
    """The newest CUDA that the NVIDIA driver runs, such as 13.0; None when there is no driver."""
    version = ctypes.c_int(0)
    try:
        if ctypes.CDLL(_driver_library()).cuDriverGetVersion(ctypes.byref(version)) != 0:
            return None
    except (OSError, AttributeError):  # not there, or a stand-in without this function
        return None
    return f"{version.value // 1000}.{version.value % 1000 // 10}"


def missing_libraries(cuda_version: str) -> list[str]:
    """The libraries of the CUDA provider that cannot be loaded, by file name."""
    major = cuda_version.split(".", maxsplit=1)[0]
    if sys.platform == "win32":
        names = [f"cublasLt64_{major}.dll", f"cublas64_{major}.dll", f"cudart64_{major}.dll", "cudnn64_9.dll"]
    else:
        names = [f"libcublasLt.so.{major}", f"libcublas.so.{major}", f"libcudart.so.{major}"]
        names += ["libcurand.so.10", "libcudnn.so.9"]
    return [name for name in names if not _loads(name)]


def _driver_library() -> str:
    return "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def probe(device: Device) -> Obstacle | None:
    """Multiply two small matrices on a device and compare with the known answer."""
    import numpy as np

    ort = onnx_runtime()
    on_cuda = device.provider == CUDA_PROVIDER
    where, install = ("CUDA", INSTALL_CUDA) if on_cuda else ("the CPU", INSTALL_AGAIN)
    options = ort.SessionOptions()
    options.log_severity_level = FATAL
    if on_cuda:
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    try:
        session = ort.InferenceSession(PROBE_MODEL, options, providers=device.providers(), enable_fallback=0)
        if device.provider not in session.get_providers():
            return Obstacle(NOT_LOADED, install)
        (answer,) = session.run(None, {"x": np.array(PROBE_INPUT, np.float32)})
    except Exception as error:  # ONNX Runtime's exceptions share no base class but Exception
        words = first_line(error)
        if on_cuda and "fallback to CPU EP" in words:  # it left the provider out and put the product on the CPU
            return Obstacle(NOT_LOADED, install)
        return Obstacle(f"a small product on {where} failed: {words}", install)
    if answer.tolist() != PROBE_ANSWER:
        hint = INSTALL_DRIVER if on_cuda else install
        return Obstacle(f"a small product on {where} gave {answer.tolist()} instead of {PROBE_ANSWER}", hint)
    return None
