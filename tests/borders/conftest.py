"""One valid file of every format."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.shelf import make_shelf


@pytest.fixture(scope="session")
def made_shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shelf")
    make_shelf(folder)
    return folder


@pytest.fixture(scope="module")
def shelf(made_shelf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy for one module, whose tests put back what they change."""
    folder = tmp_path_factory.mktemp("copy") / "shelf"
    shutil.copytree(made_shelf, folder)
    return folder
