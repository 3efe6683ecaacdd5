"""The outbox: each message is sent once, retried while it fails, and claimed by one relay at a time."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from django.core import mail
from django.db import connection, transaction
from django.utils import timezone

from checkout import outbox
from checkout.models import OutboxMessage
from tests.support.factories.cart import ready_cart
from tests.support.orders import order_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sandbox")]


def take(now: datetime) -> list[OutboxMessage]:
    with transaction.atomic():
        return OutboxMessage.objects.take(now, 1)


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
