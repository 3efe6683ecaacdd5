"""The files in deploy/cluster, filled in for this machine: the tests use what operators get."""

from pathlib import Path
from string import Template

GIVEN = Path(__file__).resolve().parents[2] / "deploy" / "cluster"


def filled_in(name: str, **values: object) -> str:
    """The file with its ${…} replaced. Raises KeyError if a value is missing."""
    return Template((GIVEN / name).read_text()).substitute({key: str(value) for key, value in values.items()})
