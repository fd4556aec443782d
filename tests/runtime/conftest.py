from pathlib import Path

import pytest
from handmade import make_bundle
from netwright.runtime.bundle import Bundle, load_bundle


@pytest.fixture
def bundle_folder(tmp_path: Path) -> Path:
    return make_bundle(tmp_path / "handmade.bundle")


@pytest.fixture
def bundle(bundle_folder: Path) -> Bundle:
    return load_bundle(bundle_folder)
