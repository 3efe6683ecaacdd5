"""The mails about cancelled orders and refunds: what is true when their turn comes, and once."""

from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from checkout import notices, services
from checkout.models import Order, OrderStatus, OutboxMessage
from checkout.settle import settle
from payments.gateways.base import Outcome
from payments.models import Refund
from tests.support.backoffice import attempt_of
from tests.support.factories.cart import ready_cart
from tests.support.mails import bodies, kind_of, relayed
from tests.support.orders import order_of
from tests.support.sandbox import Sandbox
from tests.support.webhooks import deliver, events_of

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.parametrize("language", ["pt-br", "en"]),
]


@pytest.fixture
def order(language: str, sandbox: Sandbox, mailoutbox: list[Any]) -> Order:
    """Paid, and its confirmation is sent."""
    made = order_of(ready_cart(quantity=2), language=language)
    relayed()
    return made


def refund(order: Order, amount: str = "5.00", key: str = "refund-1") -> Order:
    return services.refund_order(order, amount=Decimal(amount), reason="torn", restock=False, idempotency_key=key)


def told() -> dict[str, Any]:
    """The mails that the relay sends now, by kind."""
    mails = {kind_of(mail): mail for mail in relayed()}
    for mail in mails.values():
        bodies(mail)
    return mails


def test_a_refund_that_is_paid_at_once_is_one_mail(order: Order, language: str) -> None:
    refund(order)
    mails = told()
    assert set(mails) == {"refund-paid"}
    for body in bodies(mails["refund-paid"]):
        assert order.number in body
        assert ("R$\u00a05,00" if language == "pt-br" else "R$\u00a05.00") in body
        assert ("fatura" if language == "pt-br" else "statement") in body
    assert set(OutboxMessage.objects.values_list("kind", "dropped")) == {
        ("confirmation", False), ("refund_begun", True), ("refund_paid", False),
    }  # fmt: skip
    refund(order)
    assert told() == {}, "the same refund, asked for twice"
    refund(order, "6.00", "refund-2")
    assert set(told()) == {"refund-paid"}


def test_one_that_takes_days_is_told_when_it_begins_and_when_it_is_done(order: Order, sandbox: Sandbox) -> None:
    sandbox.fault("refunds_pending", seconds=3600)
    refund(order)
    assert set(told()) == {"refund-begun"}
    sandbox.happen_now()
    deliver(events_of(sandbox, "refund."))
    assert set(told()) == {"refund-paid"}
    deliver(reversed(events_of(sandbox, "refund.", "charge.refund")))
    assert told() == {}


def test_most_are_done_before_a_mail_says_that_they_have_begun(order: Order, sandbox: Sandbox) -> None:
    """So that one refund is not two mails."""
    sandbox.fault("lost_answer", path="/v1/refunds", times=1)
    refund(order)
    message = OutboxMessage.objects.get(kind="refund_begun")
    assert message.due_at - message.created_at > notices.DELAYS[message.kind] / 2  # type: ignore[index]


def test_an_order_that_is_cancelled_is_told_with_its_money(order: Order, sandbox: Sandbox, language: str) -> None:
    sandbox.fault("refunds_pending", seconds=3600)
    after = services.cancel_order(order, reason="", idempotency_key="k")
    assert after.status == OrderStatus.CANCELLING
    mails = told()
    assert set(mails) == {"order-cancelled"}, "which says that the money goes back"
    amount = str(order.total).replace(".", "," if language == "pt-br" else ".")
    assert all(amount in body for body in bodies(mails["order-cancelled"]))
    sandbox.happen_now()
    deliver(events_of(sandbox, "refund."))
    assert set(told()) == {"refund-paid"}


def test_one_that_is_cancelled_and_paid_back_at_once(order: Order) -> None:
    services.cancel_order(order, reason="", idempotency_key="k")
    assert set(told()) == {"order-cancelled", "refund-paid"}


def test_a_refund_that_was_made_in_the_providers_dashboard(order: Order, sandbox: Sandbox) -> None:
    sandbox.refund_by_hand(attempt_of(order).provider_reference, 500)
    deliver(events_of(sandbox, "refund.", "charge.refund"))
    assert set(told()) == {"refund-paid"}


def test_a_refund_that_fails_days_later(order: Order, sandbox: Sandbox) -> None:
    refund(order)
    told()
    sandbox.move_refund(Refund.objects.get().provider_reference, "failed", failure_reason="expired_or_canceled_card")
    deliver(events_of(sandbox, "refund.failed"))
    mails = told()
    assert set(mails) == {"refund-failed"}
    services.pay_refund_by_hand(Refund.objects.get(), reason="Bank transfer")
    (paid,) = told().values()
    bodies(paid)
    assert paid.extra_headers["Message-ID"].endswith("-by-hand@esteira.example>"), "not the one that was told before"


def test_a_refusal_that_staff_mend_within_the_hour_is_not_told(order: Order, sandbox: Sandbox) -> None:
    sandbox.fault("refunds_refused", times=1)
    refund(order)
    message = OutboxMessage.objects.get(kind="refund_failed")
    assert message.due_at - message.created_at > notices.DELAYS[message.kind] / 2  # type: ignore[index]
    refund(order, key="refund-2")
    assert set(told()) == {"refund-paid"}


def test_money_that_cannot_go_back_is_told_once_and_not_at_each_try(
    language: str, sandbox: Sandbox, mailoutbox: list[Any]
) -> None:
    """The shop sends late money again by itself, each time as a new refund."""
    order = order_of(ready_cart(), "pix", language=language)
    attempt = attempt_of(order)
    sandbox.pay_pix(attempt.provider_reference)
    settle(attempt.pk, Outcome(kind="cancelled"))
    settle(attempt.pk, Outcome(kind="approved", captured=order.total))
    sandbox.fault("refunds_refused", times=3)
    kinds = [kind_of(mail) for _turn in range(3) for mail in relayed()]
    assert Refund.objects.count() == 3
    assert sorted(kinds) == ["paid-too-late", "payment-expired", "refund-failed"]
    assert "refund-paid" in told()


def test_what_was_paid_back_before_mails_told_it_stays_untold(order: Order, sandbox: Sandbox) -> None:
    refund(order)
    OutboxMessage.objects.filter(kind__startswith="refund").delete()
    Refund.objects.update(settled_at=timezone.now() - 2 * notices.NEWS)
    deliver(events_of(sandbox, "refund.", "charge.refund"))
    assert told() == {}


def test_an_order_that_has_forgotten_its_shopper_promises_none(order: Order, sandbox: Sandbox) -> None:
    Order.objects.filter(pk=order.pk).update(email="")
    refund(order)
    assert told() == {}
    assert not OutboxMessage.objects.filter(kind__startswith="refund").exists(), "nobody is left to read it"
