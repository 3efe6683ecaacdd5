"""What may be given back of an order, until when by right, and what is paid back for it.

The right of withdrawal (CDC 49): seven days from delivery, all sums back, freight too.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.utils import timezone

from checkout.models import GivenBack, Order, OrderLine, OrderStatus, Return, ReturnLine, Shipment
from config.money import ZERO, round_money, total
from payments.models import Payment

WITHDRAWAL_DAYS = 7
# Days are counted where the shop and its law are.
LEGAL_TIME = ZoneInfo("America/Sao_Paulo")


@dataclass(frozen=True)
class ReturnTerms:
    """Units that can be given back, by line of the order, and until when by right: None while that has not begun."""

    units: dict[int, int]
    right_until: datetime | None

    @property
    def by_right(self) -> bool:
        """Whether the shop has to take them back now."""
        return self.right_until is None or timezone.now().replace(microsecond=0) <= self.right_until


def terms_of(order: Order) -> ReturnTerms:
    """Reads the lines; at most two statements more."""
    if not order.may_return:
        return ReturnTerms({}, None)
    given_back = ReturnLine.objects.given_back(order.pk) if order.has_returns else {}
    left = {line.pk: line.quantity - given_back.get(line.pk, GivenBack()).units for line in order.lines.all()}
    return ReturnTerms({line: units for line, units in left.items() if units > 0}, _right_until(order))


def end_of_right(delivered_at: datetime) -> datetime:
    """The last second of the seventh day after a delivery."""
    last_day = delivered_at.astimezone(LEGAL_TIME).date() + timedelta(days=WITHDRAWAL_DAYS)
    return datetime.combine(last_day, time(23, 59, 59), LEGAL_TIME)


def _right_until(order: Order) -> datetime | None:
    """Counted from the last parcel. Before it comes the right is open, and where its day is not known."""
    if order.status != OrderStatus.DELIVERED:
        return None
    delivered_at = Shipment.objects.last_delivery(order.pk)
    return end_of_right(delivered_at) if delivered_at else None


@dataclass(frozen=True)
class Owed:
    """What is paid back for a return, and never more than what is left of the payment, `refundable`."""

    goods: Decimal
    # Of the delivery: what the law gives back, and what is left of it, which staff may give back.
    freight: Decimal
    freight_left: Decimal
    refundable: Decimal

    @property
    def amount(self) -> Decimal:
        return min(self.goods + self.freight, self.refundable)

    @property
    def amount_with_freight(self) -> Decimal:
        """With all of the delivery that is left."""
        return min(self.goods + self.freight_left, self.refundable)

    @property
    def is_capped(self) -> bool:
        """Whether less is left of the payment than is owed."""
        return self.goods + self.freight > self.refundable


def owed_for(order: Order, request: Return, lines: Iterable[ReturnLine], payment: Payment) -> Owed:
    """What is owed for an inspected return of a locked order: its lines, and all of the freight with the last of the
    goods. Reads the lines of the order, and the payment's books; two statements more."""
    settled = ReturnLine.objects.given_back(order.pk, closed=True)
    came = {line.order_line_id: line.quantity - line.missing for line in lines}
    goods, all_back = [], True
    for sold in order.lines.all():
        before = settled.get(sold.pk, GivenBack()).units
        units = came.get(sold.pk, 0)
        goods.append(price_of(sold, before, units))
        all_back = all_back and before + units == sold.quantity
    freight_left = order.shipping_total - Return.objects.freight_paid_back(order.pk)
    freight = freight_left if all_back and request.by_right else ZERO
    return Owed(total(goods), freight, freight_left, payment.refundable)


def price_of(line: OrderLine, before: int, units: int) -> Decimal:
    """What was paid for so many units of a line, after `before` others: all of them add up to the line's total."""

    def up_to(count: int) -> Decimal:
        return round_money(line.line_total * count / line.quantity)

    return up_to(before + units) - up_to(before)
