"""Small convolutional networks, every layer among them, run on CUDA: no node on the CPU, no copies."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from cuda_checker import CudaChecker
from netwright.compiler import compile_spec, load_spec_text
from netwright.compiler.bundle import Target
from support.bundles import TARGETS

NETWORKS: Final = {
    "classifier": """
inputs: {image: {shape: [3, 17, 16], preprocess: [{random_crop: 2}, random_flip, {random_rotation: 9}]}}
network:
  - cutout: 3
  - random_rotation: {degrees: 20, method: nearest}
  - gaussian_noise: 0.1
  - conv: {filters: 8, kernel_size: 5, stride: 2, padding: same, activation: relu}
  - local_response_norm: 5
  - max_pool: {kernel_size: 3, stride: 2, padding: 1}
  - conv: {filters: 8, kernel_size: [3, 2], padding: [0, 1, 2, 0], groups: 2, use_bias: false}
  - batch_norm
  - relu
  - spatial_dropout: 0.1
  - depthwise_conv: {kernel_size: 3, dilation: 2, padding: same, multiplier: 2}
  - conv: {filters: 6, kernel_size: 1}
  - average_pool: {kernel_size: 2, stride: 1, padding: same}
  - group_norm: 2
  - global_average_pool
  - dense: 1
""",
    "generator": """
inputs: {image: [4, 3, 5]}
network:
  - conv_transpose: {filters: 6, kernel_size: 3, stride: 2, padding: same}
  - instance_norm
  - conv_transpose: {filters: 6, kernel_size: 3, stride: 2, padding: 1, output_padding: 1}
  - upsample: 2
  - reflect_pad: 1
  - conv: {filters: 8, kernel_size: 2, padding: same}
  - pixel_shuffle: 2
  - upsample: {scale: 2, method: bilinear}
  - zero_pad: [1, 0, 0, 2]
  - crop: [0, 1, 2, 0]
  - average_pool: {kernel_size: 3, stride: 2, padding: [0, 1, 1, 1], count_include_pad: true}
  - max_pool: {kernel_size: 2, padding: same}
  - adaptive_average_pool: [7, 5]
  - rms_norm
  - global_max_pool
  - dense: 1
""",
    "sequences": """
inputs: {sequence: [20]}
network:
  - expand_dims
  - conv: {filters: 4, kernel_size: 5, stride: 2, padding: same}
  - batch_norm
  - max_pool: 2
  - conv_transpose: {filters: 2, kernel_size: 4, stride: 2}
  - average_pool: {kernel_size: 3, stride: 1, padding: same}
  - global_max_pool
  - dense: 1
""",
}


@pytest.mark.parametrize("target", TARGETS)
def test_convolutional_networks_run_on_cuda(target: Target, place: CudaChecker, tmp_path: Path) -> None:
    for name, network in NETWORKS.items():
        spec = load_spec_text(f"netwright: 1\n{network}training: {{loss: squared_error, mixup: 0.2}}\n", f"{name}.yaml")
        compile_spec(spec, target=target).write(tmp_path / name)
    placements = place(sorted(tmp_path.rglob("*.onnx")), batch=4)
    assert len(placements) == 6 * len(NETWORKS)
    assert [item for item in placements if item.error or item.cpu or item.copies] == []
    assert all(item.cuda > 20 for item in placements if item.model.endswith("step.onnx"))
