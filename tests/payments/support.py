"""Helpers that the tests of payments share."""

import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.db import connection, transaction
from django.utils import timezone

from payments import provider, refunds, services
from payments.gateways.base import Action, Outcome
from payments.models import Payment, PaymentAttempt, Refund
from tests.support.sandbox import Sandbox

APPROVED = Outcome(kind="approved", provider_reference="pi_1", captured=Decimal("109.80"))
DECLINED = Outcome(kind="declined", provider_reference="pi_1", decline_code="generic_decline", message="No.")
UNKNOWN = Outcome(kind="unknown", message="APIConnectionError")
CANCELLED = Outcome(kind="cancelled", captured=Decimal("0.00"))
ACTION = Outcome(kind="action", provider_reference="pi_1", action=Action(type="redirect", url="https://bank.example/"))
OUTCOMES = {"approved": APPROVED, "declined": DECLINED, "unknown": UNKNOWN, "cancelled": CANCELLED, "action": ACTION}


def opened(token: str = "pm_card_visa", amount: str = "109.80", **fields: Any) -> PaymentAttempt:
    values = {"reference": uuid4().hex, "expires_at": timezone.now() + timedelta(minutes=30), **fields}
    reference = values.pop("reference")
    with transaction.atomic():
        return services.open_payment(reference, Decimal(amount), "BRL", token, **values)


def recorded(attempt: PaymentAttempt, outcome: Outcome) -> PaymentAttempt:
    with transaction.atomic():
        return services.record_outcome(attempt.pk, outcome)


def charged(sandbox: Sandbox, token: str = "pm_card_visa", amount: str = "109.80") -> PaymentAttempt:
    attempt = opened(token, amount)
    return recorded(attempt, provider.authorize(attempt, description="Order", return_url="https://shop.example/back"))


def refunded(payment: Payment, amount: str, key: str) -> Refund:
    """Begin a refund, ask the provider, record its answer: as the checkout does it, without an order."""
    with transaction.atomic():
        row = refunds.begin(payment.pk, Decimal(amount), "scratched", idempotency_key=key)
    return row if row.is_settled else answered(row)


def answered(row: Refund) -> Refund:
    """Ask the provider about a refund and record its answer."""
    outcome = refunds.ask(row)
    with transaction.atomic():
        return refunds.record(row, outcome)


def at_once(work: Callable[[int], None], workers: int) -> None:
    """Run `work` in that many threads, started together, each with its number."""
    barrier = threading.Barrier(workers)

    def run(number: int) -> None:
        try:
            barrier.wait()
            work(number)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
