"""The mails about orders that wait for their payment or were not paid: once, and only while they are true."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from checkout.exceptions import PaymentDeclined
from checkout.letters.unpaid import MAILS_AN_HOUR
from checkout.models import Order, OrderStatus, OutboxMessage
from checkout.services import cancel_order
from checkout.settle import cancel_pending_payment, settle
from checkout.sweeper import settle_stale_attempts
from payments.gateways.base import Outcome
from payments.models import PaymentAttempt
from tests.support.backoffice import attempt_of
from tests.support.backoffice import order as order_with
from tests.support.factories.cart import ready_cart
from tests.support.mails import bodies, kind_of, relayed
from tests.support.orders import AUTHENTICATE, DECLINED, VISA, order_of

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("sandbox"),
    pytest.mark.parametrize("language", ["pt-br", "en"]),
]


def pix(language: str) -> Order:
    return order_of(ready_cart(), "pix", language=language)


def expire(order: Order) -> None:
    past = timezone.now() - timedelta(minutes=20)
    PaymentAttempt.objects.filter(payment=order.payment_id).update(
        created_at=past, expires_at=timezone.now() - timedelta(seconds=1), due_at=past
    )
    assert settle_stale_attempts() == 1


def test_a_pix_code_is_sent_with_its_amount_and_its_time(language: str, mailoutbox: list[Any]) -> None:
    order = pix(language)
    attempt = attempt_of(order)
    (mail,) = relayed()
    assert (mail.to, kind_of(mail), order.number in mail.subject) == ([order.email], "payment-waits", True)
    assert attempt.expires_at is not None
    until = timezone.localtime(attempt.expires_at)
    for body in bodies(mail):
        assert attempt.action["qr_code"] in body
        assert f"R$\u00a0{order.total}".replace(".", "," if language == "pt-br" else ".") in body
        assert f"{until:%H:%M}" in body or f"{until:%-I:%M}" in body
        assert f"/orders/{order.number}/" in body


def test_it_is_sent_once_however_often_the_provider_is_asked(language: str, mailoutbox: list[Any]) -> None:
    order = pix(language)
    PaymentAttempt.objects.update(due_at=timezone.now())
    settle_stale_attempts()
    assert Order.objects.get().status == OrderStatus.AWAITING_PAYMENT
    assert len(relayed()) == 1
    PaymentAttempt.objects.update(due_at=timezone.now())
    settle_stale_attempts()
    assert relayed() == []
    assert OutboxMessage.objects.get().order == order


def test_a_code_that_was_paid_meanwhile_is_not_sent(language: str, sandbox: Any, mailoutbox: list[Any]) -> None:
    order = pix(language)
    sandbox.pay_pix(attempt_of(order).provider_reference)
    PaymentAttempt.objects.update(due_at=timezone.now())
    settle_stale_attempts()
    assert [kind_of(mail) for mail in relayed()] == ["confirmation"]
    assert OutboxMessage.objects.get(kind="payment_waits").dropped


def test_nor_is_one_whose_time_is_over(language: str, mailoutbox: list[Any]) -> None:
    pix(language)
    PaymentAttempt.objects.update(expires_at=timezone.now())
    assert relayed() == []


def test_a_pix_that_was_not_paid_in_time(language: str, mailoutbox: list[Any]) -> None:
    order = pix(language)
    relayed()
    expire(order)
    (mail,) = relayed()
    assert kind_of(mail) == "payment-expired"
    for body in bodies(mail):
        assert "Pix" in body
        assert order.number in body


def test_a_card_that_its_shopper_did_not_confirm_in_time(language: str, mailoutbox: list[Any]) -> None:
    order = order_of(ready_cart(), AUTHENTICATE, language=language)
    assert relayed() == [], "the bank's page is open"
    expire(order)
    (mail,) = relayed()
    assert kind_of(mail) == "payment-expired"
    bodies(mail)
    assert ("Nada foi cobrado" if language == "pt-br" else "Nothing was charged") in mail.body


def test_a_card_that_is_declined_at_once_is_told_on_the_page_alone(language: str) -> None:
    with pytest.raises(PaymentDeclined):
        order_of(ready_cart(), DECLINED, language=language)
    order_with("cancelled", language=language)
    assert Order.objects.filter(status=OrderStatus.CANCELLED).count() == 2
    assert not OutboxMessage.objects.exists()


@pytest.mark.parametrize("at_first", ["unknown", "action"])
@pytest.mark.parametrize("at_last", ["declined", "cancelled"])
def test_a_card_that_is_declined_later(language: str, at_first: str, at_last: str, mailoutbox: list[Any]) -> None:
    """The page has said that the result comes by e-mail."""
    order = order_with(at_first, language=language)
    settle(attempt_of(order).pk, Outcome(kind=at_last))  # type: ignore[arg-type]
    (mail,) = relayed()
    assert kind_of(mail) == "payment-failed"
    for body in bodies(mail):
        assert order.number in body


def test_a_request_that_died_is_told_by_mail(language: str, mailoutbox: list[Any]) -> None:
    order = order_with(None, language=language)
    PaymentAttempt.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    settle(attempt_of(order).pk, Outcome(kind="declined"))
    assert [kind_of(mail) for mail in relayed()] == ["payment-failed"]


def test_a_shopper_who_pays_another_way_gets_no_mail_about_the_first(language: str, mailoutbox: list[Any]) -> None:
    order = pix(language)
    cancel_pending_payment(order.cart.token, None)
    assert Order.objects.get().status == OrderStatus.CANCELLED
    assert relayed() == []


def test_an_unpaid_order_that_staff_cancel(language: str, mailoutbox: list[Any]) -> None:
    order = pix(language)
    cancel_order(order, reason="", idempotency_key="k")
    (mail,) = relayed()
    assert kind_of(mail) == "order-cancelled"
    assert all("Pix" in body for body in bodies(mail))


def test_money_that_came_too_late(language: str, sandbox: Any, mailoutbox: list[Any]) -> None:
    order = pix(language)
    attempt = attempt_of(order)
    sandbox.pay_pix(attempt.provider_reference)
    settle(attempt.pk, Outcome(kind="cancelled"))
    settle(attempt.pk, Outcome(kind="approved", captured=order.total))
    mails = {kind_of(mail): mail for mail in relayed()}
    assert set(mails) == {"payment-expired", "paid-too-late", "refund-paid"}
    for mail in mails.values():
        assert all(order.number in body for body in bodies(mail))


def test_an_order_that_is_paid_at_once_promises_its_confirmation_alone(language: str) -> None:
    order_of(ready_cart(), VISA, language=language)
    assert [message.kind for message in OutboxMessage.objects.all()] == ["confirmation"]


def test_a_stranger_cannot_flood_an_address(language: str, mailoutbox: list[Any]) -> None:
    """Any address may be typed, and a Pix code costs nothing."""
    for _ in range(MAILS_AN_HOUR - 1):
        pix(language)
    assert len(relayed()) == MAILS_AN_HOUR - 1
    for _ in range(3):
        pix(language)
    assert len(relayed()) == 1
    assert OutboxMessage.objects.filter(dropped=True).count() == 2
    OutboxMessage.objects.exclude(sent_at=None).update(sent_at=timezone.now() - timedelta(minutes=61))
    pix(language)
    assert len(relayed()) == 1


def test_a_batch_is_read_in_as_many_statements_as_one_mail(language: str, mailoutbox: list[Any]) -> None:
    def statements_of(mails: int) -> int:
        for _ in range(mails):
            pix(language)
        with CaptureQueriesContext(connection) as queries:
            assert len(relayed()) == mails
        return len(queries) - mails  # each is marked as sent

    assert statements_of(1) == statements_of(3)
