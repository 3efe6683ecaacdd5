"""Sales and conversion, by day in the shop's time zone. Few statements, each bounded by an index."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db.models import Aggregate, Count, Exists, OuterRef, Q, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from cart.models import Cart, CartLine
from checkout.models import Order
from config.money import ZERO

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Day:
    """What was paid on a day; refunds are not subtracted."""

    date: date
    count: int
    total: Decimal


@dataclass(frozen=True)
class Sold:
    """What was paid on the whole day, and up to the current time of day."""

    day: Day
    count_by_now: int
    total_by_now: Decimal


@dataclass(frozen=True)
class Funnel:
    """Non-empty carts created since a moment; of these, how many became orders, and how many were paid."""

    filled: int
    begun: int
    paid: int


def midnight(now: datetime) -> datetime:
    """The start of the current day in the shop's time zone."""
    return timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)


def sold_by_day(days: int, now: datetime) -> list[Day]:
    """The last `days` days including today, oldest first, days without sales included. One statement."""
    today = midnight(now).date()
    first = today - (days - 1) * DAY
    start = midnight(now) - (days - 1) * DAY
    rows = (
        Order.objects.order_by()
        .filter(paid_at__gte=start)
        .values_list(TruncDate("paid_at", tzinfo=timezone.get_current_timezone()))
        .annotate(count=Count("pk"), sum=Sum("total"))
    )
    found = {day: (count, total) for day, count, total in rows}
    dates = [first + place * DAY for place in range(days)]
    return [Day(day, *found.get(day, (0, ZERO))) for day in dates]


def sold_by_now(days: list[Day], now: datetime) -> list[Sold]:
    """Today, yesterday, and the same weekday a week ago, of `days` as `sold_by_day` counted them. One statement."""
    chosen = [days[-1 - back] for back in (0, 1, 7)]
    spans = [Q(paid_at__gte=midnight(now) - back * DAY, paid_at__lte=now - back * DAY) for back in (0, 1, 7)]
    sums: dict[str, Aggregate] = {f"count_{place}": Count("pk", filter=span) for place, span in enumerate(spans)}
    sums |= {f"total_{place}": Sum("total", filter=span) for place, span in enumerate(spans)}
    facts = Order.objects.filter(paid_at__gte=midnight(now) - 7 * DAY).aggregate(**sums)
    return [Sold(day, facts[f"count_{place}"], facts[f"total_{place}"] or ZERO) for place, day in enumerate(chosen)]


def funnel(since: datetime) -> Funnel:
    """How far the carts created since then have come. One statement.

    A cart created since then was also updated since then, and the index is on `updated_at`.
    """
    orders = Order.objects.filter(cart=OuterRef("pk")).order_by()
    carts = (
        Cart.objects.filter(updated_at__gte=since, created_at__gte=since)
        .filter(Exists(CartLine.objects.filter(cart=OuterRef("pk"))))
        .annotate(begun=Exists(orders), paid=Exists(orders.filter(paid_at__isnull=False)))
    )
    facts = carts.aggregate(
        filled=Count("pk"), begun_count=Count("pk", filter=Q(begun=True)), paid_count=Count("pk", filter=Q(paid=True))
    )
    return Funnel(facts["filled"], facts["begun_count"], facts["paid_count"])
