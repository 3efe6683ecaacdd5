"""`order_placed` is sent after the commit: receivers find the order, and a rolled-back one is never announced."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction

from checkout.exceptions import PaymentDeclined
from checkout.models import Order, OutboxMessage
from checkout.settle import settle
from checkout.signals import order_placed
from payments import provider
from payments.models import PaymentAttempt
from tests.support.factories.cart import ready_cart
from tests.support.orders import AUTHENTICATE, DECLINED, order_of
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


class LateFailure(Exception):
    """An error at the last moment."""


@pytest.fixture
def announced() -> Iterator[list[tuple[str, bool]]]:
    """Each announced order, and whether a transaction was still open at that time."""
    announced: list[tuple[str, bool]] = []

    def receive(order: Order, **_: Any) -> None:
        announced.append((order.number, connection.in_atomic_block))

    order_placed.connect(receive, weak=False)
    yield announced
    order_placed.disconnect(receive)


def test_a_paid_order_is_announced_after_its_commit(sandbox: Sandbox, announced: list[tuple[str, bool]]) -> None:
    order = order_of(ready_cart())
    assert announced == [(order.number, False)]


def test_a_rolled_back_or_unpaid_order_is_not_announced(sandbox: Sandbox, announced: list[tuple[str, bool]]) -> None:
    with pytest.raises(PaymentDeclined):
        order_of(ready_cart(), DECLINED)
    order = order_of(ready_cart(), AUTHENTICATE)
    attempt = PaymentAttempt.objects.with_payment().get(payment=order.payment_id)
    sandbox.answer_challenge(attempt.provider_reference, authenticate=True)
    truth = provider.ask(attempt)
    with pytest.raises(LateFailure), transaction.atomic():
        settle(attempt.pk, truth)
        raise LateFailure
    assert announced == []
    assert not OutboxMessage.objects.exists()
    settle(attempt.pk, truth)
    settle(attempt.pk, truth)
    assert announced == [(order.number, False)]
