"""Programs that come from Debian's packages, not from PyPI; installed where we have the rights to."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping


def missing(packages: Mapping[str, str]) -> list[str]:
    """The programs (of program → package) that are not installed."""
    return [program for program in packages if shutil.which(program, path=_path()) is None]


def provide(packages: Mapping[str, str], advice: str) -> int:
    """Make sure that the programs are installed; prints `advice` and returns 1 if they cannot be."""
    if absent := missing(packages):
        print(f"Missing: {', '.join(absent)}. Installing {', '.join(packages[name] for name in absent)}.", flush=True)
        _install([packages[name] for name in absent])
    if missing(packages):
        print(advice, file=sys.stderr)
        return 1
    return 0


def _path() -> str:
    """Debian keeps servers in folders that are on root's PATH only."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])


def _install(wanted: list[str]) -> None:
    """Prints errors instead of raising them."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    # Run level 1 keeps the packages from starting their servers.
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *wanted]
    if subprocess.run(command, env=quiet, check=False).returncode:
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        subprocess.run(command, env=quiet, check=False)
