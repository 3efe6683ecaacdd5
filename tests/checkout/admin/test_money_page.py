"""The money page lists each planted inconsistency, with a link to where it is fixed."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from checkout.models import MessageKind, Order, OrderStatus, OutboxMessage
from checkout.reconciliation import reconcile
from config.audit.models import Entry
from payments.models import CHARGES, PaymentAttempt, Refund, RefundStatus, StrayCharge, WebhookEvent
from tests.checkout.admin.test_lists import statements
from tests.support.backoffice import attempt_of, order, refund_of
from tests.support.factories.cart import ready_cart
from tests.support.orders import order_of
from tests.support.staff import staff_with

pytestmark = pytest.mark.django_db

MONEY = "/admin/money/"


def ago(minutes: int = 8):
    return timezone.now() - timedelta(minutes=minutes)


def listed(desk: Client) -> dict[str, list[str]]:
    """The texts of the rows of each section that is not empty, by section."""
    sections = desk.get(MONEY).context["sections"]
    return {
        shown["section"].rows.__name__: [f"{row.link} {row.what}" for row in shown["rows"]]
        for shown in sections
        if shown["rows"]
    }


def captured_for_a_cancelled_order() -> str:
    made = order("declined")
    PaymentAttempt.objects.filter(payment=made.payment_id).update(captured=made.total)
    Order.objects.filter(pk=made.pk).update(placed_at=ago())
    return made.number


def paid_with_another_sum() -> str:
    made = order()
    OutboxMessage.objects.update(sent_at=timezone.now())
    PaymentAttempt.objects.filter(payment=made.payment_id).update(captured=made.total + 1)
    Order.objects.filter(pk=made.pk).update(placed_at=ago(60 * 24 * 20))
    return made.number


def attempt_without_an_answer(status: str = "unknown") -> str:
    made = order(None)
    PaymentAttempt.objects.filter(pk=attempt_of(made).pk).update(status=status, created_at=ago())
    return made.number


def refund_without_an_answer(status: str = RefundStatus.UNKNOWN) -> str:
    made = order()
    OutboxMessage.objects.update(sent_at=timezone.now())
    Refund.objects.filter(pk=refund_of(made, status=status).pk).update(created_at=ago(), error="no such charge")
    return made.number


def refund_that_is_due() -> str:
    made = order("declined")
    OutboxMessage.objects.create(order=made, kind=MessageKind.REFUND_DUE, due_at=timezone.now())
    return made.number


def undeliverable_mail() -> str:
    made = order()
    OutboxMessage.objects.update(last_error="ConnectionRefusedError", tries=2)
    return made.number


def unsettled_webhook() -> str:
    WebhookEvent.objects.create(
        provider="stripe", event_id="evt_1", type="x", payload={}, provider_reference="pi_nobody", received_at=ago()
    )
    return "pi_nobody"


FAULTS: list[tuple[Callable[[], str], str]] = [
    (captured_for_a_cancelled_order, "captured_without_order"),
    (paid_with_another_sum, "captured_without_order"),
    (attempt_without_an_answer, "stuck_attempts"),
    (lambda: attempt_without_an_answer("started"), "stuck_attempts"),
    (refund_without_an_answer, "refunds_due"),
    (lambda: refund_without_an_answer(RefundStatus.FAILED), "refunds_due"),
    (refund_that_is_due, "refunds_due"),
    (undeliverable_mail, "waiting_messages"),
    (unsettled_webhook, "waiting_events"),
]


def test_without_inconsistencies_everything_is_green(desk: Client) -> None:
    order(), order("action"), order("declined")
    refund_of(order())
    assert listed(desk) == {}
    assert "All money is accounted for" in desk.get(MONEY).content.decode()


@pytest.mark.parametrize(("plant", "section"), FAULTS)
def test_planted_inconsistencies_are_found(plant: Callable[[], str], section: str, desk: Client) -> None:
    name = plant()
    (row,) = listed(desk)[section]
    assert name in row
    (url,) = re.findall('href="([^"]+)"', row)
    assert desk.get(url, follow=True).status_code == 200
    assert "All money" not in desk.get(MONEY).content.decode()


def test_each_linked_list_opens(desk: Client) -> None:
    for shown in desk.get(MONEY).context["sections"]:
        if shown["section"].list_url:
            assert desk.get(shown["section"].list_url()).status_code == 200


def test_an_unmatched_charge_is_kept_until_it_is_handled(
    desk: Client, sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CHARGES, "charges_1m", -timedelta(seconds=5))
    for _ in range(2):
        order_of(ready_cart())
    OutboxMessage.objects.all().delete()
    Order.objects.all().delete()
    PaymentAttempt.objects.all().delete()
    for _ in range(2):
        assert reconcile() == 0
    assert len(listed(desk)["unmatched_charges"]) == 2, "recorded once, however often reconciliation runs"
    charge = StrayCharge.objects.earliest("pk")
    assert (charge.amount, charge.currency) == (StrayCharge.objects.latest("pk").amount, "BRL")
    for charge in StrayCharge.objects.all():
        url = reverse("admin:payments_straycharge_change", args=[charge.pk])
        assert desk.post(url, {"note": ""}).status_code == 200, "a note is required"
        assert desk.post(url, {"note": "paid back"}).status_code == 302
        assert desk.post(url, {"note": "once more"}).status_code == 403
    assert reconcile() == 0
    assert listed(desk) == {}
    entries = Entry.objects.filter(verb="stray_charge.deal")
    assert [(entry.actor, entry.reason) for entry in entries] == [("chefe@example.com", "paid back")] * 2


def test_handling_an_unmatched_charge_requires_permission() -> None:
    charge = StrayCharge.objects.create(provider="stripe", provider_reference="pi_1", amount="1.00", currency="BRL")
    url = reverse("admin:payments_straycharge_change", args=[charge.pk])
    reader = staff_with("payments.view_straycharge")
    assert reader.get(url).status_code == 200
    assert reader.post(url, {"note": "mine"}).status_code == 403
    charge.refresh_from_db()
    assert charge.dealt_at is None


def test_a_refund_that_was_retried_is_not_listed(desk: Client) -> None:
    made = order()
    OutboxMessage.objects.update(sent_at=timezone.now())
    Refund.objects.filter(pk=refund_of(made, status=RefundStatus.FAILED).pk).update(created_at=ago())
    assert list(listed(desk)) == ["refunds_due"]
    refund_of(made)
    assert listed(desk) == {}


def test_a_recent_attempt_is_not_listed_yet(desk: Client) -> None:
    order("unknown"), order()
    order("action")
    assert Order.objects.filter(status=OrderStatus.AWAITING_PAYMENT).count() == 2
    assert listed(desk) == {}


def test_statements_do_not_grow_with_the_rows(desk: Client) -> None:
    def plant(number: int) -> None:
        for _ in range(number):
            captured_for_a_cancelled_order()
            attempt_without_an_answer()
            refund_without_an_answer()
            refund_that_is_due()

    plant(2)
    few = statements(desk, MONEY)
    plant(18)
    assert statements(desk, MONEY) == few
    assert few <= 12


def test_each_section_requires_its_permission() -> None:
    undeliverable_mail()
    assert staff_with("checkout.view_order").get(MONEY).status_code == 403
    page = staff_with("payments.view_payment").get(MONEY)
    assert [shown["section"].permission for shown in page.context["sections"]] == ["payments.view_payment"]
    assert Client().get(MONEY)["Location"].startswith("/admin/login/")
