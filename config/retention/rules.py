"""What is kept for how long: one rule for each kind of row, declared by the app that owns it.

Personal data lives as long as its purpose or a law demands, and no longer. `config.retention.rounds` keeps the rules;
docs/privacy.md shows them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Union

from django.conf import settings
from django.db.models import PROTECT, Exists, Model, OuterRef, QuerySet

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

Text = Union[str, "_StrPromise"]
Rows = QuerySet[Any, Any]


def delete(rows: Rows) -> None:
    rows.delete()


@dataclass(frozen=True)
class RetentionRule:
    """`what` is kept for `days`, since (or so that) `why`, and then `effect` happens.

    `due` selects the rows whose time was up at a moment, longest due first and by an index, without joins. `remove`
    gets a batch of them, locked and in a transaction. A row that is done with must no longer be selected.
    `at_least` and `at_most` bound the setting.
    """

    name: str
    what: Text
    effect: Text
    why: Text
    due: Callable[[datetime], Rows]
    remove: Callable[[Rows], None] = delete
    at_least: int = 1
    at_most: int = 10 * 366

    @property
    def setting(self) -> str:
        """The environment variable."""
        return f"RETENTION_{self.name.upper()}_DAYS"

    @property
    def days(self) -> int:
        return int(settings.RETENTION_DAYS[self.name])

    def past_due(self, now: datetime) -> Rows:
        return self.due(now - timedelta(days=self.days))


_rules: dict[str, RetentionRule] = {}


def keep(*rules: RetentionRule) -> None:
    """Register an app's rules; called once, in its `ready`."""
    _rules.update({rule.name: rule for rule in rules})


def all_rules() -> list[RetentionRule]:
    """All rules, by name."""
    return [_rules[name] for name in sorted(_rules)]


def unreferenced(rows: Rows) -> Rows:
    """Those of `rows` that no other row protects from deletion, whichever app it belongs to."""
    model: type[Model] = rows.model
    for relation in model._meta.related_objects:
        if relation.on_delete is PROTECT:
            of_others = relation.related_model._base_manager.filter(**{relation.field.name: OuterRef("pk")})
            rows = rows.filter(~Exists(of_others))
    return rows
