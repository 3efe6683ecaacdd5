"""`order_placed` is sent once the order is committed: whoever hears it finds it, and a rollback is never announced."""

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


class Cut(Exception):
    """Something goes wrong at the last moment."""


@pytest.fixture
def heard() -> Iterator[list[tuple[str, bool]]]:
    """The orders that were announced, and whether a transaction was still open then."""
    announced: list[tuple[str, bool]] = []

    def hear(order: Order, **_: Any) -> None:
        announced.append((order.number, connection.in_atomic_block))

    order_placed.connect(hear, weak=False)
    yield announced
    order_placed.disconnect(hear)


def test_a_paid_order_is_announced_after_its_commit(sandbox: Sandbox, heard: list[tuple[str, bool]]) -> None:
    order = order_of(ready_cart())
    assert heard == [(order.number, False)]


def test_what_is_rolled_back_or_not_paid_is_not(sandbox: Sandbox, heard: list[tuple[str, bool]]) -> None:
    with pytest.raises(PaymentDeclined):
        order_of(ready_cart(), DECLINED)
    order = order_of(ready_cart(), AUTHENTICATE)
    attempt = PaymentAttempt.objects.with_payment().get(payment=order.payment_id)
    sandbox.answer_challenge(attempt.provider_reference, authenticate=True)
    truth = provider.ask(attempt)
    with pytest.raises(Cut), transaction.atomic():
        settle(attempt.pk, truth)
        raise Cut
    assert heard == []
    assert not OutboxMessage.objects.exists()
    settle(attempt.pk, truth)
    settle(attempt.pk, truth)
    assert heard == [(order.number, False)]
