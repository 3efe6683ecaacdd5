"""Every path in backticks in the docs exists in the repository, and so does every page they link to."""

import re
from pathlib import Path

import pytest

from tests.architecture.test_locks_and_network import REPOSITORY

PAGES = [REPOSITORY / "README.md", REPOSITORY / "SECURITY.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
# Written by a run, or kept by a machine.
UNTRACKED = {".data", ".venv", ".tools", "bench"}
TOP = {path.name for path in REPOSITORY.iterdir()} - UNTRACKED

IN_BACKTICKS = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
PATH = re.compile(r"[\w.*-]+(?:/[\w.*-]+)*/?")


def paths(text: str) -> set[str]:
    """The words in backticks that begin with a file or folder of the repository's root. `*` stands for any name."""
    words = {word.rstrip(",:;") for code in IN_BACKTICKS.findall(text) for word in code.split()}
    return {word for word in words if PATH.fullmatch(word) and "/" in word and word.split("/")[0] in TOP}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_paths_exist(page: Path) -> None:
    text = page.read_text()
    assert [path for path in sorted(paths(text)) if not any(REPOSITORY.glob(path))] == []
    assert [link for link in LINK.findall(text) if not (page.parent / link).exists()] == []


def test_paths_are_found_in_text() -> None:
    text = "`checkout/place.py`, `make test ARGS=x`, `GET carts/{id}/`, `config.cache`, `python deploy/aws/*.py`"
    assert paths(text) == {"checkout/place.py", "deploy/aws/*.py"}
