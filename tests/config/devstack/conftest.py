"""An empty data folder for the embedded servers of each test."""

from pathlib import Path

import pytest

from config.devstack.data import DataFolder


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    folder = DataFolder(tmp_path / "data with spaces")
    folder.create()
    for server in ("postgres", "valkey"):
        folder.free_port(server)
    return folder
