"""Bounds of what orders hold while they wait for their shopper to pay: Pix codes and 3-D Secure.

They cost nothing to make, so that a stranger could empty the shelves with them. Bounded are the share of each product,
which the inventory enforces under the stock's lock, and the orders and units of one network. A cart and an e-mail are
invented as fast as an order is placed, and a bound by e-mail would let anybody use up another's. An account that has
paid for an order is trusted with more time and does not count for its network: it has at most one live cart, hence one
order that waits.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from checkout.exceptions import NetworkHoldsTooMuch, TooMuchUnpaid
from checkout.models import Order
from config.db.locks import lock_name
from inventory import reservations
from inventory.allocation import UnpaidBound
from inventory.exceptions import UnpaidBoundReached
from payments import provider
from payments.models import PaymentMethod


@dataclass(frozen=True)
class Terms:
    """How long an order may wait to be paid, and the network for which it counts meanwhile; empty if for none."""

    minutes: int
    network: str = ""

    @property
    def payment_time(self) -> timedelta:
        return timedelta(minutes=self.minutes)

    @property
    def hold_time(self) -> timedelta:
        return timedelta(minutes=self.minutes + settings.STOCK_HOLD_MARGIN_MINUTES)


def terms_at_once() -> Terms:
    """The terms of an order that is paid at once: its shopper may have to confirm the payment at the bank."""
    return Terms(settings.FIRST_PAYMENT_MINUTES)


def stock_bound() -> UnpaidBound:
    return UnpaidBound(settings.UNPAID_STOCK_SHARE, settings.UNPAID_STOCK_UNITS)


def admit(user_id: int | None, network: str, units: int) -> Terms:
    """The terms on which an order of so many units may wait to be paid, in the transaction that places it.

    At most three statements; locks the network's name. An empty `network` is not bounded. Raises NetworkHoldsTooMuch.
    """
    if user_id is not None and Order.objects.of_user(user_id).filter(paid_at__isnull=False).exists():
        return Terms(settings.PAYMENT_MINUTES)
    terms = Terms(settings.FIRST_PAYMENT_MINUTES, _keyed(network))
    if terms.network:
        lock_name(f"unpaid:{terms.network}")
        held = Order.objects.waiting_from(terms.network, timezone.now() - terms.payment_time)
        if (
            held.orders + 1 > settings.UNPAID_ORDERS_PER_NETWORK
            or held.units + units > settings.UNPAID_UNITS_PER_NETWORK
        ):
            raise NetworkHoldsTooMuch(methods=_methods_paid_at_once())
    return terms


def _keyed(network: str) -> str:
    """What is stored of a network: enough to count by, not to find the address."""
    return salted_hmac("checkout.unpaid", network, algorithm="sha256").hexdigest()[:32] if network else ""


def refuse_unpaid() -> TooMuchUnpaid:
    """The refusal of an order whose goods may not wait to be paid."""
    return TooMuchUnpaid(methods=_methods_paid_at_once())


def _methods_paid_at_once() -> list[str]:
    return [PaymentMethod.CARD.value] if provider.is_available(PaymentMethod.CARD) else []


@transaction.atomic
def await_payment(order: Order, network: str) -> None:
    """Bound an order that was to be paid at once and has to wait for its shopper after all (3-D Secure).

    Raises NetworkHoldsTooMuch or TooMuchUnpaid; the order then still holds its goods, and its payment must be voided.
    """
    terms = admit(order.user_id, network, sum(line.quantity for line in order.sold))
    Order.objects.filter(pk=order.pk).update(network=terms.network)
    try:
        reservations.await_payment(order.number, stock_bound())
    except UnpaidBoundReached as refusal:
        raise refuse_unpaid() from refusal


def forget_networks(limit: int = 1000) -> int:
    """Forget the networks of at most `limit` orders that no longer wait; returns how many."""
    return Order.objects.forget_networks(limit)
