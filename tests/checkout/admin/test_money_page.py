"""The money page lists each planted inconsistency, with a link to where it is fixed."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from checkout.models import MessageKind, Order, OrderStatus, OutboxMessage
from checkout.reconciliation import reconcile
from config.audit.models import Entry
from config.telemetry.attention import attention_items, counts
from config.telemetry.metrics import forget_scraped, scraped
from payments.models import CHARGES, ChargeMismatch, PaymentAttempt, Refund, RefundStatus, StrayCharge, WebhookEvent
from tests.checkout.admin.test_lists import statements
from tests.support.backoffice import attempt_of, dispute_of, order, refund_of
from tests.support.factories.cart import ready_cart
from tests.support.orders import order_of
from tests.support.staff import staff_with

pytestmark = pytest.mark.django_db

MONEY = "/admin/money/"
REPOSITORY = Path(__file__).resolve().parents[3]
RULES, RUNBOOKS = REPOSITORY / "deploy/prometheus/alerts.yml", REPOSITORY / "docs/runbooks"


def ago(minutes: int = 8):
    return timezone.now() - timedelta(minutes=minutes)


def listed(desk: Client) -> dict[str, list[str]]:
    """The texts of the rows of each section that is not empty, by section."""
    sections = desk.get(MONEY).context["sections"]
    return {shown.item.name: [f"{row.link} {row.what}" for row in shown.rows] for shown in sections if shown.rows}


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


def pending_refund() -> str:
    number = refund_without_an_answer(RefundStatus.PENDING)
    Refund.objects.update(created_at=ago(60 * 24 * 11))
    return number


def refund_that_is_due() -> str:
    made = order("declined")
    OutboxMessage.objects.create(order=made, kind=MessageKind.REFUND_DUE, due_at=ago())
    OutboxMessage.objects.update(created_at=ago())
    return made.number


def undeliverable_mail() -> str:
    made = order()
    OutboxMessage.objects.update(last_error="ConnectionRefusedError", tries=2, created_at=ago())
    return made.number


def unmatched_charge() -> str:
    StrayCharge.objects.create(provider="stripe", provider_reference="pi_nobodys", amount="1.00", currency="BRL")
    return "pi_nobodys"


def charge_that_differs() -> str:
    made = order()
    OutboxMessage.objects.update(sent_at=timezone.now())
    ChargeMismatch.objects.create(attempt=attempt_of(made), captured=made.total + 1, refunded=0, disputed=0)
    return made.number


def undecided_dispute() -> str:
    made = order()
    OutboxMessage.objects.update(sent_at=timezone.now())
    dispute_of(made)
    return made.number


def unsettled_webhook() -> str:
    WebhookEvent.objects.create(
        provider="stripe", event_id="evt_1", type="x", payload={}, provider_reference="pi_nobody", received_at=ago()
    )
    return "pi_nobody"


FAULTS: list[tuple[Callable[[], str], str]] = [
    (captured_for_a_cancelled_order, "money_out_of_balance"),
    (paid_with_another_sum, "money_out_of_balance"),
    (attempt_without_an_answer, "payments_unresolved"),
    (lambda: attempt_without_an_answer("started"), "payments_unresolved"),
    (refund_without_an_answer, "refunds_unanswered"),
    (lambda: refund_without_an_answer(RefundStatus.FAILED), "refunds_failed"),
    (pending_refund, "refunds_pending"),
    (refund_that_is_due, "outbox_late"),
    (undeliverable_mail, "outbox_late"),
    (unsettled_webhook, "webhooks_late"),
    (unmatched_charge, "charges_unmatched"),
    (charge_that_differs, "charges_differ"),
    (undecided_dispute, "disputes_undecided"),
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


@pytest.mark.parametrize(("plant", "name"), FAULTS)
def test_every_view_gives_the_same_answer(plant: Callable[[], str], name: str, desk: Client) -> None:
    """The money page, the home page's counts and its banner, the list, the gauge, the alert and its runbook."""
    plant()
    forget_scraped()
    (item,) = (one for one in attention_items() if one.name == name)
    rows = len(listed(desk)[name])
    assert rows == counts([item])[name] >= 1
    home = desk.get("/admin/")
    answer = next(one for one in home.context["answers"] if one["text"] == item.title)
    assert (answer["count"], answer["tone"]) == (rows, "bad")
    assert (item.alert, str(rows)) in [(found.alert, found.detail) for found in home.context["wrong"]]
    assert scraped()["attention_items"][name] == rows
    listing = desk.get(answer["url"].split("#")[0])
    if item.model:
        assert listing.context["cl"].result_count == rows
    rule = RULES.read_text().split(f"- alert: {item.alert}\n")[1].split("- alert:")[0]
    assert "attention_items" in rule
    assert name in rule
    assert (RUNBOOKS / f"{item.alert}.md").exists()


def test_every_item_is_planted_above() -> None:
    assert {item.name for item in attention_items()} == {name for _plant, name in FAULTS}


def test_a_message_whose_time_has_not_come_is_not_late(desk: Client) -> None:
    """A refund that failed days later is begun anew in an hour."""
    refund_that_is_due()
    OutboxMessage.objects.update(due_at=timezone.now() + timedelta(hours=1), tries=0)
    assert listed(desk) == {}


def test_an_unmatched_charge_is_kept_until_it_is_handled(
    desk: Client, sandbox, nothing_before_the_test: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CHARGES, "charges_1m", -timedelta(seconds=5))
    for _ in range(2):
        order_of(ready_cart())
    OutboxMessage.objects.all().delete()
    Order.objects.all().delete()
    PaymentAttempt.objects.all().delete()
    for _ in range(2):
        assert reconcile() == 0
    assert len(listed(desk)["charges_unmatched"]) == 2, "recorded once, however often reconciliation runs"
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
    assert list(listed(desk)) == ["refunds_failed"]
    refund_of(made)
    assert listed(desk) == {}


def test_a_recent_attempt_is_not_listed_yet(desk: Client) -> None:
    order("unknown"), order()
    order("action")
    assert Order.objects.filter(status=OrderStatus.AWAITING_PAYMENT).count() == 2
    assert listed(desk) == {}


def test_statements_do_not_grow_with_the_rows(desk: Client, settings: Any) -> None:
    settings.CARD_DECLINES_PER_PERSON = 100

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
    assert {shown.item.permission for shown in page.context["sections"]} == {"payments.view_payment"}
    assert Client().get(MONEY)["Location"].startswith("/admin/login/")
