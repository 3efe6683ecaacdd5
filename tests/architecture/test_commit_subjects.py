"""The check of commit subjects in `make check`, run in small repositories of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / ".ci" / "commit-subjects"
AT_MOST = "á" * 72
TOO_LONG = "á" * 73
IDENTITY = {
    f"GIT_{role}_{fact}": value
    for role in ("AUTHOR", "COMMITTER")
    for fact, value in (("NAME", "nobody"), ("EMAIL", "nobody@example.com"))
}
ENVIRONMENT = {**os.environ, **IDENTITY, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, env=ENVIRONMENT, check=True, capture_output=True)


def commit(folder: Path, subject: str) -> None:
    git(folder, "commit", "--quiet", "--allow-empty", "--message", f"{subject}\n\n{TOO_LONG} in the body")


def complaint(folder: Path) -> str:
    """What the script in `folder` prints; empty if it has no complaint."""
    program = [sys.executable, folder / ".ci" / "commit-subjects"]
    done = subprocess.run(program, env=ENVIRONMENT, capture_output=True, encoding="utf-8", check=False)
    assert bool(done.returncode) == bool(done.stderr)
    assert not done.stdout
    return done.stderr


def put_script(folder: Path) -> None:
    (folder / ".ci").mkdir()
    shutil.copy(SCRIPT, folder / ".ci")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """One long subject, followed by the commit that introduces the rule."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch", "main")
    commit(folder, TOO_LONG)
    put_script(folder)
    git(folder, "add", ".ci")
    commit(folder, AT_MOST)
    return folder


def test_only_commits_after_the_rule_are_checked(repository: Path) -> None:
    commit(repository, AT_MOST)
    assert complaint(repository) == ""
    commit(repository, TOO_LONG)
    commit(repository, AT_MOST)
    assert complaint(repository).splitlines()[1].endswith(f" {TOO_LONG}")


def test_merges_are_checked_except_githubs_trial_merges(repository: Path) -> None:
    git(repository, "checkout", "--quiet", "-b", "side")
    commit(repository, AT_MOST)
    git(repository, "checkout", "--quiet", "-b", "trial", "main")
    git(repository, "merge", "--quiet", "--no-ff", "-m", f"Merge {'0a' * 20} into {'1b' * 20}", "side")
    assert complaint(repository) == ""
    git(repository, "checkout", "--quiet", "main")
    git(repository, "merge", "--quiet", "--no-ff", "-m", TOO_LONG, "side")
    assert TOO_LONG in complaint(repository)


def test_a_full_clone_is_checked_and_a_shallow_one_has_nothing_to_check(repository: Path, tmp_path: Path) -> None:
    commit(repository, TOO_LONG)
    git(tmp_path, "clone", "--quiet", f"file://{repository}", "whole")
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{repository}", "shallow")
    assert TOO_LONG in complaint(tmp_path / "whole")
    assert complaint(tmp_path / "shallow") == ""


def test_without_history_there_is_nothing_to_check(tmp_path: Path) -> None:
    put_script(tmp_path)
    assert complaint(tmp_path) == ""
    git(tmp_path, "init", "--quiet")
    assert complaint(tmp_path) == ""
