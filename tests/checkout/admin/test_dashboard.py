"""The admin's home page: active problems, open work, sales."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cart.models import Cart
from checkout.admin.active_problems import PROMETHEUS_ALERTS, HealthCheck, describe_alert, health_checks
from checkout.models import Order, OutboxMessage
from checkout.returns import ask_return
from config.telemetry import metrics
from payments.models import PaymentAttempt, ReconcileCursor, WebhookEvent
from tests.checkout.admin.test_lists import statements
from tests.support.backoffice import attempt_of, opened, order, page_of, refund_of
from tests.support.factories.cart import filled_cart
from tests.support.staff import staff_with

pytestmark = pytest.mark.django_db

HOME = "/admin/"
RULES = Path(__file__).parents[3] / "deploy/prometheus/alerts.yml"


@pytest.fixture(autouse=True)
def fresh_gauges() -> None:
    """Clears gauge values cached by another test."""
    metrics.forget_scraped()


def answers(desk: Client) -> dict[str, tuple[int, str]]:
    context: Any = desk.get(HOME).context
    return {str(answer["text"]): (answer["count"], answer["tone"]) for answer in context["answers"]}


def test_with_nothing_wrong_everything_is_green(desk: Client) -> None:
    assert set(answers(desk).values()) == {(0, "good")}


def test_problems_and_open_work_are_counted(desk: Client) -> None:
    paid = order()
    unknown = order("unknown")
    refund = refund_of(paid, status="unknown")
    old = timezone.now() - timedelta(minutes=6)
    type(refund).objects.update(created_at=old)
    PaymentAttempt.objects.filter(payment=unknown.payment_id).update(created_at=old)
    OutboxMessage.objects.update(last_error="ConnectionRefusedError", tries=3, created_at=old)
    WebhookEvent.objects.create(
        provider="stripe", event_id="evt_1", type="x", payload={}, provider_reference="pi_nobody", received_at=old
    )
    found = answers(desk)
    assert found.pop("orders to ship") == (1, "busy")
    assert sorted(found.values()) == [(0, "good")] * (len(found) - 4) + [(1, "bad")] * 4


def test_each_count_links_to_its_rows(desk: Client) -> None:
    order()
    order("unknown")
    withdrawn = order()
    ask_return(withdrawn, {withdrawn.lines.get().pk: 1}, key=uuid4())
    assert answers(desk)["orders to ship"] == (1, "busy")
    assert answers(desk)["orders with returns to be dealt with"] == (1, "busy")
    old = timezone.now() - timedelta(minutes=6)
    PaymentAttempt.objects.update(created_at=old)
    OutboxMessage.objects.update(last_error="ConnectionRefusedError", tries=3, created_at=old)
    for answer in desk.get(HOME).context["answers"]:
        shown = desk.get(answer["url"])
        assert shown.status_code == 200, answer["url"]
        if "#" not in answer["url"]:
            assert shown.context["cl"].result_count == answer["count"], answer["url"]


def test_todays_sales_follow_the_shops_time_zone(desk: Client) -> None:
    today, yesterday, _unpaid = order(), order(), order("action")
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    Order.objects.filter(pk=yesterday.pk).update(paid_at=midnight - timedelta(seconds=1))
    Order.objects.filter(pk=today.pk).update(paid_at=midnight)
    sold = [(one["day"].count, one["day"].total) for one in desk.get(HOME).context["sold"]]
    assert sold == [(1, today.total), (1, yesterday.total), (0, 0)]


def test_earlier_days_are_compared_up_to_the_same_hour(desk: Client) -> None:
    """At noon, yesterday's figure includes what was paid before noon and leaves out what came later."""
    early, late, week_ago = order(), order(), order()
    with time_machine.travel("2026-11-25 12:00:00-03:00", tick=False):
        now = timezone.now()
        moments = {early: now - timedelta(days=1), late: now - timedelta(hours=23), week_ago: now - timedelta(days=7)}
        for made, moment in moments.items():
            Order.objects.filter(pk=made.pk).update(paid_at=moment)
        metrics.forget_scraped()
        page = staff_with("checkout.view_order").get(HOME)
    sold = [(one["day"].count, one["count_by_now"], one["total_by_now"]) for one in page.context["sold"]]
    assert sold == [(0, 0, 0), (2, 1, early.total), (1, 1, week_ago.total)]


def test_two_weeks_are_shown_as_a_chart_and_a_table(desk: Client) -> None:
    made = order()
    page = desk.get(HOME)
    days = page.context["days"]
    assert len(days) == 14
    assert (days[-1].count, days[-1].total) == (1, made.total)
    assert [bar.height for bar in page.context["charts"][0]["bars"]] == [0] * 13 + [72]
    text = page.content.decode()
    assert text.count('role="img"') == 2
    assert text.count('<th scope="row">') >= 14


def test_conversion_of_carts(desk: Client) -> None:
    """Of four carts with items, two were ordered and one was paid. An empty cart and last month's do not count."""
    order(), order("action"), filled_cart(1), filled_cart(2)
    Cart.objects.create()
    Cart.objects.filter(token=filled_cart(1).id).update(created_at=timezone.now() - timedelta(days=30))
    for span in desk.get(HOME).context["funnels"]:
        assert [step["count"] for step in span["steps"]] == [4, 2, 1]
        assert [step["share"] for step in span["steps"]] == [100, 50, 25]


