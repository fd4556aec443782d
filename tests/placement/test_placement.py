"""With the batch axis fixed, every node of every graph of every library spec runs on CUDA, without copies, and ONNX
Runtime records exactly those graphs as CUDA graphs that the compiler says it does."""

from __future__ import annotations

import importlib.metadata
import subprocess
from pathlib import Path

import onnx
import pytest
from cuda_checker import PROVEN_VERSION, CudaChecker, installed_provider
from netwright.compiler import compile_spec, load_spec
from netwright.compiler.bundle import Target
from netwright.compiler.capture import capture_obstacles
from netwright.compiler.emit import emit
from netwright.compiler.ir import DType, Graph, constant, graph_input, op, symbol
from netwright.compiler.manifest import FILES
from netwright.compiler.ops.cast import cast
from netwright.compiler.ops.loops import scan
from netwright.runtime.data import source_schema
from onnx import TensorProto, helper
from standins import needed_functions
from support.bundles import DEEPER, SPECS, TARGETS, BundleFolder, library_bundle
from support.half import HALVES, half_bundle

BATCH = 64
TIME = 12
"""What every other symbolic axis is fixed at."""


@pytest.mark.parametrize("target", TARGETS)
def test_every_node_of_the_library_runs_on_cuda(
    target: Target, bundle_folder: BundleFolder, place: CudaChecker
) -> None:
    names = [name for name in SPECS if name not in DEEPER]
    every = {
        bundle_folder(name, target) / FILES[graph]: ir
        for name in names
        for graph, ir in library_bundle(name, target).graphs.items()
    }
    assert len(every) >= 2 * len(names)
    sequences = {model: axes for model, ir in every.items() if (axes := _axes(ir) - {"batch"})}
    sizes = dict.fromkeys(sorted(set().union(*sequences.values())), TIME)
    of_sequences = place(list(sequences), batch=BATCH, **sizes)
    assert len(of_sequences) == len(sequences) > 0
    assert [item for item in of_sequences if item.error or item.cpu or item.copies] == []
    for item, (model, axes) in zip(of_sequences, sequences.items(), strict=True):
        predicted = capture_obstacles(every[model], {"batch", *axes})
        assert (item.capture is None) == (not predicted), f"{item.model}: {item.capture}, predicted {predicted}"

    graphs = {model: capture_obstacles(ir) for model, ir in every.items() if model not in sequences}
    placements = place(list(graphs), batch=BATCH)
    assert [item.model for item in placements] == [str(model) for model in graphs]
    on_the_host = [str(model) for model in graphs if takes_text(model)]
    expected_on_cuda = [item for item in placements if item.model not in on_the_host]
    assert [item for item in expected_on_cuda if item.error or item.cpu or item.copies] == []
    trained = [item for item in placements if item.model.endswith("step.onnx")]
    assert all(item.cuda > 5 for item in trained), "the nodes of a step must have been counted"

    for item, obstacles in zip(placements, graphs.values(), strict=True):
        assert (item.capture is None) == (not obstacles), f"{item.model}: {item.capture}, predicted {obstacles}"
    refused = {Path(item.model).stem for item in placements if item.capture and item.model not in on_the_host}
    assert refused == {"inference", "step", "evaluate", "gradients"}, "those of the library's recurrent network"


@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_every_node_runs_on_cuda_in_half_precision(dtype: DType, place: CudaChecker, tmp_path: Path) -> None:
    for name in ("digits_mlp", "digits_residual", "mnist_mlp", "digits_cnn", "digits_rows_lstm"):
        for target in TARGETS:
            bundle = half_bundle(name, dtype, target=target)
            for graph in ("step", "gradients"):  # the others are those of float32
                (tmp_path / f"{name}-{target}-{graph}.onnx").write_bytes(emit(bundle.graphs[graph]).SerializeToString())
    placements = place(sorted(tmp_path.glob("*.onnx")), batch=BATCH)
    assert len(placements) == 20
    assert all(item.cuda > 5 for item in placements)
    assert [item for item in placements if item.error or item.cpu or item.copies] == []


