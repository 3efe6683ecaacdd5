"""The admin's home page: is anything wrong, what waits for somebody, what sold."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from checkout.models import Order, OutboxMessage
from payments.models import PaymentAttempt, WebhookEvent
from tests.admin.conftest import staff_with
from tests.admin.support import order
from tests.admin.test_lists import refund_of, statements

pytestmark = pytest.mark.django_db

HOME = "/admin/"


def answers(desk: Client) -> dict[str, tuple[int, str]]:
    context: Any = desk.get(HOME).context
    return {str(answer["text"]): (answer["count"], answer["tone"]) for answer in context["answers"]}


def test_with_nothing_wrong_everything_is_green(desk: Client) -> None:
    assert set(answers(desk).values()) == {(0, "good")}


def test_what_is_wrong_and_what_waits_is_counted(desk: Client) -> None:
    paid = order()
    order("unknown")
    refund = refund_of(paid, status="unknown")
    old = timezone.now() - timedelta(minutes=6)
    type(refund).objects.update(created_at=old)
    OutboxMessage.objects.update(last_error="ConnectionRefusedError", tries=3)
    WebhookEvent.objects.create(
        provider="stripe", event_id="evt_1", type="x", payload={}, provider_reference="pi_nobody", received_at=old
    )
    assert list(answers(desk).values()) == [(1, "busy"), (1, "bad"), (1, "bad"), (1, "bad"), (1, "bad")]


def test_each_answer_leads_to_the_rows_that_it_counts(desk: Client) -> None:
    order()
    order("unknown")
    OutboxMessage.objects.update(last_error="ConnectionRefusedError", tries=3)
    for answer in desk.get(HOME).context["answers"]:
        shown = desk.get(answer["url"])
        assert shown.status_code == 200, answer["url"]
        assert shown.context["cl"].result_count == answer["count"], answer["url"]


def test_what_sold_today_is_counted_by_the_shops_day(desk: Client) -> None:
    today, yesterday, _unpaid = order(), order(), order("action")
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    Order.objects.filter(pk=yesterday.pk).update(paid_at=midnight - timedelta(seconds=1))
    Order.objects.filter(pk=today.pk).update(paid_at=midnight)
    sold = [(day["count"], day["total"]) for day in desk.get(HOME).context["days"]]
    assert sold == [(1, today.total), (1, yesterday.total)]


def test_it_asks_as_often_for_20_orders_as_for_2(desk: Client) -> None:
    for _ in range(2):
        order()
    few = statements(desk, HOME)
    for _ in range(18):
        order()
    assert statements(desk, HOME) == few


def test_nobody_sees_what_is_not_theirs() -> None:
    order()
    page = staff_with("inventory.view_product").get(HOME)
    assert page.context["answers"] == []
    assert page.context["days"] == []
    assert "R$" not in page.content.decode()
    shipping_clerk = staff_with("checkout.view_order")
    assert list(answers(shipping_clerk)) == ["orders to send"]


def test_an_attempt_that_is_settled_is_no_question(desk: Client) -> None:
    order("declined")
    assert not PaymentAttempt.objects.unsettled().exists()
    assert answers(desk)["payments whose end nobody knows"] == (0, "good")


def test_strangers_have_to_sign_in() -> None:
    assert reverse("admin:login") in Client().get(HOME)["Location"]
