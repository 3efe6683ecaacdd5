"""The sandbox servers use the standard library only, so that they are independent of the shop and start fast."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = "import sys, {app}.sandbox.__main__; print(*sys.modules)"


@pytest.mark.parametrize("app", ["payments", "shipping"])
def test_a_sandbox_imports_only_the_standard_library_and_itself(app: str) -> None:
    # Without `site`, which lets the environment import modules into every process.
    command = [sys.executable, "-S", "-c", PROGRAM.format(app=app)]
    imported = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.split()

    own = {"__main__", "config", app}
    assert [
        name
        for name in imported
        if name.split(".")[0] not in sys.stdlib_module_names
        and name not in own
        and not name.startswith(("config.standin", f"{app}.sandbox"))
    ] == []
