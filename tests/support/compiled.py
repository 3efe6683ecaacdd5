"""django-zeal hears of compiled querysets: it patches querysets, and these run past them."""

from typing import Any

from django.db.models import Model
from zeal.listeners import n_plus_one_listener
from zeal.patch import get_instance_key

from config.db import compiled


def watch_compiled() -> None:
    """An instance that was read alone may be asked for its relations, as one of `get()` or `first()`."""
    run = compiled._Statement.run

    def watched(statement: compiled._Statement, name: str, args: tuple[Any, ...]) -> list[Any]:
        rows = run(statement, name, args)
        if len(rows) == 1 and isinstance(rows[0], Model):
            n_plus_one_listener.ignore(get_instance_key(rows[0]))
        return rows

    compiled._Statement.run = watched  # type: ignore[method-assign]
