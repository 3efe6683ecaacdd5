"""Orders as staff see them, placed through the real checkout; only the provider's outcome is supplied by the test."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import Any

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from checkout.models import Order
from checkout.place_order import PlaceOrder, _commit_order
from checkout.settle import settle
from config.resilience.breakers import FAILURES_BEFORE_OPENING, BreakerOpen, ProviderFailure, breaker
from inventory.models import Product
from payments.gateways.base import Outcome
from payments.models import Dispute, PaymentAttempt, Refund, RefundStatus
from payments.refunds import begin as begin_refund
from tests.support.factories.cart import ready_cart


def order(outcome: str | None = "approved", products: Sequence[Product] | int = 1, **command: Any) -> Order:
    """An order with the provider's `outcome`; None leaves the attempt as if the process had died before the answer."""
    cart = ready_cart(products)
    agreed = {"payment_method": "pm_card_visa", "expected_total": cart.total, "language": "pt-br", **command}
    made, attempt = _commit_order(PlaceOrder(cart_token=cart.id, **agreed))
    if outcome is not None:
        captured = made.total if outcome == "approved" else None
        answer = Outcome(kind=outcome, provider_reference=f"pi_{made.number}", captured=captured)
        made = settle(attempt.pk, answer)
    return made


def attempt_of(made: Order) -> PaymentAttempt:
    return PaymentAttempt.objects.get(payment=made.payment_id)


def refund_of(made: Order, amount: str = "1.00", status: str = RefundStatus.SUCCEEDED) -> Refund:
    key = f"key-{Refund.objects.count()}"
    row = begin_refund(made.payment_id, Decimal(amount), "scratched", idempotency_key=key)
    Refund.objects.filter(pk=row.pk).update(
        status=status, settled_at=timezone.now() if status == RefundStatus.SUCCEEDED else None
    )
    return row


def dispute_of(made: Order, **fields: Any) -> Dispute:
    values = {"reason": "fraudulent", "amount": made.total, "status": "needs_response", **fields}
    attempt = attempt_of(made)
    return Dispute.objects.create(
        payment=made.payment, attempt=attempt, provider_reference=f"dp_{made.number}", **values
    )


def page_of(made: Order) -> str:
    return reverse("admin:checkout_order_change", args=[made.pk])


def press(desk: Client, verb: str, made: Order) -> list[str]:
    """Press a button on the order's page; returns the messages shown afterwards."""
    answer = desk.post(reverse("admin:checkout_order_do", args=[made.pk, verb]), follow=True)
    assert answer.status_code == 200
    return told(answer)


@contextmanager
def opened(service: str) -> Iterator[None]:
    """With the circuit of `service` open; closes it afterwards."""
    for _ in range(FAILURES_BEFORE_OPENING):
        with suppress(ProviderFailure, BreakerOpen), breaker(service).calling():
            raise ProviderFailure
    try:
        yield
    finally:
        breaker(service).close()


def told(answer: Any) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def confirmed_by(page: Any) -> dict[str, str]:
    """The hidden field with the amount that a page shows as the one to be paid back; empty if it shows none."""
    found = re.search(r'name="confirmed" value="([^"]*)"', page.content.decode())
    return {"confirmed": found[1]} if found else {}
