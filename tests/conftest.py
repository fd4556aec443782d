"""Fixtures that tests of several areas share."""

from __future__ import annotations

from pathlib import Path

import pytest
from netwright.compiler.bundle import Target
from support.bundles import BundleFolder, library_bundle


@pytest.fixture(scope="session")
def bundle_folder(tmp_path_factory: pytest.TempPathFactory) -> BundleFolder:
    """Writes a spec of the model library as a bundle, once a session, and says where: `bundle_folder("xor_mlp")`."""
    root = tmp_path_factory.mktemp("bundles")

    def write(name: str, target: Target = "portable") -> Path:
        folder = root / f"{name}-{target}"
        if not folder.exists():
            library_bundle(name, target).write(folder)
        return folder

    return write
