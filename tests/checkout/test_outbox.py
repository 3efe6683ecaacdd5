"""The outbox: each message is sent once, retried while it fails, and claimed by one relay at a time."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from django.core import mail
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from checkout import emails, outbox, tasks
from checkout.models import MessageKind, Order, OrderStatus, OutboxMessage
from config.resilience.mail_connection import MailConnection
from payments.models import Refund, RefundStatus
from tests.support.factories.cart import ready_cart, ready_carts
from tests.support.factories.inventory import ProductFactory
from tests.support.mail_sink import MailSink
from tests.support.orders import order_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sandbox")]


def take(now: datetime) -> list[OutboxMessage]:
    with transaction.atomic():
        return OutboxMessage.objects.take([MessageKind.CONFIRMATION], now, 1)


def test_a_mail_server_outage_delays_the_mail_and_staff_see_why(settings) -> None:
    order_of(ready_cart())
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    assert outbox.relay() == 0
    message = OutboxMessage.objects.get()
    assert message.sent_at is None
    assert message.tries == 1
    assert "ConnectionRefusedError" in message.last_error
    assert message.due_at > timezone.now() + timedelta(seconds=30)

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert outbox.relay() == 0, "not due yet"
    OutboxMessage.objects.update(due_at=timezone.now())
    assert outbox.relay() == 1
    assert len(mail.outbox) == 1
    message.refresh_from_db()
    assert (message.last_error, message.tries) == ("", 2)


def test_a_dead_relays_message_is_sent_by_the_next() -> None:
    order_of(ready_cart())
    (taken,) = take(timezone.now())
    assert outbox.relay() == 0
    OutboxMessage.objects.filter(pk=taken.pk).update(due_at=timezone.now())
    assert outbox.relay() == 1


def test_several_relays_send_each_mail_once() -> None:
    for _ in range(6):
        order_of(ready_cart())

    def relay(_number: int) -> int:
        try:
            return outbox.relay()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(relay, range(4))) == 6
    assert len(mail.outbox) == 6
    assert len({message.extra_headers["Message-ID"] for message in mail.outbox}) == 6


@pytest.mark.parametrize(("before", "seconds"), [(0, 60), (1, 120), (2, 240), (6, 3600), (60, 3600)])
def test_backoff_grows_up_to_an_hour(before: int, seconds: int) -> None:
    order_of(ready_cart())
    OutboxMessage.objects.update(tries=before)
    now = timezone.now()
    (taken,) = take(now)
    assert (taken.tries, taken.due_at - now) == (before + 1, timedelta(seconds=seconds))


def test_the_orders_of_a_batch_are_read_at_once() -> None:
    """Besides that, each mail is one statement: it is marked as sent before the next is."""
    statements = []
    for number in (1, 5):
        for cart in ready_carts([ProductFactory(stock=number)], number):
            order_of(cart)
        with CaptureQueriesContext(connection) as captured:
            assert outbox.relay() == number
        statements.append(len(captured) - number)
    assert statements[0] == statements[1]
    numbers = [order.number for order in Order.objects.order_by("pk")]
    assert [number in message.subject for number, message in zip(numbers, mail.outbox, strict=True)] == [True] * 6


@pytest.fixture
def mail_server(settings) -> Iterator[MailSink]:
    server = MailSink()
    server.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    yield server
    server.stop()


def test_a_batch_is_sent_in_one_conversation(mail_server: MailSink) -> None:
    for cart in ready_carts([ProductFactory(stock=4)], 4):
        order_of(cart)
    assert outbox.relay() == 4
    assert (len(mail_server.messages), mail_server.conversations) == (4, 1)


def test_a_mail_server_that_hangs_up_costs_one_mail_a_try(mail_server: MailSink) -> None:
    mail_server.hangs_up = True
    for cart in ready_carts([ProductFactory(stock=3)], 3):
        order_of(cart)
    # The second meets a connection that has ended, the third another one.
    assert outbox.relay() == 2
    assert OutboxMessage.objects.unsent().get().last_error.startswith("SMTPServerDisconnected")
    mail_server.hangs_up = False
    OutboxMessage.objects.unsent().update(due_at=timezone.now())
    assert outbox.relay() == 1
    assert len({message["Message-ID"] for message in mail_server.messages}) == len(mail_server.messages) == 3


class TestNudge:
    """A paid order has the relay run soon: once for all orders of a burst."""

    @pytest.fixture
    def runs(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        enqueued: list[str] = []
        monkeypatch.setattr(tasks.relay_outbox, "apply_async", lambda **_: enqueued.append("relay"))
        return enqueued

    def test_a_burst_of_orders_is_one_run(self, runs: list[str]) -> None:
        for _ in range(3):
            order_of(ready_cart())
        assert runs == ["relay"]
        tasks.relay_outbox()
        assert len(mail.outbox) == 3

    @pytest.mark.parametrize("moment", ["before it reads", "after it has read"])
    def test_an_order_that_is_paid_while_the_relay_runs_does_not_wait_for_beat(
        self, moment: str, runs: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        relay = outbox.relay

        def relay_meanwhile() -> None:
            if moment == "before it reads":
                order_of(ready_cart())
            relay()
            if moment == "after it has read":
                order_of(ready_cart())

        order_of(ready_cart())
        with monkeypatch.context() as patch:
            patch.setattr(outbox, "relay", relay_meanwhile)
            tasks.relay_outbox()
        assert len(runs) == 2
        tasks.relay_outbox()
        assert len(mail.outbox) == 2


class TestBacklog:
    """More is due than one batch."""

    @pytest.fixture(autouse=True)
    def two_at_a_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(outbox, "BATCH", 2)

    def orders(self, number: int) -> list[Order]:
        return [order_of(cart) for cart in ready_carts([ProductFactory(stock=number)], number)]

    def test_is_worked_off_in_one_round(self) -> None:
        self.orders(5)
        assert outbox.relay() == 5

    def test_a_refund_does_not_wait_for_a_mail_server_that_hangs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        *_others, late = self.orders(4)
        Order.objects.filter(pk=late.pk).update(status=OrderStatus.CANCELLED)
        OutboxMessage.objects.filter(order=late).update(kind=MessageKind.REFUND_DUE)
        refunded: list[bool] = []

        def hang(_message: OutboxMessage, _facts: emails.MailFacts, _line: MailConnection) -> bool:
            refunded.append(Refund.objects.filter(status=RefundStatus.SUCCEEDED).exists())
            return True

        monkeypatch.setattr(emails, "send", hang)
        assert outbox.relay() == 5
        assert refunded == [True] * 4, "three confirmations, and that the money has gone back"

    def test_what_the_time_does_not_suffice_for_is_due_again_and_not_counted_as_tried(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.orders(2)

        def send_slowly(_message: OutboxMessage, _facts: emails.MailFacts, _line: MailConnection) -> bool:
            time.sleep(0.3)
            return True

        monkeypatch.setattr(outbox, "ROUND_SECONDS", 0.2)
        monkeypatch.setattr(emails, "send", send_slowly)
        assert outbox.relay() == 1
        untried = OutboxMessage.objects.unsent().get()
        assert (untried.tries, untried.due_at <= timezone.now()) == (0, True)
