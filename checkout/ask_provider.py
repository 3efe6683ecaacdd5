"""What the provider says of payments whose end is not known here: it is asked, and its answer settled."""

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
    """Ask the provider about one order that awaits its payment, for a shopper who is looking at it or for staff (`by`).

    Answers with the order as it was where the provider cannot be asked now.
    """
    attempt = order.current_attempt
    if attempt is None or attempt.is_settled:
        return order
    if by is not None:
        audit.record(by, ASK, order, reference=order.number)
    settle_each("asked", [attempt], provider.ask)
    return Order.objects.with_everything().get(pk=order.pk)


def recover_order(number: str) -> Order | None:
    """The order that a request made before it died, so that whoever repeats it still learns of it; None where it was
    withdrawn, or its money never asked for. Asks the provider about an order that awaits its payment.

    Raises PaymentDeclined, and CheckoutInProgress while that request may still be waiting for the provider.
    """
    order = Order.objects.with_everything().get(number=number)
    if order.current_attempt and provider.may_be_under_way(order.current_attempt):
        raise CheckoutInProgress
    order = refresh(order)
    if order.status != OrderStatus.CANCELLED:
        return order
    if order.current_attempt and order.current_attempt.status == AttemptStatus.DECLINED:
        raise PaymentDeclined
    return None


def settle_each(sweep: str, attempts: Iterable[PaymentAttempt], ask: Callable[[PaymentAttempt], Outcome]) -> int:
    """Settle what `ask` says of each, counted under `sweep`; how many were. None of them keeps back the others."""
    settled = 0
    for attempt in attempts:
        try:
            settle(attempt.pk, ask(attempt))
        except PaymentUnavailable:
            logger.info("Attempt %s stays open: the provider cannot be asked now", attempt.pk)
        except Exception:  # one attempt that cannot be settled must not keep the others waiting
            logger.exception("Attempt %s could not be settled", attempt.pk)
        else:
            settled += 1
    swept.labels(sweep).inc(settled)
    return settled
