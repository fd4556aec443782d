"""What `resize` refuses, and what it does to bytes."""

from __future__ import annotations

import pytest
from netwright.compiler.errors import BuildError
from netwright.compiler.ir import DType, graph_input, symbol
from netwright.compiler.layers import Resize
from support.layer_context import RecordingContext

BATCH = symbol("batch")


@pytest.mark.parametrize("shape", [(BATCH, 4), (BATCH, symbol("time"), 4)])
def test_images_have_a_fixed_size(shape: tuple[object, ...]) -> None:
    x = graph_input("x", DType.float32, shape)  # type: ignore[arg-type]
    with pytest.raises(BuildError) as error:
        Resize(size=(2, 2)).build(RecordingContext(), x)
    assert error.value.message == f"needs images of a fixed size, received {x.type}"
    assert error.value.hint == "the last two axes are height and width"


def test_interpolated_bytes_become_numbers_and_nearest_ones_stay_bytes() -> None:
    x = graph_input("x", DType.uint8, (BATCH, 8, 8))
    assert str(Resize(size=(4, 4)).build(RecordingContext(), x).type) == "float32(batch, 4, 4)"
    assert str(Resize(size=(4, 6), method="nearest").build(RecordingContext(), x).type) == "uint8(batch, 4, 6)"
