"""What needs a person: one table, of which the gauge, the alerts and the admin's pages are views.

Each app registers its own items. What is in an item's rows does not end by itself: somebody has to look.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.utils.functional import Promise
from prometheus_client.core import GaugeMetricFamily

from config.telemetry.metrics import at_scrape, gauge

Rows = QuerySet[Any] | Sequence[Any]


@dataclass(frozen=True)
class AttentionItem:
    """One kind of case that needs a person.

    `rows` are the cases now, one statement over an index of open rows; `remedy` says what to do about them. `alert`
    names the rule in `deploy/prometheus/alerts.yml` and its runbook. `model` (as in `payments_refund`) is the model
    whose admin list shows the rows; empty if they are no rows of one model.
    """

    name: str
    title: str | Promise
    remedy: str | Promise
    permission: str
    alert: str
    rows: Callable[[], Rows]
    model: str = ""


RowsReader = Callable[[Any], Iterable[GaugeMetricFamily]]

_items: dict[str, AttentionItem] = {}
_readers: dict[str, RowsReader] = {}


def register(*items: AttentionItem) -> None:
    _items.update({item.name: item for item in items})


def attention_items() -> list[AttentionItem]:
    """All items, in the order in which their apps registered them."""
    return list(_items.values())


def counts(items: Iterable[AttentionItem]) -> dict[str, int]:
    """How many cases each of the items has, by name. One statement for all that are querysets."""
    return _counts({item.name: item.rows() for item in items})


def _counts(rows: Mapping[str, Rows]) -> dict[str, int]:
    counted = {name: len(found) for name, found in rows.items() if not isinstance(found, QuerySet)}
    queries = {name: found for name, found in rows.items() if isinstance(found, QuerySet)}
    return counted | (_count(queries) if queries else {})


def _count(queries: dict[str, QuerySet[Any]]) -> dict[str, int]:
    compiled = [found.order_by().values("pk").query.sql_with_params() for found in queries.values()]
    # Both texts are Django's own.
    columns = ", ".join(f"(SELECT count(*) FROM ({sql}) AS found)" for sql, _params in compiled)  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns}", [value for _sql, params in compiled for value in params])
        return dict(zip(queries, cursor.fetchone(), strict=True))


def gauges_of(item: str) -> Callable[[RowsReader], RowsReader]:
    """Decorator: expose the function's gauges, too. It gets the rows of an item as they were read for its count."""

    def register_reader(read: RowsReader) -> RowsReader:
        _readers[item] = read
        return read

    return register_reader


@at_scrape(seconds=60, vital=True)
def attention() -> Iterator[GaugeMetricFamily]:
    rows = {item.name: item.rows() for item in attention_items()}
    found = {(name,): float(count) for name, count in _counts(rows).items()}
    yield gauge("attention_items", "Cases that need a person, by item.", found, ("item",))
    for name, read in _readers.items():
        yield from read(rows[name])
