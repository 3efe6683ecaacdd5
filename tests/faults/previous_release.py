"""The code that runs in production when the newest migration is applied."""

import subprocess
from pathlib import Path

import pytest

from tests.support.processes import REPOSITORY

MIGRATIONS = ":(glob)**/migrations/0*.py"


def export(folder: Path) -> Path:
    """Export its files to `folder`. Fails the test if the git history does not reach back far enough."""
    archive = subprocess.Popen(["git", "archive", _revision()], cwd=REPOSITORY, stdout=subprocess.PIPE)
    subprocess.run(["tar", "--extract", "--directory", folder], stdin=archive.stdout, check=True)
    assert archive.wait() == 0
    return folder


def _revision() -> str:
    """HEAD while a new migration is not committed yet; else the parent of the commit that added the newest one."""
    if _git("status", "--porcelain", "--", MIGRATIONS):
        return "HEAD"
    newest = _git("log", "-1", "--diff-filter=A", "--format=%H", "--", MIGRATIONS)
    try:
        return _git("rev-parse", "--verify", f"{newest}^")
    except subprocess.CalledProcessError:
        pytest.fail("The history ends before the newest migration: fetch it all (git fetch --unshallow).")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return done.stdout.strip()
