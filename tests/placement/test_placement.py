"""With the batch axis fixed, every node of every graph of every library spec runs on CUDA, without copies."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from cuda_checker import CudaChecker, installed_provider
from netwright.compiler.bundle import Target
from netwright.compiler.emit import emit
from netwright.compiler.ir import DType
from onnx import TensorProto, helper
from standins import needed_functions
from support.bundles import SPECS, TARGETS, BundleFolder
from support.half import HALVES, half_bundle

BATCH = 64


@pytest.mark.parametrize("target", TARGETS)
def test_every_node_of_the_library_runs_on_cuda(
    target: Target, bundle_folder: BundleFolder, place: CudaChecker
) -> None:
    folders = [bundle_folder(name, target) for name in SPECS]
    models = [model for folder in folders for model in sorted(folder.rglob("*.onnx")) if not takes_text(model)]
    assert len(models) >= 2 * len(SPECS)
    placements = place(models, batch=BATCH)
    assert [item.model for item in placements] == [str(model) for model in models]
    assert [item for item in placements if item.error or item.cpu or item.copies] == []
    trained = [item for item in placements if item.model.endswith("step.onnx")]
    assert all(item.cuda > 5 for item in trained), "the nodes of a step must have been counted"


@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_every_node_runs_on_cuda_in_half_precision(dtype: DType, place: CudaChecker, tmp_path: Path) -> None:
    for name in ("digits_mlp", "digits_residual", "mnist_mlp", "digits_cnn"):
        for target in TARGETS:
            bundle = half_bundle(name, dtype, target=target)
            for graph in ("step", "gradients"):  # the others are those of float32
                (tmp_path / f"{name}-{target}-{graph}.onnx").write_bytes(emit(bundle.graphs[graph]).SerializeToString())
    placements = place(sorted(tmp_path.glob("*.onnx")), batch=BATCH)
    assert len(placements) == 16
    assert all(item.cuda > 5 for item in placements)
    assert [item for item in placements if item.error or item.cpu or item.copies] == []


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
