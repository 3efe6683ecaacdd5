"""Data folders for the embedded servers: empty, and ours alone."""

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
