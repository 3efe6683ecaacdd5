"""The only way to write to the audit log.

`record` is called in the transaction of the change, so that both commit or neither does. An action that calls a
provider records before the call, in a transaction that has committed by then: the outcome is in the attempt's or
refund's own row.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser, Permission
from django.db import connection, transaction
from django.db.models import Model, QuerySet

from config.accounts.models import User
from config.audit.events import AuditEvent
from config.audit.models import Entry
from config.db.locks import require_transaction
from config.telemetry import logs

Actor = AbstractBaseUser | AnonymousUser | None
P = ParamSpec("P")
R = TypeVar("R")


def record(
    by: Actor,
    verb: AuditEvent,
    on: Model | type[Model],
    *,
    reason: str = "",
    reference: str = "",
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> Entry:
    """Record that `by` (None: the shop itself) did `verb` to `on`, a row or a whole table, in the current request.

    `reference` is the order's number if `on` belongs to one. `before` and `after` hold what changed, without personal
    data of shoppers. One statement; no transaction of its own.
    """
    person = by if isinstance(by, User) else None
    return Entry.objects.create(
        actor_id=person.pk if person else None,
        actor=person.email if person else "",
        verb=verb.name,
        object_type=on._meta.label_lower,
        object_id="" if isinstance(on, type) else str(on.pk),
        object_name=_name(on)[:200],
        reference=reference,
        reason=logs.redacted(reason)[:200],
        before=_plain(before),
        after=_plain(after),
        request_id=logs.current("request") or "",
    )


def forget_reasons(reference: str) -> None:
    """Empty what was said in words of an order whose person is erased. Who did what and when stays."""
    _empty_reasons(Entry.objects.about(reference))


def forget_reasons_on(model: type[Model], pk: object) -> None:
    """Like `forget_reasons`, of what was done to a row."""
    _empty_reasons(Entry.objects.filter(object_type=model._meta.label_lower, object_id=str(pk)))


def _empty_reasons(entries: QuerySet[Entry]) -> None:
    """The database lets a transaction do this that says so, which this ends at once."""
    require_transaction()
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('audit.erasure', 'on', true)")
        entries.exclude(reason="").update(reason="")
        cursor.execute("SELECT set_config('audit.erasure', '', true)")


def _name(on: Model | type[Model]) -> str:
    if isinstance(on, type):
        return ""
    if isinstance(on, User):
        return on.email if on.is_staff else f"#{on.pk}"
    return logs.redacted(str(on))


def _plain(values: Mapping[str, object] | None) -> dict[str, Any] | None:
    return None if values is None else {name: _as_json(value) for name, value in values.items()}


def _as_json(value: object) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Permission):
        return value.codename
    if isinstance(value, QuerySet | list | tuple | set):
        return sorted(_as_json(each) for each in value)
    return str(value)


def atomic_view(view: Callable[P, R]) -> Callable[P, R]:
    """Run a Django view in one transaction, so that its writes and its audit entry commit together or not at all."""

    @wraps(view)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        with transaction.atomic():
            return view(*args, **kwargs)

    return wrapped
