"""A file can be read in one sitting, a function fits a screen, and files do not import in circles."""

import ast
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

from tests.architecture.test_locks_and_network import APPS, REPOSITORY, functions

MODULES_IN_CONFIG = 14
LINES_IN_A_FILE = 300
LINES_IN_A_FUNCTION = 45


def source_files(*packages: str) -> Iterator[Path]:
    for package in packages:
        yield from (path for path in sorted((REPOSITORY / package).rglob("*.py")) if "migrations" not in path.parts)


def length(function: ast.FunctionDef) -> int:
    """Lines from `def` to the end. Docstrings do not count; a multi-line string (SQL) counts as one."""
    lines = (function.end_lineno or 0) - function.lineno + 1
    docstring = function.body[0] if ast.get_docstring(function) is not None else None
    for text in texts(function):
        lines -= (text.end_lineno or 0) - text.lineno + (docstring is not None and text is docstring.value)
    return lines


def texts(node: ast.AST) -> Iterator[ast.expr]:
    """The strings below `node`, each f-string as one."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.JoinedStr) or (isinstance(child, ast.Constant) and isinstance(child.value, str)):
            yield child
        else:
            yield from texts(child)


def circles(edges: dict[str, set[str]]) -> list[str]:
    """Modules that are part of an import cycle, or lie between two cycles."""
    # A module that imports no remaining module is in no circle.
    while done := {module for module, imported in edges.items() if not imported & edges.keys()}:
        edges = {module: imported for module, imported in edges.items() if module not in done}
    # Nor is one that no remaining module imports.
    while done := edges.keys() - set().union(*edges.values()):
        edges = {module: imported for module, imported in edges.items() if module not in done}
    return sorted(edges)


def test_few_modules_lie_directly_in_config() -> None:
    modules = {path.stem for path in (REPOSITORY / "config").glob("*.py")} - {"__init__"}
    assert len(modules) <= MODULES_IN_CONFIG, sorted(modules)


def test_no_file_of_config_is_long() -> None:
    lengths = {path.relative_to(REPOSITORY).as_posix(): path.read_text().count("\n") for path in source_files("config")}
    assert {name: lines for name, lines in lengths.items() if lines > LINES_IN_A_FILE} == {}


@pytest.mark.parametrize("app", APPS)
def test_no_function_is_long(app: str) -> None:
    long = {
        f"{path.relative_to(REPOSITORY).as_posix()}:{function.lineno} {function.name}": length(function)
        for path in source_files(app)
        for function in functions(ast.parse(path.read_text()))
        if length(function) > LINES_IN_A_FUNCTION
    }
    assert long == {}


def test_no_circle_of_files() -> None:
    """Including a package's `__init__.py`, which import-linter's contract does not check."""
    graph = grimp.build_graph(*APPS, cache_dir=None)
    assert circles({module: graph.find_modules_directly_imported_by(module) for module in graph.modules}) == []


class TestTheRulesThemselves:
    def test_count_lines_of_code(self) -> None:
        body = ['"""Say', "it.", '"""', 'run("""', "SELECT", "1", '""")', "return None"]
        source = "def act():\n" + "\n".join(f"    {line}" for line in body)
        assert [length(function) for function in functions(ast.parse(source))] == [len(["def", "run", "return"])]

    def test_find_a_circle_and_not_its_importers(self) -> None:
        assert circles({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}) == ["b", "c"]
        assert circles({"a": {"b"}, "b": {"c"}, "c": set()}) == []
