"""Prometheus and Alertmanager, and the programs that check their rules and routes: Debian's packages."""

import os
import shutil
import subprocess
import sys

PACKAGES = {"promtool": "prometheus", "amtool": "prometheus-alertmanager"}
_ADVICE = (
    "Watching the shop and trying its alerts need Prometheus and Alertmanager; installing them failed (see above).\n"
    "Install them (Debian, Ubuntu: apt-get install prometheus prometheus-alertmanager;\n"
    "macOS: brew install prometheus alertmanager)."
)


def missing() -> list[str]:
    """The programs that are not there."""
    return [program for program in PACKAGES if shutil.which(program) is None]


def install() -> None:
    """Debian's packages where we may. Raises nothing: what it prints tells the person."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    wanted = [PACKAGES[program] for program in missing()]
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *wanted]
    if subprocess.run(command, env=quiet, check=False).returncode:
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        subprocess.run(command, env=quiet, check=False)


def main() -> int:
    """Make sure that they are there."""
    if missing():
        print(f"Missing: {', '.join(missing())}. Installing Prometheus and Alertmanager.", flush=True)
        install()
    if missing():
        print(_ADVICE, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
