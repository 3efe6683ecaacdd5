"""The money page: each fault that is planted stands there, with a link to where it is mended."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from checkout import sweeper
from checkout.models import MessageKind, Order, OrderStatus, OutboxMessage
from config.audit.models import Entry
from payments.models import PaymentAttempt, Refund, RefundStatus, StrayCharge, WebhookEvent
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
    """The sections that are not empty, by the list that they are made of, with what each row says."""
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


def attempt_that_nobody_knows_of(status: str = "unknown") -> str:
    made = order(None)
    PaymentAttempt.objects.filter(pk=attempt_of(made).pk).update(status=status, created_at=ago())
    return made.number


def refund_with_no_answer(status: str = RefundStatus.UNKNOWN) -> str:
    made = order()
    OutboxMessage.objects.update(sent_at=timezone.now())
    Refund.objects.filter(pk=refund_of(made, status=status).pk).update(created_at=ago(), error="no such charge")
    return made.number


def refund_that_is_due() -> str:
    made = order("declined")
    OutboxMessage.objects.create(order=made, kind=MessageKind.REFUND_DUE, due_at=timezone.now())
    return made.number


def mail_that_does_not_go() -> str:
    made = order()
    OutboxMessage.objects.update(last_error="ConnectionRefusedError", tries=2)
    return made.number


def message_of_the_provider() -> str:
    WebhookEvent.objects.create(
        provider="stripe", event_id="evt_1", type="x", payload={}, provider_reference="pi_nobody", received_at=ago()
    )
    return "pi_nobody"


FAULTS: list[tuple[Callable[[], str], str]] = [
    (captured_for_a_cancelled_order, "captured_without_order"),
    (paid_with_another_sum, "captured_without_order"),
    (attempt_that_nobody_knows_of, "stuck_attempts"),
    (lambda: attempt_that_nobody_knows_of("started"), "stuck_attempts"),
    (refund_with_no_answer, "refunds_due"),
    (lambda: refund_with_no_answer(RefundStatus.FAILED), "refunds_due"),
    (refund_that_is_due, "refunds_due"),
    (mail_that_does_not_go, "waiting_messages"),
    (message_of_the_provider, "waiting_events"),
]


def test_with_nothing_loose_everything_is_green(desk: Client) -> None:
    order(), order("action"), order("declined")
    refund_of(order())
    assert listed(desk) == {}
    assert "All money is accounted for" in desk.get(MONEY).content.decode()


@pytest.mark.parametrize(("plant", "section"), FAULTS)
def test_what_is_planted_is_found(plant: Callable[[], str], section: str, desk: Client) -> None:
    name = plant()
    (row,) = listed(desk)[section]
    assert name in row
    (url,) = re.findall('href="([^"]+)"', row)
    assert desk.get(url, follow=True).status_code == 200
    assert "All money" not in desk.get(MONEY).content.decode()


def test_each_list_that_a_section_leads_to_opens(desk: Client) -> None:
    for shown in desk.get(MONEY).context["sections"]:
        if shown["section"].list_url:
            assert desk.get(shown["section"].list_url()).status_code == 200


def test_money_that_nobody_here_knows_of_is_kept_until_somebody_deals_with_it(
    desk: Client, sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper, "STALE_AFTER", -timedelta(seconds=5))
    for _ in range(2):
        order_of(ready_cart())
    OutboxMessage.objects.all().delete()
    Order.objects.all().delete()
    PaymentAttempt.objects.all().delete()
    for _ in range(2):
        assert sweeper.reconcile() == 0
    assert len(listed(desk)["unmatched_charges"]) == 2, "each once, however often the books are compared"
    charge = StrayCharge.objects.earliest("pk")
    assert (charge.amount, charge.currency) == (StrayCharge.objects.latest("pk").amount, "BRL")
    for charge in StrayCharge.objects.all():
        url = reverse("admin:payments_straycharge_change", args=[charge.pk])
        assert desk.post(url, {"note": ""}).status_code == 200, "it has to be said what was done"
        assert desk.post(url, {"note": "paid back"}).status_code == 302
        assert desk.post(url, {"note": "once more"}).status_code == 403
    assert sweeper.reconcile() == 0
    assert listed(desk) == {}
    entries = Entry.objects.filter(verb="stray_charge.deal")
    assert [(entry.actor, entry.reason) for entry in entries] == [("chefe@example.com", "paid back")] * 2


def test_a_charge_of_no_order_is_dealt_with_only_by_whoever_may() -> None:
    charge = StrayCharge.objects.create(provider="stripe", provider_reference="pi_1", amount="1.00", currency="BRL")
    url = reverse("admin:payments_straycharge_change", args=[charge.pk])
    reader = staff_with("payments.view_straycharge")
    assert reader.get(url).status_code == 200
    assert reader.post(url, {"note": "mine"}).status_code == 403
    charge.refresh_from_db()
    assert charge.dealt_at is None


def test_a_refund_that_was_made_anew_is_no_loose_end(desk: Client) -> None:
    made = order()
    OutboxMessage.objects.update(sent_at=timezone.now())
    Refund.objects.filter(pk=refund_of(made, status=RefundStatus.FAILED).pk).update(created_at=ago())
    assert list(listed(desk)) == ["refunds_due"]
    refund_of(made)
    assert listed(desk) == {}


def test_one_that_has_only_begun_is_nobodys_business_yet(desk: Client) -> None:
    order("unknown"), order()
    order("action")
    assert Order.objects.filter(status=OrderStatus.AWAITING_PAYMENT).count() == 2
    assert listed(desk) == {}


def test_it_asks_as_often_for_20_rows_as_for_2(desk: Client) -> None:
    def plant(number: int) -> None:
        for _ in range(number):
            captured_for_a_cancelled_order()
            attempt_that_nobody_knows_of()
            refund_with_no_answer()
            refund_that_is_due()

    plant(2)
    few = statements(desk, MONEY)
    plant(18)
    assert statements(desk, MONEY) == few
    assert few <= 12


def test_each_section_only_for_whoever_may_see_it() -> None:
    mail_that_does_not_go()
    assert staff_with("checkout.view_order").get(MONEY).status_code == 403
    page = staff_with("payments.view_payment").get(MONEY)
    assert [shown["section"].permission for shown in page.context["sections"]] == ["payments.view_payment"]
    assert Client().get(MONEY)["Location"].startswith("/admin/login/")
