"""Every kind of mail has its words, and a mail that is no longer true is not sent."""

from typing import Any

import pytest

from checkout import outbox
from checkout.letters import LETTERS
from checkout.models import MAILS, Order, OutboxMessage
from tests.support.factories.cart import ready_cart
from tests.support.orders import order_of


def test_every_kind_of_mail_has_its_words() -> None:
    assert set(LETTERS) == set(MAILS)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("sandbox")
def test_a_mail_to_nobody_is_dropped(mailoutbox: list[Any]) -> None:
    order = order_of(ready_cart())
    Order.objects.filter(pk=order.pk).update(email="")
    assert outbox.relay() == 0
    message = OutboxMessage.objects.get()
    assert (message.dropped, message.sent_at is not None, message.last_error) == (True, True, "")
    assert mailoutbox == []
    Order.objects.filter(pk=order.pk).update(email="ana@example.com")
    OutboxMessage.objects.filter(pk=message.pk).send_again(message.sent_at)
    assert outbox.relay() == 1
    message.refresh_from_db()
    assert message.dropped is False
    assert [mail.to for mail in mailoutbox] == [["ana@example.com"]]
