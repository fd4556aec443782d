"""Where ONNX Runtime's CUDA provider puts each node: `place.py FOLDER DIMENSION=SIZE... < models`, JSON lines out.

Run with FOLDER, which holds the stand-ins, in LD_LIBRARY_PATH. Reads model files from stdin, one a line, and prints
`{"model", "error", "cuda", "cpu", "copies", "capture"}` for each: an error, or the number of nodes on CUDA, the
operators of those on the CPU and of the copies between the two, and why ONNX Runtime refuses to record the model as a
CUDA graph (null: it does not). Nothing is ever run: there is no GPU behind these sessions.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import onnx
import onnxruntime

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
PLACED = "placed.onnx"


def place(model: str, sizes: dict[str, int], folder: Path) -> dict[str, object]:
    """One line of the report."""
    refusal = None
    try:
        session = open_session(model, sizes, folder, record=True)
    except Exception as recorded:  # ONNX Runtime's exceptions share no base class but Exception
        refusal = str(recorded)
        try:
            session = open_session(model, sizes, folder, record=False)
        except Exception as error:
            return {"model": model, "error": str(error)}
    if CUDA not in session.get_providers():
        return {"model": model, "error": "the CUDA provider did not load"}
    placed: dict[str, list[str]] = {CUDA: [], CPU: []}
    for part in session.get_provider_graph_assignment_info():
        placed.setdefault(part.ep_name, []).extend(node.op_type for node in part.get_nodes())
    final = onnx.load(folder / PLACED, load_external_data=False)
    copies = [op for op in operators(final.graph) if op.startswith("Memcpy")]
    return {
        "model": model,
        "error": None,
        "cuda": len(placed[CUDA]),
        "cpu": sorted(placed[CPU]),
        "copies": copies,
        "capture": refusal,
    }


def open_session(model: str, sizes: dict[str, int], folder: Path, *, record: bool) -> onnxruntime.InferenceSession:
    """A session on CUDA; to `record` it as a CUDA graph is to have nothing on the CPU, as netwright opens one."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    options.optimized_model_filepath = str(folder / PLACED)  # the graph as it would run, copies included
    for name, size in sizes.items():
        options.add_free_dimension_override_by_name(name, size)
    if not record:
        return onnxruntime.InferenceSession(model, options, providers=[CUDA, CPU], enable_fallback=0)
    options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    providers = [(CUDA, {"enable_cuda_graph": "1"})]
    return onnxruntime.InferenceSession(model, options, providers=providers, enable_fallback=0)


def operators(graph: onnx.GraphProto) -> Iterator[str]:
    """The operators of a graph and of the bodies of its nodes."""
    for node in graph.node:
        yield node.op_type
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from operators(attribute.g)


if __name__ == "__main__":
    dimensions = {name: int(size) for name, _, size in (item.partition("=") for item in sys.argv[1:])}
    with tempfile.TemporaryDirectory() as temporary:
        for line in sys.stdin:
            report = place(line.strip(), dimensions, Path(temporary))
            print(json.dumps(report), flush=True)  # noqa: T201 - the report is what this program is for
