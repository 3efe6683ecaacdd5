"""The balance of money and stock: the invariants of the whole shop, whatever failed before.

Money: what the provider captured, by its own ledger, equals what paid orders keep plus refunds and disputes; and each
charge of its is in our books as it is there.
Stock: the units on hand at the start equal those sold, reserved and available.
One live order per cart, one mail per paid order, no charge without an order, no order without freight.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Q, Sum
from django.utils import timezone

from cart.models import Cart, CartStatus
from checkout.models import LIVE, Order, OrderLine, OrderStatus, OutboxMessage
from config.money import to_minor_units
from inventory.models import Product, ReservationLine, Stock
from payments.models import AttemptStatus, Dispute, PaymentAttempt, Refund, RefundStatus

ENDED = [RefundStatus.SUCCEEDED, RefundStatus.FAILED]
PAID = [OrderStatus.PAID, OrderStatus.SHIPPED, OrderStatus.DELIVERED]


def shelves() -> dict[int, int]:
    """Units on hand by stock row, to be taken before the first sale."""
    return dict(Stock.objects.values_list("id", "on_hand"))


@dataclass(frozen=True, kw_only=True)
class Balance:
    """The balance of one run. Money in centavos, stock in units."""

    captured: int
    refunded: int
    disputed: int
    paid: int
    at_start: int
    sold: int
    held: int
    free: int
    paid_orders: int
    mails: int
    problems: tuple[str, ...]

    @classmethod
    def taken(
        cls,
        ledger: Mapping[str, Any],
        at_start: Mapping[int, int],
        mails: Counter[str],
        *,
        charges: Iterable[Mapping[str, Any]] = (),
        at_rest: bool = True,
    ) -> "Balance":
        """The balance now. `ledger` and `charges` are the provider's, `at_start` comes from `shelves`, `mails` counts
        mails by order.

        `at_rest`: nothing may be pending any more, except what waits for a shopper.
        """
        paid = _kept()
        return cls(
            captured=ledger["captured"],
            refunded=ledger["refunded"],
            disputed=ledger["disputed"],
            paid=paid,
            at_start=sum(at_start.values()),
            sold=_sum(ReservationLine.objects.filter(held=False), F("quantity") - F("returned")),
            held=_sum(Stock.objects, F("reserved")),
            free=_sum(Stock.objects, F("on_hand") - F("reserved")),
            paid_orders=len(_paid()),
            mails=mails.total(),
            problems=(
                *_money(ledger, paid),
                *_books(ledger),
                *_charges(charges),
                *_goods(at_start),
                *_carts(),
                *_freight(),
                *_mails(mails, at_rest=at_rest),
                *(_unrest() if at_rest else ()),
            ),
        )

    def document(self) -> dict[str, Any]:
        return asdict(self) | {"problems": list(self.problems)}


NUMBERS = [field.name for field in fields(Balance) if field.name != "problems"]


def _sum(rows: Any, what: Any) -> int:
    return int(rows.aggregate(total=Sum(what))["total"] or 0)


def _paid() -> list[Order]:
    return list(Order.objects.filter(status__in=PAID).select_related("payment"))


def _kept() -> int:
    """What paid orders keep: captured, less what went back."""
    of_paid = {"payment__in": Order.objects.filter(status__in=PAID).values("payment")}
    captured = PaymentAttempt.objects.filter(**of_paid).aggregate(total=Sum("captured"))["total"] or Decimal(0)
    refunded = Refund.objects.filter(**of_paid).paid().total()
    return to_minor_units(captured - refunded - Dispute.objects.filter(**of_paid).withdrawn(), "BRL")


def _charges(charges: Iterable[Mapping[str, Any]]) -> list[str]:
    """Each charge of the provider's against our attempt, its refunds and disputes."""
    problems = []
    for charge in charges:
        attempt = PaymentAttempt.objects.filter(provider_reference=charge["intent"]).first()
        if attempt is None:
            problems.append(f"charge {charge['intent']} is of no attempt")
            continue
        refunds = attempt.refunds.filter(by_hand=False).paid().total()
        ours = [to_minor_units(sum_, "BRL") for sum_ in (attempt.captured, refunds, attempt.disputes.all().withdrawn())]
        theirs = [charge["captured"], charge["refunded"], charge["disputed"]]
        if ours != theirs:
            problems.append(f"charge {charge['intent']}: captured, refunded, disputed {ours} here, {theirs} there")
    return problems


def _money(ledger: Mapping[str, Any], paid: int) -> list[str]:
    problems = []
    off = ledger["captured"] - paid - ledger["refunded"] - ledger["disputed"]
    if off:
        problems.append(
            f"captured {ledger['captured']} is not paid orders {paid} + refunds {ledger['refunded']} "
            f"+ disputes {ledger['disputed']}: off by {off}"
        )
    if ledger["orders_charged_twice"]:
        problems.append(f"charged twice: {ledger['orders_charged_twice']}")
    return problems


def _books(ledger: Mapping[str, Any]) -> list[str]:
    """Our payments against the provider's ledger, in total and order by order."""
    captured = PaymentAttempt.objects.aggregate(total=Sum("captured"))["total"] or Decimal(0)
    refunded = Refund.objects.filter(status=RefundStatus.SUCCEEDED).aggregate(total=Sum("amount"))["total"] or 0
    problems = []
    if to_minor_units(captured, "BRL") != ledger["captured"]:
        problems.append(f"our books say captured {captured}, the provider's {ledger['captured']} centavos")
    if to_minor_units(Decimal(refunded), "BRL") != ledger["refunded"]:
        problems.append(f"our books say refunded {refunded}, the provider's {ledger['refunded']} centavos")
    for order in _paid():
        received = order.payment.attempts.aggregate(total=Sum("captured"))["total"] or Decimal(0)
        if received != order.total:
            problems.append(f"order {order.number} of {order.total} is paid with {received}")
    return problems