def test_statements_do_not_grow_with_the_orders(desk: Client) -> None:
    for _ in range(2):
        order()
    few = statements(desk, HOME)
    for _ in range(18):
        order()
    assert statements(desk, HOME) == few


def test_each_section_requires_its_permission() -> None:
    order()
    page = staff_with("inventory.view_product").get(HOME)
    assert page.context["answers"] == []
    for block in ("sold", "days", "charts", "funnels"):
        assert not page.context.get(block)
    assert not page.context["may_find"]
    assert "R$" not in page.content.decode()
    shipping_clerk = staff_with("checkout.view_order")
    assert list(answers(shipping_clerk)) == [
        "orders to ship",
        "orders with parcels that went astray",
        "orders with labels that are not finished",
        "orders with returns to be dealt with",
    ]


def test_a_settled_attempt_is_not_open_work(desk: Client) -> None:
    order("declined")
    assert not PaymentAttempt.objects.unsettled().exists()
    assert answers(desk)["Payments with unknown outcome"] == (0, "good")


def test_anonymous_visitors_have_to_sign_in() -> None:
    assert reverse("admin:login") in Client().get(HOME)["Location"]


class TestActiveProblems:
    def wrong(self, desk: Client) -> dict[str, str]:
        return {finding.alert: finding.detail for finding in desk.get(HOME).context["wrong"]}

    def test_nothing(self, desk: Client) -> None:
        page = desk.get(HOME)
        assert page.context["wrong"] == []
        assert "Nothing is wrong" in page.content.decode()

    def test_each_problem_links_to_where_it_is_fixed(self, desk: Client) -> None:
        ago = timezone.now() - timedelta(minutes=8)
        lost, unknown = order("declined"), order("unknown")
        PaymentAttempt.objects.filter(pk=attempt_of(lost).pk).update(captured="10.00")
        Order.objects.filter(pk=lost.pk).update(placed_at=ago)
        PaymentAttempt.objects.filter(pk=attempt_of(unknown).pk).update(created_at=ago)
        order()
        OutboxMessage.objects.update(created_at=ago, due_at=ago)
        WebhookEvent.objects.create(provider="stripe", event_id="evt_1", type="x", payload={}, received_at=ago)
        ReconcileCursor.objects.create(stream="charges_1m", position=timezone.now() - timedelta(minutes=41))
        with opened("stripe"):
            page = desk.get(HOME)
        found = {finding.alert: finding.detail for finding in page.context["wrong"]}
        assert found.pop("BreakerOpen") == "stripe"
        assert found.pop("ReconciliationBehind") == "for 40\u00a0minutes"
        assert found == dict.fromkeys(
            ["MoneyOutOfBalance", "PaymentOutcomeUnknown", "OutboxOld", "WebhooksBehind"], "1"
        )
        for finding in page.context["wrong"]:
            assert desk.get(finding.url).status_code == 200, finding.alert

    def test_requires_permission(self) -> None:
        order("unknown")
        PaymentAttempt.objects.update(created_at=timezone.now() - timedelta(minutes=8))
        assert list(self.wrong(staff_with("payments.view_paymentattempt"))) == ["PaymentOutcomeUnknown"]
        page = staff_with("inventory.view_product").get(HOME)
        assert page.context["wrong"] == []
        assert "Nothing is wrong" not in page.content.decode(), "users without the permission must not see an all-clear"

    def test_an_unreadable_check_is_not_green(self, desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("checkout.admin.active_problems.scraped", dict)
        assert set(self.wrong(desk)) == {check.alert for check in health_checks()}

    @pytest.mark.parametrize(
        "concern", health_checks(), ids=lambda concern: f"{concern.alert}-{''.join(concern.labels)}"
    )
    def test_a_check_uses_its_alerts_threshold(self, concern: HealthCheck) -> None:
        rules = RULES.read_text()
        rule = rules.split(f"- alert: {concern.alert}\n")[1].split("- alert:")[0]
        (expression,) = re.findall(r"expr: (.*)", rule)
        assert concern.gauge in expression
        bound = f"== {concern.over + 1:g}" if concern.alert == "BreakerOpen" else f"> {concern.over:g}"
        assert expression.endswith(bound)
        assert all(label in expression for label in concern.labels)

    def test_every_alert_has_its_own_text(self) -> None:
        alerts = re.findall(r"- alert: (\w+)", RULES.read_text())
        assert len(alerts) > 10
        assert [alert for alert in alerts if not describe_alert(alert)] == []
        assert set(PROMETHEUS_ALERTS) <= set(alerts)


class TestFindingAnOrder:
    def found(self, desk: Client, text: str) -> str:
        return desk.get("/admin/find-order/", {"q": text})["Location"]

    def test_a_single_match_opens(self, desk: Client) -> None:
        made, other = order(), order()
        Order.objects.filter(pk=other.pk).update(email="zeca@example.org", name="Zeca Lima")
        for text in (made.number.lower(), f" {made.number} ", "ana@example.com", "Ana Souza"):
            assert self.found(desk, text) == page_of(made)

    def test_several_or_no_matches_are_listed(self, desk: Client) -> None:
        order(), order()
        for text in ("ana@example.com", "nobody", ""):
            assert self.found(desk, text).startswith(reverse("admin:checkout_order_changelist") + "?q=")

    def test_requires_permission_to_search(self) -> None:
        assert staff_with("inventory.view_product").get("/admin/find-order/", {"q": "x"}).status_code == 403
        assert reverse("admin:login") in Client().get("/admin/find-order/", {"q": "x"})["Location"]
