"""The files in deploy/, filled in for this machine: the tests use what operators get."""

from pathlib import Path
from string import Template

GIVEN = Path(__file__).resolve().parents[2] / "deploy" / "cluster"
FRONT = GIVEN.parent / "front" / "nginx.conf"


def filled_in(name: str, **values: object) -> str:
    """The file with its ${…} replaced. Raises KeyError if a value is missing."""
    return Template((GIVEN / name).read_text()).substitute({key: str(value) for key, value in values.items()})


class _OnlyBraces(Template):
    """nginx has variables of its own: `$host`."""

    pattern = r"\$\{(?P<braced>[A-Z]+)\}|(?P<named>(?!))|(?P<escaped>(?!))|(?P<invalid>(?!))"  # type: ignore[assignment]


def front(**values: object) -> str:
    """nginx's file with its ${…} replaced. Raises KeyError if a value is missing."""
    return _OnlyBraces(FRONT.read_text()).substitute({key: str(value) for key, value in values.items()})
