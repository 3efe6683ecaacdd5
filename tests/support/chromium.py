"""The browser of the journeys: Debian's Chromium, Google Chrome, or Playwright's own download."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Error, sync_playwright

# The first is headless only: the journeys take a quarter less time with it.
_PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_ADVICE = (
    "The browser journeys need Chromium, and installing it failed (see above).\n"
    "Install it (Debian, Ubuntu: apt-get install chromium-headless-shell; macOS: brew install --cask chromium),\n"
    "or name one: CHROMIUM=/path/to/chromium make test"
)


def find() -> str | None:
    """The path of an installed Chromium, `CHROMIUM` first; None if there is none."""
    named = os.environ.get("CHROMIUM")
    if named:
        return shutil.which(named)
    return next((path for name in _PROGRAMS if (path := shutil.which(name))), None) or _playwrights_own()


def install() -> None:
    """Debian's package if we may install it, else Playwright's download. Prints errors instead of raising them."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        for package in ("chromium-headless-shell", "chromium"):
            install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package]
            if subprocess.run(install, env=quiet, check=False).returncode == 0:
                break
    if find() is None:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)


def _playwrights_own() -> str | None:
    try:
        with sync_playwright() as playwright:
            path = Path(playwright.chromium.executable_path)
    except Error:
        return None
    return str(path) if path.exists() else None


def main() -> int:
    """Make sure that one is installed."""
    if find() is None:
        print("Chromium is missing: installing it for the browser journeys.", flush=True)
        install()
    if find() is None:
        print(_ADVICE, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