def _axes(graph: Graph) -> set[str]:
    """The symbolic axes of a graph's inputs."""
    dims = (dim for value in graph.inputs for dim in value.shape if not isinstance(dim, int))
    return {name for dim in dims for name in dim.symbols}


def takes_text(model: Path) -> bool:
    """Text has no CUDA kernels: of a network that reads it, `prepare` and `inference` run on the CPU, nothing else."""
    inputs = onnx.load(model, load_external_data=False).graph.input
    text = any(value.type.tensor_type.elem_type == TensorProto.STRING for value in inputs)
    assert not text or model.stem in ("prepare", "inference")
    return text


def test_a_node_without_a_cuda_kernel_is_found_with_its_copies(place: CudaChecker, tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("Hardmax", ["r"], ["h"], axis=1),
        helper.make_node("Relu", ["h"], ["y"]),
    ]
    (found,) = place([_save(nodes, tmp_path)], batch=BATCH)
    assert (found.error, found.cuda, found.cpu) == (None, 2, ["Hardmax"])
    assert sorted(found.copies) == ["MemcpyFromHost", "MemcpyToHost"]


def test_copies_for_shape_arithmetic_are_found_until_the_batch_is_fixed(place: CudaChecker, tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"], start=0, end=1),
        helper.make_node("Cast", ["shape"], ["size"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["x", "size"], ["y"]),
    ]
    model = _save(nodes, tmp_path)
    (symbolic,) = place([model])
    assert symbolic.error is None
    assert symbolic.copies
    (fixed,) = place([model], batch=BATCH)
    assert (fixed.error, fixed.cuda, fixed.cpu, fixed.copies) == (None, 1, [], [])


def test_a_node_inside_a_body_is_found(place: CudaChecker, tmp_path: Path) -> None:
    def row(name: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [3])

    body = helper.make_graph(
        [helper.make_node("Hardmax", ["row"], ["hard"], axis=0)], "body", [row("row")], [row("hard")]
    )
    (found,) = place([_save([helper.make_node("Scan", ["x"], ["y"], body=body, num_scan_inputs=1)], tmp_path)], batch=4)
    assert found.error is None
    assert "Hardmax" in found.cpu


def test_a_model_that_cannot_be_loaded_is_an_error(place: CudaChecker, tmp_path: Path) -> None:
    model = tmp_path / "broken.onnx"
    model.write_bytes(b"no model")
    (found,) = place([model])
    assert found.error is not None
    assert "Protobuf parsing failed" in found.error


def test_a_provider_that_does_not_load_is_an_error_for_every_model(place: CudaChecker, tmp_path: Path) -> None:
    """What a wheel that needs other libraries than the stand-ins looks like."""
    model = _save([helper.make_node("Relu", ["x"], ["y"])], tmp_path)
    for found in CudaChecker(tmp_path)([model, model], batch=BATCH):
        assert found.error is not None
        assert "CUDA" in found.error


def test_a_loop_is_refused_as_predicted(place: CudaChecker, tmp_path: Path) -> None:
    """Its body has CUDA kernels and nothing is copied, so the loop itself is what is refused."""
    x = graph_input("x", DType.float32, (symbol("batch"), 3))
    first = graph_input("first", DType.float32, (3,))
    _, (products,) = scan(lambda states, items: ([states[0] + items[0]], [states[0] * items[0]]), [first], [x])
    graph = Graph("loop", (x, first), {"products": products})
    assert [obstacle.reason for obstacle in capture_obstacles(graph)] == ["Scan is control flow, which the CPU steers"]
    model = tmp_path / "loop.onnx"
    onnx.save(emit(graph), model)
    (found,) = place([model], batch=4)
    assert (found.error, found.copies) == (None, [])
    assert found.capture is not None
    assert "control flow nodes" in found.capture


def test_a_symbolic_axis_is_refused_as_predicted(place: CudaChecker, tmp_path: Path) -> None:
    x = graph_input("x", DType.float32, (symbol("batch"), symbol("time")))
    length = cast(op.Gather(op.Shape(x), constant(1)), DType.float32)
    graph = Graph("symbolic", (x,), {"y": x / length})
    assert [obstacle.reason for obstacle in capture_obstacles(graph)] == [
        "the axis 'time' of 'x' has another size in each batch, and a recording has fixed ones"
    ]
    model = tmp_path / "symbolic.onnx"
    onnx.save(emit(graph), model)
    (found,) = place([model], batch=4)
    assert found.error is None
    assert found.capture is not None


def test_a_recorded_run_trains_with_nothing_that_cuda_forbids(place: CudaChecker, bundle_folder: BundleFolder) -> None:
    """Eleven full batches and a smaller one, losses read every four: four recordings, each by a first run that executes
    the step three times, twice as usual and once as a replay; the smaller batch runs as usual."""
    found = place.drive("loop", bundle_folder("digits_mlp", "portable"), 11)
    assert (found["steps"], found["recordings"], found["replays"]) == (12, 4, 11)
    per_step = found["recorded_kernels"] // 4
    assert found["kernels"] == per_step * (2 * 4 + 1)
    assert found["uploads"] >= 12 * found["inputs"]
    assert found["arrivals"] == found["uploads"], "each copy was waited for before a step could read it"
    assert found["refused"] == 0


def test_a_call_that_cuda_forbids_is_noticed(place: CudaChecker, bundle_folder: BundleFolder) -> None:
    """Uploading while a stream records, as `Uploader` would without its lock: so `refused == 0` says something."""
    with pytest.raises(AssertionError, match="CUDA failure 900"):
        place.drive("careless", bundle_folder("digits_mlp", "portable"), 4)


def test_a_whole_run_goes_through_the_provider(place: CudaChecker, tmp_path: Path) -> None:
    """Data, steps, evaluation, checkpoints, export, and evaluating the run again; from a statistic to fit on."""
    spec = load_spec(SPECS["breast_cancer_logistic"], data_schema=source_schema(), overrides=["training.epochs=2"])
    compile_spec(spec).write(tmp_path / "bundle")
    found = place.drive("train", tmp_path / "bundle", tmp_path / "run")
    assert found["on_cuda"] == 1
    assert found["steps"] % 2 == 0
    assert found["recordings"] == 4
    assert found["replays"] >= found["steps"] - 2
    assert (found["refused"], found["arrivals"]) == (0, found["uploads"])
    assert (tmp_path / "run" / "bundle" / "inference.onnx").is_file()


def test_the_stand_ins_have_every_function_of_the_provider(place: CudaChecker) -> None:
    for library, functions in needed_functions(installed_provider()).items():
        listed = subprocess.run(
            ["nm", "--dynamic", "--defined-only", place.libraries / library], check=True, capture_output=True, text=True
        )
        defined = {line.split()[-1].partition("@")[0] for line in listed.stdout.splitlines()}
        assert functions <= defined, f"{library} has no {sorted(functions - defined)}"


def test_the_wheel_is_the_one_the_facts_are_of() -> None:
    found = importlib.metadata.version("onnxruntime-gpu") if installed_provider() else ""
    assert found == PROVEN_VERSION, (
        f"onnxruntime-gpu is {found}, but what this project says about CUDA was checked with {PROVEN_VERSION}: see "
        "that tests/placement passes with it, list its kernels in tests/data again, then change PROVEN_VERSION"
    )


def test_the_functions_are_those_of_the_installed_wheel() -> None:
    functions = {name for names in needed_functions(installed_provider()).values() for name in names}
    assert {"cudaMalloc", "cudaLaunchKernel", "cublasCreate_v2", "cublasLtMatmul"} <= functions


def _save(nodes: list[onnx.NodeProto], folder: Path) -> Path:
    """x (batch, 3) float32 -> y of the same type."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 3]) for name in ("x", "y"))
    graph = helper.make_graph(nodes, "planted", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    path = folder / "planted.onnx"
    onnx.save(model, path)
    return path
