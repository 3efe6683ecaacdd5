"""The mails on an order's page: staff see each, look at it as the shopper gets it, and send it again."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from checkout.models import MessageKind, Order, OutboxMessage
from checkout.outbox import RESEND
from config.audit.models import Entry
from tests.support.backoffice import attempt_of, order, page_of, told
from tests.support.factories.cart import ready_cart
from tests.support.mails import relayed
from tests.support.orders import order_of
from tests.support.staff import staff_with

pytestmark = pytest.mark.django_db(transaction=True)


def mail_url(view: str, message: OutboxMessage) -> str:
    return reverse(f"admin:checkout_order_mail{view}", args=[message.order_id, message.pk])


def confirmation(made: Order) -> OutboxMessage:
    return OutboxMessage.objects.get(order=made, kind=MessageKind.CONFIRMATION)


def test_they_stand_on_the_orders_page(desk: Client, mailoutbox: list[Any]) -> None:
    made = order()
    page = desk.get(page_of(made)).content.decode()
    assert "Order confirmation" in page
    for view in ("", "_resend"):
        assert mail_url(view, confirmation(made)) in page
    assert not desk.get(page_of(order("action"))).context["mails"]


def test_one_is_shown_as_the_shopper_gets_it(desk: Client, mailoutbox: list[Any]) -> None:
    made = order(language="pt-br")
    message = confirmation(made)
    (sent,) = relayed()
    page = desk.get(mail_url("", message))
    assert page.context["mail"].subject == sent.subject
    assert page.context["mail"].body == sent.body
    (frames,) = (part for part in page["Content-Security-Policy"].split(";") if part.strip().startswith("frame-src"))
    assert "'self'" in frames
    assert mail_url("_html", message) in page.content.decode()
    frame = desk.get(mail_url("_html", message))
    assert frame.content.decode().replace('<base target="_top">', "") == sent.alternatives[0][0]
    assert frame["X-Frame-Options"] == "SAMEORIGIN"
    assert "default-src 'none'" in frame["Content-Security-Policy"]
    assert "script-src" not in frame["Content-Security-Policy"]


def test_one_is_sent_again_and_the_log_says_by_whom(desk: Client, boss: Any, mailoutbox: list[Any]) -> None:
    made = order()
    (first,) = relayed()
    (message,) = told(desk.post(mail_url("_resend", confirmation(made)), follow=True))
    assert "will be sent again" in message
    (again,) = relayed()
    assert again.extra_headers == first.extra_headers
    entry = Entry.objects.get(verb=RESEND.name)
    assert (entry.actor_id, entry.reference, entry.after) == (boss.pk, made.number, {"mail": "confirmation"})
    assert made.email not in str(vars(entry))
    steps = {str(step.text): str(step.detail) for step in desk.get(page_of(made)).context["steps"]}
    assert steps["Resent a mail"] == "order confirmation"


@pytest.mark.usefixtures("sandbox")
def test_what_is_no_longer_true_is_not_sent_again(desk: Client, sandbox: Any, mailoutbox: list[Any]) -> None:
    made = order_of(ready_cart(), "pix")
    message = OutboxMessage.objects.get()
    assert attempt_of(made).action["qr_code"] in desk.get(mail_url("", message)).content.decode()
    relayed()
    desk.post(reverse("admin:checkout_order_cancel", args=[made.pk]), {"reason": "x", "key": "k"})
    assert "no longer true" in desk.get(mail_url("", message)).content.decode()
    assert desk.get(mail_url("_html", message)).status_code == 404
    (refusal,) = [text for text in told(desk.post(mail_url("_resend", message), follow=True)) if "true" in text]
    assert made.number in refusal
    assert OutboxMessage.objects.get(pk=message.pk).sent_at is not None


def test_a_refund_that_is_due_is_no_mail(desk: Client) -> None:
    made = order()
    due = confirmation(made)
    OutboxMessage.objects.update(kind=MessageKind.REFUND_DUE)
    assert not desk.get(page_of(made)).context["mails"]
    for answer in (desk.get(mail_url("", due)), desk.get(mail_url("_html", due)), desk.post(mail_url("_resend", due))):
        assert answer.status_code == 404


def test_nor_is_another_orders_mail_found(desk: Client) -> None:
    made, other = order(), order()
    url = reverse("admin:checkout_order_mail", args=[other.pk, confirmation(made).pk])
    assert desk.get(url).status_code == 404


def test_it_takes_post_and_each_its_permission(desk: Client) -> None:
    message = confirmation(order())
    assert desk.get(mail_url("_resend", message)).status_code == 405
    reader = staff_with("checkout.view_order", "checkout.view_outboxmessage")
    assert reader.post(mail_url("_resend", message)).status_code == 403
    for view in ("", "_html"):
        assert reader.get(mail_url(view, message)).status_code == 403
    page = reader.get(page_of(message.order))
    assert len(page.context["mails"]) == 1
    assert "/mail/" not in page.content.decode()
    assert not staff_with("checkout.view_order").get(page_of(message.order)).context["mails"]
