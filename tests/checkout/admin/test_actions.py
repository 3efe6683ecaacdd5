"""The buttons on the order page: they run the real services and, where money moves, call the sandbox provider."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cart.models import Cart, CartStatus
from checkout import outbox, services
from checkout.models import MessageKind, Order, OrderStatus, OutboxMessage
from config.audit.models import Entry
from config.formats import money
from inventory.models import Product, Stock
from payments.gateways import gateway
from payments.models import AttemptStatus, Refund
from tests.support.backoffice import attempt_of, confirmed_by, order, page_of, press, told
from tests.support.factories.cart import ready_cart
from tests.support.factories.inventory import ProductFactory
from tests.support.orders import AUTHENTICATE, order_of, stock_of
from tests.support.simulated_time import pass_time
from tests.support.staff import staff_with

pytestmark = pytest.mark.django_db


def status_of(made: Order) -> str:
    return Order.objects.get(pk=made.pk).status


def history(made: Order) -> list[tuple[str, str, str]]:
    """The audit log of an order and its payments: actor, event and reason."""
    return list(Entry.objects.about(made.number).values_list("actor", "verb", "reason"))


class TestSingleOrder:
    def test_ship_then_deliver(self, desk: Client) -> None:
        made = order()
        assert press(desk, "ship", made) == [f"Order {made.number} is marked as shipped."]
        assert status_of(made) == OrderStatus.SHIPPED
        press(desk, "deliver", made)
        assert status_of(made) == OrderStatus.DELIVERED
        assert history(made) == [("chefe@example.com", "order.ship", ""), ("chefe@example.com", "order.deliver", "")]

    def test_a_refusal_is_shown_and_not_logged(self, desk: Client) -> None:
        made = order("action")
        (message,) = press(desk, "ship", made)
        assert "only an order that is paid can become shipped" in message
        assert status_of(made) == OrderStatus.AWAITING_PAYMENT
        assert history(made) == []

    def test_the_confirmation_is_sent_again(self, desk: Client, mailoutbox) -> None:
        made = order()
        outbox.relay()
        assert len(mailoutbox) == 1
        (message,) = press(desk, "resend", made)
        assert "ana@example.com" in message
        outbox.relay()
        assert [mail.to for mail in mailoutbox] == [["ana@example.com"]] * 2
        assert OutboxMessage.objects.get().sent_at is not None

    def test_an_unconfirmed_order_has_no_mail_to_resend(self, desk: Client) -> None:
        made = order("action")
        (message,) = press(desk, "resend", made)
        assert "never confirmed" in message
        assert not OutboxMessage.objects.exists()

    @pytest.mark.parametrize("verb", ["ship", "deliver", "ask", "resend"])
    def test_it_takes_post_and_the_permission(self, verb: str, desk: Client) -> None:
        made = order()
        url = reverse("admin:checkout_order_do", args=[made.pk, verb])
        assert desk.get(url).status_code == 405
        reader = staff_with("checkout.view_order")
        assert reader.post(url).status_code == 403
        assert Client().post(url).status_code == 302
        assert status_of(made) == OrderStatus.PAID
        assert OutboxMessage.objects.get().due_at <= timezone.now()

    def test_a_post_without_a_csrf_token_is_refused(self, boss) -> None:
        made = order()
        client = Client(enforce_csrf_checks=True)
        client.force_login(boss)
        assert client.post(reverse("admin:checkout_order_do", args=[made.pk, "ship"])).status_code == 403
        assert status_of(made) == OrderStatus.PAID

    def test_an_unknown_action_is_404(self, desk: Client) -> None:
        assert desk.post(reverse("admin:checkout_order_do", args=[order().pk, "explode"])).status_code == 404

    def test_only_applicable_actions_are_offered(self, desk: Client) -> None:
        def offered(made: Order) -> list[str]:
            page = desk.get(page_of(made)).content.decode()
            return [*re.findall(r"/do/(\w+)/", page), *re.findall(r"/order/\d+/(refund|cancel)/", page)]

        made = order()
        assert offered(made) == ["ship", "resend", "refund", "cancel"]
        press(desk, "ship", made)
        assert offered(made) == ["deliver", "resend", "refund"]
        assert offered(order("action")) == ["ask", "cancel"]
        assert offered(order("declined")) == []


class TestBulkActions:
    def act(self, desk: Client, action: str, *orders: Order) -> list[str]:
        data = {"action": action, "_selected_action": [made.pk for made in orders]}
        return told(desk.post(reverse("admin:checkout_order_changelist"), data, follow=True))

    def test_one_refusal_does_not_stop_the_others(self, desk: Client) -> None:
        waiting, paid, also_paid = order("action"), order(), order()
        messages = self.act(desk, "mark_shipped", paid, waiting, also_paid)
        assert len(messages) == 2
        assert waiting.number in messages[0]
        assert messages[1] == "Done for 2 orders."
        assert [status_of(made) for made in (paid, also_paid)] == [OrderStatus.SHIPPED] * 2

    def test_deliver_and_resend(self, desk: Client) -> None:
        made = order()
        self.act(desk, "mark_shipped", made)
        assert self.act(desk, "mark_delivered", made) == ["Done for 1 order."]
        assert self.act(desk, "resend_confirmation", made) == ["Done for 1 order."]
        assert len(history(made)) == 3

    def test_requires_permission(self) -> None:
        made = order()
        self.act(staff_with("checkout.view_order"), "mark_shipped", made)
        assert status_of(made) == OrderStatus.PAID


class TestTheOutbox:
    def test_unsent_messages_come_first_and_can_be_sent_now(self, desk: Client, mailoutbox) -> None:
        sent, stuck = order(), order()
        OutboxMessage.objects.filter(order=sent).update(sent_at=timezone.now())
        later = timezone.now() + timedelta(hours=1)
        OutboxMessage.objects.filter(order=stuck).update(due_at=later, tries=4, last_error="ConnectionRefusedError")
        url = reverse("admin:checkout_outboxmessage_changelist")
        answer = desk.get(url)
        assert [message.order_id for message in answer.context["cl"].result_list] == [stuck.pk, sent.pk]
        assert "ConnectionRefusedError" in answer.content.decode()
        assert outbox.relay() == 0
        chosen = list(OutboxMessage.objects.values_list("pk", flat=True))
        answer = desk.post(url, {"action": "send_now", "_selected_action": chosen}, follow=True)
        assert told(answer)[0].startswith("1 message will be sent")
        assert outbox.relay() == 1
        assert [stuck.number in mail.subject for mail in mailoutbox] == [True]


@pytest.mark.usefixtures("sandbox")
class TestRefund:
    def url(self, made: Order) -> str:
        return reverse("admin:checkout_order_refund", args=[made.pk])

    def filled_form(self, desk: Client, made: Order, again: str = "") -> dict[str, str]:
        """The form as it is first shown, filled in."""
        form = desk.get(self.url(made), {"again": again} if again else {}).context["form"]
        values = {name: form[name].value() for name in form.fields}
        fields = {"amount": str(values["amount"]), "key": values["key"], "reason": values["reason"] or "scratched"}
        return {**fields, "restock": "on"} if values.get("restock") else fields

    def refund(self, desk: Client, made: Order, fields: dict[str, str]) -> Any:
        """Send the form, and confirm the amount where the page asks for that."""
        answer = desk.post(self.url(made), fields, follow=True)
        asked = confirmed_by(answer)
        return desk.post(self.url(made), {**fields, **asked}, follow=True) if asked else answer

    def test_in_full_with_restock(self, desk: Client, sandbox) -> None:
        product = ProductFactory(stock=5)
        made = order_of(ready_cart([product], quantity=2))
        (message,) = told(self.refund(desk, made, self.filled_form(desk, made)))
        assert "is fully refunded and its goods are back in stock" in message
        assert status_of(made) == OrderStatus.REFUNDED
        assert stock_of(product) == (5, 0)
        assert sandbox.ledger()["balance"] == 0
        assert history(made) == [
            ("chefe@example.com", "order.take_back", ""),
            ("chefe@example.com", "refund.begin", "scratched"),
        ]
        assert Entry.objects.get(verb="refund.begin").after == {"amount": str(made.total), "currency": "BRL"}

    def test_in_full_without_restock(self, desk: Client) -> None:
        product = ProductFactory(stock=5)
        made = order_of(ready_cart([product], quantity=2))
        fields = {**self.filled_form(desk, made)}
        del fields["restock"]
        (message,) = told(self.refund(desk, made, fields))
        assert "stay out of stock" in message
        assert stock_of(product) == (3, 0)

    def test_in_part(self, desk: Client, sandbox) -> None:
        made = order_of(ready_cart())
        fields = {**self.filled_form(desk, made), "amount": "5.00", "restock": ""}
        (message,) = told(self.refund(desk, made, fields))
        assert "R$\u00a05.00" in message
        assert status_of(made) == OrderStatus.PAID
        assert sandbox.ledger()["refunded"] == 500
        assert Decimal(self.filled_form(desk, made)["amount"]) == made.total - 5

    def test_an_amount_in_brazilian_notation(self, desk: Client, sandbox) -> None:
        desk.cookies["django_language"] = "pt-br"
        made = order_of(ready_cart([ProductFactory(price="1500.00", stock=5)]))
        fields = {**self.filled_form(desk, made), "amount": "1.234,56", "restock": ""}
        self.refund(desk, made, fields)
        assert sandbox.ledger()["refunded"] == 123456

    def test_the_same_form_sent_twice_refunds_once(self, desk: Client, sandbox) -> None:
        made = order_of(ready_cart())
        fields = {**self.filled_form(desk, made), "amount": "5.00", "restock": ""}
        self.refund(desk, made, fields)
        *_earlier, message = told(self.refund(desk, made, fields))
        assert "nothing was paid twice" in message
        assert sandbox.ledger()["refunded"] == 500
        assert len(history(made)) == 1

    def test_more_than_was_paid_is_refused_and_the_input_is_kept(self, desk: Client, sandbox) -> None:
        made = order_of(ready_cart())
        fields = {**self.filled_form(desk, made), "amount": "9999.00", "reason": "generous", "restock": ""}
        answer = self.refund(desk, made, fields)
        page = answer.content.decode()
        assert answer.status_code == 409
        assert "can still be refunded" in page
        assert "generous" in page
        assert fields["key"] in page
        assert sandbox.ledger()["refunded"] == 0
        assert not Refund.objects.exists()

    @pytest.mark.parametrize("wrong", [{"amount": "0"}, {"amount": "-1"}, {"amount": "five"}, {"reason": ""}])
    def test_invalid_input_redisplays_the_form(self, wrong: dict[str, str], desk: Client) -> None:
        made = order_of(ready_cart())
        assert self.refund(desk, made, {**self.filled_form(desk, made), **wrong}).status_code == 409
        assert not Refund.objects.exists()

    def test_a_partial_refund_does_not_restock(self, desk: Client) -> None:
        made = order_of(ready_cart())
        answer = self.refund(desk, made, {**self.filled_form(desk, made), "amount": "5.00"})
        assert "only with the last refund" in answer.content.decode()
        assert not Refund.objects.exists()

    def test_a_lost_answer_is_shown_as_unknown_and_can_be_retried(self, desk: Client, sandbox) -> None:
        product = ProductFactory(stock=5)
        made = order_of(ready_cart([product]))
        sandbox.fault("lost_answer", times=1)
        (message,) = told(self.refund(desk, made, self.filled_form(desk, made)))
        assert "has not confirmed the refund" in message
        assert status_of(made) == OrderStatus.CANCELLING
        refund = Refund.objects.get()
        page = desk.get(page_of(made)).content.decode()
        assert f"?again={refund.pk}" in page
        (message,) = told(self.refund(desk, made, self.filled_form(desk, made, str(refund.pk))))
        assert "is fully refunded" in message
        assert stock_of(product) == (5, 0)
        assert sandbox.ledger()["balance"] == 0
        assert Refund.objects.count() == 1
        assert [verb for _who, verb, _why in history(made)] == ["order.take_back", "refund.begin", "refund.again"]

    def test_after_an_outage_the_same_refund_can_be_retried(self, desk: Client, sandbox) -> None:
        made = order_of(ready_cart())
        fields = self.filled_form(desk, made)
        sandbox.fault("error", error_status=429, times=1)
        answer = self.refund(desk, made, fields)
        assert "not available" in told(answer)[0]
        assert fields["key"] in answer.content.decode()
        assert sandbox.ledger()["refunded"] == 0
        changed = {**fields, "amount": "1.00", "restock": ""}
        assert "a different amount" in self.refund(desk, made, changed).content.decode()
        assert sandbox.ledger()["refunded"] == 0
        (message,) = told(self.refund(desk, made, fields))
        assert "its goods are back in stock" in message
        assert sandbox.ledger()["balance"] == 0

    def test_requires_permission_and_a_paid_order(self, desk: Client) -> None:
        made = order_of(ready_cart())
        reader = staff_with("checkout.view_order")
        assert reader.get(self.url(made)).status_code == 403
        assert reader.post(self.url(made), {}).status_code == 403
        assert "nothing to refund" in desk.get(self.url(order("action"))).content.decode()


@pytest.mark.usefixtures("sandbox")
class TestCancel:
    def cancel(self, desk: Client, made: Order, key: str = "") -> list[str]:
        url = reverse("admin:checkout_order_cancel", args=[made.pk])
        page = desk.get(url)
        key = key or page.context["form"]["key"].value()
        return told(desk.post(url, {"reason": "out of our area", "key": key, **confirmed_by(page)}, follow=True))

    def test_a_paid_order_is_refunded_and_restocked(self, desk: Client, sandbox) -> None:
        product = ProductFactory(stock=5)
        made = order_of(ready_cart([product], quantity=2))
        (message,) = self.cancel(desk, made)
        assert "its goods are back in stock" in message
        assert status_of(made) == OrderStatus.REFUNDED
        assert stock_of(product) == (5, 0)
        assert sandbox.ledger()["balance"] == 0
        assert history(made)[-1] == ("chefe@example.com", "refund.begin", "out of our area")

    def test_an_unpaid_order_is_withdrawn(self, desk: Client, sandbox) -> None:
        product = ProductFactory(stock=5)
        made = order_of(ready_cart([product]), AUTHENTICATE)
        (message,) = self.cancel(desk, made)
        assert "Nothing was charged" in message
        assert status_of(made) == OrderStatus.CANCELLED
        assert history(made) == [("chefe@example.com", "order.cancel", "out of our area")]
        assert stock_of(product) == (5, 0)
        assert Cart.objects.get().status == CartStatus.OPEN

    def test_an_order_paid_in_the_meantime_says_so(self, desk: Client, sandbox) -> None:
        made = order_of(ready_cart(), "pix")
        assert sandbox.pay_pix(attempt_of(made).provider_reference)
        (message,) = self.cancel(desk, made)
        assert "was paid before it could be cancelled" in message
        assert status_of(made) == OrderStatus.PAID

    def test_sent_twice_refunds_once(self, desk: Client, sandbox) -> None:
        made = order_of(ready_cart())
        self.cancel(desk, made, "staff-key")
        (message,) = self.cancel(desk, made, "staff-key")
        assert "nothing was paid twice" in message
        assert sandbox.ledger()["refunded"] == int(made.total * 100)

    def test_names_what_is_paid_back_and_asks_again_if_that_has_changed(self, desk: Client, sandbox) -> None:
        """Opened while nothing was charged, sent when it was paid: the shopper would be paid back unseen."""
        made = order_of(ready_cart(), "pix")
        url = reverse("admin:checkout_order_cancel", args=[made.pk])
        page = desk.get(url)
        assert "nothing is charged" in page.content.decode()
        fields = {"reason": "out of our area", "key": page.context["form"]["key"].value(), **confirmed_by(page)}
        assert sandbox.pay_pix(attempt_of(made).provider_reference)
        press(desk, "ask", made)
        answer = desk.post(url, fields)
        assert "Nothing has been refunded yet" in answer.content.decode()
        assert money(made.total) in answer.content.decode()
        assert not Refund.objects.exists()
        (message,) = told(desk.post(url, {**fields, **confirmed_by(answer)}, follow=True))
        assert "its goods are back in stock" in message
        assert sandbox.ledger()["balance"] == 0

    def test_the_amount_that_was_shown_is_the_one_that_is_paid_back(self, desk: Client, sandbox) -> None:
        made = order_of(ready_cart())
        url = reverse("admin:checkout_order_cancel", args=[made.pk])
        page = desk.get(url)
        fields = {"reason": "out of our area", "key": page.context["form"]["key"].value()}
        services.refund_order(made, amount=Decimal("5.00"), reason="torn", restock=False, idempotency_key="k")
        answer = desk.post(url, {**fields, **confirmed_by(page)})
        assert money(made.total - 5) in answer.content.decode()
        assert sandbox.ledger()["refunded"] == 500

    def test_a_shipped_order_is_refused(self, desk: Client) -> None:
        made = order_of(ready_cart())
        press(desk, "ship", made)
        url = reverse("admin:checkout_order_cancel", args=[made.pk])
        assert "can no longer be cancelled" in desk.get(url).content.decode()
        answer = desk.post(url, {"reason": "too late", "key": "k"})
        assert answer.status_code == 409
        assert status_of(made) == OrderStatus.SHIPPED
        assert len(history(made)) == 1

    def test_requires_permission(self) -> None:
        made = order_of(ready_cart())
        url = reverse("admin:checkout_order_cancel", args=[made.pk])
        assert staff_with("checkout.view_order").post(url, {"reason": "x", "key": "k"}).status_code == 403
        assert status_of(made) == OrderStatus.PAID


@pytest.mark.usefixtures("sandbox")
class TestAskTheProvider:
    def test_a_payment_that_succeeded_meanwhile(self, desk: Client, sandbox) -> None:
        made = order_of(ready_cart(), "pix")
        assert sandbox.pay_pix(attempt_of(made).provider_reference)
        (message,) = press(desk, "ask", made)
        assert "has answered" in message
        assert status_of(made) == OrderStatus.PAID
        assert OutboxMessage.objects.filter(kind=MessageKind.CONFIRMATION).count() == 1

    def test_a_payment_that_is_still_pending(self, desk: Client) -> None:
        made = order_of(ready_cart(), AUTHENTICATE)
        (message,) = press(desk, "ask", made)
        assert "still waiting for the shopper" in message
        assert status_of(made) == OrderStatus.AWAITING_PAYMENT

    def test_a_charge_whose_answer_was_lost(self, desk: Client, sandbox) -> None:
        sandbox.fault("lost_answer", times=1)
        made = order_of(ready_cart())
        assert attempt_of(made).status == AttemptStatus.UNKNOWN
        press(desk, "ask", made)
        assert status_of(made) == OrderStatus.PAID
        assert sandbox.ledger()["captured"] == int(made.total * 100)

    def test_no_answer_is_reported(self, desk: Client, sandbox) -> None:
        sandbox.fault("lost_answer", times=1)
        made = order_of(ready_cart())
        sandbox.fault("error", error_status=500, times=10)
        (message,) = press(desk, "ask", made)
        assert "has not answered yet" in message
        assert status_of(made) == OrderStatus.AWAITING_PAYMENT

    def test_a_call_of_which_no_charge_is_left(self, desk: Client, sandbox) -> None:
        """Nobody needs the database for it: asking again ends it, and opens the cart."""
        made = order(None)
        sandbox.create_intent(key=str(attempt_of(made).pk))
        pass_time(60)
        (message,) = press(desk, "ask", made)
        assert "what became of it is being looked up. It is certain from" in message
        pass_time(gateway().longest_request.total_seconds())
        (message,) = press(desk, "ask", made)
        assert "has answered" in message
        assert status_of(made) == OrderStatus.CANCELLED

    def test_a_settled_payment(self, desk: Client) -> None:
        (message,) = press(desk, "ask", order_of(ready_cart()))
        assert "nothing to ask" in message


def test_other_buttons_do_not_change_stock(desk: Client) -> None:
    """No button changes stock as a side effect."""
    product: Product = ProductFactory(stock=5)
    made = order(products=[product])
    before = Stock.objects.values_list("on_hand", "reserved").get(product=product)
    for verb in ("ship", "deliver", "resend", "ask"):
        press(desk, verb, made)
    assert Stock.objects.values_list("on_hand", "reserved").get(product=product) == before
