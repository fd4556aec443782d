"""How much of the time the GPU waits between kernels, from a trace of everything that CUDA does in this process.

PyTorch's profiler sees the kernels of every library in the process, so ONNX Runtime and PyTorch are measured alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable


def idle_share(step: Callable[[], None], steps: int, device: str) -> float | None:
    """The share of the time of `steps` steps during which no kernel runs; None where there is no GPU to trace."""
    if device != "cuda":
        return None
    import torch
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA]) as trace:
        for _ in range(steps):
            step()
        torch.cuda.synchronize()
    kernels = [event for event in trace.events() if event.device_type == torch.autograd.DeviceType.CUDA]
    return share_between((event.time_range.start, event.time_range.end) for event in kernels)


def share_between(intervals: Iterable[tuple[float, float]]) -> float | None:
    """The part that no interval covers of the time from the first start to the last end; None without intervals."""
    ordered = sorted(intervals)
    if not ordered:
        return None
    first, reached = ordered[0]
    covered = reached - first
    for start, end in ordered[1:]:
        covered += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return 1 - covered / (reached - first) if reached > first else 0.0
