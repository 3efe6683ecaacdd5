"""Look up unresolved payments at the provider and settle what it answers."""

import logging
from collections.abc import Callable, Iterable

from django.utils.translation import gettext_lazy as _

from cart.exceptions import CheckoutInProgress
from checkout.exceptions import PaymentDeclined
from checkout.metrics import swept
from checkout.models import Order, OrderStatus
from checkout.settle import settle
from config.audit import services as audit
from config.audit.events import AuditEvent
from config.audit.services import Actor
from payments import provider
from payments.exceptions import PaymentUnavailable
from payments.gateways.base import Outcome
from payments.models import AttemptStatus, PaymentAttempt

logger = logging.getLogger(__name__)

ASK = AuditEvent("order.ask", _("checked the payment with the provider"))


def refresh(order: Order, *, by: Actor = None) -> Order:
    """Look up the payment of one order at the provider and settle it, for the order's page or for staff (`by`).

    Returns the order reloaded, or as it is if it has no unsettled attempt. An unavailable provider changes nothing.
    Must not be called inside a transaction.
    """
    attempt = order.current_attempt
    if attempt is None or attempt.is_settled:
        return order
    if by is not None:
        audit.record(by, ASK, order, reference=order.number)
    settle_each("asked", [attempt], provider.ask)
    return Order.objects.with_everything().with_parcels().get(pk=order.pk)


def recover_order(number: str) -> Order | None:
    """Return the order of a request that died before it answered, for the repeat of that request.

    Looks up an unsettled payment at the provider. Returns None if the payment was voided or never sent, so that the
    order may be placed anew. Raises PaymentDeclined, and CheckoutInProgress while the first request may still be
    waiting for the provider.
    """
    order = Order.objects.with_everything().with_parcels().get(number=number)
    if order.current_attempt and provider.may_be_under_way(order.current_attempt):
        raise CheckoutInProgress
    order = refresh(order)
    if order.status != OrderStatus.CANCELLED:
        return order
    if order.current_attempt and order.current_attempt.status == AttemptStatus.DECLINED:
        raise PaymentDeclined
    return None


def settle_each(sweep: str, attempts: Iterable[PaymentAttempt], ask: Callable[[PaymentAttempt], Outcome]) -> int:
    """Settle what `ask` returns for each attempt; returns how many are settled now, which is counted under `sweep`.

    One that stays unknown, or waits for the shopper, is not. A failure is logged and leaves its attempt for the next
    round; it never stops the others.
    """
    settled = 0
    for attempt in attempts:
        try:
            after = settle(attempt.pk, ask(attempt)).current_attempt
        except PaymentUnavailable:
            logger.info("Attempt %s stays unresolved: the provider is unavailable", attempt.pk)
        except Exception:  # one bad attempt must not block the others
            logger.exception("Attempt %s could not be settled", attempt.pk)
        else:
            settled += after is not None and after.is_settled
    swept.labels(sweep).inc(settled)
    return settled