def _goods(at_start: Mapping[int, int]) -> list[str]:
    problems = []
    sold = dict(
        ReservationLine.objects.filter(held=False)
        .values_list("stock")
        .annotate(total=Sum(F("quantity") - F("returned")))
    )
    held = dict(ReservationLine.objects.filter(held=True).values_list("stock").annotate(total=Sum("quantity")))
    for row in Stock.objects.all():
        if sold.get(row.id, 0) + row.on_hand != at_start.get(row.id):
            problems.append(
                f"stock {row.id}: sold {sold.get(row.id, 0)} + held {row.reserved} + free {row.on_hand - row.reserved} "
                f"is not {at_start.get(row.id)}, which lay there at the start"
            )
        if held.get(row.id, 0) != row.reserved:
            problems.append(f"stock {row.id}: {row.reserved} are reserved, its holds come to {held.get(row.id, 0)}")
    ordered = Counter(
        dict(OrderLine.objects.filter(order__status__in=PAID).values_list("product").annotate(total=Sum("quantity")))
    )
    left = Counter(
        dict(
            Product.objects.filter(stocks__reservation_lines__held=False)
            .values_list("id")
            .annotate(total=Sum(F("stocks__reservation_lines__quantity") - F("stocks__reservation_lines__returned")))
        )
    )
    if +ordered != +left:
        problems.append(f"paid orders hold {dict(ordered)} by product, {dict(left)} left the shelves")
    awaiting = set(Order.objects.awaiting_payment().values_list("number", flat=True))
    holding = set(ReservationLine.objects.filter(held=True).values_list("reservation__reference", flat=True))
    if holding - awaiting:
        problems.append(f"goods are held for orders that do not wait: {sorted(holding - awaiting)}")
    return problems


def _carts() -> list[str]:
    problems = []
    live = Order.objects.filter(status__in=LIVE).values("cart").annotate(orders=Count("id")).filter(orders__gt=1)
    problems += [f"cart {row['cart']} has {row['orders']} live orders" for row in live]
    paid = set(Order.objects.filter(status__in=PAID).values_list("cart", flat=True))
    waiting = set(Order.objects.awaiting_payment().values_list("cart", flat=True))
    ordered = set(Cart.objects.filter(status=CartStatus.ORDERED).values_list("id", flat=True))
    closed = set(Cart.objects.filter(status=CartStatus.CHECKING_OUT).values_list("id", flat=True))
    refunded = set(Order.objects.filter(status=OrderStatus.REFUNDED).values_list("cart", flat=True))
    if paid - ordered or ordered - paid - refunded:
        problems.append(f"carts {paid ^ ordered} are ordered without an order, or the other way round")
    if closed != waiting:
        problems.append(
            f"carts {closed ^ waiting} are closed for a payment that no order waits for, or the other way round"
        )
    return problems


def _freight() -> list[str]:
    """Every order, in whatever state, ships at a price quoted to its cart that had not expired."""
    problems = []
    for order in Order.objects.select_related("quote", "cart"):
        quote = order.quote
        promised_for = (quote.reference, quote.postal_code, quote.currency)
        if order.shipping_total <= 0 or order.shipping_total != quote.price:
            problems.append(f"order {order.number} has freight {order.shipping_total}, was promised {quote.price}")
        if promised_for != (order.cart.token, order.postal_code, order.currency):
            problems.append(f"order {order.number} has the freight of another cart or place: {promised_for[1:]}")
        if quote.expires_at <= order.placed_at:
            problems.append(f"order {order.number} has a freight whose time was over")
    return problems


def _mails(mails: Counter[str], *, at_rest: bool) -> list[str]:
    """`at_rest`: every paid order has its mail; otherwise a mail may still be on its way."""
    wanted = Counter(order.number for order in _paid())
    refunded = set(Order.objects.filter(status=OrderStatus.REFUNDED).values_list("number", flat=True))
    problems = [f"order {number} got {count} mails" for number, count in mails.items() if count > 1]
    if strangers := set(mails) - set(wanted) - refunded:
        problems.append(f"mails about orders that are not paid: {sorted(strangers)}")
    if at_rest and (missing := set(wanted) - set(mails)):
        problems.append(f"{len(missing)} paid orders got no mail: {sorted(missing)[:5]}")
    return problems


def _unrest() -> list[str]:
    """What is still pending although no one has to act."""
    open_attempts = PaymentAttempt.objects.filter(status__in=[AttemptStatus.STARTED, AttemptStatus.UNKNOWN])
    rows = {
        "attempts without a known end": open_attempts.count(),
        "refunds without a known end": Refund.objects.exclude(status__in=ENDED).count(),
        "refunds that failed for good": Refund.objects.failed_for_good().count(),
        "messages not sent": OutboxMessage.objects.unsent()
        .filter(Q(tries__gt=0) | Q(due_at__lte=timezone.now()))
        .count(),
    }
    return [f"{count} {what}" for what, count in rows.items() if count]
